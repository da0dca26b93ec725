"""What an upstream server may say to our forwarder and to the suite's own look-ups (RFC 5452, RFC 2181)."""

from __future__ import annotations

from contextlib import suppress

from mailsuite.dns import wire
from mailsuite.dns.answer import join
from mailsuite.dns.cache import Asked, ReplyCache
from mailsuite.dns.forward import Exchange, Verdict, plain, respond
from mailsuite.dns.resolve import read, read_delegation
from mailsuite.dns.sections import records
from mailsuite.model.errors import LookupFailed

NAME = b"\3www\3far\4test\0"
TYPES = ("A", "AAAA", "MX", "TXT", "CNAME", "SOA", "NS", "SRV")
NUMBERS = (1, 28, 15, 16, 5, 6, 2, 33)
HEADER = b"\x12\x34\x81\x80"


def check(data: bytes) -> None:
    """Raises for an exception, or a response to the client that is too long or cannot be walked through."""
    flags, rest = (data[0] if data else 0), data[1:]
    kind = flags & 7
    asked = Asked(NAME, NUMBERS[kind], bool(flags & 8))
    exchange = Exchange(asked, 0x1234)
    question = NAME + NUMBERS[kind].to_bytes(2, "big") + b"\0\1"
    # Mostly a right header and question: what comes behind them is more interesting.
    reply = rest if flags & 16 else HEADER + b"\0\1" + rest[:6].ljust(6, b"\0") + question + rest[6:]
    verdict = exchange.judge(reply)
    if verdict is not Verdict.GOOD:
        return
    kept = plain(reply, bool(flags & 32))
    owners = _owners(kept)
    for function in (lambda: read("www.far.test", TYPES[kind], kept), lambda: read_delegation("www.far.test", kept)):
        with suppress(LookupFailed):
            function()
    cache = ReplyCache(10_000)
    cache.put(asked, kept, 100.0)
    query = wire.parse_query(b"\xab\xcd\1\0\0\1\0\0\0\0\0\1" + question + wire.opt(bool(flags & 8)))
    assert query is not None
    for now in (100.0, 100.5, 161.0, 90_000.0):
        message = cache.get(asked, now) or cache.failed(asked, now)
        if message is None:
            continue
        for limit in (512, 1232, 65535):
            response = respond(query, message, limit)
            assert len(response) <= limit, (len(response), limit)
            assert response[:2] == b"\xab\xcd"
            named = _owners(response)
            assert named == owners[: len(named)], response
    join(HEADER + b"\0\1\0\0\0\0\0\0" + question, kept)


def _owners(message: bytes) -> list[bytes]:
    """The names of all records but the OPT, which hold whatever else changes."""
    places = records(message)
    assert places is not None, message
    return [place.owner for place in places if place.type != wire.OPT]
