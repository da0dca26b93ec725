"""The contracts of schedule, events and counter, on the fakes, on Redis and on Valkey."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from mailsuite.interfaces.counters import ICounter
from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.schedule import IDeliverySchedule
from mailsuite.model.job import Lane
from mailsuite.redis.connection import Link
from mailsuite.redis.counters import RedisCounter
from mailsuite.redis.events import RedisEvents
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.runtime import clock
from mailsuite.testing.contracts.counter import CounterContract
from mailsuite.testing.contracts.events import EventBusContract
from mailsuite.testing.contracts.schedule import ScheduleContract
from mailsuite.testing.fake_counter import FakeCounter
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_schedule import FakeSchedule
from mailsuite.testing.redis_server import RedisServer


class _Turned:
    """Time as a Clock gives it."""

    @cached_property
    def clock(self) -> Clock:
        clock = Clock()
        clock.advance(1_800_000_000)
        return clock

    def now(self) -> int:
        return round(self.clock.seconds() * 1000)

    async def tick(self) -> None:
        self.clock.advance(0.005)


class _Served:
    """A real server for all tests of a class, emptied for each; real time."""

    KIND = "redis"
    server: ClassVar[RedisServer]

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = RedisServer(cls.KIND).start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.stop()

    def link(self) -> Link:
        link = Link(reactor, self.server.url)
        self.addCleanup(lambda: Deferred.fromCoroutine(link.close()))  # type: ignore[attr-defined]
        return link

    def now(self) -> int:
        return clock.now()

    async def tick(self) -> None:
        await deferLater(reactor, 0.005)


class FakeScheduleTests(_Turned, ScheduleContract, TestCase):
    """FakeSchedule."""

    async def make_schedule(self) -> IDeliverySchedule:
        self.fake = FakeSchedule(self.now, self.clock, self.LIMITS)
        return self.fake

    async def lose(self) -> None:
        self.fake.lose()

    async def listening(self) -> None:
        pass


class RedisScheduleTests(_Served, ScheduleContract, TestCase):
    """RedisSchedule on redis-server."""

    async def make_schedule(self) -> IDeliverySchedule:
        self.server.client.flushall()
        return RedisSchedule(self.link(), Lane.REMOTE, self.LIMITS)

    async def lose(self) -> None:
        self.server.client.flushall()

    async def listening(self) -> None:
        async def heard() -> bool:
            self.server.client.publish("mq:{remote}:wake", 1)
            return await self.elapse(self.schedule.wait(0.1)) < 95

        await self.eventually(heard)


class ValkeyScheduleTests(RedisScheduleTests):
    """RedisSchedule on the wheel's valkey-server."""

    KIND = "valkey"


class FakeEventsTests(_Turned, EventBusContract, TestCase):
    """FakeEvents."""

    async def make_buses(self) -> tuple[IEventBus, IEventBus]:
        bus = FakeEvents()
        return bus, bus


class RedisEventsTests(_Served, EventBusContract, TestCase):
    """RedisEvents on redis-server."""

    async def make_buses(self) -> tuple[IEventBus, IEventBus]:
        return RedisEvents(self.link()), RedisEvents(self.link())


class ValkeyEventsTests(RedisEventsTests):
    """RedisEvents on the wheel's valkey-server."""

    KIND = "valkey"


class FakeCounterTests(_Turned, CounterContract, TestCase):
    """FakeCounter."""

    async def make_counter(self) -> ICounter:
        return FakeCounter(self.now)


class RedisCounterTests(_Served, CounterContract, TestCase):
    """RedisCounter on redis-server."""

    async def make_counter(self) -> ICounter:
        self.server.client.flushall()
        return RedisCounter(self.link())


class ValkeyCounterTests(RedisCounterTests):
    """RedisCounter on the wheel's valkey-server."""

    KIND = "valkey"
