"""CounterContract: what every ICounter must do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailsuite.interfaces.counters import ICounter

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Case
else:
    _Case = object


class CounterContract(_Case):
    """Mix into a trial TestCase.

    ``make_counter`` gives a counter that holds nothing; ``now`` is its time in ms; ``tick`` lets about 5 ms pass.
    """

    counter: ICounter

    async def make_counter(self) -> ICounter:
        raise NotImplementedError

    def now(self) -> int:
        raise NotImplementedError

    async def tick(self) -> None:
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]
        self.counter = await self.make_counter()

    async def test_counts(self) -> None:
        """Each hit gives the sum so far; amounts other than one count."""
        self.assertEqual(0, await self.counter.value("ip 192.0.2.1"))
        self.assertEqual([1, 2, 7], [await self.counter.hit("ip 192.0.2.1", 60, n) for n in (1, 1, 5)])
        self.assertEqual(7, await self.counter.value("ip 192.0.2.1"))

    async def test_keys(self) -> None:
        """Counters do not touch each other."""
        await self.counter.hit("a", 60)
        self.assertEqual(0, await self.counter.value("b"))
        self.assertEqual(1, await self.counter.hit("ä {b}:*", 60))
        self.assertEqual(1, await self.counter.value("a"))

    async def test_reset(self) -> None:
        """After a reset counting begins anew; an unknown counter may be reset."""
        await self.counter.hit("a", 60, 9)
        await self.counter.reset("a")
        await self.counter.reset("unknown")
        self.assertEqual(0, await self.counter.value("a"))
        self.assertEqual(1, await self.counter.hit("a", 60))

    async def test_the_window_begins_at_the_first_hit(self) -> None:
        """A counter lives for its window; later hits do not prolong it."""
        start = self.now()
        hits = 1
        self.assertEqual(1, await self.counter.hit("a", 1))
        while await self.counter.hit("a", 1) != 1:
            hits += 1
            self.assertLess(self.now(), start + 3000, "the counter does not end")
            await self.tick()
        self.assertGreater(hits, 5)
        self.assertGreaterEqual(self.now(), start + 990)
