"""SuppressionList: ISuppressionList in the database file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from sqlite3 import Connection
from typing import Any

import msgspec
from zope.interface import implementer

from mailsuite.interfaces.suppressions import ISuppressionList
from mailsuite.model.status import Status
from mailsuite.model.suppression import Suppression
from mailsuite.sqlite.codec import decode, encode
from mailsuite.sqlite.store import Store

_read = msgspec.json.Decoder(Status).decode


@implementer(ISuppressionList)
class SuppressionList:
    """ISuppressionList."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(self, suppression: Suppression) -> bool:
        """See ISuppressionList."""
        row = (suppression.account, suppression.address, encode(suppression.status), suppression.at)
        return await self._store.write(
            lambda c: c.execute("INSERT OR IGNORE INTO suppression VALUES (?, ?, ?, ?)", row).rowcount == 1
        )

    async def find(self, account: str, addresses: Collection[str]) -> Mapping[str, Suppression]:
        """See ISuppressionList."""
        # One look-up for each: a job has at most a hundred recipients.
        return await self._store.read(
            lambda c: {
                address: found
                for address in addresses
                for found in _select(c, "account = ? AND address = ?", (account, address))
            }
        )

    async def list(self, account: str | None, after: tuple[str, str], limit: int) -> Sequence[Suppression]:
        """See ISuppressionList."""
        return await self._store.read(
            lambda c: _select(
                c,
                "(?1 IS NULL OR account = ?1) AND (account, address) > (?2, ?3) ORDER BY account, address LIMIT ?4",
                (account, *after, limit),
            )
        )

    async def lift(self, account: str, address: str) -> bool:
        """See ISuppressionList."""
        return await self._store.write(
            lambda c: (
                c.execute("DELETE FROM suppression WHERE account = ? AND address = ?", (account, address)).rowcount == 1
            )
        )


def _select(c: Connection, where: str, values: tuple[Any, ...]) -> list[Suppression]:
    rows = c.execute(f"SELECT account, address, status, at FROM suppression WHERE {where}", values)  # noqa: S608
    return [
        Suppression(account, address, decode(_read, status, f"suppression of {address}"), at)
        for account, address, status, at in rows
    ]
