"""Canonical forms of header fields and bodies, in time linear in their length (RFC 6376 section 3.4)."""

from __future__ import annotations

import re
from collections.abc import Callable

from mailsuite.mailauth.fields import Field

_RUN = re.compile(rb"[ \t]+")
_RUN_BUT_ONE_SPACE = re.compile(rb"[ \t]{2,}|\t")
_B_TAG = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


def relaxed_field(field: Field, value: bytes | None = None) -> bytes:
    """The field, or the same with another value, with CRLF (section 3.4.2)."""
    value = field.value if value is None else value
    value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return field.name + b":" + _RUN.sub(b" ", value).strip(b" \t\r") + b"\r\n"


def simple_field(field: Field, value: bytes | None = None) -> bytes:
    """The field as it is, or with another value in its place (section 3.4.1)."""
    raw = field.raw.removesuffix(b"\n").removesuffix(b"\r")
    if value is not None:
        raw = raw[: raw.index(b":") + 1] + value.removesuffix(b"\r")
    return raw + b"\r\n"


def without_signature(field: Field) -> bytes:
    """The value with b= emptied (section 3.7)."""
    return _B_TAG.sub(rb"\1", field.value, count=1)


def relaxed_body(body: bytes) -> bytes:
    """Section 3.4.4."""
    if body and not body.endswith(b"\n"):
        body += b"\r\n"
    if b"\t" in body or b"  " in body:
        body = _RUN_BUT_ONE_SPACE.sub(b" ", body)
    return _without_empty_lines(body.replace(b" \r\n", b"\r\n"))


def simple_body(body: bytes) -> bytes:
    """Section 3.4.3: an empty body is one CRLF."""
    if not body.endswith(b"\n"):
        body += b"\r\n"
    return _without_empty_lines(body) or b"\r\n"


def _without_empty_lines(body: bytes) -> bytes:
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    if end and end < len(body):
        end += 2
    return body[:end]


FIELDS: dict[str, Callable[..., bytes]] = {"simple": simple_field, "relaxed": relaxed_field}
BODIES: dict[str, Callable[[bytes], bytes]] = {"simple": simple_body, "relaxed": relaxed_body}
