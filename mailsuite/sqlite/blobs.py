"""BlobStore: IBlobStore in the database file and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.model.errors import NotThere
from mailsuite.sqlite.files import BlobFiles
from mailsuite.sqlite.store import Store

INLINE = 64 * 1024
"""Blobs of up to this many octets are kept in the database, larger ones as files."""

_BATCH = 500


class BlobKeeper:
    """How blobs get in: shared by ``put`` and by the commit of a queued message.

    A large one is made durable by ``prepare``, outside the transaction, then ``keep`` writes the row. A sweep unlinks
    files within a transaction, so ``keep`` can rely on what it sees: should the file be gone, it is written again.
    """

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self.files = BlobFiles(directory)

    async def prepare(self, content: bytes) -> str:
        """The hash; the file is durable when there is to be one. StoreUnavailable."""
        if len(content) <= INLINE:
            return sha256(content).hexdigest()

        def write() -> str:
            blob = sha256(content).hexdigest()
            self.files.write(blob, content)
            return blob

        return await self._store.run(write)

    def keep(self, c: Connection, blob: str, content: bytes, now: int) -> None:
        """Write the row, or note that the blob was put again."""
        inline = len(content) <= INLINE
        if not inline and not self.files.exists(blob):
            self.files.write(blob, content)
        c.execute(
            "INSERT INTO blob (hash, size, put_at, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (hash) DO UPDATE SET put_at = MAX(put_at, excluded.put_at)",
            (blob, len(content), now, content if inline else None),
        )


@implementer(IBlobStore)
class BlobStore:
    """IBlobStore. A blob is referred to by queued messages and by filed ones."""

    def __init__(self, store: Store, keeper: BlobKeeper) -> None:
        self._store = store
        self._keeper = keeper

    async def put(self, content: bytes) -> str:
        """See IBlobStore."""
        blob = await self._keeper.prepare(content)
        now = self._store.clock()
        await self._store.write(lambda c: self._keeper.keep(c, blob, content, now))
        return blob

    async def read(self, blob: str, start: int = 0, length: int | None = None) -> bytes:
        """See IBlobStore."""
        size, content = await self._store.read(lambda c: read_blob(c, blob, start, length))
        if content is not None:
            return content
        wanted = max(0, size - start) if length is None else length
        return await self._store.run(lambda: self._keeper.files.read(blob, start, wanted))

    async def sweep(self, older_than: int) -> int:
        """See IBlobStore. Files that no row names, of puts that were cut off, go too and are not counted."""
        gone = 0
        after: str | None = ""
        while after is not None:
            names, after = await self._store.read(partial(_unreferenced, after=after, older_than=older_than))
            if names:
                gone += await self._store.write(partial(self._forget, names=names, older_than=older_than))
        files = self._keeper.files.older(older_than)
        while names := await self._store.run(lambda: list(islice(files, _BATCH))):
            await self._store.write(partial(self._remove_orphans, names=names))
        return gone

    def _forget(self, c: Connection, names: Sequence[str], older_than: int) -> int:
        """Look again, now that nobody else can write, and delete."""
        gone = 0
        for blob in names:
            row = c.execute(
                f"SELECT content IS NULL FROM blob WHERE hash = ? AND {_FREE}",  # noqa: S608
                (blob, older_than),
            ).fetchone()
            if row is not None:
                c.execute("DELETE FROM blob WHERE hash = ?", (blob,))
                if row[0]:
                    self._keeper.files.remove(blob)
                gone += 1
        return gone

    def _remove_orphans(self, c: Connection, names: Sequence[str]) -> None:
        for blob in names:
            if c.execute("SELECT 1 FROM blob WHERE hash = ?", (blob,)).fetchone() is None:
                self._keeper.files.remove(blob)


_FREE = """
    put_at < ?
    AND NOT EXISTS (SELECT 1 FROM queued WHERE queued.blob = blob.hash)
    AND NOT EXISTS (SELECT 1 FROM message WHERE message.blob = blob.hash)
"""


def read_blob(c: Connection, blob: str, start: int, length: int | None) -> tuple[int, bytes | None]:
    """The size, and the octets unless they are in a file."""
    row = c.execute(
        "SELECT size, content IS NULL, SUBSTR(content, ?, IFNULL(?, size)) FROM blob WHERE hash = ?",
        (start + 1, length, blob),
    ).fetchone()
    if row is None:
        raise NotThere(f"there is no blob {blob}")
    # SUBSTR makes NULL of an empty blob.
    return row[0], None if row[1] else row[2] or b""


def _unreferenced(c: Connection, after: str, older_than: int) -> tuple[list[str], str | None]:
    """What may be forgotten among the next blobs after ``after``, and where to go on (None: at the end)."""
    last = c.execute(
        "SELECT hash FROM blob WHERE hash > ? ORDER BY hash LIMIT 1 OFFSET ?", (after, _BATCH - 1)
    ).fetchone()
    upto = "g" if last is None else last[0]  # above every hex digit
    rows = c.execute(
        f"SELECT hash FROM blob WHERE hash > ? AND hash <= ? AND {_FREE} ORDER BY hash",  # noqa: S608
        (after, upto, older_than),
    )
    return [row[0] for row in rows], None if last is None else upto
