"""MailboxUpkeep: IMailboxUpkeep in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from sqlite3 import Connection, Row

from zope.interface import implementer

from mailsuite.interfaces.upkeep import IMailboxUpkeep, Problem, Touched
from mailsuite.model.folder import DELETED, SPAM, TRASH
from mailsuite.sqlite import checking, indexing
from mailsuite.sqlite.removing import remove
from mailsuite.sqlite.sleeping import wake
from mailsuite.sqlite.store import Store


@implementer(IMailboxUpkeep)
class MailboxUpkeep:
    """IMailboxUpkeep; ``files`` says whether a large content, which is not in the database, is there."""

    def __init__(self, store: Store, files: checking.Exists) -> None:
        self._store = store
        self._files = files

    async def wake(self, now: int, limit: int) -> Sequence[Touched]:
        """See IMailboxUpkeep."""
        return await self._store.write(partial(_wake, now=now, limit=limit))

    async def empty(self, before: int, limit: int) -> Sequence[Touched]:
        """See IMailboxUpkeep."""
        return await self._store.write(partial(_empty, before=before, limit=limit))

    async def purge(self, before: int, limit: int) -> int:
        """See IMailboxUpkeep."""
        return await self._store.write(partial(_purge, before=before, limit=limit))

    async def accounts(self, after: str, limit: int) -> Sequence[str]:
        """See IMailboxUpkeep."""
        return await self._store.read(partial(_accounts, after=after, limit=limit))

    async def check_store(self, repair: bool) -> Sequence[Problem]:
        """See IMailboxUpkeep."""
        found = await self._store.read(checking.check_store)
        if repair and any(not problem.lost for problem in found):
            await self._store.write(indexing.rebuild)
        return found

    async def check(self, account: str, repair: bool) -> Sequence[Problem]:
        """See IMailboxUpkeep."""
        work = partial(checking.check, account=account, files=self._files)
        if not repair:
            return await self._store.read(work)
        return await self._store.write(partial(checking.repair, account=account, files=self._files))


def _wake(c: Connection, now: int, limit: int) -> list[Touched]:
    due = c.execute(
        "SELECT account, conversation FROM message WHERE snoozed_until > 0 AND snoozed_until <= ?"
        " ORDER BY snoozed_until LIMIT ?",
        (now, limit),
    ).fetchall()
    touched = []
    for account, conversation in dict.fromkeys(map(tuple, due)):
        step = wake(c, account, conversation, now, now)
        touched.append(Touched(account, frozenset(step.places), step.seq))
    return touched


def _aged(c: Connection, folder: str, before: int, limit: int) -> dict[str, list[Row]]:
    rows = c.execute(
        "SELECT * FROM message INDEXED BY message_ageing WHERE folder = ? AND folder IN ('trash', 'spam', 'deleted')"
        " AND moved_at < ? ORDER BY moved_at LIMIT ?",
        (folder, before, limit),
    ).fetchall()
    by_account: dict[str, list[Row]] = {}
    for row in rows:
        by_account.setdefault(row["account"], []).append(row)
    return by_account


def _empty(c: Connection, before: int, limit: int) -> list[Touched]:
    touched = []
    for folder in (TRASH, SPAM):
        for account, rows in _aged(c, folder, before, limit).items():
            seq, places = remove(c, account, rows)
            touched.append(Touched(account, frozenset(places), seq))
    return touched


def _purge(c: Connection, before: int, limit: int) -> int:
    c.execute("DELETE FROM undo WHERE at < ?", (before,))
    count = 0
    for account, rows in _aged(c, DELETED, before, limit).items():
        remove(c, account, rows)
        count += len(rows)
    return count


def _accounts(c: Connection, after: str, limit: int) -> list[str]:
    rows = c.execute("SELECT account FROM change_seq WHERE account > ? ORDER BY account LIMIT ?", (after, limit))
    return [row[0] for row in rows]
