"""FakeStsCache: IStsCache in memory; FakeFetcher: IPolicyFetcher that knows only what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import implementer

from mailsuite.interfaces.policy_fetcher import IPolicyFetcher
from mailsuite.interfaces.sts_cache import IStsCache
from mailsuite.model.errors import PolicyUnavailable
from mailsuite.model.sts import CachedSts


@implementer(IStsCache)
class FakeStsCache:
    """See IStsCache."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._policies: dict[str, CachedSts] = {}

    async def get(self, domain: str) -> CachedSts | None:
        self._check()
        return self._policies.get(domain)

    async def put(self, cached: CachedSts) -> None:
        self._check()
        earlier = self._policies.get(cached.domain)
        if earlier is None or earlier.fetched <= cached.fetched:
            self._policies[cached.domain] = cached

    async def stale(self, now: int, limit: int) -> Sequence[CachedSts]:
        self._check()
        found = [cached for cached in self._policies.values() if cached.stale <= now]
        return sorted(found, key=lambda cached: cached.stale)[:limit]

    async def sweep(self, now: int) -> int:
        self._check()
        before = len(self._policies)
        self._policies = {domain: cached for domain, cached in self._policies.items() if cached.expires > now}
        return before - len(self._policies)


@implementer(IPolicyFetcher)
class FakeFetcher:
    """``texts`` maps domains to policies; others are PolicyUnavailable. ``asked`` lists the fetches, in order."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.asked: list[str] = []

    async def fetch(self, domain: str) -> str:
        self.asked.append(domain)
        if domain not in self.texts:
            raise PolicyUnavailable("the server cannot be reached")
        return self.texts[domain]
