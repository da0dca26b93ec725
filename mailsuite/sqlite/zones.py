"""ZoneSource: IZoneSource in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.zones import IZoneSource
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.zone import Record
from mailsuite.sqlite.store import Store


@implementer(IZoneSource)
class ZoneSource:
    """IZoneSource. Records are the same when name, type and data are (RFC 2181 section 5)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def generation(self) -> int:
        """See IZoneSource."""
        number: int = await self._store.read(lambda c: c.execute("SELECT number FROM zone_generation").fetchone()[0])
        return number

    async def domains(self) -> Sequence[Domain]:
        """See IZoneSource."""
        return await self._store.read(domains)

    async def records(self) -> Sequence[Record]:
        """See IZoneSource. By name, type and data."""
        return await self._store.read(
            lambda c: [Record(*row) for row in c.execute("SELECT name, type, ttl, data FROM record")]
        )

    async def add_record(self, record: Record) -> None:
        """See IZoneSource."""
        await self._store.write(lambda c: _add(c, record))

    async def remove_record(self, record: Record) -> None:
        """See IZoneSource."""
        await self._store.write(lambda c: _remove(c, record))


def domains(c: Connection, name: str | None = None) -> list[Domain]:
    """The hosted domains with their keys, by name; only ``name`` when given."""
    where, values = ("", ()) if name is None else ("WHERE name = ?", (name,))
    found = []
    rows = c.execute(f"SELECT name, created, alias_of FROM domain {where} ORDER BY name", values).fetchall()  # noqa: S608
    for domain, created, alias_of in rows:
        keys = c.execute(
            "SELECT selector, algorithm, private, public, created FROM dkim_key WHERE domain = ? ORDER BY n", (domain,)
        )
        found.append(Domain(domain, created, tuple(DkimKey(*key) for key in keys), alias_of))
    return found


def raise_generation(c: Connection) -> None:
    """Tell that what the DNS service serves has changed."""
    c.execute("UPDATE zone_generation SET number = number + 1")


def _add(c: Connection, record: Record) -> None:
    there = c.execute(
        "SELECT ttl FROM record WHERE name = ? AND type = ? AND data = ?", (record.name, record.type, record.data)
    ).fetchone()
    if there is not None:
        raise Conflict(f"{record.name} {record.type} {record.data} is there already, with a TTL of {there[0]}")
    c.execute("INSERT INTO record VALUES (?, ?, ?, ?)", (record.name, record.type, record.data, record.ttl))
    raise_generation(c)


def _remove(c: Connection, record: Record) -> None:
    removed = c.execute(
        "DELETE FROM record WHERE name = ? AND type = ? AND data = ?", (record.name, record.type, record.data)
    ).rowcount
    if not removed:
        raise NotThere(f"there is no record {record.name} {record.type} {record.data}")
    raise_generation(c)
