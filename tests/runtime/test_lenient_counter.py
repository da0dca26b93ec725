"""Limits that are off while Redis is down."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailsuite.interfaces.counters import ICounter
from mailsuite.runtime.lenient_counter import PAUSE, LenientCounter
from mailsuite.testing.builders import NOW
from mailsuite.testing.fake_counter import FakeCounter

T = TypeVar("T")


class LenientCounterTests(SynchronousTestCase):
    """Over a counter that can be switched off."""

    def setUp(self) -> None:
        self.time = NOW
        self.real = FakeCounter(lambda: NOW)
        self.counter = LenientCounter(self.real, lambda: self.time)
        self.said: list[LogEvent] = []

        @implementer(ILogObserver)
        def observer(event: LogEvent) -> None:
            if event.get("log_namespace", "").endswith("LenientCounter"):
                self.said.append(event)

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def now(self, work: Coroutine[Deferred[Any], Any, T]) -> T:
        """The result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def test_up(self) -> None:
        """It counts as the counter behind it does."""
        verifyObject(ICounter, self.counter)
        self.assertEqual([self.now(self.counter.hit("k", 60)), self.now(self.counter.hit("k", 60, 2))], [1, 3])
        self.assertEqual(self.now(self.counter.value("k")), 3)
        self.now(self.counter.reset("k"))
        self.assertEqual(self.now(self.counter.value("k")), 0)
        self.assertEqual(self.said, [])

    def test_down(self) -> None:
        """All is 0 and nothing is raised; the outage is said once, and so is its end."""
        self.real.down = True
        for _ in range(5):
            self.assertEqual((self.now(self.counter.hit("k", 60)), self.now(self.counter.value("k"))), (0, 0))
            self.now(self.counter.reset("k"))
            self.time += PAUSE
        self.real.down = False
        self.assertEqual([self.now(self.counter.hit("k", 60)) for _ in range(3)], [1, 2, 3])
        self.assertEqual([event["log_level"].name for event in self.said], ["error", "info"])

    def test_a_counter_that_hangs(self) -> None:
        """One that did not answer is left alone for two seconds, so that it holds up one command and not each."""
        self.real.down = True
        self.now(self.counter.value("k"))
        self.real.down = False
        self.time += PAUSE - 1
        self.assertEqual(self.now(self.counter.hit("k", 60)), 0)
        self.time += 1
        self.assertEqual(self.now(self.counter.hit("k", 60)), 1)
