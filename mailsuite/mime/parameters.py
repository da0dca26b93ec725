"""The value and parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from mailsuite.mime.charsets import decode
from mailsuite.mime.words import decode_words

_PARAMETER = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+("(?>(?:[^"\\]+|\\.)*)"?|[^;]*+)', re.DOTALL)
_EXTENDED = re.compile(r"([^*]++)(?:\*([0-9]{1,5}))?(\*)?\Z")
_ESCAPE = re.compile(r'\\(["\\])')
_TOKEN = re.compile(r"[^\s(]*+")

_FREE = frozenset({"name", "filename"})
"""Parameters that hold spaces and parentheses without quotes in much real mail."""

Segment = tuple[int, bool, str]


def parse_value(field: str) -> tuple[str, dict[str, str]]:
    """``field`` (unfolded, encoded words left in) as the value in lower case and the parameters, decoded.

    Continued and extended parameters win over plain ones of the same name, else the first of equal names does.
    Linear in the length; never raises.
    """
    value = "".join(field.partition(";")[0].partition("(")[0].split()).lower()
    plain: dict[str, str] = {}
    extended: dict[str, list[Segment]] = {}
    for match in _PARAMETER.finditer(field):
        name, text = match.group(1).lower(), match.group(2)
        if text.startswith('"'):
            text = _ESCAPE.sub(r"\1", text[1:].removesuffix('"'))
        elif name.partition("*")[0] in _FREE:
            text = text.strip()
        elif token := _TOKEN.match(text):
            text = token.group()
        parts = _EXTENDED.match(name)
        if parts and (parts[2] or parts[3]):
            extended.setdefault(parts[1], []).append((int(parts[2] or 0), bool(parts[3]), text))
        else:
            plain.setdefault(name, text)
    parameters = {name: decode_words(text) if name in _FREE else text for name, text in plain.items()}
    parameters.update((name, _join(segments)) for name, segments in extended.items())
    return value, parameters


def _join(segments: list[Segment]) -> str:
    """Segments in the order of their numbers, as one text: a character may be cut between two of them."""
    charset = ""
    octets: dict[int, bytes] = {}
    for number, encoded, segment in sorted(segments, key=lambda segment: segment[0]):
        if number in octets:
            continue
        text = segment
        if encoded and not octets and segment.count("'") >= 2:
            charset, _, text = segment.split("'", 2)
        octets[number] = unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return decode(b"".join(octets.values()), charset)
