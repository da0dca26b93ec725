"""RuleStore: IRuleStore in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

import msgspec
from zope.interface import implementer

from mailsuite.interfaces.rules import IRuleStore
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.rule import Rule, Ruleset
from mailsuite.model.vacation import ANSWERED, Vacation
from mailsuite.sqlite.codec import decode, encode
from mailsuite.sqlite.store import Store

GENERATION = (
    "IFNULL((SELECT generation FROM ruleset AS r WHERE r.account = account.id"
    " AND (r.rules <> '[]' OR r.vacation <> '')), 0)"
)
"""Of a row of ``account``, see Account.rules."""

_DAY = 86_400_000

_read_rules = msgspec.json.Decoder(tuple[Rule, ...]).decode
_read_vacation = msgspec.json.Decoder(Vacation).decode


@implementer(IRuleStore)
class RuleStore:
    """IRuleStore."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ruleset(self, account: str) -> Ruleset:
        """See IRuleStore."""
        return await self._store.read(lambda c: _ruleset(c, account))

    async def set_rules(self, account: str, rules: Sequence[Rule], generation: int) -> Ruleset:
        """See IRuleStore."""
        return await self._store.write(lambda c: _set_rules(c, account, tuple(rules), generation))

    async def set_vacation(self, account: str, vacation: Vacation | None) -> Ruleset:
        """See IRuleStore."""
        return await self._store.write(lambda c: _set_vacation(c, account, vacation))

    async def begin_answer(self, account: str, sender: str, message: str, now: int, days: int) -> bool:
        """See IRuleStore."""
        return await self._store.write(lambda c: _begin_answer(c, account, sender, message, now, days))

    async def end_answer(self, account: str, sender: str, message: str) -> None:
        """See IRuleStore."""
        await self._store.write(
            lambda c: (
                c.execute(
                    "UPDATE answered SET done = 1 WHERE account = ? AND sender = ? AND message = ?",
                    (account, sender, message),
                ).rowcount
            )
        )


def _ruleset(c: Connection, account: str) -> Ruleset:
    row = c.execute("SELECT generation, rules, vacation FROM ruleset WHERE account = ?", (account,)).fetchone()
    if row is None:
        return Ruleset()
    what = f"the rules of account {account}"
    vacation = decode(_read_vacation, row["vacation"], what) if row["vacation"] else None
    return Ruleset(row["generation"], decode(_read_rules, row["rules"], what), vacation)


def _set_rules(c: Connection, account: str, rules: tuple[Rule, ...], generation: int) -> Ruleset:
    _begin(c, account)
    changed = c.execute(
        "UPDATE ruleset SET rules = ?, generation = generation + 1 WHERE account = ? AND generation = ?",
        (encode(rules), account, generation),
    )
    if not changed.rowcount:
        raise Conflict("the rules were changed meanwhile")
    return _ruleset(c, account)


def _set_vacation(c: Connection, account: str, vacation: Vacation | None) -> Ruleset:
    _begin(c, account)
    c.execute(
        "UPDATE ruleset SET vacation = ?, generation = generation + 1 WHERE account = ?",
        ("" if vacation is None else encode(vacation), account),
    )
    c.execute("DELETE FROM answered WHERE account = ?", (account,))
    return _ruleset(c, account)


def _begin(c: Connection, account: str) -> None:
    """Give the account an empty ruleset unless it has one."""
    if c.execute("SELECT 1 FROM account WHERE id = ?", (account,)).fetchone() is None:
        raise NotThere(f"there is no account {account}")
    c.execute("INSERT INTO ruleset VALUES (?, 0, '[]', '') ON CONFLICT DO NOTHING", (account,))


def _begin_answer(c: Connection, account: str, sender: str, message: str, now: int, days: int) -> bool:
    c.execute("DELETE FROM answered WHERE account = ? AND at <= ?", (account, now - days * _DAY))
    row = c.execute("SELECT message, done FROM answered WHERE account = ? AND sender = ?", (account, sender)).fetchone()
    if row is not None:
        return bool(row["message"] == message and not row["done"])
    if c.execute("SELECT COUNT(*) FROM answered WHERE account = ?", (account,)).fetchone()[0] >= ANSWERED:
        return False
    c.execute("INSERT INTO answered VALUES (?, ?, ?, ?, 0)", (account, sender, now, message))
    return True
