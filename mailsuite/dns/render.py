"""Records to octets: the bodies of responses, made once when a zone is compiled.

RFC 1035 section 4.1.4 (compression), RFC 3597 section 4 (which rdata may be compressed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from mailsuite.dns import wire
from mailsuite.dns.zonedata import RRset

_OWNER = b"\xc0\x0c"
"""A pointer to the question's name."""
_REACH = 0x4000
"""What a pointer can point to."""
_ENOUGH = 60000
"""Additional data is not begun beyond this many octets."""


@dataclass(slots=True)
class Reply:
    """What a zone says to a question. ``leaves`` is where a chain of CNAMEs leads out of the zone or below a cut."""

    rcode: int = wire.NOERROR
    aa: bool = True
    answer: list[RRset] = field(default_factory=list)
    authority: list[RRset] = field(default_factory=list)
    additional: list[RRset] = field(default_factory=list)
    leaves: bytes = b""


@dataclass(frozen=True, slots=True)
class Template:
    """A body that serves many names: ``chunks``, joined by a pointer to the last ``base`` octets of the name asked.

    ``leaves`` as in :class:`Reply`; ``referral``: another server knows the answer.
    """

    heads: wire.Heads
    chunks: tuple[bytes, ...]
    base: int = 1
    leaves: bytes = b""
    referral: bool = False

    def body(self, name_length: int) -> bytes:
        """The body for a name of that many octets."""
        return (0xC000 | wire.HEADER + name_length - self.base).to_bytes(2, "big").join(self.chunks)


class _Writer:
    def __init__(self, own: bytes, known: dict[bytes, int], start: int) -> None:
        """``start`` is the body's offset in the message; 0: unknown, then pointers to ``known`` are left open."""
        self.out = bytearray()
        self.open: list[int] = []
        self._own = own
        self._known = known
        self._start = start

    def name(self, name: bytes) -> None:
        lower, at = name.lower(), 0
        while name[at]:
            suffix = lower[at:]
            target = self._known.get(suffix)
            if target is not None:
                self.out += name[:at]
                if not self._start:
                    self.open.append(len(self.out))
                self.out += (0xC000 | target).to_bytes(2, "big")
                return
            here = self._start + len(self.out) + at
            if self._start and here < _REACH:
                self._known[suffix] = here
            at += name[at] + 1
        self.out += name

    def rrset(self, rrset: RRset) -> None:
        fixed = rrset.type.to_bytes(2, "big") + b"\0\1" + rrset.ttl.to_bytes(4, "big")
        for rdata in rrset.rdatas:
            if rrset.owner == self._own:
                self.out += _OWNER
            else:
                self.name(rrset.owner)
            self.out += fixed + b"\0\0"
            at = len(self.out)
            self.out += rdata.head
            for name in rdata.names:
                self.name(name)
            self.out += rdata.tail
            self.out[at - 2 : at] = (len(self.out) - at).to_bytes(2, "big")

    def section(self, rrsets: Sequence[RRset], limit: int = wire.STREAM_SIZE) -> int:
        count = 0
        for rrset in rrsets:
            if len(self.out) < limit:
                self.rrset(rrset)
                count += len(rrset.rdatas)
        return count

    def chunks(self) -> tuple[bytes, ...]:
        cuts = [-2, *self.open, len(self.out)]
        return tuple(bytes(self.out[a + 2 : b]) for a, b in pairwise(cuts))


def _write(writer: _Writer, reply: Reply) -> wire.Heads:
    answer, authority = writer.section(reply.answer), writer.section(reply.authority)
    additional = writer.section(reply.additional, _ENOUGH)
    return wire.heads(reply.rcode, reply.aa, answer, authority, additional)


def exact(name: bytes, reply: Reply) -> tuple[wire.Heads, bytes]:
    """The body for one name (lower-case wire form), fully compressed."""
    known, at = {}, 0
    while name[at]:
        known[name[at:]] = wire.HEADER + at
        at += name[at] + 1
    writer = _Writer(name, known, wire.HEADER + len(name) + 4)
    return _write(writer, reply), bytes(writer.out)


def template(base: bytes, reply: Reply, own: bytes = b"") -> Template:
    """The body for all names that end in ``base``; records of the owner ``own`` (a wildcard) take the name asked."""
    writer = _Writer(own, {base: 0}, 0)
    heads = _write(writer, reply)
    return Template(heads, writer.chunks(), len(base), reply.leaves, bool(not reply.aa and reply.authority))
