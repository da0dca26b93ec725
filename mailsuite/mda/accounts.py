"""Whose mailbox an address is, and which domains are ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Generic, TypeVar

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import Account
from mailsuite.model.address import Address, canonical_ip, literal_ip

T = TypeVar("T")

REMEMBERED = 5_000
"""How long (ms) an answer that says yes is used again. A no is asked anew each time: what was added works at once."""

_MOST = 10_000


class Accounts:
    """Finds the account of a local recipient. ``postmaster`` is the account's address that gets postmaster mail.

    ``addresses`` are this host's: mail for their literals is for us (RFC 5321 section 4.1.3). The names at them are
    those at the nearest hosted domain above ``hostname``.
    """

    def __init__(
        self,
        directory: IAccountDirectory,
        clock: Callable[[], int],
        postmaster: str = "",
        hostname: str = "",
        addresses: Collection[str] = (),
    ) -> None:
        self._directory = directory
        self._postmaster = postmaster.lower()
        self._hostname = hostname.lower()
        self._addresses = frozenset(map(canonical_ip, addresses))
        self._found: _Memo[Account] = _Memo(clock)
        self._hosted: _Memo[bool] = _Memo(clock)

    async def hosts(self, domain: str) -> bool:
        """Is the domain (an A-label name, or an address literal) one of ours?"""
        if domain.startswith("["):
            return self._own_literal(domain)

        async def ask() -> bool | None:
            return True if await self._directory.domain(domain) is not None else None

        return await self._hosted.get(domain, ask) is not None

    async def find(self, address: Address) -> Account | None:
        """The account, None when there is none.

        Postmaster works for every hosted domain (RFC 5321 section 4.5.1): an account of that name, else the
        configured one, else the domain's oldest account.
        """
        return await self._found.get(address.key, lambda: self._find(address))

    def _own_literal(self, domain: str) -> bool:
        try:
            return literal_ip(domain) in self._addresses
        except ValueError:
            return False

    async def _home(self) -> str:
        """The hosted domain that the host's name is, or is in; "" when there is none."""
        name = self._hostname
        while name and not await self.hosts(name):
            name = name.partition(".")[2]
        return name

    async def _find(self, address: Address) -> Account | None:
        if self._own_literal(address.domain) and (home := await self._home()):
            address = Address(address.local, home)
        account = await self._directory.account_at(address.key)
        if account is not None or address.local.lower() != "postmaster":
            return account
        if self._postmaster:
            account = await self._directory.account_at(self._postmaster)
            if account is not None:
                return account
        accounts = await self._directory.accounts(address.domain) or await self._directory.accounts()
        return min(accounts, key=lambda a: (a.created, a.id), default=None)


class _Memo(Generic[T]):
    """Answers that are not None, for a while: a burst of mail asks the same questions again and again."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[int, T]] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[T | None]]) -> T | None:
        now = self._clock()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        answer = await ask()
        if answer is not None:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (now + REMEMBERED, answer)
        return answer
