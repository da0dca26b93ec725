"""Asking upstream servers on behalf of a client: what is sent, which replies count, and what the client is told.

RFC 5452 (matching replies), RFC 2181 section 5.4.1, RFC 6891, RFC 6840 section 5.7 and 5.8 (AD), RFC 7766.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from mailsuite.dns import sections, wire
from mailsuite.dns.cache import Asked

Server = tuple[str, int]
"""The address and port of an upstream server."""

REST = 10.0
"""Seconds for which a server that did not answer is asked last."""


class Verdict(Enum):
    """What a reply is good for."""

    ALIEN = "no reply to this query: go on waiting"
    TRUNCATED = "ask the same server over TCP"
    PLAIN = "ask the same server without EDNS"
    FAULT = "the server cannot tell: ask the next one"
    GOOD = "an answer"


class Exchange:
    """One query to one upstream. ``id`` is a random number of 16 bits, new for each exchange; ``edns``: with an OPT."""

    def __init__(self, asked: Asked, id: int, edns: bool = True) -> None:
        flags = wire.RD | wire.AD | (wire.CD if asked.cd else 0)
        self._id = id.to_bytes(2, "big")
        self._question = asked.name + asked.type.to_bytes(2, "big") + b"\0\1"
        self._edns = edns
        self.query = self._id + flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0" + bytes((edns,)) + self._question
        if edns:
            self.query += wire.opt(asked.do)

    def judge(self, reply: bytes) -> Verdict:
        """Judge a datagram that came from the server's address and port.

        TC is looked at before anything is parsed; a reply that was cut without saying so is taken as truncated too.
        """
        end = wire.HEADER + len(self._question)
        if len(reply) < wire.HEADER or reply[:2] != self._id or not reply[2] & 0x80 or reply[2] & 0x78:
            return Verdict.ALIEN
        rcode = reply[3] & 15
        if self._edns and rcode in (wire.FORMERR, wire.NOTIMP) and self._is_ours(reply):
            return Verdict.PLAIN  # an old server (RFC 6891 section 7)
        if reply[4:6] == b"\0\0" and rcode in (wire.FORMERR, wire.NOTIMP, wire.REFUSED, wire.SERVFAIL):
            return Verdict.FAULT
        if reply[4:6] != b"\0\1" or len(reply) < end or not self._same_question(reply[wire.HEADER : end]):
            return Verdict.ALIEN
        if reply[2] & 0x02 or sections.sound(reply) is None:
            return Verdict.TRUNCATED
        return Verdict.GOOD if rcode in (wire.NOERROR, wire.NXDOMAIN, wire.YXDOMAIN) else Verdict.FAULT

    def _is_ours(self, reply: bytes) -> bool:
        """Is the question ours, or not there, as in some error responses?"""
        return reply[4:6] == b"\0\0" or self._same_question(reply[wire.HEADER : wire.HEADER + len(self._question)])

    def _same_question(self, question: bytes) -> bool:
        return question[:-4].lower() == self._question[:-4] and question[-4:] == self._question[-4:]


def plain(reply: bytes, trusted: bool) -> bytes:
    """A good reply as it is kept: without OPT; AD only from a server whose word can be trusted."""
    stripped = sections.strip_opt(reply, sections.records(reply) or [])
    return stripped if trusted else stripped[:3] + bytes((stripped[3] & ~wire.AD & 0xFF,)) + stripped[4:]


def respond(query: wire.Query, message: bytes, limit: int) -> bytes:
    """The response to a client from a kept message, which answers the same question."""
    asked_for_ad = query.do or query.flags & wire.AD
    flags = wire.QR | wire.RA | query.flags & (wire.RD | wire.CD) | message[3] & 15
    if asked_for_ad:
        flags |= message[3] & wire.AD
    end = wire.HEADER + len(query.question)
    response = query.id + flags.to_bytes(2, "big") + message[4:12] + query.question + message[end:]
    if query.edns:
        additional = int.from_bytes(message[10:12], "big") + 1
        response = response[:10] + additional.to_bytes(2, "big") + response[12:] + wire.opt(query.do)
    return sections.cut(response, limit)


def failure(asked: Asked) -> bytes:
    """What is kept when nobody could answer."""
    flags = (wire.QR | wire.RA | wire.SERVFAIL).to_bytes(2, "big")
    return b"\0\0" + flags + b"\0\1\0\0\0\0\0\0" + asked.name + asked.type.to_bytes(2, "big") + b"\0\1"


class Upstreams:
    """The servers in the order to ask: as configured, those that lately did not answer last."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = tuple(servers)
        self._rests: dict[Server, float] = {}

    def order(self, now: float) -> list[Server]:
        """All servers, the likely ones first."""
        return sorted(self._servers, key=lambda server: self._rests.get(server, 0.0) > now)

    def silent(self, server: Server, now: float) -> bool:
        """The server did not answer; is that news?"""
        news = server not in self._rests
        self._rests[server] = now + REST
        return news

    def worked(self, server: Server) -> bool:
        """The server answered; is that news?"""
        return self._rests.pop(server, None) is not None
