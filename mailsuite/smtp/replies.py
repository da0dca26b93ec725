"""Replies on the wire, written and read (RFC 5321 sections 4.2 and 4.5.3.1.5, RFC 2034, RFC 3463)."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from mailsuite.model.status import Status

_WIDTH = 480
_LONGEST_LINE = 8192
_MOST_LINES = 512
_LINE = re.compile(r"([2-5][0-9]{2})(?:([ -])(.*))?\Z", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")
_UNPRINTABLE = re.compile(r"[^ -~]")


def format_reply(status: Status) -> bytes:
    """The reply with its CRLFs; long text takes several lines, what is not ASCII becomes "?"."""
    prefix = f"{status.enhanced} " if status.enhanced else ""
    line = f"{status.code} {prefix}{status.text}"
    if len(line) <= _WIDTH and line.isascii() and line.isprintable():
        return line.encode() + b"\r\n"
    text = _UNPRINTABLE.sub("?", " ".join(status.text.splitlines()))
    return format_lines(status.code, [prefix + part for part in textwrap.wrap(text, _WIDTH) or [""]])


def format_lines(code: int, lines: list[str]) -> bytes:
    """A reply of several lines, which are ASCII."""
    marks = ["-"] * (len(lines) - 1) + [" "]
    return "".join(f"{code}{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()


class ReplyError(ValueError):
    """What came is not a reply; the text says why. The connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it came: ``lines`` without codes and line ends."""

    code: int
    lines: tuple[str, ...]

    @property
    def status(self) -> Status:
        """Its Status: the enhanced code taken off each line, the lines joined by a space."""
        enhanced = ""
        texts = []
        for line in self.lines:
            match = _ENHANCED.match(line)
            if match and match[1][0] == str(self.code)[0] and enhanced in ("", match[1]):
                enhanced = match[1]
                texts.append(line[match.end() :])
            else:
                texts.append(line)
        return Status(self.code, enhanced, " ".join(filter(None, texts)))


class ReplyReader:
    """Finds replies in what a server sends. Lines may be longer than RFC 5321 allows, up to 8 kB."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self._code = 0
        self._lines: list[str] = []

    def feed(self, data: bytes) -> None:
        """Take the next octets."""
        self.buffer += data

    def next_reply(self) -> Reply | None:
        """The next complete reply. Raises ReplyError."""
        while (end := self.buffer.find(b"\n")) >= 0:
            if end > _LONGEST_LINE:
                break
            line = bytes(self.buffer[:end]).rstrip(b"\r").decode("utf-8", "replace")
            del self.buffer[: end + 1]
            if reply := self._line(line):
                return reply
        if len(self.buffer) > _LONGEST_LINE:
            raise ReplyError(f"a reply line of more than {_LONGEST_LINE} octets")
        return None

    def _line(self, line: str) -> Reply | None:
        match = _LINE.match(line)
        if not match:
            raise ReplyError(f"not a reply: {line[:80]!r}")
        code = int(match[1])
        if self._lines and code != self._code:
            raise ReplyError(f"a reply of two codes, {self._code} and {code}")
        self._code = code
        self._lines.append((match[3] or "").replace("\r", " "))
        if match[2] == "-":
            if len(self._lines) >= _MOST_LINES:
                raise ReplyError(f"a reply of more than {_MOST_LINES} lines")
            return None
        reply = Reply(code, tuple(self._lines))
        self._lines = []
        return reply
