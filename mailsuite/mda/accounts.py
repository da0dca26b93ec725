"""Where mail for an address of ours goes: into which mailboxes, on to which other hosts; and which domains are ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.mda.expand import Expansion, Route
from mailsuite.mda.find import Finder
from mailsuite.mda.rewriting import Rewriting
from mailsuite.model.account import Account
from mailsuite.model.address import Address, canonical_ip, literal_ip
from mailsuite.model.alias import rewritten
from mailsuite.model.envelope import Envelope
from mailsuite.model.status import Status

T = TypeVar("T")

REMEMBERED = 5_000
"""How long (ms) an answer that says yes is used again. A no is asked anew each time: what was added works at once."""

_MOST = 10_000


class Accounts:
    """Resolves local recipients.

    ``postmaster`` is the account's address that gets the mail for roles, ``separator`` divides an address from its
    detail (empty: none does), ``addresses`` are the host's own, whose literals are local (RFC 5321 section 4.1.3):
    the names at them are those at the nearest hosted domain above ``hostname``. ``rewriting`` gives what reads
    rewritten reverse-paths.
    """

    def __init__(
        self,
        directory: IAccountDirectory,
        clock: Callable[[], int],
        rewriting: Callable[[], Awaitable[Rewriting]],
        postmaster: str = "",
        separator: str = "+",
        hostname: str = "",
        addresses: Sequence[str] = (),
    ) -> None:
        self._rewriting = rewriting
        self._finder = Finder(directory, separator, postmaster)
        self._hostname = hostname.lower()
        self._addresses = frozenset(map(canonical_ip, addresses))
        self._routes: _Memo[Route] = _Memo(clock)
        self._hosted: _Memo[bool] = _Memo(clock)

    async def hosts(self, domain: str) -> bool:
        """Is the domain (an A-label name, or a literal) one of ours?"""
        if domain.startswith("["):
            return self._own_literal(domain)
        if self._hosted.get(domain):
            return True
        if not await self._finder.hosts(domain):
            return False
        self._hosted.keep(domain, True)
        return True

    def _own_literal(self, domain: str) -> bool:
        try:
            return literal_ip(domain) in self._addresses
        except ValueError:
            return False

    async def route(self, address: Address) -> Route:
        """Where its mail goes; a plain account's takes one look-up of memory, or one of the store."""
        known = self._routes.get(address.key)
        if known is not None:
            return known
        route = await Expansion(self._finder).route(await self._at_home(address))
        if route.problem is None:
            self._routes.keep(address.key, route)
        return route

    async def _at_home(self, address: Address) -> Address:
        if not address.domain.startswith("[") or not self._own_literal(address.domain):
            return address
        name = self._hostname
        while name and not await self.hosts(name):
            name = name.partition(".")[2]
        return Address(address.local, name or address.domain)

    async def leaves(self, address: Address) -> bool:
        """Does mail for it go on to other hosts?"""
        return bool((await self.route(address)).foreign)

    async def answer(self, envelope: Envelope, address: Address) -> Status | None:
        """The refusal of a recipient of ours on port 25, None when it is taken."""
        if rewritten(address) and await self.hosts(address.domain):
            return await self._notices_only(envelope, address)
        return (await self.route(address)).problem

    async def _notices_only(self, envelope: Envelope, address: Address) -> Status | None:
        try:
            (await self._rewriting()).reverse(address)
        except ValueError as error:
            return Status(550, "5.7.1", f"<{address}> takes no mail: {error}")
        if envelope.reverse_path is not None:
            return Status(550, "5.7.1", f"<{address}> takes notices only, which come from <>")
        return None

    async def role(self, domain: str) -> Account | None:
        """Who answers for a domain of ours."""
        return await self._finder.role(domain)


class _Memo(Generic[T]):
    """Answers for a while: a burst of mail asks the same questions again and again."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[int, T]] = {}

    def get(self, key: str) -> T | None:
        known = self._known.get(key)
        return known[1] if known is not None and known[0] > self._clock() else None

    def keep(self, key: str, answer: T) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (self._clock() + REMEMBERED, answer)
