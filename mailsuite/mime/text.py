"""The readable text of a message: which part it is, its octets, its characters, a line of it (RFC 2046 section 5.1)."""

from __future__ import annotations

import re

from mailsuite.mime.charsets import decode, known
from mailsuite.mime.clean import clean_line
from mailsuite.mime.html_text import html_to_text
from mailsuite.mime.transfer import decode_transfer
from mailsuite.model.message import Part

__all__ = ["best_html", "best_text", "decode_bytes", "decode_text", "html_to_text", "snippet"]

_META = re.compile(rb"<meta[^<>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META_OCTETS = 2048
_EMPTY = 4
"""A text of so few octets is passed over when another part follows: some authors' programs put one first."""

_FILLER = re.compile(r"(?<!\S)[\u00ad\u034f\u061c\u180e\u2007\u200b-\u200f\u2060\ufeff]+(?!\S)")
_ATTRIBUTION = re.compile(r"^[^\n]{0,300}:[ \t]*\n(?=[ \t]*\n?>)", re.MULTILINE)
_SNIPPET_INPUT = 8000


def decode_bytes(raw: bytes, part: Part) -> bytes:
    """The octets of a leaf behind its transfer encoding; never raises."""
    return decode_transfer(raw[part.start : part.end], part.encoding)


def decode_text(raw: bytes, part: Part) -> str:
    """The characters of a text part, lines ended by LF, NUL removed; never raises.

    The charset is that of the part when it is known, for HTML that of its meta element, else UTF-8 or windows-1252.
    """
    octets = decode_bytes(raw, part)
    charset = part.charset
    if part.content_type == "text/html" and (not charset or not known(charset)):
        meta = _META.search(octets, 0, _META_OCTETS)
        charset = meta[1].decode("ascii") if meta else charset
    text = decode(octets, charset)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", "") if "\0" in text else text


def best_text(root: Part) -> Part | None:
    """The text/plain part that is the body of the message, None when there is none."""
    return _bodies(root)[0]


def best_html(root: Part) -> Part | None:
    """The text/html part that is the body of the message, None when there is none."""
    return _bodies(root)[1]


def snippet(text: str, limit: int = 200) -> str:
    """The beginning of a text on one line of at most ``limit`` characters, without what it quotes."""
    text = text[:_SNIPPET_INPUT]
    if ">" in text:
        text = _ATTRIBUTION.sub("\n", text)
        text = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith(">")) or text
    text = " ".join(text[: 20 * limit].split())
    if not text.isascii():
        text = " ".join(_FILLER.sub("", text).split())
    if len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    return clean_line(text)


Body = tuple[Part | None, Part | None]
"""Plain text and HTML."""


def _bodies(root: Part) -> Body:
    if root.content_type in ("text/plain", "text/html") and root.disposition != "attachment":
        # A message that is one text shows it, though it has a file name.
        return (root, None) if root.content_type == "text/plain" else (None, root)
    return _body(root)


def _body(part: Part) -> Body:
    """The parts that show what the author wrote; attached messages are not looked into."""
    if part.is_attachment:
        return None, None
    if part.content_type == "text/plain":
        return part, None
    if part.content_type == "text/html":
        return None, part
    if not part.content_type.startswith("multipart/"):
        return None, None
    bodies = [body for body in map(_body, part.children) if body != (None, None)]
    if part.content_type == "multipart/alternative":
        plain = next((plain for plain, _ in bodies if plain), None)
        html = next((html for _, html in reversed(bodies) if html), None)
        return plain, html
    filled = (body for body in bodies if any(leaf and leaf.end - leaf.start > _EMPTY for leaf in body))
    return next(filled, bodies[0] if bodies else (None, None))
