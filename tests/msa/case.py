"""A suite in memory with the real queue behind the role under test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.account import Account
from mailsuite.model.job import Lane, QueuedMessage
from mailsuite.msa.allowance import Allowance, Rates
from mailsuite.queue.accept import Queue
from mailsuite.testing.builders import DAY, domain
from mailsuite.testing.fake_counter import FakeCounter
from mailsuite.testing.fake_schedule import FakeSchedule
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")
NOW = 1_795_608_000_000
"""2026-11-25 12:00:00 UTC, by ``date -ud @1795608000``."""


def generous() -> Allowance:
    """Nobody comes to its end."""
    return Allowance(FakeCounter(lambda: NOW), Rates(10**6, 10**6, 10**6, 10**6))


def queue_over(
    store: FakeStore, schedule: FakeSchedule, clock: Callable[[], int], random: Callable[[int], bytes]
) -> Queue:
    """The real queue; the domains of the store's directory are local."""

    async def hosts(domain: str) -> bool:
        return await store.directory.domain(domain) is not None

    return Queue(
        jobs=store.jobs,
        hosts=hosts,
        schedules={Lane.LOCAL: schedule, Lane.REMOTE: schedule},
        hostname="mx.alpha.example",
        clock=clock,
        random=random,
        lifetime=5 * DAY,
        notice_lifetime=DAY,
    )


class QueueCase(SynchronousTestCase):
    """alpha.example is hosted; Ann has an account there."""

    def setUp(self) -> None:
        self.now = NOW
        self.numbers = count(1)
        self.offloaded = 0
        self.store = FakeStore(self.clock)
        self.queue = queue_over(self.store, FakeSchedule(self.clock, Clock()), self.clock, self.random)
        self.ann = Account("ann", "ann@alpha.example", "Ann Ångström", "", NOW)
        self.result(self.store.directory.add_domain(domain("alpha.example")))
        self.result(self.store.directory.add_account(self.ann))

    def clock(self) -> int:
        """Turned by the tests."""
        return self.now

    def random(self, octets: int) -> bytes:
        """Different octets at each call."""
        return next(self.numbers).to_bytes(octets, "big")

    def in_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        """Work at once, and count it."""
        self.offloaded += 1
        return succeed(work())

    def result(self, awaitable: Awaitable[T]) -> T:
        """What an operation that need not wait gives."""
        return self.successResultOf(self.deferred(awaitable))

    def deferred(self, awaitable: Awaitable[T]) -> Deferred[T]:
        """The operation under way."""

        async def wait() -> T:
            return await awaitable

        return Deferred.fromCoroutine(wait())

    def content(self, message: QueuedMessage) -> bytes:
        """What was queued."""
        return self.result(self.store.blobs.read(message.blob))
