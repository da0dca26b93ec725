"""MailContents: IMailContents in the database file."""

from __future__ import annotations

from collections.abc import Collection
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.contents import IMailContents
from mailsuite.sqlite.store import Store


@implementer(IMailContents)
class MailContents:
    """IMailContents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def held(self, account: str, blobs: Collection[str]) -> frozenset[str]:
        """See IMailContents."""
        return await self._store.read(lambda c: frozenset(blob for blob in blobs if _has(c, account, blob)))


def _has(c: Connection, account: str, blob: str) -> bool:
    row = c.execute(
        "SELECT 1 FROM message INDEXED BY message_blob WHERE blob = ? AND account = ? AND folder <> 'deleted' LIMIT 1",
        (blob, account),
    ).fetchone()
    return row is not None
