"""The Authentication-Results field: written, read with tolerance, taken away where it is forged (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailsuite.mailauth.fields import read_header, without
from mailsuite.mime.headers import HEADER_OCTETS
from mailsuite.model.verdict import NOT_JUDGED, Authentication, Verdict

NAME = b"authentication-results"
LENGTH = 400
"""Longer values and reasons are cut when they are written."""

_UNPRINTABLE = re.compile(r"[^ -~]")
_BARE = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+\Z")
_UNQUOTED = r"(?P<open>\()|(?P<mark>[;=])|(?P<space>\s+)|(?P<word>[^\s\"();=]+)|(?P<other>.)"
_READ_UNQUOTED = re.compile(_UNQUOTED, re.DOTALL)
_READ = re.compile(r'"(?P<quoted>(?>(?:[^"\\]+|\\.)*))"|' + _UNQUOTED, re.DOTALL)
_COMMENT = re.compile(r"[()]|\\.", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One resinfo: ``properties`` are (ptype, property, value), e.g. ("header", "d", "alpha.example")."""

    method: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str, str], ...] = ()


def results_of(verdict: Verdict, ip: str) -> tuple[MethodResult, ...]:
    """What the field says of a verdict on mail from ``ip``.

    A value that may need quotes is the last of its result: authres, and dkimpy with it, reads quotes only there.
    """
    spf, arc = verdict.spf, verdict.arc
    found = [
        MethodResult("iprev", verdict.iprev.result, properties=(("policy", "iprev", ip),)),
        MethodResult("spf", spf.result, spf.reason, (("smtp", spf.identity, spf.domain),)),
    ]
    for dkim in verdict.dkim:
        tags = (("d", dkim.domain), ("s", dkim.selector), ("a", dkim.algorithm), ("b", dkim.b))
        properties = tuple(("header", name, value) for name, value in tags if value)
        found.append(MethodResult("dkim", dkim.result, dkim.reason, properties))
    if not verdict.dkim:
        found.append(MethodResult("dkim", "none"))
    for dmarc in verdict.dmarc:
        found.append(MethodResult("dmarc", dmarc.result, dmarc.reason, (("header", "from", dmarc.domain),)))
    if arc.result != "none":
        found.append(MethodResult("arc", arc.result, arc.reason))
    return tuple(found)


def write_results(authserv_id: str, results: Iterable[MethodResult]) -> bytes:
    """The whole field with its CRLF, pure ASCII."""
    lines = [f"Authentication-Results: {authserv_id}"]
    for result in results:
        lines[-1] += ";"
        lines.append(f"\t{result.method}={result.result}")
        if result.reason:
            lines.append(f"\t reason={_quoted(_clean(result.reason))}")
        lines.extend(f"\t {ptype}.{name}={_value(value)}" for ptype, name, value in result.properties)
    if len(lines) == 1:
        lines[-1] += "; none"
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)[:LENGTH]


def _value(text: str) -> str:
    text = _clean(text)
    return text if _BARE.match(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def read_results(value: str) -> tuple[str, tuple[MethodResult, ...]]:
    """The authserv-id in lower case ("" when there is none) and what can be read, in linear time. Never raises."""
    segments: list[list[tuple[str, str]]] = [[]]
    for kind, text in _tokens(value):
        if (kind, text) == ("mark", ";"):
            segments.append([])
        else:
            segments[-1].append((kind, text))
    return _authserv_id(segments[0]), tuple(filter(None, map(_result, segments[1:])))


def _authserv_id(tokens: Iterable[tuple[str, str]]) -> str:
    for kind, text in tokens:
        if kind in ("word", "quoted"):
            return text.lower().rstrip(".")
        if text == ";":
            break
    return ""


def _result(segment: list[tuple[str, str]]) -> MethodResult | None:
    pairs = list(_pairs(segment))
    if not pairs or not pairs[0][0]:
        return None
    method, result = pairs[0][0].partition("/")[0].lower(), pairs[0][1].lower()
    reason, properties = "", []
    for key, value in pairs[1:]:
        ptype, dot, name = key.lower().partition(".")
        if dot:
            properties.append((ptype, name, value))
        elif ptype == "reason":
            reason = value
    return MethodResult(method, result, reason, tuple(properties))


def _pairs(segment: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """key=value, where there may be space round the "=" and the value is all that stands together."""
    position, key = 0, ""
    while position < len(segment):
        kind, text = segment[position]
        position += 1
        if (kind, text) != ("mark", "="):
            key = text if kind != "space" else key
            continue
        if position < len(segment) and segment[position][0] == "space":
            position += 1
        value = []
        while position < len(segment) and segment[position][0] != "space":
            value.append(segment[position][1])
            position += 1
        yield key, "".join(value)
        key = ""


def _tokens(value: str) -> Iterator[tuple[str, str]]:
    position, pattern = 0, _READ
    while position < len(value) and (match := pattern.match(value, position)):
        kind, text = match.lastgroup or "other", match[0]
        position = match.end()
        if kind == "open":
            position, kind = _behind_comment(value, position), "space"
        elif kind == "quoted":
            text = _ESCAPED.sub(r"\1", match["quoted"])
        elif kind == "other" and text == '"':
            pattern = _READ_UNQUOTED  # no quote closes any more: do not look for one again
            continue
        yield kind, text


def _behind_comment(value: str, position: int) -> int:
    depth = 1
    for match in _COMMENT.finditer(value, position):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return len(value)


def strip_results(content: bytes, authserv_id: str) -> bytes:
    """The content without the fields that claim to be ours (section 5); no other octet changes."""
    if NAME not in content[:HEADER_OCTETS].lower():
        return content  # as nearly always
    ours = authserv_id.lower().rstrip(".")
    fields = read_header(content).named(NAME)
    return without(content, [field for field in fields if _authserv_id(_tokens(field.text)) == ours])


def kept_results(content: bytes, authserv_id: str) -> Authentication:
    """What our topmost field says, for content that went through ``strip_results`` before it got that field."""
    for field in read_header(content).named(NAME)[:1]:
        authority, results = read_results(field.text)
        if authority == authserv_id.lower().rstrip("."):
            return _summary(results)
    return NOT_JUDGED


def _summary(results: Iterable[MethodResult]) -> Authentication:
    by_method: dict[str, list[MethodResult]] = {}
    for result in results:
        by_method.setdefault(result.method, []).append(result)

    def words(method: str) -> list[str]:
        return [one.result for one in by_method.get(method, ())]

    dmarc = words("dmarc")
    # Of several authors the one that proves least counts.
    proved = dmarc.count("pass") == len(dmarc) > 0
    authors = [value for one in by_method.get("dmarc", ()) for _, name, value in one.properties if name == "from"]
    return Authentication(
        spf=next(iter(words("spf")), ""),
        dkim="pass" if "pass" in words("dkim") else next(iter(words("dkim")), ""),
        dmarc="fail" if "fail" in dmarc else next((word for word in dmarc if word != "pass"), "pass" if proved else ""),
        arc=next(iter(words("arc")), ""),
        domain=next(iter(authors), "") if proved else "",
    )
