"""The header of a message as octets, nothing decoded, nothing lost (RFC 5322 section 2.2).

It reads what mime.headers reads, so that what is judged is what a reader shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailsuite.mime.headers import FIELDS, HEADER_OCTETS, Headers

_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:((?>[^\n]*(?:\n[ \t][^\n]*)*))(?:\n|\Z)")
_MBOX = (b"From ", b">From ")


@dataclass(frozen=True, slots=True)
class Field:
    """``name`` in lower case; ``raw`` is the whole field with its line end; ``value`` what follows the colon."""

    name: bytes
    raw: bytes
    value: bytes
    start: int

    @property
    def text(self) -> str:
        """The value unfolded, as text: UTF-8, what is none replaced."""
        return self.value.replace(b"\r\n", b"").replace(b"\n", b"").decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class Header:
    """The fields in their order, and where the body begins."""

    fields: tuple[Field, ...]
    body_start: int

    def named(self, *names: bytes) -> tuple[Field, ...]:
        """The fields of these names, topmost first."""
        return tuple(field for field in self.fields if field.name in names)


def read_header(content: bytes) -> Header:
    """At most 256 kB and 1000 fields, as mime.headers has it."""
    position, limit = 0, min(len(content), HEADER_OCTETS)
    if content.startswith(_MBOX):
        position = content.find(b"\n") + 1 or len(content)
    fields: list[Field] = []
    while len(fields) < FIELDS and (match := _FIELD.match(content, position, limit)):
        fields.append(Field(match[1].lower(), match[0], match[2], position))
        position = match.end()
    for end in (b"\r\n", b"\n"):
        if content.startswith(end, position):
            return Header(tuple(fields), position + len(end))
    return Header(tuple(fields), Headers.parse(content).body_start)


def without(content: bytes, unwanted: Iterable[Field]) -> bytes:
    """The content without these of its fields; no other octet changes."""
    kept, position = [], 0
    for field in sorted(unwanted, key=lambda field: field.start):
        kept.append(content[position : field.start])
        position = field.start + len(field.raw)
    return b"".join((*kept, content[position:]))
