"""TraceStore: ITraceStore in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

import msgspec
from zope.interface import implementer

from mailsuite.interfaces.trace import ITraceStore
from mailsuite.model.trace import Trace
from mailsuite.sqlite.codec import decode, encode
from mailsuite.sqlite.store import Store

_read = msgspec.json.Decoder(Trace).decode


@implementer(ITraceStore)
class TraceStore:
    """ITraceStore. A trace is one row; of two with the same queue id the later one is found."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, traces: Sequence[Trace]) -> None:
        """See ITraceStore."""
        rows = [(trace.began, trace.queue_id, encode(trace)) for trace in traces]
        await self._store.write(
            lambda c: c.executemany("INSERT INTO trace (began, queue_id, content) VALUES (?, ?, ?)", rows).rowcount
        )

    async def recent(self, limit: int) -> Sequence[Trace]:
        """See ITraceStore."""
        return await self._store.read(
            lambda c: _traces(c, "SELECT number, content FROM trace ORDER BY began DESC, number DESC LIMIT ?", limit)
        )

    async def of(self, queue_id: str) -> Sequence[Trace]:
        """See ITraceStore."""
        query = "SELECT number, content FROM trace WHERE queue_id = ? AND queue_id <> '' ORDER BY number"
        return await self._store.read(lambda c: _traces(c, query, queue_id))

    async def sweep(self, older_than: int, most: int) -> int:
        """See ITraceStore."""
        return await self._store.write(lambda c: _sweep(c, older_than, most))


def _traces(c: Connection, query: str, value: object) -> list[Trace]:
    return [decode(_read, content, f"trace {number}") for number, content in c.execute(query, (value,))]


def _sweep(c: Connection, older_than: int, most: int) -> int:
    gone = c.execute("DELETE FROM trace WHERE began < ?", (older_than,)).rowcount
    limit = c.execute("SELECT began FROM trace ORDER BY began DESC, number DESC LIMIT 1 OFFSET ?", (most,)).fetchone()
    if limit is not None:
        # All of the same millisecond go, rather than one too few.
        gone += c.execute("DELETE FROM trace WHERE began <= ?", (limit[0],)).rowcount
    return gone
