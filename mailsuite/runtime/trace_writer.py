"""TraceWriter: traces go to the store in batches, beside the mail."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mailsuite.interfaces.trace import ITrace, ITraceStore
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.trace import Trace

WAITING = 10_000
"""So many traces wait at most; of more the oldest are lost."""
PAUSE = 0.5
"""Seconds from the first waiting trace to the write: a burst shares one transaction."""
BATCH = 500


@implementer(ITrace)
class TraceWriter:
    """Writes what was recorded, a moment later. While the store is down traces are lost, which is logged once."""

    log = Logger()

    def __init__(self, reactor: Any, store: ITraceStore) -> None:
        self._reactor = reactor
        self._store = store
        self._waiting: deque[Trace] = deque(maxlen=WAITING)
        self._later: Any = None
        self._writing: Deferred[None] | None = None
        self._losing = False

    def record(self, trace: Trace) -> None:
        """See ITrace."""
        self._waiting.append(trace)
        if self._later is None and self._writing is None:
            self._later = self._reactor.callLater(PAUSE, self._begin)

    def _begin(self) -> None:
        self._later = None
        self._writing = Deferred.fromCoroutine(self._write())
        self._writing.addErrback(lambda failure: self.log.failure("traces are lost", failure))
        self._writing.addCallback(self._done)

    def _done(self, _: None) -> None:
        self._writing = None

    async def stop(self) -> None:
        """Write what waits."""
        if self._later is not None:
            self._later.cancel()
            self._begin()
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            await self._add(batch)

    async def _add(self, batch: list[Trace]) -> None:
        try:
            await self._store.add(batch)
        except StoreUnavailable as error:
            if not self._losing:
                self._losing = True
                self.log.warn("traces are lost: {detail}", detail=error.detail)
        else:
            self._losing = False
