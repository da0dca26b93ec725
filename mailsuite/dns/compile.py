"""Zones to a table of rendered answers, so that a query costs one or two look-ups.

RFC 1034 section 4.3.2, RFC 2308, RFC 4592, RFC 8020, RFC 8482.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mailsuite.dns import wire
from mailsuite.dns.rdata import Rdata
from mailsuite.dns.render import Reply, Template, exact, template
from mailsuite.dns.zonedata import RRset, ZoneData, parents, within

_IN = b"\0\1"
_WILD = b"\1*"
_CHAIN = 8
_TARGETS = frozenset({wire.NS, wire.MX, wire.SRV})
_ANY = wire.ANY.to_bytes(2, "big")
_HINFO = (Rdata(b"\x07RFC8482\x00"),)


class Shelf:
    """All heads of responses that occur, each once: answers have its two-octet number before their body."""

    def __init__(self) -> None:
        self.heads: list[wire.Heads] = []
        self._numbers: dict[wire.Heads, bytes] = {}

    def number(self, heads: wire.Heads) -> bytes:
        """That of ``heads``. Raises ValueError when there are too many kinds of responses."""
        number = self._numbers.get(heads)
        if number is None:
            if len(self.heads) > 0xFFFF:
                raise ValueError("there are too many kinds of responses")
            number = self._numbers[heads] = len(self.heads).to_bytes(2, "big")
            self.heads.append(heads)
        return number


@dataclass(frozen=True, slots=True)
class Node:
    """An existing name: what types without an answer get, what ANY gets, and what names below that do not exist get.

    ``below`` goes by the type's two octets; b"" stands for all others.
    """

    default: Template
    any: Template
    below: Mapping[bytes, Template]


@dataclass(frozen=True, slots=True)
class Table:
    """All answers. Keys: lower-case wire name + type + class for ``answers``, the name for ``names``.

    An answer is the number of its heads (see Shelf) and its body.
    """

    answers: Mapping[bytes, bytes]
    names: Mapping[bytes, Node]
    heads: Sequence[wire.Heads]

    def covers(self, name: bytes) -> bool:
        """Does the lower-case wire name lie in one of our zones?"""
        while name not in self.names:
            if name == b"\0":
                return False
            name = name[name[0] + 1 :]
        return True


class _ZoneCompiler:
    def __init__(self, data: ZoneData, children: frozenset[bytes]) -> None:
        self._data = data
        self._children = children
        origin = data.origin
        self._cuts = children | {name for name, types in data.names.items() if wire.NS in types and name != origin}
        self._visible = {name: types for name, types in data.names.items() if self._seen(name)}
        self._existing = {
            above
            for name in (*self._visible, *(child for child in children if self._seen(child[child[0] + 1 :])))
            for above in parents(name, origin)
        } - children
        soa = data.soa
        minimum = int.from_bytes(soa.rdatas[0].tail[-4:], "big")
        self._negative = replace(soa, ttl=min(soa.ttl, minimum))

    def _cut(self, name: bytes) -> bytes | None:
        """The topmost cut at or above a name."""
        found = None
        if self._cuts:
            for above in parents(name, self._data.origin):
                if above in self._cuts:
                    found = above
        return found

    def _seen(self, name: bytes) -> bool:
        """Is the name ours to speak of (a cut itself is)?"""
        cut = self._cut(name)
        return cut is None or (cut == name and name not in self._children)

    def _types(self, name: bytes) -> Mapping[int, RRset] | None:
        """The RRsets of a name, a wildcard's if need be; None when the name does not exist."""
        if name in self._existing or name in self._children:
            return self._data.names.get(name, {})
        encloser = name
        while encloser not in self._existing:
            encloser = encloser[encloser[0] + 1 :]
        wild = _WILD + encloser
        if wild not in self._existing:
            return None
        return {kind: replace(rrset, owner=name) for kind, rrset in self._visible.get(wild, {}).items()}

    def _addresses(self, rrset: RRset, glue: bool = False) -> list[RRset]:
        """The addresses of what MX, NS and SRV point to; those of delegated names only as ``glue``."""
        if rrset.type not in _TARGETS:
            return []
        targets = dict.fromkeys(rdata.target for rdata in rrset.rdatas)
        names = [self._data.names.get(target, {}) for target in targets if glue or self._cut(target) is None]
        return [types[kind] for types in names for kind in (wire.A, wire.AAAA) if kind in types]

    def reply(self, name: bytes, kind: int) -> Reply:
        """What the zone says about a name at or below its origin."""
        reply = Reply()
        visited = {name}
        while True:
            cut = self._cut(name)
            if cut is not None and (cut != name or kind != wire.DS):
                self._refer(reply, cut, name)
                return reply
            types = self._types(name)
            if types is None:
                reply.rcode = wire.NXDOMAIN
            elif kind in types:
                reply.answer.append(types[kind])
                found = self._addresses(types[kind], glue=kind == wire.NS)
                reply.additional = [rrset for rrset in found if rrset not in reply.answer]
                return reply
            elif wire.CNAME in types:
                reply.answer.append(types[wire.CNAME])
                name = types[wire.CNAME].rdatas[0].target
                if not within(name, self._data.origin):
                    reply.leaves = name
                    return reply
                if name in visited or len(visited) >= _CHAIN:
                    return reply
                visited.add(name)
                continue
            reply.authority.append(self._negative)
            return reply

    def _refer(self, reply: Reply, cut: bytes, name: bytes) -> None:
        if reply.answer or cut in self._children:
            reply.leaves = name
            return
        servers = self._data.names[cut][wire.NS]
        reply.aa = False
        reply.authority.append(servers)
        reply.additional = self._addresses(servers, glue=True)

    def _kinds(self, name: bytes) -> set[int]:
        """The types for which a name has an answer, through its CNAMEs."""
        kinds = set(self._types(name) or ())
        if wire.CNAME in kinds:
            target = self.reply(name, 0).answer[-1].rdatas[0].target
            if within(target, self._data.origin):
                cut = self._cut(target)
                if cut is None:
                    kinds |= set(self._types(target) or ())
                elif cut == target:
                    kinds.add(wire.DS)
        return kinds

    def compile(self, answers: dict[bytes, bytes], names: dict[bytes, Node], shelf: Shelf) -> None:
        """Add the zone's answers and nodes."""
        origin = self._data.origin

        def exactly(name: bytes, kind: int) -> None:
            heads, body = exact(name, self.reply(name, kind))
            answers[_key(name, kind)] = shelf.number(heads) + body

        nodata = template(origin, Reply(authority=[self._negative]))
        hinfo = template(origin, Reply(answer=[RRset(_WILD, wire.HINFO, 3600, _HINFO)]), _WILD)
        # The same body, but for the rcode.
        nxdomain = {b"": replace(nodata, heads=wire.heads(wire.NXDOMAIN, True, 0, 1))}
        plain, empty = Node(nodata, hinfo, nxdomain), Node(nodata, nodata, nxdomain)
        for name in self._existing:
            if name in self._cuts:
                referral = template(name, self.reply(name, wire.NS))
                names[name] = Node(referral, referral, {b"": referral})
                exactly(name, wire.DS)
                continue
            types = self._visible.get(name, {})
            for kind in self._kinds(name):
                exactly(name, kind)
            node = plain if types else empty
            if wire.CNAME in types:
                node = replace(node, default=self._alias(name), any=template(name, self.reply(name, wire.CNAME), name))
            if _WILD + name in self._existing:
                node = replace(node, below=self._wildcard(name, hinfo, nodata))
            names[name] = node
        for child in self._children:
            if self._seen(child[child[0] + 1 :]):
                exactly(child, wire.DS)

    def _alias(self, name: bytes) -> Template:
        reply = self.reply(name, 0)
        head, body = exact(name, reply)
        return Template(head, (body,), leaves=reply.leaves)

    def _wildcard(self, encloser: bytes, hinfo: Template, nodata: Template) -> Mapping[bytes, Template]:
        wild = _WILD + encloser
        types = self._visible.get(wild, {})
        found = {
            kind.to_bytes(2, "big"): template(encloser, self.reply(wild, kind), wild) for kind in self._kinds(wild)
        }
        if wire.CNAME in types:
            return {
                **found,
                b"": template(encloser, self.reply(wild, 0), wild),
                _ANY: template(encloser, self.reply(wild, wire.CNAME), wild),
            }
        return {**found, b"": nodata, _ANY: hinfo if types else nodata}


def _key(name: bytes, kind: int) -> bytes:
    return name + kind.to_bytes(2, "big") + _IN


def compile_zone(
    data: ZoneData, children: frozenset[bytes], shelf: Shelf
) -> tuple[dict[bytes, bytes], dict[bytes, Node]]:
    """The zone's answers and names. ``children`` are origins below its own that have a zone of their own here."""
    answers: dict[bytes, bytes] = {}
    names: dict[bytes, Node] = {}
    _ZoneCompiler(data, children).compile(answers, names, shelf)
    return answers, names


EMPTY = Table({}, {}, ())
