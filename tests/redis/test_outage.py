"""Redis killed, frozen and started again under calls."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import capturedLogs

from mailsuite.interfaces.schedule import Due, Lease, Rebuild
from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.model.event import Changed, Event
from mailsuite.model.job import Lane
from mailsuite.redis.connection import Link
from mailsuite.redis.events import RedisEvents
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.testing.redis_server import RedisServer
from tests.redis.served import RealTimeCase


class OutageTests(RealTimeCase):
    """What callers see, and that nobody must restart anything."""

    async def back(self, link: Link) -> None:
        """Wait until the server answers again."""

        async def answers() -> bool:
            try:
                await link.ping()
            except ScheduleUnavailable:
                return False
            return True

        await self.eventually(answers)

    async def all_fail(self, calls: Sequence[Deferred[Any]]) -> None:
        """Each of the calls ends with ScheduleUnavailable."""
        for call in calls:
            with self.assertRaises(ScheduleUnavailable):
                await call

    async def test_killed_under_calls(self) -> None:
        """Calls in flight and new ones fail at once; after a restart the lost data are noticed and calls work."""
        server = self.server()
        link = self.link_to(server.url)
        schedule = RedisSchedule(link, Lane.REMOTE)
        await schedule.begin_rebuild("h/1/a")
        await schedule.end_rebuild("h/1/a")
        await schedule.add([Due("m.1", "d.example", 1, 1000)])
        with capturedLogs() as logs:
            for _ in range(2):
                server.freeze()
                calls = [Deferred.fromCoroutine(schedule.claim("h/1/a", 1000)) for _ in range(50)]
                start = time.monotonic()
                server.kill()
                await self.all_fail(calls)
                for _ in range(50):
                    with self.assertRaises(ScheduleUnavailable):
                        await schedule.claim("h/1/a", 1000)
                self.assertLess(time.monotonic() - start, 2)
                server.start()
                await self.back(link)
                self.assertEqual(Rebuild(), await schedule.claim("h/1/a", 1000))
        lines = [event["log_format"] for event in logs if event.get("redis")]
        self.assertEqual(["gone", "back"] * 2, ["gone" if "is gone" in line else "back" for line in lines])

    async def test_silent(self) -> None:
        """A server that does not answer costs a caller the time-out, once; then calls fail at once until it is back."""
        server = self.server()
        link = self.link_to(server.url, timeout=0.3)
        await link.ready()
        server.freeze()
        start = time.monotonic()
        calls = [Deferred.fromCoroutine(link.ping()) for _ in range(30)]
        await self.all_fail(calls)
        self.assertGreaterEqual(time.monotonic() - start, 0.29)
        self.assertLess(time.monotonic() - start, 2)

        async def fails_at_once() -> bool:
            start = time.monotonic()
            with self.assertRaises(ScheduleUnavailable):
                await link.ping()
            return time.monotonic() - start < 0.1

        await self.eventually(fails_at_once)
        server.thaw()
        await self.back(link)

    async def test_dropped_while_logging_in(self) -> None:
        """A link that breaks during AUTH is tried again (txredisapi by itself would give up for ever)."""
        server = RedisServer(password="right")
        dropped: list[Dropping] = []
        port = reactor.listenUNIX(server.socket, _dropping(dropped))  # type: ignore[attr-defined]
        link = self.link_to(server.url.replace("unix://", "unix://:right@"), timeout=2)
        with self.assertRaises(ScheduleUnavailable):
            await link.ping()
        self.assertGreater(len(dropped), 3)
        await port.stopListening()
        server.start()
        self.addCleanup(server.stop)
        await self.back(link)

    async def test_loading(self) -> None:
        """A server that answers LOADING is not there yet; it is not refused."""
        server = RedisServer()
        port = reactor.listenUNIX(server.socket, _dropping([], b"-LOADING Redis is loading\r\n"))  # type: ignore[attr-defined]
        link = self.link_to(server.url, timeout=0.5)
        with self.assertRaises(ScheduleUnavailable):
            await link.ready()
        await port.stopListening()
        server.start()
        self.addCleanup(server.stop)
        await self.back(link)

    async def test_wait_goes_on(self) -> None:
        """A waiting worker is woken when hearing is possible again, and hears the doorbell after it."""
        server = self.server()
        schedule = RedisSchedule(self.link_to(server.url), Lane.LOCAL)
        other = RedisSchedule(self.link_to(server.url), Lane.LOCAL)
        await self._settle(schedule)
        waiting = Deferred.fromCoroutine(schedule.wait(60))
        server.kill()
        self.assertFalse(waiting.called)
        server.start()
        await waiting
        await self._settle(schedule)
        waiting = Deferred.fromCoroutine(schedule.wait(60))
        start = time.monotonic()
        while not waiting.called:
            self.assertLess(time.monotonic() - start, 15)
            try:
                await other.add([Due(f"m.{time.monotonic_ns()}", "d.example", 1, 1000)])
            except ScheduleUnavailable:
                continue
        await waiting

    async def _settle(self, schedule: RedisSchedule) -> None:
        """Until a wait ends by its time."""
        while True:
            start = time.monotonic()
            await schedule.wait(0.3)
            if time.monotonic() - start >= 0.29:
                return

    async def test_wait_while_away(self) -> None:
        """Without Redis a wait takes its time and is no busy loop."""
        schedule = RedisSchedule(self.link_to("unix:///nonexistent/redis.sock"), Lane.LOCAL)
        start = time.monotonic()
        for _ in range(3):
            await schedule.wait(0.05)
        self.assertGreaterEqual(time.monotonic() - start, 0.14)

    async def test_events(self) -> None:
        """Without Redis the own process still hears, at once; afterwards all are told to look again and hear all."""
        server = self.server()
        here, there = RedisEvents(self.link_to(server.url)), RedisEvents(self.link_to(server.url))
        heard: dict[str, list[Event | None]] = {"ann": [], "bob": []}
        for account, events in heard.items():
            here.subscribe(account, events.append)

        async def all_told() -> bool:
            return all(None in events for events in heard.values())

        await self.eventually(all_told)
        await self._publish_until_heard(there, heard["ann"])
        server.kill()
        heard["ann"].clear()
        heard["bob"].clear()
        start = time.monotonic()
        own = [Changed("ann", "inbox", n) for n in range(20)]
        for event in own:
            await here.publish(event)
        self.assertLess(time.monotonic() - start, 1)
        self.assertEqual(own, [event for event in heard["ann"] if event in own])
        server.start()
        await self.eventually(all_told)
        await self._publish_until_heard(there, heard["ann"])
        self.assertEqual([1, 1], [events.count(None) for events in heard.values()])
        self.assertEqual(own, [event for event in heard["ann"] if event in own])

    async def test_silent_subscription(self) -> None:
        """A subscription whose server answers is left alone; one whose server is silent is made anew."""
        server = self.server()
        heard: list[bytes | None] = []
        self.link_to(server.url, timeout=0.1).listen("channel", heard.append)

        async def told() -> bool:
            return len(heard) > 0

        await self.eventually(told)
        await self._pass(1)
        self.assertEqual([None], heard)
        server.freeze()
        await self._pass(1)
        self.assertEqual([None], heard)
        server.thaw()

        async def told_again() -> bool:
            return heard == [None, None]

        await self.eventually(told_again)

    async def _pass(self, seconds: float) -> None:
        end = time.monotonic() + seconds

        async def past() -> bool:
            return time.monotonic() > end

        await self.eventually(past)

    async def _publish_until_heard(self, bus: RedisEvents, heard: list[Event | None]) -> None:
        event = Changed("ann", "inbox", time.monotonic_ns())

        async def heard_it() -> bool:
            await bus.publish(event)
            return event in heard

        await self.eventually(heard_it)

    async def test_work_goes_on(self) -> None:
        """Workers that only repeat their step finish all work through kills, given a rebuild from a truth."""
        server = self.server()
        schedule = RedisSchedule(self.link_to(server.url), Lane.REMOTE)
        open_jobs = {f"m.{n}" for n in range(60)}
        kills = 0

        async def step(worker: str) -> None:
            claimed = await schedule.claim(worker, 60_000)
            if isinstance(claimed, Rebuild):
                if await schedule.begin_rebuild(worker):
                    await schedule.end_rebuild(worker)
                    await schedule.add([Due(job_id, "d.example", 1, 1000) for job_id in open_jobs])
            elif isinstance(claimed, Lease):
                open_jobs.discard(claimed.job_id)
                await schedule.done(worker, claimed.job_id)
            else:
                await schedule.wait(0.05)

        async def work(worker: str) -> None:
            nonlocal kills
            while open_jobs:
                try:
                    await step(worker)
                except ScheduleUnavailable:
                    await schedule.wait(0.02)
                if len(open_jobs) <= 40 - 20 * kills and kills < 2:
                    kills += 1
                    server.kill()
                    server.start()

        await DeferredList([Deferred.fromCoroutine(work(f"h/{n}/x")) for n in range(4)], fireOnOneErrback=True)
        self.assertEqual((set(), 2), (open_jobs, kills))


class Dropping(Protocol):
    """Answers the first command with ``reply`` and hangs up."""

    reply = b""

    def dataReceived(self, data: bytes) -> None:
        """Whatever it is."""
        assert self.transport is not None
        self.transport.write(self.reply)
        self.transport.loseConnection()


def _dropping(dropped: list[Dropping], reply: bytes = b"") -> Any:
    def build() -> Dropping:
        protocol = Dropping()
        protocol.reply = reply
        dropped.append(protocol)
        return protocol

    return Factory.forProtocol(build)
