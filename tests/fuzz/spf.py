"""SPF: records and macros of any form, answered by a DNS that is made of the input (RFC 7208)."""

from __future__ import annotations

import re
import zlib

from twisted.internet.defer import Deferred

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.spf import QUESTIONS, check_host
from mailsuite.mailauth.spfquery import TERMS
from mailsuite.model.errors import LookupFailed, Refusal
from tests.fuzz.pieces import ended, split_head, texts
from tests.mailauth.support import NOW

RESULTS = ("none", "pass", "fail", "softfail", "neutral", "temperror", "permerror")
CLIENTS = ("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "203.0.113.9")
HOSTS = {
    "A": ("192.0.2.1", "198.51.100.7", "0.0.0.0"),
    "AAAA": ("2001:db8::1", "2001:db8::7", "::ffff:192.0.2.1"),
    "MX": ("10 x.example.", "0 .", "5 a..b", "odd", "10 é.example.", "65536 mx.example."),
    "PTR": ("x.alpha.example.", ".", "a..b.", "alpha.example."),
}
PRINTABLE = re.compile(r"[ -~]*\Z")


def check(data: bytes) -> None:
    """Raises for an exception, a result that is no word of RFC 7208, or more look-ups than it allows."""
    flags, _, rest = split_head(data)
    helo, sender, *records = texts(rest, 6)
    asked: list[tuple[str, str]] = []

    async def lookup(name: str, type: str) -> Answer:
        asked.append((name, type))
        number = zlib.crc32(f"{name} {type}".encode("utf-8", "replace"))
        if type == "TXT":
            return Answer(name, type, True, (records[number % len(records)], *records[: number >> 8 & 1]))
        if flags & 4 and not number % 7:
            raise LookupFailed(name, "time-out")
        if flags & 8 and not number % 5:
            raise Refusal(550, "5.1.2", "no name")
        hosts = HOSTS[type]
        return Answer(name, type, True, tuple(hosts[(number + n) % len(hosts)] for n in range(number >> 4 & 3)))

    sender = f"ann@{sender}" if flags & 16 else sender
    result = ended(
        Deferred.fromCoroutine(check_host(CLIENTS[flags & 3], helo, sender, lookup, receiver="b.example", now=NOW))
    )
    assert result.result in RESULTS, result
    assert result.identity == ("mailfrom" if sender else "helo")
    assert len(asked) == len(set(asked)) <= QUESTIONS, asked
    # The term that goes over the limit is counted, and is the last.
    assert result.terms <= TERMS + 1, result
    assert result.terms <= TERMS or result.result in ("permerror", "temperror"), result
    for text in (result.explanation, result.mechanism):
        assert PRINTABLE.match(text), text
    for name, _ in asked:
        assert len(name) <= 253, name
