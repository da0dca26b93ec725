"""IStsCache: the MTA-STS policies that were fetched, shared by all processes and kept over restarts."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.sts import CachedSts


class IStsCache(Interface):
    """Domains are A-labels in lower case. Every method raises StoreUnavailable when the store cannot serve now."""

    async def get(domain: str) -> CachedSts | None:
        """The policy of a domain, expired or not."""

    async def put(cached: CachedSts) -> None:
        """Keep a policy instead of the domain's earlier one; one that was fetched later stays."""

    async def stale(now: int, limit: int) -> Sequence[CachedSts]:
        """Policies to be fetched again (see CachedSts.stale), those that have waited longest first."""

    async def sweep(now: int) -> int:
        """Forget the expired; how many went."""
