"""What a winmail.dat holds, as parts beside it: the files and the body, for readers without Outlook."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.mime.sanitize import Sanitized, sanitize, text_to_html
from mailsuite.mime.tnef import Inner, Unpacked, unpack
from mailsuite.model.message import Part

MARK = "~"
"""Stands in the path of an inner part between that of the outer one and a number."""

_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})


def is_winmail(part: Part) -> bool:
    """By its type, or by its name when its type says nothing."""
    named = part.content_type == "application/octet-stream" and part.filename.lower() == "winmail.dat"
    return part.content_type in _TYPES or named


def inner_parts(part: Part, content: bytes) -> tuple[tuple[Part, bytes], ...]:
    """The files within ``content``, the body first; nothing when it cannot be read: it is there as it came.

    A body in HTML is as harmless as what is shown; attached files are as they were attached.
    """
    unpacked = _unpacked(content)
    if unpacked is None:
        return ()
    files = [*_body_file(unpacked), *unpacked.files]
    return tuple(_as_part(part, number, _harmless(one)) for number, one in enumerate(files, 1))


def body(content: bytes) -> Sanitized | None:
    """The body within, to be shown; None when there is none."""
    unpacked = _unpacked(content)
    if unpacked is None:
        return None
    if unpacked.html:
        return sanitize(unpacked.html, lambda _: None)
    return Sanitized(text_to_html(unpacked.text), 0) if unpacked.text else None


def _unpacked(content: bytes) -> Unpacked | None:
    try:
        return unpack(content)
    except ValueError:
        return None


def _body_file(unpacked: Unpacked) -> list[Inner]:
    if unpacked.html:
        return [Inner("message.html", "text/html", unpacked.html.encode(), is_body=True)]
    return [Inner("message.txt", "text/plain", unpacked.text.encode(), is_body=True)] if unpacked.text else []


def _harmless(one: Inner) -> Inner:
    if not one.is_body or one.content_type != "text/html":
        return one
    html = sanitize(one.content.decode(), lambda _: None).html
    return replace(one, content=f'<!doctype html><meta charset="utf-8">{html}'.encode())


def _as_part(part: Part, number: int, one: Inner) -> tuple[Part, bytes]:
    path = f"{part.path}{MARK}{number}"
    size = len(one.content)
    return Part(path, one.content_type, "utf-8", "binary", "attachment", one.name, "", 0, size), one.content
