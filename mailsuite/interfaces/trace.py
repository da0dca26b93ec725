"""ITrace and ITraceStore: what happened to each message on its way in, kept for a week."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.trace import Trace


class ITrace(Interface):
    """Takes traces from sessions."""

    def record(trace: Trace) -> None:
        """Keep the trace, soon. Never waits and never raises: a trace may be lost, mail waits for none."""


class ITraceStore(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now."""

    async def add(traces: Sequence[Trace]) -> None:
        """Keep traces durably."""

    async def recent(limit: int) -> Sequence[Trace]:
        """The newest traces by the time of their sessions, newest first."""

    async def of(queue_id: str) -> Sequence[Trace]:
        """The traces of an accepted message, in the order in which they were added: its session's, and what rules did
        with it.
        """

    async def sweep(older_than: int, most: int) -> int:
        """Forget what began before ``older_than`` (ms), and the oldest beyond ``most`` traces; how many went."""
