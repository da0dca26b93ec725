"""Serial numbers of generated zones: one rises when, and only when, something else of its zone has changed.

RFC 1035 section 3.3.13, RFC 1982.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b

from mailsuite.model.zone import Record, Zone


class Serials:
    """Remembers the zones that were settled.

    Secondaries fetch a zone for each new serial: that of an unchanged zone must stay. What is not remembered (after a
    restart the settings may be others) gets the time.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, int]] = {}

    def settle(self, zones: Iterable[Zone], now: float) -> list[Zone]:
        """The zones with their serials; ``now`` in seconds since 1970. Those that are not given are forgotten."""
        settled, known = [], {}
        for zone in zones:
            done = self._settled(zone, now)
            known[done.origin] = _digest(done), done.serial
            settled.append(done)
        self._known = known
        return settled

    def settled(self, zone: Zone) -> Zone:
        """A zone of the last settling, with its serial."""
        _, serial = self._known.get(zone.origin, (b"", zone.serial))
        return _with_serial(zone, serial)

    def _settled(self, zone: Zone, now: float) -> Zone:
        digest, serial = self._known.get(zone.origin, (b"", -1))
        if digest == _digest(zone):
            return _with_serial(zone, serial)
        return _with_serial(zone, max(zone.serial, int(now), serial + 1) % 2**32)


def _digest(zone: Zone) -> bytes:
    fields = (
        field
        for r in zone.records
        for field in (r.name, r.type, str(r.ttl), _without_serial(r) if r.type == "SOA" else r.data)
    )
    return blake2b("\0".join(fields).encode(), digest_size=16).digest()


def _without_serial(soa: Record) -> str:
    words = soa.data.split()
    return " ".join(words[:2] + words[3:])


def _with_serial(zone: Zone, serial: int) -> Zone:
    if zone.serial == serial:
        return zone
    return replace(zone, records=tuple(_numbered(r, serial) if r.type == "SOA" else r for r in zone.records))


def _numbered(soa: Record, serial: int) -> Record:
    words = soa.data.split()
    return replace(soa, data=" ".join((*words[:2], str(serial), *words[3:])))
