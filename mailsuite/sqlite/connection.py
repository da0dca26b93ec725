"""connect: connections to the database file, and which of SQLite's errors are the store's fault rather than ours."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mailsuite.model.errors import StoreUnavailable

# Everything that may pass without a change of code: somebody holds a lock, the disk is full or broken, the file is
# gone or damaged. What is not here (SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH, ...) is a fault in a statement.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def connect(path: Path, patience: float, *, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, to be used by one thread at a time; raises sqlite3.Error.

    ``patience``: how long (s) it waits for a lock. Without ``create`` a file that vanished is an error, not a new,
    empty store.
    """
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(uri, patience, isolation_level=None, check_same_thread=False, uri=True)
    connection.row_factory = sqlite3.Row
    try:
        if create:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        # Pages (16 MiB): a checkpoint costs fsyncs of its own and writes each changed page once, however often it
        # changed since the last one.
        connection.execute("PRAGMA wal_autocheckpoint = 4096")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def blame_store(error: BaseException) -> StoreUnavailable | None:
    """What a caller is told when the store cannot serve; None when the error is of another kind."""
    if isinstance(error, StoreUnavailable):
        return error
    if isinstance(error, OSError):
        return StoreUnavailable(str(error))
    if isinstance(error, sqlite3.Error):
        code: int | None = getattr(error, "sqlite_errorcode", None)
        # The low byte is the primary code (sqlite.org/rescode.html).
        if code is not None and code & 0xFF in _UNAVAILABLE:
            return StoreUnavailable(f"{error} ({error.sqlite_errorname})")
    return None
