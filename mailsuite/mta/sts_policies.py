"""The MTA-STS policies of the domains that we send to: found, fetched, kept, fetched again.

RFC 8461 sections 3.1, 3.3, 5.1 and 10.2.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.logger import Logger

from mailsuite.dns.mta_sts import parse_policy, record_id
from mailsuite.interfaces.policy_fetcher import IPolicyFetcher
from mailsuite.interfaces.resolver import INameResolver
from mailsuite.interfaces.sts_cache import IStsCache
from mailsuite.model.errors import MailError, PolicyUnavailable
from mailsuite.model.sts import CachedSts, StsPolicy

PAUSE = 5 * 60 * 1000
"""Milliseconds for which a policy that could not be fetched is not asked for again."""

_REMEMBERED = 10_000
_ROUND = 1000
_AT_ONCE = 10


class StsPolicies:
    """A policy holds from its first fetch until its max_age, whatever becomes of the record or the web server.

    Who can forge DNS answers or block the web server can only keep the first policy from us.
    """

    log = Logger()

    def __init__(
        self, resolver: INameResolver, cache: IStsCache, fetcher: IPolicyFetcher, clock: Callable[[], int]
    ) -> None:
        self._resolver = resolver
        self._cache = cache
        self._fetcher = fetcher
        self._clock = clock
        self._failed: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._fetches: dict[tuple[str, str], list[Deferred[None]]] = {}

    async def of(self, domain: str) -> StsPolicy | None:
        """The policy that a domain has now, in any mode; ``domain`` in A-labels and lower case.

        Raises StoreUnavailable.
        """
        cached = await self._cache.get(domain)
        if cached is not None and cached.expires <= self._clock():
            cached = None
        id = await self._announced(domain)
        if id is not None and (cached is None or cached.id != id):
            cached = await self._fetched(domain, id) or cached
        return None if cached is None else cached.policy

    async def refresh(self) -> None:
        """Fetch again what has been kept for a day or for half its life; forget what has expired."""
        await self._cache.sweep(self._clock())
        turns = DeferredSemaphore(_AT_ONCE)

        async def again(cached: CachedSts) -> None:
            await self._fetched(cached.domain, await self._announced(cached.domain) or cached.id)

        stale = await self._cache.stale(self._clock(), _ROUND)
        await gatherResults(
            [turns.run(again, cached) for cached in stale],
            consumeErrors=True,
        )

    async def _announced(self, domain: str) -> str | None:
        try:
            answer = await self._resolver.lookup(f"_mta-sts.{domain}", "TXT")
        except MailError as error:
            self.log.debug("no MTA-STS record of {domain}: {error}", domain=domain, error=str(error))
            return None
        return record_id(answer.data)

    async def _fetched(self, domain: str, id: str) -> CachedSts | None:
        """The policy from the web server; None when it cannot be had, now or lately. One fetch at a time."""
        key = domain, id
        if key in self._fetches:
            waiting: Deferred[None] = Deferred()
            self._fetches[key].append(waiting)
            await waiting
            return await self._cache.get(domain)
        if self._failed.get(key, 0) > self._clock():
            return None
        self._fetches[key] = []
        try:
            policy = parse_policy(await self._fetcher.fetch(domain))
            cached = CachedSts(domain, id, self._clock(), policy)
            await self._cache.put(cached)
        except (PolicyUnavailable, ValueError) as error:
            self.log.warn("no MTA-STS policy from {domain}: {error}", domain=domain, error=str(error))
            self._failed.pop(key, None)
            self._failed[key] = self._clock() + PAUSE
            if len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)
            return None
        finally:
            for waiting in self._fetches.pop(key):
                waiting.callback(None)
        self._failed.pop(key, None)
        return cached
