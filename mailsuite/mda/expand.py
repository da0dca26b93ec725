"""Follows aliases and forwards from an address to mailboxes and to other hosts (RFC 5321 section 3.9)."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.logger import Logger

from mailsuite.mda.find import Finder
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.alias import DEPTH, TARGETS, Alias
from mailsuite.model.errors import Refusal
from mailsuite.model.status import Status

log = Logger()


@dataclass(frozen=True, slots=True)
class Onward:
    """An address elsewhere, and the account whose forward leads there; None: an alias does."""

    address: Address
    owner: Account | None


@dataclass(frozen=True, slots=True)
class Route:
    """Where an address leads; ``problem`` why it leads nowhere, else None.

    ``filed``: the mailboxes that get a copy. ``foreign``: who gets one elsewhere. ``direct``: the accounts that aliases
    alone lead to, whether they keep their mail or not.
    """

    filed: tuple[Account, ...] = ()
    foreign: tuple[Onward, ...] = ()
    direct: tuple[Account, ...] = ()
    problem: Status | None = None


class Expansion:
    """One walk."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._filed: dict[str, Account] = {}
        self._direct: dict[str, Account] = {}
        self._foreign: dict[str, Onward] = {}
        self._led: dict[str, bool | None] = {}
        self._looped = ""

    async def route(self, address: Address) -> Route:
        """From a recipient of ours. Loops are cut; what leads nowhere but into one is a problem (5.4.6)."""
        found = await self._finder.find(address)
        if found is None:
            return Route(problem=Status(550, "5.1.1", f"no mailbox {address} here"))
        try:
            await self._follow(address.key, found, 0, None)
        except Refusal as error:
            return Route(direct=tuple(self._direct.values()), problem=error.status)
        if self._looped:
            log.warn("mail for {address} loops at {looped}", address=str(address), looped=self._looped)
        problem = None
        if not self._filed and not self._foreign:
            problem = Status(550, "5.1.1", f"{address} leads to no mailbox")
            if self._looped:
                problem = Status(550, "5.4.6", f"mail for {address} loops at {self._looped}")
        return Route(tuple(self._filed.values()), tuple(self._foreign.values()), tuple(self._direct.values()), problem)

    async def _follow(self, key: str, found: Account | Alias, depth: int, owner: Account | None) -> bool:
        """Does it lead anywhere?"""
        name = f"account {found.id}" if isinstance(found, Account) else found.address
        if isinstance(found, Account) and owner is None:
            self._direct[found.id] = found
        if name in self._led:
            led = self._led[name]
            if led is None:
                self._looped = key
            return bool(led)
        self._led[name] = None
        if isinstance(found, Alias):
            led = await self._all(found.targets, depth, owner)
        else:
            forward = found.forward
            # A forward that leads nowhere must not lose the mail.
            if forward is None or not await self._all(forward.targets, depth, found) or forward.keep:
                self._filed[found.id] = found
            led = True
        self._led[name] = led
        return led

    async def _all(self, targets: tuple[str, ...], depth: int, owner: Account | None) -> bool:
        if depth >= DEPTH:
            raise Refusal(550, "5.4.6", f"more than {DEPTH} aliases or forwards follow one another")
        led = [await self._target(Address.parse(text), depth + 1, owner) for text in targets]
        return any(led)

    async def _target(self, address: Address, depth: int, owner: Account | None) -> bool:
        if not await self._finder.hosts(address.domain):
            self._foreign.setdefault(address.key, Onward(address, owner))
            led = True
        elif (found := await self._finder.find(address)) is not None:
            led = await self._follow(address.key, found, depth, owner)
        else:
            log.warn("an alias or forward leads to {address}, which is nobody", address=str(address))
            led = False
        if len(self._filed) + len(self._foreign) > TARGETS:
            raise Refusal(550, "5.4.6", f"it leads to more than {TARGETS} addresses")
        return led
