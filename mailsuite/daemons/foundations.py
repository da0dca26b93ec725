"""What all roles stand on: storage, Redis, threads, look-ups, made when a role first asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailsuite.daemons.equipment import Equipment
from mailsuite.daemons.services import Part
from mailsuite.model.errors import LookupFailed, MailError, ScheduleUnavailable, StoreUnavailable
from mailsuite.net.dns_client import StubResolver
from mailsuite.redis.connection import Link
from mailsuite.redis.counters import RedisCounter
from mailsuite.redis.events import RedisEvents
from mailsuite.redis.server import PrivateServer
from mailsuite.runtime.daemon import Daemon, Stage
from mailsuite.runtime.lenient_counter import LenientCounter
from mailsuite.runtime.settings import Settings
from mailsuite.runtime.threads import Threads
from mailsuite.runtime.trace_writer import TraceWriter
from mailsuite.sqlite.store import Store

log = Logger()

T = TypeVar("T")

Check = Callable[[], Awaitable[None]]
"""A health check: raises when its part is not up."""


class Foundations(Equipment):
    """Storage, Redis, threads, names. Makes each part once and puts it into the daemon before what needs it."""

    def __init__(self, reactor: Any, settings: Settings, daemon: Daemon, name: str) -> None:
        super().__init__(reactor, settings)
        self.daemon = daemon
        self.name = name
        self.checks: dict[str, Check] = {}

    def _base(self, start: Callable[[], object], stop: Callable[[], Awaitable[None]]) -> None:
        self.daemon.add(Part(start, stop), Stage.BASE)

    # Storage

    @cached_property
    def store(self) -> Store:
        """The database, open from the daemon's start to its stop."""
        store = Store(self.settings.database, self.reactor, self.clock)
        self._base(store.start, store.stop)
        self.checks["store"] = store.ping
        return store

    @cached_property
    def trace(self) -> TraceWriter:
        """Takes the traces of this process's sessions."""
        writer = TraceWriter(self.reactor, self.traces)
        self._base(lambda: None, writer.stop)
        return writer

    # Redis

    @cached_property
    def private_redis(self) -> PrivateServer | None:
        """Our own server when none is configured, as a child of this process."""
        if self.settings.redis.url:
            return None
        server = PrivateServer(self.reactor, self.settings.server.data)
        self.daemon.add(server, Stage.BASE)
        return server

    @cached_property
    def link(self) -> Link:
        """The way to Redis. A daemon starts without it too, unless Redis refuses us: that needs a person."""
        link = Link(self.reactor, self.redis_url)
        self._base(lambda: None, link.close)
        self.daemon.before_ready(self._greet_redis)
        self.checks["redis"] = link.ping
        return link

    async def _greet_redis(self) -> None:
        try:
            await self.link.ready()
        except ScheduleUnavailable as error:
            log.warn("starting without Redis: {error}", error=str(error))

    @cached_property
    def events(self) -> RedisEvents:
        """The event bus."""
        return RedisEvents(self.link)

    @cached_property
    def counter(self) -> RedisCounter:
        """Rates."""
        return RedisCounter(self.link)

    @cached_property
    def rates(self) -> LenientCounter:
        """The same, for limits that are off while Redis is down."""
        return LenientCounter(self.counter, self.clock)

    # Threads, names, health

    @cached_property
    def cpu(self) -> Threads:
        """For work above some milliseconds: parsing, hashing of passwords. Two at a time."""
        threads = Threads(self.reactor, "cpu", 2)

        async def stop() -> None:
            threads.stop()

        self._base(threads.start, stop)
        return threads

    @cached_property
    def resolver(self) -> StubResolver:
        """The suite's own look-ups."""
        resolver = StubResolver(self.reactor, [self.settings.dns.asked])
        self.checks["dns"] = self._dns_answers
        return resolver

    async def _dns_answers(self) -> None:
        await self.resolver.lookup(self.settings.server.hostname, "A")

    async def health(self) -> Mapping[str, str]:
        """The state of each part of this process: "ok" or what is wrong, in words."""
        found = {}
        for name, check in self.checks.items():
            try:
                await Deferred.fromCoroutine(_run(check)).addTimeout(5, self.reactor)
                found[name] = "ok"
            except StoreUnavailable as error:
                found[name] = error.detail
            except (LookupFailed, MailError, ScheduleUnavailable) as error:
                found[name] = str(error)
            except Exception as error:
                found[name] = f"does not answer: {type(error).__name__}"
        return found


async def _run(check: Check) -> None:
    await check()
