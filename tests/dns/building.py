"""Zones for tests, written as zone files are."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode

from mailsuite.dns.answer import Answerer
from mailsuite.dns.builder import compile_table
from mailsuite.model.zone import Record, Zone

SOA = "@ 3600 SOA ns postmaster 7 7200 900 1209600 300"
APEX = (SOA, "@ 3600 NS ns", "ns 3600 A 192.0.2.53")


def zone(origin: str, *lines: str, apex: tuple[str, ...] = APEX) -> Zone:
    """A zone of lines ``name TTL type data``; names without a final dot are below the origin, which ends in a dot."""
    return Zone(origin, tuple(_record(origin, line) for line in (*apex, *lines)))


def _record(origin: str, line: str) -> Record:
    name, ttl, kind, data = line.split(maxsplit=3)
    if name == "@":
        name = origin
    elif not name.endswith("."):
        name = f"{name}.{origin}".replace("..", ".")
    return Record(name, kind, int(ttl), data)


def ask(zones: list[Zone], name: str, kind: str, **options: object) -> dns.message.Message:
    """The response over UDP, parsed by dnspython."""
    query = dns.message.make_query(name, kind, **options)  # type: ignore[arg-type]
    response = Answerer(compile_table(zones)).answer(query.to_wire())
    assert isinstance(response, bytes)
    parsed = dns.message.from_wire(response)
    assert query.is_response(parsed)
    return parsed


def lines(section: list[dns.rrset.RRset]) -> list[str]:
    """A section as sorted text."""
    return sorted(line for rrset in section for line in rrset.to_text().splitlines())


def said(message: dns.message.Message) -> tuple[str, str]:
    """The rcode, and those of AA, TC, RA and AD that are set."""
    flags = dns.flags.to_text(message.flags).split()
    return dns.rcode.to_text(message.rcode()), " ".join(flag for flag in flags if flag in ("AA", "TC", "RA", "AD"))
