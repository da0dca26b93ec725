"""What programs write about a message into files of mail: read, starred, labels (mbox's Status, Gmail's Takeout)."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailsuite.mime.emit import text_header
from mailsuite.mime.headers import Headers

_TOP = re.compile(
    rb"(?:(?:status|x-status|x-keywords|x-gm-thrid|x-gmail-labels|x-mozilla-status2?|x-mozilla-keys)"
    rb"[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+",
    re.IGNORECASE,
)
_READ, _MARKED, _EXPUNGED = 0x1, 0x4, 0x8


@dataclass(frozen=True, slots=True)
class Kept:
    """``seen`` and ``flagged`` are None when nothing is said of them. ``ours``: written by ``write_kept``.

    ``labels`` are the words of X-Gmail-Labels; with ``ours`` they are labels, else folders and marks are among them.
    """

    seen: bool | None = None
    flagged: bool | None = None
    removed: bool = False
    labels: tuple[str, ...] = ()
    ours: bool = False


def split_kept(raw: bytes) -> tuple[Kept, bytes]:
    """What is kept with a message, and the message: fields that stand before all others were put there by the program
    that wrote the file and are no part of it.
    """
    top = _TOP.match(raw)
    headers = Headers.parse(raw)
    status, marks = headers.first("status"), headers.first("x-status") or ""
    mozilla = _number(headers.first("x-mozilla-status"))
    seen: bool | None = None
    flagged: bool | None = "F" in marks if marks else None
    if status is not None:
        seen = "R" in status.upper()
    elif mozilla is not None:
        seen, flagged = bool(mozilla & _READ), bool(mozilla & _MARKED)
    removed = "D" in marks or bool(mozilla and mozilla & _EXPUNGED)
    ours = bool(top and top[0][:7].lower() == b"status:")
    labels = _words(headers.first("x-gmail-labels") or "")
    return Kept(seen, flagged, removed, labels, ours), raw[top.end() :] if top else raw


def write_kept(seen: bool, flagged: bool, labels: Sequence[str]) -> bytes:
    """The fields to put before a message, each line ended by CRLF."""
    lines = [b"Status: RO\r\n" if seen else b"Status: O\r\n"]
    if flagged:
        lines.append(b"X-Status: F\r\n")
    if labels:
        quoted = ('"' + label.replace('"', '""') + '"' if set(label) & set('",') else label for label in labels)
        lines.append(text_header("X-Gmail-Labels", ",".join(quoted)))
    return b"".join(lines)


def _number(text: str | None) -> int | None:
    return int(text, 16) if text and re.fullmatch(r"[0-9a-fA-F]{1,8}", text) else None


def _words(text: str) -> tuple[str, ...]:
    try:
        rows = list(csv.reader([text], skipinitialspace=True))
    except csv.Error:
        rows = [text.split(",")]
    return tuple(dict.fromkeys(word.strip() for row in rows for word in row if word.strip()))
