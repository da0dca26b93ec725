"""Zones as text: master files read and written (RFC 1035 section 5, RFC 2308 section 4, RFC 3597)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import dns.exception
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.zonefile

from mailsuite.model.zone import Record, Zone

DEPTH = 10
"""How deep files may include others."""

Read = Callable[[Path], str]
"""Gives the text of a file; OSError and UnicodeDecodeError pass through."""


def read_zone_file(path: Path, read: Read) -> Zone:
    """The zone of a master file, with what it includes.

    It is named by the ``$ORIGIN`` before its first record, else by the file's name without its suffix; records that
    lie outside it are passed over, as BIND does. ``$INCLUDE`` paths are relative to the file that names them. Raises
    ValueError that names the file and what is wrong, and OSError.
    """
    try:
        named = dns.name.from_text(path.stem)
        lines = list(_expanded(path, read, named, 0))
        origin = _first_origin(lines, named)
        manager = dns.zonefile.RRSetsReaderManager(origin, relativize=False)
        with manager.writer(True) as transaction:
            tokens = dns.tokenizer.Tokenizer("".join(lines), str(path))
            dns.zonefile.Reader(tokens, dns.rdataclass.IN, transaction, allow_directives=("$ORIGIN", "$TTL")).read()
    except (dns.exception.DNSException, ValueError) as error:
        text = str(error) or type(error).__name__
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    records = tuple(
        Record(
            rrset.name.to_text().lower(),
            dns.rdatatype.to_text(rrset.rdtype),
            rrset.ttl,
            rdata.to_text(rrset.name, relativize=False),
        )
        for rrset in manager.rrsets
        for rdata in rrset
    )
    if not any(record.type == "SOA" for record in records):
        raise ValueError(f"{path}: there is no SOA record")
    return Zone(origin.to_text().lower(), records)


def _first_origin(lines: list[str], origin: dns.name.Name) -> dns.name.Name:
    """The origin at the first record."""
    for line in lines:
        words = line.split(";")[0].split()
        if words and not line.startswith("$"):
            break
        if words and words[0].upper() == "$ORIGIN" and len(words) == 2:
            origin = dns.name.from_text(words[1], origin)
    return origin


def _expanded(path: Path, read: Read, origin: dns.name.Name, depth: int) -> Iterator[str]:
    """The lines of a file, included ones in their place; after them the origin is what it was (RFC 1035 5.1)."""
    if depth > DEPTH:
        raise ValueError(f"{path}: files include each other more than {DEPTH} deep")
    for line in read(path).splitlines():
        words = line.split(";")[0].split() if line.startswith("$") else [""]
        directive = words[0].upper()
        if directive == "$ORIGIN" and len(words) == 2:
            origin = dns.name.from_text(words[1], origin)
        if directive != "$INCLUDE":
            yield line + "\n"
            continue
        if not 2 <= len(words) <= 3:
            raise ValueError(f"{path}: $INCLUDE needs a file, and may have an origin after it")
        inner = dns.name.from_text(words[2], origin) if len(words) == 3 else origin
        yield f"$ORIGIN {inner}\n"
        yield from _expanded(path.parent / PurePath(words[1]), read, inner, depth + 1)
        yield f"$ORIGIN {origin}\n"


def write_zone_file(zone: Zone) -> str:
    """The zone as a master file for any name server: SOA first, absolute names, one record a line."""
    ordered = sorted(zone.records, key=lambda record: record.type != "SOA")
    width = max((len(record.name) for record in ordered), default=0)
    lines = [f"$ORIGIN {zone.origin}", *(f"{r.name:<{width}} {r.ttl} IN {r.type} {r.data}" for r in ordered)]
    return "\n".join(lines) + "\n"
