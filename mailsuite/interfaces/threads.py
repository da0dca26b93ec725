"""InThread: how a room below runtime has work done off the reactor thread (runtime.threads.Threads.run fits)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class InThread(Protocol):
    """Calls ``work`` in a thread; awaiting gives its result, or raises what it raised."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...
