"""AccountDirectory: IAccountDirectory in the database file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from sqlite3 import Connection
from typing import Any

from zope.interface import implementer

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import Account, DkimKey, Domain, Session
from mailsuite.model.alias import Alias, Forward
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.sqlite.rules import GENERATION
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

    async def set_forward(self, account: str, forward: Forward | None) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _set_forward(c, account, forward))

    async def forwarding(self) -> Sequence[Account]:
        """See IAccountDirectory."""
        return await self._store.read(lambda c: _accounts(c, "WHERE forward <> '' ORDER BY address", ()))

    async def add_alias(self, alias: Alias) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _add_alias(c, alias))

    async def remove_alias(self, address: str) -> None:
        """See IAccountDirectory."""
        await self._store.write(lambda c: _remove_alias(c, address))

    async def aliases(self, domain: str | None = None) -> Sequence[Alias]:
        """See IAccountDirectory."""
        where, values = ("", ()) if domain is None else ("WHERE domain = ?", (domain,))
        return await self._store.read(lambda c: _aliases(c, f"{where} ORDER BY address", values))

    async def alias_at(self, address: str) -> Alias | None:
        """See IAccountDirectory."""
        return await self._store.read(lambda c: next(iter(_aliases(c, "WHERE address = ?", (address,))), None))

    async def secret(self, name: str, proposed: bytes) -> bytes:
        """See IAccountDirectory."""
        return await self._store.write(lambda c: _secret(c, name, proposed))

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
    if domain.alias_of:
        _check_domain(c, domain.alias_of)
    c.execute(
        "INSERT INTO domain (name, created, alias_of) VALUES (?, ?, ?)", (domain.name, domain.created, domain.alias_of)
    )
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


def _check_domain(c: Connection, name: str) -> None:
    """It must be hosted, and under its own name."""
    row = c.execute("SELECT alias_of FROM domain WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotThere(f"the domain {name} is not hosted")
    if row[0]:
        raise Conflict(f"{name} is an alias of {row[0]}: its addresses are those of {row[0]}")


def _check_free(c: Connection, address: str) -> str:
    """The domain of an address that may be given to an account or an alias."""
    domain = address.rpartition("@")[2]
    _check_domain(c, domain)
    if c.execute("SELECT 1 FROM account WHERE address = ?", (address,)).fetchone() is not None:
        raise Conflict(f"the address {address} is taken by an account")
    if c.execute("SELECT 1 FROM alias WHERE address = ?", (address,)).fetchone() is not None:
        raise Conflict(f"the address {address} is an alias already")
    return domain


def _add_account(c: Connection, account: Account) -> None:
    domain = _check_free(c, account.address)
    c.execute(
        "INSERT INTO account (id, address, domain, name, password, created, forward) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(account.id, account.address, domain, account.name, account.password, account.created),
            _forward_text(account.forward),
        ),
    )


def _forward_text(forward: Forward | None) -> str:
    return "" if forward is None else json.dumps([forward.keep, *forward.targets], ensure_ascii=False)


def _forward(text: str) -> Forward | None:
    if not text:
        return None
    keep, *targets = json.loads(text)
    return Forward(tuple(targets), keep)


def _set_forward(c: Connection, account: str, forward: Forward | None) -> None:
    if not c.execute("UPDATE account SET forward = ? WHERE id = ?", (_forward_text(forward), account)).rowcount:
        raise NotThere(f"there is no account {account}")


def _add_alias(c: Connection, alias: Alias) -> None:
    domain = _check_free(c, alias.address)
    targets = json.dumps(alias.targets, ensure_ascii=False)
    c.execute(
        "INSERT INTO alias (address, domain, targets, created) VALUES (?, ?, ?, ?)",
        (alias.address, domain, targets, alias.created),
    )


def _remove_alias(c: Connection, address: str) -> None:
    if not c.execute("DELETE FROM alias WHERE address = ?", (address,)).rowcount:
        raise NotThere(f"there is no alias {address}")


def _aliases(c: Connection, where: str, values: tuple[Any, ...]) -> list[Alias]:
    rows = c.execute(f"SELECT address, targets, created FROM alias {where}", values)  # noqa: S608
    return [Alias(address, tuple(json.loads(targets)), created) for address, targets, created in rows]


def _secret(c: Connection, name: str, proposed: bytes) -> bytes:
    c.execute("INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, proposed))
    value: bytes = c.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()[0]
    return value


def _accounts(c: Connection, where: str, values: tuple[Any, ...]) -> list[Account]:
    rows = c.execute(
        f"SELECT id, address, name, password, created, forward, {GENERATION} FROM account {where}",  # noqa: S608
        values,
    )
    return [
        Account(account, address, name, password, created, _forward(forward), rules)
        for account, address, name, password, created, forward, rules in rows
    ]


def _set_password(c: Connection, account: str, password: str) -> None:
    if not c.execute("UPDATE account SET password = ? WHERE id = ?", (password, account)).rowcount:
        raise NotThere(f"there is no account {account}")
