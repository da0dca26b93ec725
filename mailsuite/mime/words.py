"""Encoded words in header fields, read and written (RFC 2047, RFC 2231 section 5)."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterator

from mailsuite.mime.charsets import decode
from mailsuite.mime.transfer import decode_base64, decode_quoted_printable

_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?((?>(?:[^=?]+|=(?!\?[^?\s]+\?[bBqQ]\?)|\?(?!=))*))\?=")
"""A question mark or a space within a word is against the RFC and common; the beginning of another word ends it.

Here and elsewhere: ``(?>...)`` keeps a pattern linear; a possessive *group* is compiled wrongly by Python 3.11.2.
"""

WORD_LENGTH = 64
"""Written words stay below the 75 of the RFC so that the first one fits on the line of the field's name."""

_ROOM = WORD_LENGTH - len("=?utf-8?q??=")
_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def decode_words(text: str) -> str:
    """``text`` with its encoded words decoded; a character that is cut between two of them is joined first.

    White space between encoded words vanishes. What is no encoded word stays. Linear in the length.
    """
    if "=?" not in text:
        return text
    out: list[str] = []
    run: _Run | None = None
    position = 0
    for match in _WORD.finditer(text):
        between = text[position : match.start()]
        charset, encoding, encoded = match.groups()
        charset = charset.partition("*")[0].lower()
        adjacent = run is not None and (not between or between.isspace())
        if run is None or not adjacent or charset != run.charset:
            if run is not None:
                out.append(run.text())
            if not adjacent:
                out.append(between)
            run = _Run(charset)
        run.add(encoding in "bB", encoded)
        position = match.end()
    if run is not None:
        out.append(run.text())
    out.append(text[position:])
    return "".join(out)


class _Run:
    """Encoded words of one charset that follow each other."""

    def __init__(self, charset: str) -> None:
        self.charset = charset
        self._octets: list[bytes] = []
        self._base64: list[bytes] = []
        self._digits = 0

    def add(self, base64: bool, encoded: str) -> None:
        data = encoded.encode("utf-8", "replace")
        if not base64:
            self._flush()
            self._octets.append(decode_quoted_printable(data, header=True))
            return
        # Some encoders cut the base64 text itself, not the octets: then it only decodes as a whole.
        self._base64.append(data)
        self._digits += len(data)
        if data.endswith(b"=") or self._digits % 4 == 0:
            self._flush()

    def _flush(self) -> None:
        if self._base64:
            self._octets.append(decode_base64(b"".join(self._base64)))
            self._base64 = []
            self._digits = 0

    def text(self) -> str:
        self._flush()
        return decode(b"".join(self._octets), self.charset)


def encode_words(text: str) -> str:
    """``text`` as UTF-8 encoded words of at most 64 characters, separated by spaces; no character is cut."""
    pieces = [character.encode("utf-8") for character in text]
    quoted = [_quote(piece) for piece in pieces]
    if sum(map(len, quoted)) <= 4 * sum(map(len, pieces)) // 3:
        return " ".join(f"=?utf-8?q?{word.decode('ascii')}?=" for word in _fill(quoted, _ROOM))
    words = _fill(pieces, _ROOM // 4 * 3)
    return " ".join(f"=?utf-8?b?{b2a_base64(word, newline=False).decode('ascii')}?=" for word in words)


def _quote(piece: bytes) -> bytes:
    return b"".join(
        b"_" if octet == 32 else b"%c" % octet if octet in _LITERAL else b"=%02X" % octet for octet in piece
    )


def _fill(pieces: list[bytes], room: int) -> Iterator[bytes]:
    """The pieces joined into words of at most ``room`` octets."""
    word = b""
    for piece in pieces:
        if len(word) + len(piece) > room:
            yield word
            word = b""
        word += piece
    if word:
        yield word
