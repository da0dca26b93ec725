"""Work in a thread beside a reactor that must not wait."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLICE = 0.001
"""Seconds of CPU at a time, and of rest after them."""


class Pace:
    """Called after each small step of long work in pure Python: sleeps when a slice is used up.

    Without it each system call of the reactor's thread would wait for the interpreter's switch interval, 5 ms.
    """

    def __init__(self) -> None:
        self._began = time.thread_time()

    def __call__(self) -> None:
        if time.thread_time() - self._began > SLICE:
            time.sleep(SLICE)
            self._began = time.thread_time()


def keep_for_good() -> None:
    """What there is now stays for good: the garbage collector need not look through it any more.

    A full collection holds the interpreter's lock from its beginning to its end; with ten thousand zones that were
    0.13 s without an answer, whenever other work had made enough objects. Takes as long as one such collection.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def uncollected() -> Iterator[None]:
    """For seconds of work that makes very many objects and no cycles: the garbage collector would look for some.

    It is off for the whole process meanwhile. Leave it when the objects are gone.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
