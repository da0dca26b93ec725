"""DKIM: signatures and keys of any form, canonical forms beside a plain reading of the rules (RFC 6376)."""

from __future__ import annotations

import re
from functools import cache

from twisted.internet.defer import Deferred

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.arc import examine_chain, judge_chain
from mailsuite.mailauth.canonical import relaxed_body, relaxed_field, simple_body, simple_field, without_signature
from mailsuite.mailauth.dkim import SIGNATURES, examine, judge
from mailsuite.mailauth.dkimkey import read_key
from mailsuite.mailauth.fields import Header, read_header, without
from mailsuite.mailauth.lookups import Lookup
from mailsuite.mailauth.sign import Signer
from mailsuite.mailauth.signature import Bodies
from mailsuite.mailauth.taglist import parse_tags
from mailsuite.mime.headers import Headers
from mailsuite.model.errors import LookupFailed
from tests.fuzz.pieces import ended, split_head, texts
from tests.mailauth.support import NOW, ed25519_key, record

RESULTS = ("none", "pass", "fail", "neutral", "policy", "temperror", "permerror")
FIELDS = 900
"""With more, our own field would push one out of what is read."""


@cache
def _signer() -> tuple[Signer, str]:
    key = ed25519_key()
    return Signer("alpha.example", (key,)), record(key)


def check(data: bytes) -> None:
    """Raises for an exception, a result that is no word of RFC 8601, or a canonical form that is not the plain one."""
    flags, _, rest = split_head(data)
    key_text, _ = texts(rest, 1)
    content = rest.partition(b"\0")[2]
    if not flags & 1:
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    for text in (key_text, *(field.text for field in read_header(content).fields[:20])):
        _check_tags(text)
    _check_key(key_text)

    async def lookup(name: str, type: str) -> Answer:
        if flags & 2:
            raise LookupFailed(name, "time-out")
        return Answer(name, type, True, (key_text,) * (1 + (flags >> 2 & 1)))

    header = read_header(content)
    assert header.body_start == Headers.parse(content).body_start
    assert without(content, ()) == content
    _verify(header, content, lookup)
    if not flags & 1:
        _check_forms(header, content[header.body_start :])
        _check_own(header, content)


def _verify(header: Header, content: bytes, lookup: Lookup) -> list[str]:
    bodies = Bodies(content[header.body_start :])
    results = ended(Deferred.fromCoroutine(judge(examine(header, bodies, NOW), lookup)))
    assert len(results) <= SIGNATURES
    for result in results:
        assert result.result in RESULTS
        assert result.reason
    chain = ended(Deferred.fromCoroutine(judge_chain(examine_chain(header, bodies), lookup)))
    assert chain.result in ("none", "pass", "fail")
    return [result.result for result in results]


def _check_tags(text: str) -> None:
    try:
        tags = parse_tags(text)
    except ValueError:
        return
    assert tags
    plain = [spec.partition("=") for spec in text.split(";")]
    for (name, value), (plain_name, _, plain_value) in zip(tags.items(), plain, strict=False):
        assert (name, value) == (plain_name.strip(" \t\r\n"), plain_value.strip(" \t\r\n"))


def _check_key(text: str) -> None:
    try:
        key = read_key(text)
    except ValueError:
        return
    assert not key.verifies(b"\0" * 64, b"\0" * 32)


def _check_forms(header: Header, body: bytes) -> None:
    """Only for content whose line ends are CRLF: the standard says nothing of others."""
    lines = body.split(b"\r\n")
    if lines[-1] == b"":
        lines.pop()
    assert simple_body(body) == (_ended(lines) or b"\r\n")
    assert relaxed_body(body) == _ended([re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in lines])
    for field in header.fields:
        assert simple_field(field) == field.raw.removesuffix(b"\r\n") + b"\r\n"
        name, _, value = field.raw.partition(b":")
        unfolded = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
        assert relaxed_field(field) == name.rstrip(b" \t").lower() + b":" + unfolded + b"\r\n"
        assert len(without_signature(field)) <= len(field.value)


def _ended(lines: list[bytes]) -> bytes:
    lines = list(lines)
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def _check_own(header: Header, content: bytes) -> None:
    """What we sign is right."""
    if not 0 < len(header.fields) < FIELDS or header.fields[0].start:
        return
    signer, published = _signer()

    async def lookup(name: str, type: str) -> Answer:
        return Answer(name, type, True, (published,))

    content = signer.sign(content, NOW) + content
    assert _verify(read_header(content), content, lookup)[0] == "pass", content
