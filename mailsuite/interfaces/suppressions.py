"""ISuppressionList: addresses that do not exist, so that an account's bulk mail goes there once and not again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from zope.interface import Interface

from mailsuite.model.suppression import Suppression


class ISuppressionList(Interface):
    """One entry for each (account, address); addresses in key form. Every method raises StoreUnavailable."""

    async def record(suppression: Suppression) -> bool:
        """Suppress an address; False, and the older entry stays, when it is suppressed already."""

    async def find(account: str, addresses: Collection[str]) -> Mapping[str, Suppression]:
        """Which of ``addresses`` are suppressed for the account."""

    async def list(account: str | None, after: tuple[str, str], limit: int) -> Sequence[Suppression]:
        """Entries by (account, address), from the first above ``after`` (("", "") to begin); None: of all accounts."""

    async def lift(account: str, address: str) -> bool:
        """Send to the address again; False when it was not suppressed."""
