"""A zone read from its text records and checked: what a good server refuses is refused here, in words.

RFC 1034 section 3.6.2, RFC 1912 section 2.4, RFC 2181 sections 5.2 and 10, RFC 4592 section 4, RFC 3597.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dns.exception
import dns.name

from mailsuite.dns import wire
from mailsuite.dns.rdata import Rdata, read_rdata
from mailsuite.model.zone import Record, Zone

MAX_RRSET = 60000
"""Octets of one RRset: what certainly fits into a response over TCP."""

_META = frozenset({0, wire.OPT, *range(128, 256)})
_BESIDE_CNAME = frozenset({46, 47, 25})
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\.?\Z")


@dataclass(frozen=True, slots=True)
class RRset:
    """The records of one owner (lower-case wire form) and type."""

    owner: bytes
    type: int
    ttl: int
    rdatas: tuple[Rdata, ...]


@dataclass(frozen=True, slots=True)
class ZoneData:
    """``names``: owner to type to RRset; ``origin`` in lower-case wire form."""

    origin: bytes
    names: Mapping[bytes, Mapping[int, RRset]]

    @property
    def soa(self) -> RRset:
        """The start of authority."""
        return self.names[self.origin][wire.SOA]


def parents(name: bytes, origin: bytes) -> Iterable[bytes]:
    """``name`` and what is above it, down to ``origin``; nothing when it is not within."""
    if not within(name, origin):
        return
    while len(name) > len(origin):
        yield name
        name = name[name[0] + 1 :]
    yield origin


def within(name: bytes, origin: bytes) -> bool:
    """Is the lower-case wire name at or below the origin?"""
    if not name.endswith(origin):
        return False
    if origin == name:
        return True
    at = 0
    while at < len(name) - len(origin):
        at += name[at] + 1
    return at == len(name) - len(origin)


def read_zone(zone: Zone) -> ZoneData:
    """Parse and check a zone. Raises ValueError that names the record and the rule it breaks."""
    origin = _name(zone.origin, zone.origin)
    origin_name = dns.name.from_text(zone.origin)
    names: dict[bytes, dict[int, list[tuple[int, Rdata, Record]]]] = {}
    for record in zone.records:
        owner = _name(record.name, zone.origin)
        if not within(owner, origin):
            raise ValueError(f"{_say(record)}: the name lies outside the zone {zone.origin}")
        if not 0 <= record.ttl <= wire.MAX_TTL:
            raise ValueError(f"{_say(record)}: the TTL must be 0 to {wire.MAX_TTL} seconds (RFC 2181 section 8)")
        kind, rdata = _rdata(record, origin_name)
        _check_single(record, kind, rdata, owner, origin)
        names.setdefault(owner, {}).setdefault(kind, []).append((record.ttl, rdata, record))
    _check_zone(zone, names, origin)
    return ZoneData(
        origin,
        {
            owner: {
                kind: RRset(owner, kind, min(ttl for ttl, _, _ in found), tuple(dict.fromkeys(r for _, r, _ in found)))
                for kind, found in types.items()
            }
            for owner, types in names.items()
        },
    )


def _say(record: Record) -> str:
    return f"{record.name} {record.type} {record.data}"


def _name(text: str, zone: str) -> bytes:
    try:
        return wire.encode_name(text).lower()
    except ValueError as error:
        raise ValueError(f"zone {zone}: {error}") from None


def _rdata(record: Record, origin: dns.name.Name) -> tuple[int, Rdata]:
    try:
        kind, rdata = read_rdata(record.type, record.data, origin)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{_say(record)}: {error or type(error).__name__}") from None
    if len(rdata.head) > 65535:
        raise ValueError(f"{_say(record)}: longer than 65535 octets")
    return kind, rdata


def _check_single(record: Record, kind: int, rdata: Rdata, owner: bytes, origin: bytes) -> None:
    if kind in _META:
        raise ValueError(f"{_say(record)}: {record.type} is a type for queries, not for zones")
    if kind == wire.DNAME:
        raise ValueError(f"{_say(record)}: DNAME is not served; write a CNAME for each name")
    if kind == wire.SOA and owner != origin:
        raise ValueError(f"{_say(record)}: an SOA stands only at the zone's own name")
    if kind == wire.DS and owner == origin:
        raise ValueError(f"{_say(record)}: a DS belongs into the zone above (RFC 4035 section 2.4)")
    if kind == wire.NS and owner[:2] == b"\1*":
        raise ValueError(f"{_say(record)}: a wildcard cannot be delegated (RFC 4592 section 4.2)")
    if kind in (wire.NS, wire.MX) and _ADDRESS.match(record.data.split()[-1]):
        raise ValueError(f"{_say(record)}: the target must be a name, not an address (RFC 1035 section 3.3)")
    if len(rdata.head) > MAX_RRSET:
        raise ValueError(f"{_say(record)}: longer than {MAX_RRSET} octets")


_Names = Mapping[bytes, Mapping[int, list[tuple[int, Rdata, Record]]]]


def _check_zone(zone: Zone, names: _Names, origin: bytes) -> None:
    apex = names.get(origin, {})
    if len(apex.get(wire.SOA, ())) != 1:
        raise ValueError(f"zone {zone.origin}: exactly one SOA is needed at {zone.origin}")
    if wire.NS not in apex:
        raise ValueError(f"zone {zone.origin}: an NS record is needed at {zone.origin}")
    for owner, types in names.items():
        for found in types.values():
            if sum(len(r.head) + sum(map(len, r.names)) + len(r.tail) + 12 for _, r, _ in found) > MAX_RRSET:
                raise ValueError(f"{_say(found[0][2])}: the records of this name and type exceed {MAX_RRSET} octets")
        if wire.CNAME in types:
            _check_cname(types)
        for kind in (wire.MX, wire.NS):
            for _, rdata, record in types.get(kind, ()):
                _check_target(record, kind, rdata.target, names, origin, owner)


def _check_cname(types: Mapping[int, list[tuple[int, Rdata, Record]]]) -> None:
    aliases = types[wire.CNAME]
    if len({rdata.target for _, rdata, _ in aliases}) > 1:
        raise ValueError(f"{_say(aliases[1][2])}: a name can have only one CNAME (RFC 2181 section 10.1)")
    for kind, found in types.items():
        if kind != wire.CNAME and kind not in _BESIDE_CNAME:
            raise ValueError(
                f"{_say(found[0][2])}: {found[0][2].name} is a CNAME, which stands alone (RFC 1034 section 3.6.2)"
            )


def _check_target(record: Record, kind: int, target: bytes, names: _Names, origin: bytes, owner: bytes) -> None:
    if wire.CNAME in names.get(target, {}):
        raise ValueError(f"{_say(record)}: the target is a CNAME (RFC 2181 section 10.3)")
    if kind == wire.NS and within(target, origin):
        cuts = [name for name in parents(target, origin) if name != origin and wire.NS in names.get(name, {})]
        # Below another delegation the address is that zone's business, unless it is the one that is delegated here.
        if (not cuts or cuts[-1] == owner) and not {wire.A, wire.AAAA} & set(names.get(target, {})):
            raise ValueError(f"{_say(record)}: the name server lies in the zone but has no A or AAAA record")
