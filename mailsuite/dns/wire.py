"""Queries as bytes: names, the question, EDNS, and the header of a response.

RFC 1035 section 4.1, RFC 2181, RFC 6891. Nothing here raises on any bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rcode

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, BADVERS = 0, 1, 2, 3, 4, 5, 6, 16

A, NS, CNAME, SOA, HINFO, MX, TXT, AAAA, SRV, DNAME, OPT, DS = 1, 2, 5, 6, 13, 15, 16, 28, 33, 39, 41, 43
IXFR, AXFR, ANY = 251, 252, 255

MAX_TTL = 2**31 - 1
"""RFC 2181 section 8."""

HEADER = 12
MIN_UDP = 512
UDP_SIZE = 1232
"""The most that is sent over UDP, and what we say we take (RFC 9715)."""
STREAM_SIZE = 65535

QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
_OPCODE = 0x7800
_LONGEST = 253
_SIMPLE = re.compile(r"(?:[A-Za-z0-9_*-]{1,63}\.)*[A-Za-z0-9_*-]{1,63}\.?\Z")
"""Names without escapes, of at most _LONGEST octets: nearly all of them."""
_MAX_ADDITIONAL = 4

Heads = tuple[bytes, ...]
"""Octets 3 to 12 of a response, by ``rd | 2 * ra | 4 * edns``; see :func:`heads`."""


class Query(NamedTuple):
    """A datagram that deserves a response.

    ``question`` is name, type and class as asked, empty when it cannot be read; ``payload`` is what the asker takes
    over UDP; ``fault`` is the rcode that the query deserves by its form, NOERROR for a good one.
    """

    id: bytes
    flags: int
    question: bytes
    edns: bool = False
    payload: int = MIN_UDP
    do: bool = False
    fault: int = NOERROR

    @property
    def name(self) -> bytes:
        """The name in wire form, lower case."""
        return self.question[:-4].lower()

    @property
    def type(self) -> int:
        """The RR type asked for."""
        return int.from_bytes(self.question[-4:-2], "big")

    @property
    def recursion(self) -> bool:
        """Is RD set?"""
        return bool(self.flags & RD)

    @property
    def udp_limit(self) -> int:
        """How long a response over UDP may be."""
        return min(max(self.payload, MIN_UDP), UDP_SIZE)


def name_end(data: bytes, at: int) -> int:
    """Where an uncompressed name that begins at ``at`` ends, or -1."""
    start, size = at, len(data)
    while at < size:
        length = data[at]
        at += length + 1
        if not length:
            return at if at - start <= 255 else -1
        if length > 63:
            return -1
    return -1


def read_name(data: bytes, at: int, changing: Sequence[int] | None = None) -> tuple[bytes, int] | None:
    """A name that may be compressed: expanded, and where it ends. None when it is malformed.

    A pointer must lead to a name that ends before the labels that led to it (RFC 1035 section 4.1.4: a prior
    occurrence), which also rules out loops. ``changing``: where the TTLs of a message stand, in order. With it no
    pointer may lead into one of them or the header: what it finds there is another name as soon as they are rewritten.
    """
    labels = bytearray()
    end, run, limit = -1, at, len(data)
    while at < limit:
        length = data[at]
        if length < 64:
            labels += data[at : at + length + 1]
            at += length + 1
            if at > limit or len(labels) > 255:
                return None
            if length:
                continue
            if end < 0:
                return bytes(labels), at
            return None if changing is not None and _changes(run, at, changing) else (bytes(labels), end)
        if length < 0xC0 or at + 1 >= limit:
            return None
        if end < 0:
            end = at + 2
        elif changing is not None and _changes(run, at + 2, changing):
            return None
        target = (length & 0x3F) << 8 | data[at + 1]
        if target >= run:
            return None
        limit, at, run = run, target, target
    return None


def _changes(start: int, end: int, changing: Sequence[int]) -> bool:
    before = bisect_left(changing, end)
    return start < HEADER or (before > 0 and changing[before - 1] + 4 > start)


def parse_query(data: bytes) -> Query | None:
    """Read a query. None: no response at all (too short, or itself a response)."""
    if len(data) < HEADER or data[2] & 0x80:
        return None
    ident, flags = data[:2], data[2] << 8 | data[3]
    if flags & _OPCODE:
        return Query(ident, flags, b"", fault=NOTIMP)
    end = name_end(data, HEADER)
    if data[4:8] != b"\0\1\0\0" or end < 0 or end + 4 > len(data):
        return Query(ident, flags, b"", fault=FORMERR)
    question = data[HEADER : end + 4]
    malformed = Query(ident, flags, question, fault=FORMERR)
    authority, additional = int.from_bytes(data[8:10], "big"), int.from_bytes(data[10:12], "big")
    # An IXFR brings the SOA that the asker has (RFC 1995 section 3).
    if additional > _MAX_ADDITIONAL or authority > (question[-4:-2] == b"\0\xfb"):
        return malformed
    query, at = Query(ident, flags, question), end + 4
    for index in range(authority + additional):
        owner = read_name(data, at)
        if owner is None or owner[1] + 10 > len(data):
            return malformed
        fixed = owner[1]
        at = fixed + 10 + int.from_bytes(data[fixed + 8 : fixed + 10], "big")
        if at > len(data):
            return malformed
        if data[fixed : fixed + 2] == b"\0\x29" and index >= authority:
            if query.edns or owner[0] != b"\0" or not _options_fit(data[fixed + 10 : at]):
                return malformed
            query = query._replace(
                edns=True,
                payload=int.from_bytes(data[fixed + 2 : fixed + 4], "big"),
                do=bool(data[fixed + 6] & 0x80),
                fault=BADVERS if data[fixed + 5] else NOERROR,
            )
    return query if at == len(data) else malformed


def _options_fit(options: bytes) -> bool:
    at = 0
    while at + 4 <= len(options):
        at += 4 + int.from_bytes(options[at + 2 : at + 4], "big")
    return at == len(options)


def opt(do: bool = False, extended: int = 0) -> bytes:
    """Our OPT record (RFC 6891 section 6.1.2); ``extended`` is the upper part of the rcode."""
    return b"\0\0\x29" + UDP_SIZE.to_bytes(2, "big") + bytes((extended, 0, 0x80 if do else 0, 0, 0, 0))


@lru_cache(1024)
def heads(rcode: int, aa: bool = False, answer: int = 0, authority: int = 0, additional: int = 0) -> Heads:
    """The flags and counts of a response with one question, for each of the eight kinds of asker."""
    return tuple(
        bytes((0x80 | (kind & 1) | (0x04 if aa else 0), (0x80 if kind & 2 else 0) | rcode, 0, 1))
        + b"".join(n.to_bytes(2, "big") for n in (answer, authority, additional + (kind >> 2)))
        for kind in range(8)
    )


_BARE = [heads(rcode) for rcode in range(16)]


def error_response(query: Query, rcode: int, recursion: bool = False) -> bytes:
    """A response without records; BADVERS is told by the OPT (RFC 6891 section 6.1.3)."""
    kind = bool(query.flags & RD) + 2 * recursion + 4 * query.edns
    flags = _BARE[rcode & 15][kind]
    if not query.question:
        flags = flags[:2] + bytes(8)
    return query.id + flags + query.question + (opt(query.do, rcode >> 4) if query.edns else b"")


def octets(name: dns.name.Name) -> bytes:
    """The wire form of an absolute name, uncompressed, with its case."""
    return b"".join(bytes((len(label),)) + label for label in name.labels)


def encode_name(text: str) -> bytes:
    """An absolute name from text, final dot or not, to wire form with its case. Raises ValueError in words."""
    if not text:
        raise ValueError("an empty text is not a domain name")
    if len(text) <= _LONGEST and _SIMPLE.match(text):
        labels = text.encode("ascii").rstrip(b".").split(b".")
        return b"".join([bytes((len(label),)) + label for label in labels]) + b"\0"
    try:
        return octets(dns.name.from_text(text, dns.name.root))
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"{text!r} is not a domain name: {error}") from None


def decode_name(wire: bytes) -> str:
    """A whole wire name as text, with its final dot."""
    return dns.name.from_wire(wire, 0)[0].to_text()


def rcode_text(rcode: int) -> str:
    """Such as "SERVFAIL"."""
    return dns.rcode.to_text(dns.rcode.Rcode(rcode))
