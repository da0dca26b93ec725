"""Answers queries from a compiled table: bytes in, bytes out.

RFC 1034 section 4.3, RFC 2308, RFC 4592, RFC 6891, RFC 8482; TCP: RFC 7766. Never raises on any bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.message

from mailsuite.dns import wire
from mailsuite.dns.compile import Table
from mailsuite.dns.render import Template
from mailsuite.dns.sections import cut

_PLAIN = b"\0\1\0\0\0\0\0\0"
_WITH_OPT = b"\0\1\0\0\0\0\0\1"
_OPT = wire.opt()
_IN = b"\0\1"
_REFUSED_TYPES = (wire.AXFR.to_bytes(2, "big"), wire.IXFR.to_bytes(2, "big"))
_ANY = wire.ANY.to_bytes(2, "big")
_ALIASES = 8
_REFUSED = wire.heads(wire.REFUSED)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A question that somebody else can answer for a client with the right to ask.

    ``query`` is what came; ``name`` (lower-case wire form) is what is to be asked; ``found`` is our complete part of
    the response, whose CNAMEs lead to ``name``, or empty; ``limit`` is how long the response may be.
    """

    query: wire.Query
    name: bytes
    found: bytes
    limit: int


READY = 4096
"""Queries whose responses are kept ready."""
_ADMITTED = 7
"""Bits of a query's id that must be 0 for its response to be kept: what is asked often gets in soon, what is asked
once (random names) seldom."""


class Answerer:
    """``table`` may be swapped at any moment.

    ``ready``, by recursion (see :meth:`answer`), has the responses to queries that come again and again, both without
    their ids: two that are the same after the id get the same response.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.ready: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})

    @property
    def table(self) -> Table:
        """What is answered from."""
        return self._table

    @table.setter
    def table(self, table: Table) -> None:
        self._table = table
        for ready in self.ready:
            ready.clear()

    def keep(self, data: bytes, response: bytes, recursion: bool) -> None:
        """Perhaps keep a response to a datagram ready."""
        if not data[1] & _ADMITTED:
            ready = self.ready[recursion]
            if len(ready) >= READY:
                ready.clear()
            ready[data[2:]] = response[2:]

    def answer(self, data: bytes, recursion: bool = False) -> bytes | Foreign | None:
        """The response to a datagram; None: stay silent.

        ``recursion``: the client may ask for names that are not ours; only then Foreign is given.
        """
        # The fast path: one question and at most an OPT without options. A wrong guess of where the name ends
        # finds no entry, since the keys are whole names, and no template, since its labels do not end there.
        end = data.find(0, 12) + 1
        past = end + 4
        counts = data[4:12]
        if counts == _PLAIN and len(data) == past:
            tail, asker, limit = b"", 0, wire.MIN_UDP
        elif counts == _WITH_OPT and data[past : past + 3] == b"\0\0\x29" and data[past + 5 :] == b"\0\0\0\0\0\0":
            tail, asker = _OPT, 4
            limit = min(max(data[past + 3] << 8 | data[past + 4], wire.MIN_UDP), wire.UDP_SIZE)
        else:
            return self._answer(data, recursion, None)
        if data[2] < 8:
            asker += data[2] & 1 | (2 if recursion else 0)
            name = data[12:end].lower()
            entry = self._table.answers.get(name + data[end:past])
            if entry is not None:
                heads = self._table.heads[entry[0] << 8 | entry[1]]
                response = data[:2] + heads[asker] + data[12:past] + entry[2:] + tail
                return response if len(response) <= limit else cut(response, limit)
            kind = data[end : end + 2]
            if data[end + 2 : past] == _IN and kind not in _REFUSED_TYPES:
                found = self._template(name, kind)
                if found is None:
                    if not recursion and wire.name_end(data, 12) == end:
                        return data[:2] + _REFUSED[asker] + data[12:past] + tail
                elif not found.leaves and not found.referral:
                    response = data[:2] + found.heads[asker] + data[12:past] + found.body(len(name)) + tail
                    return response if len(response) <= limit else cut(response, limit)
        return self._answer(data, recursion, None)

    def answer_stream(self, message: bytes, recursion: bool = False) -> bytes | Foreign | None:
        """The same for a message that came over TCP; None: close the connection."""
        return self._answer(message, recursion, wire.STREAM_SIZE)

    def _answer(self, data: bytes, recursion: bool, limit: int | None) -> bytes | Foreign | None:
        query = wire.parse_query(data)
        if query is None:
            return None
        if query.fault:
            return wire.error_response(query, query.fault, recursion)
        return self._respond(query, recursion, limit or query.udp_limit)

    def _respond(self, query: wire.Query, recursion: bool, limit: int, depth: int = 0) -> bytes | Foreign:
        question = query.question
        name, kind = question[:-4].lower(), question[-4:-2]
        if question[-2:] != _IN or kind in _REFUSED_TYPES:
            return wire.error_response(query, wire.REFUSED, recursion)
        asker = bool(query.flags & wire.RD) + 2 * recursion + 4 * query.edns
        tail = wire.opt(query.do) if query.edns else b""
        entry = self._table.answers.get(name + question[-4:])
        if entry is not None:
            heads = self._table.heads[entry[0] << 8 | entry[1]]
            return cut(query.id + heads[asker] + question + entry[2:] + tail, limit)
        found = self._template(name, kind)
        elsewhere = recursion and query.recursion
        if found is None or (found.referral and elsewhere):
            if elsewhere:
                return Foreign(query, name, b"", limit)
            if found is None:
                return query.id + _REFUSED[asker] + question + tail
        response = query.id + found.heads[asker] + question + found.body(len(name)) + tail
        if not found.leaves or depth == _ALIASES:
            return cut(response, limit)
        if self._table.covers(found.leaves):
            onward = query._replace(question=found.leaves + question[-4:], edns=False, do=False)
            rest = self._respond(onward, recursion, wire.STREAM_SIZE, depth + 1)
            if isinstance(rest, Foreign):
                return Foreign(query, rest.name, join(response, rest.found) if rest.found else response, limit)
            return cut(join(response, rest), limit)
        return Foreign(query, found.leaves, response, limit) if elsewhere else cut(response, limit)

    def _template(self, name: bytes, kind: bytes) -> Template | None:
        """What serves a name and type without an entry; None when the name is in no zone of ours, or no name."""
        names, size = self._table.names, len(name)
        node = names.get(name)
        if node is not None:
            return node.any if kind == _ANY else node.default
        at = 0
        while at < size <= 255 and 0 < name[at] < 64:
            at += name[at] + 1
            node = names.get(name[at:])
            if node is not None:
                return node.below.get(kind) or node.below[b""]
        return None


def join(found: bytes, rest: bytes) -> bytes:
    """``found``, whose CNAMEs lead elsewhere, completed by the response to what they lead to (RFC 1034 section 4.3.2).

    ``found`` as it is when the rest cannot be read.
    """
    try:
        response, onward = dns.message.from_wire(found), dns.message.from_wire(rest)
        response.answer += onward.answer
        response.authority = onward.authority
        response.additional = onward.additional
        response.set_rcode(onward.rcode())
        return response.to_wire(max_size=wire.STREAM_SIZE)
    except (dns.exception.DNSException, ValueError):
        return found
