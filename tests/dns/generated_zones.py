"""Random zones and questions about them, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from mailsuite.dns.zonedata import read_zone
from mailsuite.model.zone import Record, Zone

_LABELS = ("a", "b", "www", "_tcp", "ns", "*", "sub", "a\\.b", "x\\032y", "\\200", "x" * 63)
_WEIGHTS = (6, 6, 6, 3, 4, 4, 4, 1, 1, 1, 1)
_TYPES = (
    "A", "A", "A", "AAAA", "MX", "TXT", "CNAME", "CNAME", "NS", "NS", "SRV", "CAA", "PTR", "TYPE65280", "DS",
    "LONG", "LONG", "TLSA", "NAPTR",
)  # fmt: skip
QUESTIONS = (
    "A", "A", "AAAA", "MX", "TXT", "TXT", "NS", "SOA", "CNAME", "SRV", "DS", "CAA", "PTR", "TYPE65280", "TYPE65281",
    "TLSA", "NAPTR", "ANY",
)  # fmt: skip


def zones(count: int, seed: int) -> list[Zone]:
    """Zones z0.example., z1.example., … that pass our checks; some lie inside others."""
    random = Random(seed)
    origins = [f"z{n}.example." for n in range(count)]
    for n in range(0, count, 7):
        origins[n] = f"{random.choice(('a', 'sub', 'b.a'))}.z{n + 1}.example."
    return [_zone(origin, origins, random) for origin in origins]


def _zone(origin: str, origins: list[str], random: Random) -> Zone:
    records = [
        Record(origin, "SOA", random.choice((60, 3600)), "ns postmaster 1 7200 900 1209600 300"),
        Record(origin, "NS", 3600, "ns"),
        Record(f"ns.{origin}", "A", 3600, "192.0.2.53"),
    ]
    ttls = {(record.name, record.type): record.ttl for record in records}
    inner = tuple(other for other in origins if other != origin and other.endswith(f".{origin}"))
    crowded = _owner(origin, random)
    for _ in range(random.randint(3, 30)):
        owner, kind = _owner(origin, random), random.choice(_TYPES)
        if random.random() < 0.15:  # many types at one name
            owner = crowded
        if f".{owner}".endswith(tuple(f".{other}" for other in inner)):
            continue
        ttl = ttls.setdefault((owner, kind.replace("LONG", "TXT")), random.choice((60, 300)))
        more = [_record(owner, kind, ttl, origin, origins, random)]
        if kind == "NS" and random.random() < 0.5:
            glue_ttl = ttls.setdefault((f"ns.{owner}", "A"), 60)
            more = [Record(owner, "NS", ttl, f"ns.{owner}"), Record(f"ns.{owner}", "A", glue_ttl, "192.0.2.54")]
        try:
            read_zone(Zone(origin, (*records, *more)))
        except ValueError:
            continue
        records += [record for record in more if record not in records]
    return Zone(origin, tuple(records))


def _label(random: Random) -> str:
    return random.choices(_LABELS, _WEIGHTS)[0]


def _owner(origin: str, random: Random) -> str:
    return "".join(f"{_label(random)}." for _ in range(random.choice((0, 1, 1, 2, 2, 3)))) + origin


def _odd_case(name: str, random: Random) -> str:
    return "".join(random.choice((c, c.upper())) for c in name)


def _record(owner: str, kind: str, ttl: int, origin: str, origins: list[str], random: Random) -> Record:
    near, far, foreign = _owner(origin, random), _owner(random.choice(origins), random), "host.elsewhere.test."
    target = random.choice((near, near, near, far, foreign, _odd_case(near, random)))
    number = random.randint(0, 250)
    data = {
        "A": f"192.0.2.{number}",
        "AAAA": f"2001:db8::{number}",
        "MX": f"{number} {target}",
        "TXT": f'"text {number}"',
        "CNAME": target,
        "NS": target,
        "SRV": f"0 0 {number} {target}",
        "CAA": f'0 issue "ca{number}.test"',
        "PTR": target,
        "TYPE65280": f"\\# 1 {number:02x}",
        "DS": f"{number} 8 2 {'ab' * 32}",
        "TLSA": f"3 1 1 {number:02x}" + "cd" * 31,
        "NAPTR": f'{number} 10 "U" "E2U+sip" "!^.*$!sip:a@b.test!" .',
        "LONG": " ".join(f'"{"t" * 200}"' for _ in range(random.randint(2, 9))),
    }[kind]
    return Record(owner, "TXT" if kind == "LONG" else kind, ttl, data)


def questions(zone: Zone, count: int, seed: int) -> Iterator[tuple[str, str, int | None]]:
    """Name, type, and the EDNS payload (None: without EDNS)."""
    random = Random(seed)
    owners = sorted({record.name for record in zone.records})
    for _ in range(count):
        name = random.choice((random.choice(owners), random.choice(owners), _owner(zone.origin, random)))
        for _ in range(random.choice((0, 0, 0, 1, 2))):
            name = f"{random.choice((_label(random), 'nope'))}.{name}"
        if random.random() < 0.3:
            name = _odd_case(name, random)
        if len(name) > 200:
            continue
        if random.random() < 0.1:
            name = name.partition(".")[2] or "."
        yield name, random.choice(QUESTIONS), random.choice((None, None, 512, 1232, 4096))
