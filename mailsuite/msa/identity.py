"""As whom an account may write (RFC 6409 section 6.1)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import Account
from mailsuite.model.address import Address, Mailbox
from mailsuite.model.alias import DEPTH, base_of
from mailsuite.msa.reply import address_key

ASKED = 200


class Identities:
    """Tells which addresses are an account's; ``separator`` divides an address from its detail, empty: none does."""

    def __init__(self, directory: IAccountDirectory, separator: str) -> None:
        self._directory = directory
        self._separator = separator

    async def owns(self, account: Account, address: Address) -> bool:
        """May the account use this address as reverse-path and author? Letter case does not count.

        It may when it is the account's, with a detail or without, or an alias that leads to the account alone; a
        catch-all makes nobody the owner of what it catches. Raises StoreUnavailable.
        """
        for _ in range(DEPTH):
            if address.key == account.address:
                return True
            following = await self._next(address)
            if following is None:
                return False
            address = following
        return False

    async def own(self, account: Account, boxes: Iterable[Mailbox]) -> frozenset[str]:
        """The keys of those among the first 200 addresses that are the account's, its own first address always.

        So many can be asked about while a person waits, and more than a message may have recipients.
        """
        keys = dict.fromkeys(map(address_key, boxes))
        mine = {account.address}
        for key in islice(keys, ASKED):
            try:
                address = Address.parse(key)
            except ValueError:
                continue
            if await self.owns(account, address):
                mine.add(key)
        return frozenset(mine)

    async def _next(self, address: Address) -> Address | None:
        """What it is an alias of, when that is one address."""
        directory = self._directory
        alias = await directory.alias_at(address.key)
        if alias is not None:
            return Address.parse(alias.targets[0]) if len(alias.targets) == 1 else None
        domain = await directory.domain(address.domain)
        if domain is not None and domain.alias_of:
            return Address(address.local, domain.alias_of)
        # An account of its own is nobody else's, whatever it looks like.
        if domain is None or await directory.account_at(address.key) is not None:
            return None
        return base_of(address, self._separator)
