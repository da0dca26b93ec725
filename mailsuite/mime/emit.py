"""Header fields and bodies as they go out: folded, 7-bit, CRLF (RFC 5322 2.1.1 and 2.2.3, RFC 2045 6, RFC 2047)."""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp

from mailsuite.mime.words import WORD_LENGTH, encode_words

LINE = 78
MAX_LINE = 998

MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,450}@[!-;=?-~]{1,450}>\Z")
"""An id that fits on a line."""

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TOKEN = re.compile(r" *[^ ]+")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BASE64_LINE = 57
"""Octets that make a line of 76 digits."""


def check_line(field: str, value: str) -> None:
    """Raises ValueError, with the name of the field, when ``value`` holds a line end or another control character."""
    found = _FORBIDDEN.search(value)
    if found:
        raise ValueError(f"{field}: the character U+{ord(found.group()):04X} is not allowed")


def header(name: str, value: str) -> bytes:
    """A structured field, folded at spaces to 78 columns where it can be. UTF-8 when it is not ASCII (RFC 6532).

    Raises ValueError when a line cannot be made short enough, or holds a line end.
    """
    check_line(name, value)
    lines = [f"{name}:"]
    for token in _TOKEN.findall(" " + value.strip()):
        # Nothing is folded right behind the colon: some readers take the field to be empty.
        if len(lines[-1].encode()) + len(token.encode()) > LINE and not lines[-1].endswith(":"):
            lines.append(token)
        else:
            lines[-1] += token
    encoded = [line.encode() for line in lines]
    if max(map(len, encoded)) > MAX_LINE:
        raise ValueError(f"{name}: a word is longer than a line may be")
    return b"\r\n".join(encoded) + b"\r\n"


def text_header(name: str, value: str) -> bytes:
    """An unstructured field such as Subject: encoded words where ASCII does not do."""
    check_line(name, value)
    value = value.strip()
    plain = value.isascii() and "=?" not in value and all(len(word) <= WORD_LENGTH for word in _TOKEN.findall(value))
    return header(name, value if plain else encode_words(value))


def encode_body(octets: bytes) -> tuple[str, bytes]:
    """A text body as (Content-Transfer-Encoding, lines ended by CRLF): 7bit, quoted-printable or base64."""
    octets = _LINE_END.sub(b"\r\n", octets)
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if octets.isascii() and all(len(line) <= LINE for line in octets.split(b"\r\n")):
        return "7bit", octets
    foreign = sum(octet > 126 for octet in octets)
    if 6 * foreign > len(octets):
        lines = (octets[start : start + _BASE64_LINE] for start in range(0, len(octets), _BASE64_LINE))
        return "base64", b"".join(b2a_base64(line, newline=False) + b"\r\n" for line in lines)
    return "quoted-printable", b2a_qp(octets, istext=True)
