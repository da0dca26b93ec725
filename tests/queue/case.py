"""The queue on a clock of the test's own: store, schedules, door."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.job import Lane
from mailsuite.queue.accept import Queue
from mailsuite.queue.worker import Worker
from mailsuite.testing import builders
from mailsuite.testing.fake_schedule import FakeSchedule
from mailsuite.testing.fake_store import FakeStore


class QueueCase(SynchronousTestCase):
    """alpha.example is local, all else remote."""

    def setUp(self) -> None:
        """A store, a schedule for each lane, the door."""
        self.reactor = Clock()
        self.reactor.advance(1_800_000_000)
        self.store = FakeStore(self.now)
        self.schedules = {lane: FakeSchedule(self.now, self.reactor) for lane in Lane}
        self.queue = Queue(
            self.store.jobs, self.hosts, self.schedules, "mail.alpha.example", self.now, bytes, 5 * builders.DAY,
            builders.DAY,
        )  # fmt: skip

    async def hosts(self, domain: str) -> bool:
        """Is it ours?"""
        return domain == "alpha.example"

    def now(self) -> int:
        """The test's time in ms."""
        return round(self.reactor.seconds() * 1000)

    async def sleep(self, seconds: float) -> None:
        """On the test's time."""
        await deferLater(self.reactor, seconds)

    def running(self, worker: Worker) -> Deferred[None]:
        """Let the worker run; it is stopped at the test's end."""
        run = Deferred.fromCoroutine(worker.run())

        def stop() -> None:
            stopped = Deferred.fromCoroutine(worker.stop())
            self.pass_time(3)
            self.successResultOf(stopped)
            self.successResultOf(run)

        self.addCleanup(stop)
        self.pass_time(0.5)
        return run

    def pass_time(self, seconds: float, step: float = 0.25) -> None:
        """In steps small enough for what goes on."""
        self.reactor.pump([step] * round(seconds / step))
