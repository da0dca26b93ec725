"""ZoneSourceContract: what every IZoneSource must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.zones import IZoneSource
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.zone import Record
from mailsuite.testing.builders import domain
from mailsuite.testing.contracts.stores import StoreContract

WWW = Record("www.alpha.example.", "A", 300, "192.0.2.1")


class ZoneSourceContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def zones(self) -> IZoneSource:
        return self.stores.zones

    async def test_domains(self) -> None:
        """The hosted domains are served, with their keys; hosting one raises the generation, failing to does not."""
        before = await self.zones.generation()
        await self.stores.directory.add_domain(domain("alpha.example", keys=2))
        after = await self.zones.generation()
        self.assertGreater(after, before)
        self.assertEqual([domain("alpha.example", keys=2)], list(await self.zones.domains()))
        await self.raises(Conflict, self.stores.directory.add_domain(domain("alpha.example")))
        self.assertEqual(after, await self.zones.generation())

    async def test_records(self) -> None:
        """Records are kept, several of one name and type too; each change raises the generation."""
        other = replace(WWW, data="192.0.2.2")
        text = Record("alpha.example.", "TXT", 60, '"v=spf1 \\"ü\\" -all" "more"')
        generations = [await self.zones.generation()]
        for record in (WWW, other, text):
            await self.zones.add_record(record)
            generations.append(await self.zones.generation())
        self.assertEqual({WWW, other, text}, set(await self.zones.records()))
        await self.zones.remove_record(WWW)
        generations.append(await self.zones.generation())
        self.assertEqual({other, text}, set(await self.zones.records()))
        self.assertEqual(sorted(set(generations)), generations)

    async def test_refusals(self) -> None:
        """What is there cannot be added, what is not there cannot be taken away; the generation stays."""
        await self.zones.add_record(WWW)
        before = await self.zones.generation()
        await self.raises(Conflict, self.zones.add_record(WWW))
        await self.raises(NotThere, self.zones.remove_record(replace(WWW, data="192.0.2.9")))
        await self.raises(NotThere, self.zones.remove_record(replace(WWW, type="AAAA")))
        self.assertEqual(before, await self.zones.generation())
        self.assertEqual([WWW], list(await self.zones.records()))
