"""StsCacheContract: what every IStsCache must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.sts_cache import IStsCache
from mailsuite.model.sts import CachedSts, StsMode, StsPolicy
from mailsuite.testing.builders import NOW
from mailsuite.testing.contracts.stores import StoreContract

_WEEK = 7 * 24 * 3600
CACHED = CachedSts("beta.example", "1", NOW, StsPolicy(StsMode.ENFORCE, ("mx.beta.example", "*.beta.example"), _WEEK))


def of(domain: str, fetched: int, max_age: int) -> CachedSts:
    """A policy of a domain, fetched then, good for ``max_age`` seconds."""
    return replace(CACHED, domain=domain, fetched=fetched, policy=replace(CACHED.policy, max_age=max_age))


class StsCacheContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def sts(self) -> IStsCache:
        return self.stores.sts

    async def test_get(self) -> None:
        """What was put comes back whole, in every mode; what was not is None."""
        self.assertIsNone(await self.sts.get("beta.example"))
        none = CachedSts("gamma.example", "a" * 32, NOW + 1, StsPolicy(StsMode.NONE, (), 0))
        for cached in (CACHED, none):
            await self.sts.put(cached)
        self.assertEqual(CACHED, await self.sts.get("beta.example"))
        self.assertEqual(none, await self.sts.get("gamma.example"))

    async def test_put_again(self) -> None:
        """A later policy takes the place of an earlier one, never the other way round."""
        later = CachedSts("beta.example", "2", NOW + 5, StsPolicy(StsMode.TESTING, ("mx2.beta.example",), 60))
        for cached in (CACHED, later, CACHED):
            await self.sts.put(cached)
        self.assertEqual(later, await self.sts.get("beta.example"))

    async def test_stale(self) -> None:
        """Stale after a day, or after half its life if that is sooner; the longest first, no more than asked for."""
        week, hours = of("week.example", NOW, _WEEK), of("hours.example", NOW, 4 * 3600)
        for cached in (week, hours):
            await self.sts.put(cached)
        day, two_hours = NOW + 24 * 3600_000, NOW + 2 * 3600_000
        self.assertEqual([], list(await self.sts.stale(two_hours - 1, 10)))
        self.assertEqual([hours], list(await self.sts.stale(two_hours, 10)))
        self.assertEqual([hours], list(await self.sts.stale(day - 1, 10)))
        self.assertEqual([hours, week], list(await self.sts.stale(day, 10)))
        self.assertEqual([hours], list(await self.sts.stale(day, 1)))

    async def test_sweep(self) -> None:
        """The expired go."""
        for cached in (of("minute.example", NOW, 60), CACHED):
            await self.sts.put(cached)
        self.assertEqual(0, await self.sts.sweep(NOW + 59_999))
        self.assertEqual(1, await self.sts.sweep(NOW + 60_000))
        self.assertIsNone(await self.sts.get("minute.example"))
        self.assertEqual(CACHED, await self.sts.get("beta.example"))
