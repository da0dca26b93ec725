"""The header block of a message or part, capped, field by field (RFC 5322 section 2.2, RFC 2047, RFC 6532)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mailsuite.mime.addresses import parse_mailboxes, show_mailbox
from mailsuite.mime.charsets import charset_of_language, decode
from mailsuite.mime.clean import clean_line
from mailsuite.mime.parameters import parse_value
from mailsuite.mime.words import decode_words

HEADER_OCTETS = 256 * 1024
FIELDS = 1000

_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:((?>[^\n]*(?:\n[ \t][^\n]*)*))(?:\n|\Z)")
_LF = 0x0A
_MBOX = (b"From ", b">From ")

ADDRESS_FIELDS = frozenset(
    prefix + name for prefix in ("", "resent-") for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
)


class Headers:
    """Fields in their order. ``body_start`` is the offset of the body in the octets that were parsed.

    ``defects`` says in words what is wrong with the block. Names are given without regard to case.
    """

    def __init__(
        self, fields: Sequence[tuple[str, bytes]], body_start: int, defects: tuple[str, ...] = (), charset: str = ""
    ) -> None:
        self._fields = fields
        self._by_name: dict[str, list[bytes]] = {}
        for name, value in fields:
            self._by_name.setdefault(name, []).append(value)
        self.body_start = body_start
        self.defects = defects
        self._charset = charset

    @classmethod
    def parse(cls, raw: bytes, start: int = 0, end: int | None = None) -> Headers:
        """Read ``raw[start:end]`` up to the empty line, or to the first line that cannot be a field.

        At most 256 kB and 1000 fields are read; the body begins behind the whole block all the same.
        """
        stop = len(raw) if end is None else end
        limit = min(stop, start + HEADER_OCTETS)
        position = start
        if raw.startswith(_MBOX, position, limit):
            position = _next_line(raw, position, stop)
        fields: list[tuple[str, bytes]] = []
        while len(fields) < FIELDS and (match := _FIELD.match(raw, position, limit)):
            fields.append((match[1].decode("ascii").lower(), match[2]))
            position = match.end()
        if position >= stop:
            return cls(fields, stop)
        # A field that was cut at the limit ends within its line.
        if position == start or raw[position - 1] == _LF:
            for mark in (b"\r\n", b"\n"):
                if raw.startswith(mark, position, stop):
                    return cls(fields, position + len(mark))
        if len(fields) == FIELDS or (limit < stop and raw.find(b"\n", position, limit) < 0):
            what = f"the header is larger than {FIELDS} fields or {HEADER_OCTETS // 1024} kB: the rest was not read"
            return cls(fields, _behind_empty_line(raw, position - 1, stop), (what,))
        return cls(fields, position, ("no empty line between header and body",))

    def with_charset(self, charset: str) -> Headers:
        """The same block; ``charset`` is the guess for raw 8-bit fields that are not UTF-8."""
        return Headers(self._fields, self.body_start, self.defects, charset)

    def names(self) -> tuple[str, ...]:
        """The names of all fields, in lower case, with repetitions."""
        return tuple(name for name, _ in self._fields)

    def raw(self, name: str) -> tuple[bytes, ...]:
        """What follows the colon, folding and all, without the last line end."""
        return tuple(value.removesuffix(b"\r") for value in self._by_name.get(name.lower(), ()))

    def unfolded(self, name: str) -> tuple[str, ...]:
        """The values on one line as text, encoded words left in: what a parser of structured fields needs."""
        return tuple(map(self._unfold, self._by_name.get(name.lower(), ())))

    def first(self, name: str) -> str | None:
        """The first field of this name, unfolded and decoded, without controls; None when there is none.

        In address fields a decoded name with specials stands in quotes, so that the text still parses as the field.
        """
        values = self._by_name.get(name.lower())
        return self._decode(name.lower(), values[0]) if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """As ``first``, of every field of this name."""
        return tuple(self._decode(name.lower(), value) for value in self._by_name.get(name.lower(), ()))

    def parameters(self, name: str) -> tuple[str, Mapping[str, str]]:
        """The first field of this name as value and parameters (``("", {})`` when there is none)."""
        values = self._by_name.get(name.lower())
        return parse_value(self._unfold(values[0])) if values else ("", {})

    def _decode(self, name: str, value: bytes) -> str:
        text = self._unfold(value)
        if name in ADDRESS_FIELDS and "=?" in text and (boxes := parse_mailboxes(text)):
            return ", ".join(map(show_mailbox, boxes))
        return clean_line(decode_words(text))

    def _unfold(self, value: bytes) -> str:
        if b"\n" in value:
            value = value.replace(b"\r\n", b"").replace(b"\n", b"")
        try:
            return value.decode("utf-8").strip()
        except ValueError:
            return decode(value, self._charset or self._own_charset()).strip()

    def _own_charset(self) -> str:
        for value in self._by_name.get("content-type", ()):
            if value.isascii() and (charset := parse_value(value.decode("ascii"))[1].get("charset", "")):
                return charset
        language = b"".join(self._by_name.get("content-language", ())[:1])
        return charset_of_language(language.decode("ascii", "replace"))


def _next_line(raw: bytes, position: int, stop: int) -> int:
    end = raw.find(b"\n", position, stop)
    return stop if end < 0 else end + 1


def _behind_empty_line(raw: bytes, position: int, stop: int) -> int:
    marks = (b"\n\r\n", b"\n\n")
    ends = [found + len(mark) for mark in marks if (found := raw.find(mark, position, stop)) >= 0]
    return min(ends, default=stop)
