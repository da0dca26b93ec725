"""What an address of ours is: an account, an alias, or nobody's."""

from __future__ import annotations

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.alias import ROLES, Alias, base_of, catch_all


class Finder:
    """Looks into the directory. ``postmaster`` is the account's address that gets the mail for roles.

    ``separator`` begins a detail. ``proposed`` counts as if it were there.
    """

    def __init__(
        self, directory: IAccountDirectory, separator: str, postmaster: str = "", proposed: Alias | None = None
    ) -> None:
        self._directory = directory
        self._separator = separator
        self._postmaster = postmaster.lower()
        self._proposed = proposed

    async def hosts(self, domain: str) -> bool:
        """Is it in the directory?"""
        return await self._directory.domain(domain) is not None

    async def find(self, address: Address) -> Account | Alias | None:
        """An exact account or alias wins, then comes what the domain is an alias of, the base, a role, the catch-all.

        The domain must be ours.
        """
        exact = await self._named(address)
        if exact is not None:
            return exact
        domain = await self._directory.domain(address.domain)
        if domain is not None and domain.alias_of:
            return await self.find(Address(address.local, domain.alias_of))
        base = base_of(address, self._separator)
        if base is not None and (known := await self._named(base)) is not None:
            return known
        if (base or address).local.lower() in ROLES:
            return await self.role(address.domain)
        return await self._alias(catch_all(address.domain))

    async def _named(self, address: Address) -> Account | Alias | None:
        account = await self._directory.account_at(address.key)
        return account if account is not None else await self._alias(address.key)

    async def _alias(self, key: str) -> Alias | None:
        if self._proposed is not None and key == self._proposed.address:
            return self._proposed
        return await self._directory.alias_at(key)

    async def role(self, domain: str) -> Account | None:
        """Who answers for a domain: the configured account, else the domain's oldest, else the oldest of all."""
        if self._postmaster:
            account = await self._directory.account_at(self._postmaster)
            if account is not None:
                return account
        accounts = await self._directory.accounts(domain) or await self._directory.accounts()
        return min(accounts, key=lambda a: (a.created, a.id), default=None)
