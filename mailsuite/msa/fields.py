"""The header block of a message in octets, cut into fields and never re-serialised (RFC 5322 section 2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_STRAY = re.compile(rb"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Field:
    """``name`` in lower case; ``raw`` is the whole field with all its line ends."""

    name: str
    raw: bytes

    @property
    def value(self) -> bytes:
        """What follows the colon, unfolded and stripped."""
        return self.raw.partition(b":")[2].replace(b"\r\n", b"").strip()


def split_fields(content: bytes) -> tuple[tuple[Field, ...], int]:
    """The fields in their order, and where the rest (empty line and body) begins.

    Raises ValueError for a line that is no field: other readers might end the header there, or go on.
    """
    fields: list[tuple[str, list[bytes]]] = []
    start = number = 0
    while start < len(content) and not content.startswith(b"\r\n", start):
        number += 1
        end = content.find(b"\r\n", start)
        end = len(content) if end < 0 else end + 2
        line = content[start:end]
        if _STRAY.search(line.removesuffix(b"\r\n")):
            raise ValueError(f"line {number} of the header holds a stray CR, LF or NUL")
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1].append(line)
        elif name := _NAME.match(line):
            fields.append((name.group(1).decode("ascii").lower(), [line]))
        else:
            raise ValueError(f"line {number} of the header is no header field")
        start = end
    return tuple(Field(name, b"".join(lines)) for name, lines in fields), start
