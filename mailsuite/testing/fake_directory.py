"""FakeAccountDirectory: IAccountDirectory in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from zope.interface import implementer

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import Account, DkimKey, Domain, Session
from mailsuite.model.alias import Alias, Forward
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.testing.fake_zones import FakeZoneSource


@implementer(IAccountDirectory)
class FakeAccountDirectory:
    """See IAccountDirectory. The domains are those of ``zones``."""

    def __init__(self, zones: FakeZoneSource, check: Callable[[], None]) -> None:
        self._zones = zones
        self._check = check
        self._accounts: dict[str, Account] = {}
        self._aliases: dict[str, Alias] = {}
        self._secrets: dict[str, bytes] = {}
        self._sessions: dict[str, Session] = {}

    async def add_domain(self, domain: Domain) -> None:
        self._check()
        if domain.alias_of and (target := await self.domain(domain.alias_of)) is None:
            raise NotThere(f"the domain {domain.alias_of} is not hosted")
        if domain.alias_of and target is not None and target.alias_of:
            raise Conflict(f"{target.name} is an alias of {target.alias_of} itself")
        self._zones.host(domain)

    async def domains(self) -> Sequence[Domain]:
        return await self._zones.domains()

    async def domain(self, name: str) -> Domain | None:
        return next((domain for domain in await self.domains() if domain.name == name), None)

    async def add_keys(self, domain: str, keys: Sequence[DkimKey]) -> None:
        found = await self._hosted(domain)
        if taken := {key.selector for key in found.keys} & {key.selector for key in keys}:
            raise Conflict(f"{domain} has a key {min(taken)} already")
        self._zones.replace(replace(found, keys=(*found.keys, *keys)))

    async def remove_key(self, domain: str, selector: str) -> None:
        found = await self.domain(domain)
        kept = tuple(key for key in found.keys if key.selector != selector) if found else ()
        if found is None or len(kept) == len(found.keys):
            raise NotThere(f"{domain} has no key {selector}")
        self._zones.replace(replace(found, keys=kept))

    async def _hosted(self, name: str) -> Domain:
        found = await self.domain(name)
        if found is None:
            raise NotThere(f"the domain {name} is not hosted")
        return found

    async def add_account(self, account: Account) -> None:
        await self._free(account.address)
        self._accounts[account.id] = account

    async def _free(self, address: str) -> None:
        name = address.rpartition("@")[2]
        domain = await self.domain(name)
        if domain is None:
            raise NotThere(f"the domain {name} is not hosted")
        if domain.alias_of:
            raise Conflict(f"{name} is an alias of {domain.alias_of}")
        if address in self._aliases or await self.account_at(address) is not None:
            raise Conflict(f"the address {address} is taken")

    async def accounts(self, domain: str | None = None) -> Sequence[Account]:
        self._check()
        found = [a for a in self._accounts.values() if domain is None or a.address.rpartition("@")[2] == domain]
        return sorted(found, key=lambda account: account.address)

    async def account(self, account: str) -> Account | None:
        self._check()
        return self._accounts.get(account)

    async def account_at(self, address: str) -> Account | None:
        return next((account for account in await self.accounts() if account.address == address), None)

    async def set_password(self, account: str, password: str) -> None:
        self._check()
        if account not in self._accounts:
            raise NotThere(f"there is no account {account}")
        self._accounts[account] = replace(self._accounts[account], password=password)

    async def set_forward(self, account: str, forward: Forward | None) -> None:
        self._check()
        if account not in self._accounts:
            raise NotThere(f"there is no account {account}")
        self._accounts[account] = replace(self._accounts[account], forward=forward)

    async def note_rules(self, account: str, generation: int) -> None:
        """The rule store changed an account's rules."""
        self._check()
        if account not in self._accounts:
            raise NotThere(f"there is no account {account}")
        self._accounts[account] = replace(self._accounts[account], rules=generation)

    async def forwarding(self) -> Sequence[Account]:
        return [account for account in await self.accounts() if account.forward is not None]

    async def add_alias(self, alias: Alias) -> None:
        await self._free(alias.address)
        self._aliases[alias.address] = alias

    async def remove_alias(self, address: str) -> None:
        self._check()
        if self._aliases.pop(address, None) is None:
            raise NotThere(f"there is no alias {address}")

    async def aliases(self, domain: str | None = None) -> Sequence[Alias]:
        self._check()
        return [self._aliases[key] for key in sorted(self._aliases) if domain in (None, self._aliases[key].domain)]

    async def alias_at(self, address: str) -> Alias | None:
        self._check()
        return self._aliases.get(address)

    async def secret(self, name: str, proposed: bytes) -> bytes:
        self._check()
        return self._secrets.setdefault(name, proposed)

    async def add_session(self, session: Session) -> None:
        self._check()
        self._sessions[session.token_hash] = session

    async def session(self, token_hash: str) -> Session | None:
        self._check()
        return self._sessions.get(token_hash)

    async def touch_session(self, token_hash: str, seen: int) -> None:
        self._check()
        if session := self._sessions.get(token_hash):
            self._sessions[token_hash] = replace(session, seen=max(session.seen, seen))

    async def end_session(self, token_hash: str) -> None:
        self._check()
        self._sessions.pop(token_hash, None)

    async def expire_sessions(self, seen_before: int, created_before: int) -> int:
        self._check()
        expired = [s for s in self._sessions.values() if s.seen < seen_before or s.created < created_before]
        for session in expired:
            del self._sessions[session.token_hash]
        return len(expired)
