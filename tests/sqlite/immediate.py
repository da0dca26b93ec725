"""A store on one connection whose operations are done at once, for tests that make thousands of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from mailsuite.runtime.clock import Clock
from mailsuite.sqlite.schema import migrate
from mailsuite.sqlite.store import Store

T = TypeVar("T")


class ImmediateStore:
    """Stands for a Store in adapters that only read and write."""

    def __init__(self, clock: Clock, path: str = ":memory:") -> None:
        self.clock = clock
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        migrate(self.connection)

    def as_store(self) -> Store:
        """For the type checker."""
        return cast(Store, self)

    async def write(self, work: Callable[[sqlite3.Connection], T], durable: bool = True) -> T:
        """As Store.write: one transaction, undone when it fails."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return result

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As Store.read."""
        return work(self.connection)


def now_done(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    raise AssertionError("it waits")
