"""FakeTraceStore: ITraceStore in memory; FakeTrace: ITrace that keeps what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import implementer

from mailsuite.interfaces.trace import ITrace, ITraceStore
from mailsuite.model.trace import Trace


@implementer(ITraceStore)
class FakeTraceStore:
    """See ITraceStore."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._traces: list[Trace] = []

    async def add(self, traces: Sequence[Trace]) -> None:
        self._check()
        self._traces += traces

    async def recent(self, limit: int) -> Sequence[Trace]:
        self._check()
        return sorted(self._traces, key=lambda trace: trace.began)[::-1][:limit]

    async def of(self, queue_id: str) -> Sequence[Trace]:
        self._check()
        return [trace for trace in self._traces if queue_id and trace.queue_id == queue_id]

    async def sweep(self, older_than: int, most: int) -> int:
        self._check()
        before = len(self._traces)
        begins = sorted((t.began for t in self._traces if t.began >= older_than), reverse=True)
        limit = begins[most] if len(begins) > most else older_than - 1
        self._traces = [t for t in self._traces if t.began > limit]
        return before - len(self._traces)


@implementer(ITrace)
class FakeTrace:
    """``traces`` are those that were recorded."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []

    def record(self, trace: Trace) -> None:
        self.traces.append(trace)
