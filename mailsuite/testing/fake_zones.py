"""FakeZoneSource: IZoneSource in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import implementer

from mailsuite.interfaces.zones import IZoneSource
from mailsuite.model.account import Domain
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.zone import Record


@implementer(IZoneSource)
class FakeZoneSource:
    """See IZoneSource."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._generation = 1
        self._records: dict[tuple[str, str, str], Record] = {}
        self._domains: dict[str, Domain] = {}

    def host(self, domain: Domain) -> None:
        if domain.name in self._domains:
            raise Conflict(f"the domain {domain.name} is hosted already")
        self._domains[domain.name] = domain
        self._generation += 1

    def replace(self, domain: Domain) -> None:
        self._check()
        self._domains[domain.name] = domain
        self._generation += 1

    async def generation(self) -> int:
        self._check()
        return self._generation

    async def domains(self) -> Sequence[Domain]:
        self._check()
        return [self._domains[name] for name in sorted(self._domains)]

    async def records(self) -> Sequence[Record]:
        self._check()
        return [self._records[key] for key in sorted(self._records)]

    async def add_record(self, record: Record) -> None:
        self._check()
        if _key(record) in self._records:
            raise Conflict(f"{record.name} {record.type} {record.data} is there already")
        self._records[_key(record)] = record
        self._generation += 1

    async def remove_record(self, record: Record) -> None:
        self._check()
        if self._records.pop(_key(record), None) is None:
            raise NotThere(f"there is no record {record.name} {record.type} {record.data}")
        self._generation += 1


def _key(record: Record) -> tuple[str, str, str]:
    return record.name, record.type, record.data
