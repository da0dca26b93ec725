"""IZoneSource: what the DNS service is authoritative for."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.account import Domain
from mailsuite.model.zone import Record


class IZoneSource(Interface):
    """Hosted domains and their custom records, under a generation number that rises with each change."""

    async def generation() -> int:
        """Cheap to ask: twice a second."""

    async def domains() -> Sequence[Domain]:
        """The domains for which records are generated."""

    async def records() -> Sequence[Record]:
        """Custom records; they win over generated ones of the same name and type."""

    async def add_record(record: Record) -> None:
        """Add a custom record and raise the generation; Conflict when the very same is there."""

    async def remove_record(record: Record) -> None:
        """Take it away and raise the generation; NotThere when it is unknown."""
