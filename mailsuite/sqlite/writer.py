"""Writer: one thread that commits the operations which wait for it together."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailsuite.model.errors import StoreUnavailable
from mailsuite.sqlite.connection import blame_store, connect
from mailsuite.sqlite.turn import Turn

GROUP = 256
"""At most so many operations share a transaction."""

Work = Callable[[sqlite3.Connection], Any]


@dataclass(frozen=True, slots=True)
class _Operation:
    work: Work
    result: Deferred[Any]
    durable: bool


@dataclass(frozen=True, slots=True)
class _End:
    last: Callable[[], None]
    stopped: Deferred[None]


class Writer:
    """Takes operations from the reactor's thread, gives their results back there, one hop for each group.

    When a member of a group fails, the group is rolled back and every member runs again in a transaction of its own,
    so an operation must be a function of the connection alone that may run twice. ``notice`` hears, on the reactor's
    thread, after each group: the fault of the store, or None when it served.
    """

    def __init__(
        self, path: Path, turn: Turn, reactor: Any, patience: float, notice: Callable[[StoreUnavailable | None], None]
    ) -> None:
        self._path = path
        self._turn = turn
        self._reactor = reactor
        self._patience = patience
        self._notice = notice
        self._queue: SimpleQueue[_Operation | _End] = SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._syncs = True
        self._doubtful = False
        self.transactions = 0

    def start(self, connection: sqlite3.Connection) -> None:
        """Begin to write; ``connection`` is the writer's from now on."""
        self._connection = connection
        threading.Thread(target=self._run, name="sqlite-writer", daemon=True).start()

    def submit(self, work: Work, durable: bool) -> Deferred[Any]:
        """Queue an operation; fires with what it returned or raised.

        When it is ``durable``, the disk has it by then. When not, every process sees it, but a loss of power may undo
        it; the next durable transaction of any process takes all before it to the disk too.
        """
        result: Deferred[Any] = Deferred()
        self._queue.put(_Operation(work, result, durable))
        return result

    def stop(self, last: Callable[[], None]) -> Deferred[None]:
        """Finish what is queued, call ``last`` in the thread, close the connection; then fires."""
        stopped: Deferred[None] = Deferred()
        self._queue.put(_End(last, stopped))
        return stopped

    def _run(self) -> None:
        end: _End | None = None
        while end is None:
            group: list[_Operation] = []
            try:
                while len(group) < GROUP and end is None:
                    match self._queue.get(block=not group):
                        case _Operation() as operation:
                            group.append(operation)
                        case end:
                            pass
            except Empty:
                pass
            if group:
                durable = any(operation.durable for operation in group)
                outcomes = self._serve([operation.work for operation in group], durable)
                self._reactor.callFromThread(self._deliver, group, outcomes)
        end.last()
        self._drop()
        self._turn.close()
        self._reactor.callFromThread(end.stopped.callback, None)

    def _deliver(self, group: Sequence[_Operation], outcomes: Sequence[Any]) -> None:
        faults = [o.value for o in outcomes if isinstance(o, Failure) and isinstance(o.value, StoreUnavailable)]
        self._notice(faults[0] if faults else None)
        for operation, outcome in zip(group, outcomes, strict=True):
            operation.result.callback(outcome)  # a Failure makes it fail

    def _serve(self, group: Sequence[Work], durable: bool) -> list[Any]:
        """A result or a Failure for each."""
        outcomes: list[Any] = []
        try:
            with self._turn:
                try:
                    return self._transact(group, durable)
                except _NotBegun:
                    raise
                except Exception:
                    if len(group) == 1:
                        return [_failure()]
                for work in group:
                    outcomes.append(self._alone(work, durable))
        except StoreUnavailable as fault:
            # Nothing could begin: locked or gone. The rest would only wait for the same time-out, one by one.
            outcomes += [Failure(StoreUnavailable(fault.detail)) for _ in group[len(outcomes) :]]
        return outcomes

    def _alone(self, work: Work, durable: bool) -> Any:
        try:
            return self._transact([work], durable)[0]
        except _NotBegun:
            raise
        except Exception:
            return _failure()

    def _transact(self, group: Sequence[Work], durable: bool) -> list[Any]:
        """Run all in one transaction, or raise with nothing written."""
        try:
            if self._connection is None:
                self._connection = connect(self._path, self._patience)
                self._syncs = True
            connection = self._connection
            if self._doubtful:
                self._rescue_log(connection)
            if durable is not self._syncs:
                # In WAL mode NORMAL leaves the log's fsync to the next FULL commit or checkpoint.
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._syncs = durable
            connection.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, StoreUnavailable) as error:
            self._drop_if_broken(error)
            fault = blame_store(error)
            raise _NotBegun(str(error) if fault is None else fault.detail) from error
        try:
            values = [work(connection) for work in group]
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back(connection)
            self._drop_if_broken(error)
            raise
        self.transactions += 1
        return values

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            # SQLite has already rolled back after some faults of the disk.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop()

    def _drop_if_broken(self, error: BaseException) -> None:
        """After a fault of the disk a new connection reads afresh what is there; a lock is no reason for one."""
        if blame_store(error) is not None and not _is_lock(error):
            self._doubtful = self._doubtful or getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_FSYNC
            self._drop()

    def _rescue_log(self, connection: sqlite3.Connection) -> None:
        """Take the write-ahead log into the database after an fsync that failed.

        The kernel may have given up older parts of the log then, and tells so only once: after a loss of power the log
        would end there, whatever was added to it since.
        """
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreUnavailable("the log is in use and cannot be taken into the database yet")
        self._doubtful = False

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Should its checkpoint fail, the write-ahead log keeps everything for the next connection.
            with suppress(sqlite3.Error):
                connection.close()


class _NotBegun(StoreUnavailable):
    """No transaction could be begun."""


def _is_lock(error: BaseException) -> bool:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _failure() -> Failure:
    """The exception being handled, as what the caller is to see."""
    failure = Failure()
    assert failure.value is not None
    fault = blame_store(failure.value)
    return failure if fault is None else Failure(fault)
