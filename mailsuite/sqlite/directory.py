"""AccountDirectory: IAccountDirectory in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from sqlite3 import Connection
from typing import Any

from zope.interface import implementer

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import Account, DkimKey, Domain, Session
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.zones import domains, raise_generation


@implementer(IAccountDirectory)
class AccountDirectory:
    """IAccountDirectory."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add_domain(self, domain: Domain) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _add_domain(c, domain))

    async def domains(self) -> Sequence[Domain]:
        """See IAccountDirectory."""
        return await self._store.read(domains)

    async def domain(self, name: str) -> Domain | None:
        """See IAccountDirectory."""
        return await self._store.read(lambda c: next(iter(domains(c, name)), None))

    async def add_keys(self, domain: str, keys: Sequence[DkimKey]) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _add_keys(c, domain, keys))

    async def remove_key(self, domain: str, selector: str) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _remove_key(c, domain, selector))

    async def add_account(self, account: Account) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _add_account(c, account))

    async def accounts(self, domain: str | None = None) -> Sequence[Account]:
        """See IAccountDirectory."""
        where, values = ("", ()) if domain is None else ("WHERE domain = ?", (domain,))
        return await self._store.read(lambda c: _accounts(c, f"{where} ORDER BY address", values))

    async def account(self, account: str) -> Account | None:
        """See IAccountDirectory."""
        return await self._store.read(lambda c: next(iter(_accounts(c, "WHERE id = ?", (account,))), None))

    async def account_at(self, address: str) -> Account | None:
        """See IAccountDirectory."""
        return await self._store.read(lambda c: next(iter(_accounts(c, "WHERE address = ?", (address,))), None))

    async def set_password(self, account: str, password: str) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _set_password(c, account, password))

    async def add_session(self, session: Session) -> None:
        """See IAccountDirectory."""
        await self._store.write(
            lambda c: c.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", astuple(session)).rowcount
        )

    async def session(self, token_hash: str) -> Session | None:
        """See IAccountDirectory."""
        row = await self._store.read(
            lambda c: c.execute("SELECT * FROM session WHERE token_hash = ?", (token_hash,)).fetchone()
        )
        return None if row is None else Session(**dict(row))

    async def touch_session(self, token_hash: str, seen: int) -> None:
        """See IAccountDirectory."""
        await self._store.write(
            lambda c: (
                c.execute(
                    "UPDATE session SET seen = ? WHERE token_hash = ? AND seen < ?", (seen, token_hash, seen)
                ).rowcount
            ),
            durable=False,
        )

    async def end_session(self, token_hash: str) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: c.execute("DELETE FROM session WHERE token_hash = ?", (token_hash,)).rowcount)

    async def expire_sessions(self, seen_before: int, created_before: int) -> int:
        """See IAccountDirectory."""
        return await self._store.write(
            lambda c: (
                c.execute("DELETE FROM session WHERE seen < ? OR created < ?", (seen_before, created_before)).rowcount
            )
        )


def _add_domain(c: Connection, domain: Domain) -> None:
    if domains(c, domain.name):
        raise Conflict(f"the domain {domain.name} is hosted already")
    c.execute("INSERT INTO domain VALUES (?, ?)", (domain.name, domain.created))
    _insert_keys(c, domain.name, 0, domain.keys)
    raise_generation(c)


def _insert_keys(c: Connection, domain: str, first: int, keys: Sequence[DkimKey]) -> None:
    c.executemany(
        "INSERT INTO dkim_key (domain, n, selector, algorithm, private, public, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((domain, n, k.selector, k.algorithm, k.private, k.public, k.created) for n, k in enumerate(keys, first)),
    )


def _add_keys(c: Connection, domain: str, keys: Sequence[DkimKey]) -> None:
    there = {key.selector for found in domains(c, domain) for key in found.keys}
    if not there and not domains(c, domain):
        raise NotThere(f"the domain {domain} is not hosted")
    if taken := there & {key.selector for key in keys}:
        raise Conflict(f"{domain} has a key {min(taken)} already")
    last: int = c.execute("SELECT COALESCE(MAX(n), -1) FROM dkim_key WHERE domain = ?", (domain,)).fetchone()[0]
    _insert_keys(c, domain, last + 1, keys)
    raise_generation(c)


def _remove_key(c: Connection, domain: str, selector: str) -> None:
    if not c.execute("DELETE FROM dkim_key WHERE domain = ? AND selector = ?", (domain, selector)).rowcount:
        raise NotThere(f"{domain} has no key {selector}")
    raise_generation(c)


def _add_account(c: Connection, account: Account) -> None:
    domain = account.address.rpartition("@")[2]
    if not domains(c, domain):
        raise NotThere(f"the domain {domain} is not hosted")
    if c.execute("SELECT 1 FROM account WHERE address = ?", (account.address,)).fetchone() is not None:
        raise Conflict(f"the address {account.address} is taken")
    c.execute(
        "INSERT INTO account (id, address, domain, name, password, created) VALUES (?, ?, ?, ?, ?, ?)",
        (account.id, account.address, domain, account.name, account.password, account.created),
    )


def _accounts(c: Connection, where: str, values: tuple[Any, ...]) -> list[Account]:
    rows = c.execute(f"SELECT id, address, name, password, created FROM account {where}", values)  # noqa: S608
    return [Account(*row) for row in rows]


def _set_password(c: Connection, account: str, password: str) -> None:
    if not c.execute("UPDATE account SET password = ? WHERE id = ?", (password, account)).rowcount:
        raise NotThere(f"there is no account {account}")
