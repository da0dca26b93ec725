"""The text of a message that a search looks through: its text parts and the names of its files (RFC 2046 section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mailsuite.mime.clean import clean_line
from mailsuite.mime.text import decode_text, html_to_text
from mailsuite.model.message import Part

CHARACTERS = 200_000
"""So much of a message is searched."""

_OCTETS = 1024 * 1024
"""So much of each part is read."""


def searchable(raw: bytes, root: Part) -> str:
    """Texts of all parts, those of attached messages too, then the names of files, one thing a line; never raises.

    Of alternatives the plain text counts unless it is empty.
    """
    pieces: list[str] = []
    length = 0
    for part in _texts(raw, root):
        if length >= CHARACTERS:
            break
        text = _text(raw, part)[: CHARACTERS - length]
        pieces.append(text)
        length += len(text)
    names = dict.fromkeys(clean_line(part.filename) for part in root.walk() if part.filename)
    return "\n".join((*pieces, *names))


def _text(raw: bytes, part: Part) -> str:
    text = decode_text(raw, replace(part, end=min(part.end, part.start + _OCTETS)))
    return html_to_text(text, CHARACTERS) if part.content_type == "text/html" else text


def _texts(raw: bytes, part: Part) -> Iterator[Part]:
    if part.content_type == "multipart/alternative":
        plain = [child for child in part.children if child.content_type == "text/plain"]
        if any(raw[child.start : child.end].strip() for child in plain):
            yield from plain
            for child in part.children:
                if not child.content_type.startswith("text/"):
                    yield from _rich(raw, child)
            return
    if part.content_type.startswith("text/"):
        yield part
    for child in part.children:
        yield from _texts(raw, child)


def _rich(raw: bytes, part: Part) -> Iterator[Part]:
    """What an alternative holds besides another form of the text: its pictures and files."""
    return (leaf for leaf in _texts(raw, part) if leaf.content_type != "text/html" or leaf.is_attachment)
