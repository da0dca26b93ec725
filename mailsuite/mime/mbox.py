"""mbox files, written as mboxrd, read as they are found: mboxrd, mboxo, mboxcl, mboxcl2 (RFC 4155, and the field)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from mailsuite.mime.dates import parse_date

LARGEST = 256 * 1024 * 1024
"""A longer message is not read into memory: its entry has no content."""

_PIECE = 1024 * 1024
_DAY = rb"(?:mon|tue|wed|thu|fri|sat|sun)"
_DATED = re.compile(
    rb"From (?:[^\n]*[ \t])?" + _DAY + rb"[a-z]*[ ,]+[^\n]*[0-9]{1,2}:[0-9]{2}[^\n]*\n?\Z", re.IGNORECASE
)
_BARE = re.compile(rb"From (?:[^ \t\r\n]+@[^ \t\r\n]+|MAILER-DAEMON)[ \t]*\r?\n\Z")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:|>?From ")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_QUOTABLE = re.compile(rb"^(>*From )", re.MULTILINE)
_FROM = re.compile(rb"^From ", re.MULTILINE)
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*([0-9]{1,12})[ \t]*\r?\n\Z", re.IGNORECASE)
_DATE = re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[ ,]", re.IGNORECASE)
_ENDS = (b"\n", b"\r\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of an mbox, unquoted, and what its From_ line says: ``date`` in ms, None when there is none.

    ``sender`` is "-" or "???@???" in files of programs that write there when they fetched the message. ``start`` and
    ``end`` are offsets in the file. ``content`` is None when the message is longer than LARGEST.
    """

    content: bytes | None
    sender: str
    date: int | None
    start: int
    end: int


class _Lines:
    """The lines of a file with their offsets, up to two of them looked at in advance. Very long ones in pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ahead: deque[bytes] = deque()
        self.offset = file.tell()

    def peek(self, n: int = 0) -> bytes:
        """The next line but n; empty at the end."""
        while len(self._ahead) <= n:
            self._ahead.append(self._file.readline(_PIECE))
        return self._ahead[n]

    def next(self) -> bytes:
        """The next line; empty at the end."""
        line = self.peek()
        self._ahead.popleft()
        self.offset += len(line)
        return line

    def seek(self, offset: int) -> None:
        """Go on at an offset."""
        self._ahead.clear()
        self._file.seek(offset)
        self.offset = offset

    def take(self, size: int) -> bytes:
        """So many octets."""
        self.seek(self.offset)
        octets = self._file.read(size)
        self.offset += len(octets)
        return octets

    def begins(self, previous: bytes) -> bool:
        """Is the next line a From_ line? ``previous`` is the line before it, empty at the start of the file."""
        line = self.peek()
        if not line.startswith(b"From ") or (previous and not previous.endswith(b"\n")):
            return False
        blank = not previous or previous in _ENDS
        if _DATED.match(line):
            return blank or _FIELD.match(self.peek(1)) is not None
        return blank and _BARE.match(line) is not None and _FIELD.match(self.peek(1)) is not None


def is_mbox(start: bytes) -> bool:
    """Does a file that starts so hold messages behind From_ lines?"""
    return start.lstrip(b"\r\n").startswith(b"From ")


def read_mbox(file: BinaryIO) -> Iterator[Entry]:
    """The messages of a file that can be seeked in, one after another; line ends as they are in the file.

    A line begins a message when it is a From_ line with a date, behind an empty line or before a header field: text
    that begins with "From " and was never quoted is text. Content-Length is believed only when a From_ line or the end
    of the file is just there; where such a length spans From_ lines the file is an mboxcl2, and nothing is unquoted.
    Raises ValueError when the file does not begin with a From_ line, OSError.
    """
    lines = _Lines(file)
    while lines.peek() in _ENDS:
        lines.next()
    if lines.peek() and not lines.peek().startswith(b"From "):
        raise ValueError("it does not begin with a From_ line: it is no mbox")
    quoted = True
    while lines.peek():
        start = lines.offset
        sender, date = _from_line(lines.next())
        content, spans = _content(lines, quoted)
        quoted = quoted and not spans
        yield Entry(content, sender, date, start, lines.offset)


def _content(lines: _Lines, quoted: bool) -> tuple[bytes | None, bool]:
    """The content, and whether its Content-Length was right and spans From_ lines."""
    parts: list[bytes] = []
    size, length, header = 0, -1, True
    last = b"From "  # never empty: what follows the From_ line is no start of a file
    previous = b"-\n"
    while lines.peek() and not lines.begins(previous):
        last = previous = lines.next()
        size += len(last)
        if size <= LARGEST:
            parts.append(last)
        if header and (match := _LENGTH.match(last)):
            length = int(match[1])
        if header and last in _ENDS:
            header = False
            if 0 < length <= LARGEST and _lands(lines, length):
                head = b"".join(parts)
                body = lines.take(length)
                spans = _FROM.search(body) is not None
                while lines.peek() in _ENDS:
                    lines.next()
                return head + (body if spans or not quoted else _QUOTED.sub(rb"\1", body)), spans
    if size > LARGEST:
        return None, False
    if last in _ENDS and len(parts) > 1:
        parts.pop()
    content = b"".join(parts)
    return (_QUOTED.sub(rb"\1", content) if quoted else content), False


def _lands(lines: _Lines, length: int) -> bool:
    """Do so many octets end before a From_ line or the end of the file?"""
    here = lines.offset
    lines.seek(here + length - 1)
    try:
        last = lines.next()
        if not last:
            return False
        # A body that does not end with a line end: one follows that belongs to the file.
        if last != b"\n" and last[1:] not in (b"", *_ENDS):
            return False
        blank = last
        while lines.peek() in _ENDS:
            blank = lines.next()
        return not lines.peek() or (blank.endswith(b"\n") and lines.begins(b"\n"))
    finally:
        lines.seek(here)


def _from_line(line: bytes) -> tuple[str, int | None]:
    text = line[5:500].decode("latin-1").strip()
    found = _DATE.search(text)
    sender = text[: found.start()] if found else text
    return sender.strip(), parse_date(_zone_first(text[found.start() :])) if found else None


def _zone_first(text: str) -> str:
    """``Thu Jan 01 00:00:00 2026 +0000`` as the readers of dates know it."""
    words = text.split()
    if len(words) > 5 and re.fullmatch(r"[+-][0-9]{4}", words[5]):
        words[4], words[5] = words[5], words[4]
    return " ".join(words[:6])


def write_entry(content: bytes, sender: str, date: int) -> bytes:
    """A message with its From_ line, quoted, and the empty line behind it; ``date`` in ms.

    A line end is put behind a content that has none. Line ends stay as they are.
    """
    word = "".join(sender.split()) if sender.isascii() else ""
    stamp = datetime.fromtimestamp(date // 1000, UTC).strftime("%a %b %d %H:%M:%S %Y")
    end = b"" if content.endswith(b"\n") else b"\n"
    head = f"From {word or 'MAILER-DAEMON'} {stamp}\n".encode("ascii")
    return head + _QUOTABLE.sub(rb">\1", content) + end + b"\n"
