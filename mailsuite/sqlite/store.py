"""Store: the database file as the adapters use it: ``write`` and ``read`` functions of a connection."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.logger import Logger

from mailsuite.model.errors import StoreUnavailable
from mailsuite.runtime.clock import Clock
from mailsuite.runtime.threads import Threads
from mailsuite.sqlite.connection import blame_store, connect
from mailsuite.sqlite.schema import migrate
from mailsuite.sqlite.turn import Turn
from mailsuite.sqlite.writer import Writer

T = TypeVar("T")

READERS = 6
"""Threads for reads and for blob files."""

log = Logger()


class Store:
    """One database file, shared by any number of processes.

    Writes go through one thread, which commits those that wait together; reads run beside it in a small pool, each
    on a consistent snapshot. Every method raises StoreUnavailable when the file is locked for longer than
    ``patience`` seconds, or the disk is full or broken; it serves again, by itself, when the cause is gone. The fault
    is logged once, and so is its end.
    """

    def __init__(self, path: Path, reactor: Any, clock: Clock, patience: float = 5.0) -> None:
        self.path = path
        self.clock = clock
        self._patience = patience
        self._turn = Turn(path.with_name(path.name + ".lock"), patience)
        self._writes = _Health(path, "write")
        self._reads = _Health(path, "read")
        self._files = _Health(path, "use its files")
        self._writer = Writer(path, self._turn, reactor, patience, self._writes.note)
        self._threads = Threads(reactor, "sqlite-read", READERS)
        self._idle: deque[sqlite3.Connection] = deque()
        self._open = False

    def start(self) -> None:
        """Open or create the file, bring its schema up to date, start the threads. Blocks meanwhile.

        Raises SchemaRefused (not our file, or of a newer version), StoreUnavailable.
        """
        try:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            with self._turn:
                # Mail, password hashes and signing keys: for the owner only, whatever the umask says.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
                connection = connect(self.path, self._patience, create=True)
                try:
                    migrate(connection)
                except BaseException:
                    connection.close()
                    raise
        except (sqlite3.Error, OSError) as error:
            raise blame_store(error) or error from error
        self._writer.start(connection)
        self._threads.start()
        self._open = True

    async def stop(self) -> None:
        """Finish what was begun, then close the file. Later calls raise StoreUnavailable."""
        if self._open:
            self._open = False
            await self._writer.stop(self._end_reads)

    def _end_reads(self) -> None:
        self._threads.stop()
        while self._idle:
            self._idle.pop().close()

    async def write(self, work: Callable[[sqlite3.Connection], T], durable: bool = True) -> T:
        """Run ``work`` in a transaction; what it returns, once it is durable. What it raises undoes it.

        Not ``durable``: it does not wait for the disk, see Writer.submit.

        ``work`` runs in another thread and may run twice (see Writer), so it changes nothing but the database.
        """
        self._check_open()
        result: T = await self._writer.submit(work, durable)
        return result

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work``, which only reads, in a thread, on one snapshot."""
        return await self._in_thread(lambda: self._snapshot(work), self._reads)

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work``, which reads or writes blob files, in a thread; an OSError is StoreUnavailable."""
        return await self._in_thread(work, self._files)

    async def ping(self) -> None:
        """A health probe: one small durable write and one read. Raises StoreUnavailable."""
        at = self.clock()
        await self.write(lambda c: c.execute("UPDATE probe SET at = ?", (at,)).rowcount)
        await self.read(lambda c: c.execute("SELECT at FROM probe").fetchone())

    @property
    def transactions(self) -> int:
        """How many write transactions were committed since the start."""
        return self._writer.transactions

    def _check_open(self) -> None:
        if not self._open:
            raise StoreUnavailable(f"{self.path} is not open")

    async def _in_thread(self, work: Callable[[], T], health: _Health) -> T:
        self._check_open()
        try:
            result = await self._threads.run(work)
        except Exception as error:
            fault = blame_store(error)
            if fault is None:
                raise
            health.note(fault)
            raise fault from error
        health.note(None)
        return result

    def _snapshot(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect(self.path, self._patience, read_only=True)
        try:
            connection.execute("BEGIN")
            result = work(connection)
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.close()
            raise
        except BaseException:
            connection.execute("ROLLBACK")
            self._idle.append(connection)
            raise
        self._idle.append(connection)
        return result


class _Health:
    """Logs a fault when it begins, or turns into another, and when it ends."""

    def __init__(self, path: Path, verb: str) -> None:
        self._path = path
        self._verb = verb
        self._detail = ""

    def note(self, fault: StoreUnavailable | None) -> None:
        if fault is None and self._detail:
            log.info("the store {path} can {verb} again", path=str(self._path), verb=self._verb)
        elif fault is not None and fault.detail != self._detail:
            log.error(
                "the store {path} cannot {verb}: {detail}",
                path=str(self._path),
                verb=self._verb,
                detail=fault.detail,
            )
        self._detail = "" if fault is None else fault.detail
