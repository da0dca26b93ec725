"""SuppressionListContract: what every ISuppressionList must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.suppressions import ISuppressionList
from mailsuite.model.status import Status
from mailsuite.model.suppression import Suppression
from mailsuite.testing.builders import BOB, NOW
from mailsuite.testing.contracts.stores import StoreContract

ENTRY = Suppression("ann", BOB, Status(550, "5.1.1", "kein Böb hier"), NOW)


class SuppressionListContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def suppressions(self) -> ISuppressionList:
        return self.stores.suppressions

    async def test_find(self) -> None:
        """What was recorded comes back whole, for its account and address only."""
        self.assertTrue(await self.suppressions.record(ENTRY))
        found = await self.suppressions.find("ann", ["x@beta.example", BOB])
        self.assertEqual({BOB: ENTRY}, dict(found))
        self.assertEqual({}, dict(await self.suppressions.find("carol", [BOB])))
        self.assertEqual({}, dict(await self.suppressions.find("ann", [])))

    async def test_the_first_stays(self) -> None:
        """A second refusal changes neither time nor text."""
        await self.suppressions.record(ENTRY)
        later = replace(ENTRY, status=Status(550, "5.2.1", "closed"), at=NOW + 1)
        self.assertFalse(await self.suppressions.record(later))
        self.assertEqual({BOB: ENTRY}, dict(await self.suppressions.find("ann", [BOB])))

    async def test_lift(self) -> None:
        """Lifted, it is gone, and can be recorded anew."""
        await self.suppressions.record(ENTRY)
        self.assertFalse(await self.suppressions.lift("carol", BOB))
        self.assertTrue(await self.suppressions.lift("ann", BOB))
        self.assertFalse(await self.suppressions.lift("ann", BOB))
        self.assertEqual([], list(await self.suppressions.list(None, ("", ""), 10)))
        self.assertTrue(await self.suppressions.record(replace(ENTRY, at=NOW + 5)))

    async def test_list(self) -> None:
        """By account and address, in pages, of one account or of all."""
        made = [replace(ENTRY, account=a, address=f"{n}@beta.example") for a in ("ann", "carol") for n in range(3)]
        for entry in reversed(made):
            await self.suppressions.record(entry)
        self.assertEqual(made, list(await self.suppressions.list(None, ("", ""), 10)))
        self.assertEqual(made[:2], list(await self.suppressions.list(None, ("", ""), 2)))
        page = await self.suppressions.list(None, ("ann", "1@beta.example"), 2)
        self.assertEqual(made[2:4], list(page))
        self.assertEqual(made[3:], list(await self.suppressions.list("carol", ("", ""), 10)))
