"""PermitsContract: what every IPermits must do."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from mailsuite.interfaces.permits import IPermits

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Case
else:
    _Case = object

SITE = "mx.example"
LONG = 100_000
"""A permit that does not end within a test (ms)."""


class PermitsContract(_Case):
    """Mix into a trial TestCase.

    ``make_permits`` gives permits for LIMIT holders of a site, none of them taken; ``now`` is their time in ms;
    ``tick`` lets about 5 ms of it pass.
    """

    LIMIT = 3

    permits: IPermits

    async def make_permits(self) -> IPermits:
        raise NotImplementedError

    def now(self) -> int:
        raise NotImplementedError

    async def tick(self) -> None:
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]
        self.permits = await self.make_permits()

    async def fill(self, lease: int = LONG) -> None:
        """Take all permits of the site, as m.0, m.1 and m.2."""
        for n in range(self.LIMIT):
            self.assertEqual(0, await self.permits.take(SITE, f"m.{n}", lease))

    async def free(self, holder: str = "late.1") -> bool:
        """Can one more be had?"""
        return await self.permits.take(SITE, holder, LONG) == 0

    async def test_limit(self) -> None:
        """So many holders at a time and no more; sites do not touch each other."""
        await self.fill()
        self.assertFalse(await self.free())
        self.assertEqual(0, await self.permits.take("other.example", "late.1", LONG))

    async def test_the_same_holder(self) -> None:
        """Who has one gets it again, and takes the place of nobody."""
        await self.fill()
        await self.fill()
        await self.permits.give(SITE, "m.1")
        self.assertTrue(await self.free())
        self.assertFalse(await self.free("late.2"))

    async def test_given_back(self) -> None:
        """A permit given back can be had by another, once; unknown ones are no error."""
        await self.fill()
        for holder in ("m.0", "m.0", "unknown.1"):
            await self.permits.give(SITE, holder)
        await self.permits.give("unknown.example", "m.0")
        self.assertTrue(await self.free())
        self.assertFalse(await self.free("late.2"))

    async def test_expiry(self) -> None:
        """A permit that nobody gives back ends at its time; one that was prolonged does not."""
        start = self.now()
        await self.fill(lease=100)
        self.assertEqual(0, await self.permits.take(SITE, "m.1", LONG))
        self.assertFalse(await self.free())
        for holder in ("late.1", "late.2"):  # m.0 and m.2 end, one after the other
            while not await self.free(holder):
                self.assertLess(self.now(), start + 10_000, "the permit does not end")
                await self.tick()
            self.assertGreaterEqual(self.now(), start + 90)
        self.assertFalse(await self.free("late.3"))

    async def test_when_to_ask_again(self) -> None:
        """About a second later; those who wait are told different times, so that they do not all come at once."""
        await self.fill()
        start = self.now()
        times = [await self.permits.take(SITE, f"late.{n}", LONG) for n in range(20)]
        self.assertLess(abs(times[0] - start - 1000), 900)
        self.assertTrue(all(later - earlier >= 50 for earlier, later in pairwise(times)), times)
        self.assertLess(times[-1], self.now() + 60_001)

    async def test_nobody_waits_long(self) -> None:
        """However many wait, none is told to come later than in a minute."""
        await self.fill()
        times = [await self.permits.take(SITE, f"late.{n}", LONG) for n in range(1500)]
        self.assertLessEqual(times[-1], self.now() + 60_000)
        self.assertGreater(times[-1], self.now() + 50_000)
