"""Blocking work off the reactor thread: one hop per operation, in a pool of its own per driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A named pool. ``reactor`` gives the results back on its thread."""

    def __init__(self, reactor: Any, name: str, size: int) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, size, name)
        self._started = False

    def start(self) -> None:
        """Begin to take work."""
        self._pool.start()
        self._started = True

    def stop(self) -> None:
        """Finish what was taken, then end the threads. Blocks until they have."""
        if self._started:
            self._started = False
            self._pool.stop()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``work`` in a thread and give its result, or raise what it raised."""
        result: Deferred[T] = deferToThreadPool(self._reactor, self._pool, work, *args, **kwargs)
        return await result
