"""Traces on their way to the store."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsuite.interfaces.trace import ITrace
from mailsuite.model.trace import Trace
from mailsuite.runtime.trace_writer import BATCH, PAUSE, WAITING, TraceWriter
from mailsuite.testing.builders import NOW
from mailsuite.testing.contracts.trace import TRACE
from mailsuite.testing.fake_store import FakeStore
from mailsuite.testing.fake_traces import FakeTraceStore


class Slow(FakeTraceStore):
    """Waits with each write until ``gate`` fires; notes the sizes of the batches."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.gate: Deferred[None] = Deferred()
        self.sizes: list[int] = []

    async def add(self, traces: Sequence[Trace]) -> None:
        self.sizes.append(len(traces))
        await self.gate
        await super().add(traces)


class TraceWriterTests(SynchronousTestCase):
    """On a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = FakeStore(lambda: NOW)
        self.writer = TraceWriter(self.clock, self.store.traces)

    def kept(self) -> int:
        """How many are in the store."""
        return len(self.successResultOf(Deferred.fromCoroutine(self.store.traces.recent(10**6))))

    def test_later_and_together(self) -> None:
        """Nothing is written at once; a moment later all of it is."""
        verifyObject(ITrace, self.writer)
        for _ in range(3):
            self.writer.record(TRACE)
        self.assertEqual(self.kept(), 0)
        self.clock.advance(PAUSE)
        self.assertEqual(self.kept(), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.writer.record(TRACE)
        self.clock.advance(PAUSE)
        self.assertEqual(self.kept(), 4)

    def test_bounded(self) -> None:
        """While a write hangs no more than 10,000 wait; they follow in batches."""
        slow = Slow()
        writer = TraceWriter(self.clock, slow)
        writer.record(TRACE)
        self.clock.advance(PAUSE)
        for _ in range(WAITING + 700):
            writer.record(TRACE)
        gate, slow.gate = slow.gate, Deferred()
        slow.gate.callback(None)
        gate.callback(None)
        self.assertEqual(slow.sizes, [1] + [BATCH] * (WAITING // BATCH))

    def test_stop(self) -> None:
        """Stopping writes what waits, and waits for what is being written."""
        self.writer.record(TRACE)
        self.successResultOf(Deferred.fromCoroutine(self.writer.stop()))
        self.assertEqual(self.kept(), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        slow = Slow()
        writer = TraceWriter(self.clock, slow)
        writer.record(TRACE)
        stopping = Deferred.fromCoroutine(writer.stop())
        self.assertNoResult(stopping)
        slow.gate.callback(None)
        self.successResultOf(stopping)

    def test_store_down(self) -> None:
        """What cannot be written is dropped without a failure; later traces are kept."""
        self.store.fault = "disk full"
        self.writer.record(TRACE)
        self.clock.advance(PAUSE)
        self.store.fault = ""
        self.assertEqual(self.kept(), 0)
        self.writer.record(TRACE)
        self.clock.advance(PAUSE)
        self.assertEqual(self.kept(), 1)
