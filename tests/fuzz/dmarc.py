"""DMARC: authors, records and tree walks of any form (RFC 9989); Authentication-Results that are read (RFC 8601)."""

from __future__ import annotations

import zlib

from twisted.internet.defer import Deferred

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.author import author_of
from mailsuite.mailauth.dmarc import Discovery, evaluate, steps
from mailsuite.mailauth.dmarcrecord import is_record, read_record
from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.lookups import a_label
from mailsuite.mailauth.results import MethodResult, read_results, strip_results, write_results
from mailsuite.model.errors import LookupFailed
from mailsuite.model.verdict import DkimResult, SpfResult
from tests.fuzz.pieces import ended, split_head, texts

POLICIES = ("none", "quarantine", "reject")
OURS = "mx.beta.example"


def check(data: bytes) -> None:
    """Raises for an exception, a walk that is too long, or a verdict that is none."""
    flags, _, rest = split_head(data)
    header, spf_domain, dkim_domain, *records = texts(rest, 7)
    content = header.encode() + b"\r\n\r\nHi\r\n"
    _check_results(header, content)
    for text in records:
        _check_record(text)
    asked: list[str] = []

    async def lookup(name: str, type: str) -> Answer:
        asked.append(f"{name} {type}")
        number = zlib.crc32(asked[-1].encode("utf-8", "replace"))
        if flags & 1 and not number % 5:
            raise LookupFailed(name, "time-out")
        return Answer(name, type, bool(number >> 8 & 1), (records[number % len(records)], *records[: number >> 9 & 1]))

    author = author_of(read_header(content))
    assert author.domains or author.fault
    word = "pass" if flags & 2 else "temperror" if flags & 4 else "fail"
    spf = SpfResult(word, "mailfrom", spf_domain, "")
    dkim = (DkimResult("pass" if flags & 8 else "fail", "", a_label(dkim_domain)),)
    for domain in author.domains[:5]:
        _check_author(domain)
        del asked[:]
        result = ended(Deferred.fromCoroutine(evaluate(domain, spf, dkim, Discovery(lookup))))
        assert result.result in ("none", "pass", "fail", "temperror"), result
        assert result.policy in ("", *POLICIES), result
        # A walk asks 8 questions; three names walk: the author, SPF's domain, DKIM's. np may ask for one more.
        assert len(asked) == len(set(asked)) <= 25, asked
        assert result.result != "pass" or result.aligned
        assert not result.policy_domain or domain == result.policy_domain or domain.endswith("." + result.policy_domain)


def _check_author(domain: str) -> None:
    assert domain == a_label(domain)
    domain.encode("ascii")
    walk = steps(domain)
    assert 1 <= len(walk) <= 8
    assert all(domain == name or domain.endswith("." + name) for name in walk)


def _check_record(text: str) -> None:
    record = read_record(text)
    is_record(text)
    if record is None:
        return
    assert record.p in ("", *POLICIES), record
    assert record.sp in ("", *POLICIES), record
    assert record.np in ("", *POLICIES), record
    assert record.psd in "ynu"
    for at_author in (False, True):
        for exists in (False, True):
            assert record.policy(at_author, exists) in ("", *POLICIES)


def _check_results(text: str, content: bytes) -> None:
    authority, results = read_results(text)
    found = [MethodResult(one.method, one.result, one.reason, one.properties) for one in results]
    written = write_results(OURS, [MethodResult("spf", "pass", one.reason) for one in found])
    assert written.isascii()
    assert written.count(b"\r\n ") + written.count(b"\r\n\t") + 1 == written.count(b"\n") == written.count(b"\r")
    again = read_results(written.decode().partition(":")[2].replace("\r\n", ""))
    assert again[0] == OURS
    assert len(again[1]) == len(found)
    left = strip_results(b"Authentication-Results: " + authority.encode() + b"; none\r\n" + content, OURS)
    for field in read_header(strip_results(left, OURS)).named(b"authentication-results"):
        assert read_results(field.text)[0] != OURS
