"""The MIME tree of a message with offsets into its octets (RFC 2045 section 5, RFC 2046 section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailsuite.mime.clean import clean_filename, clean_line
from mailsuite.mime.headers import Headers
from mailsuite.mime.part_name import message_name
from mailsuite.model.message import Part

DEPTH = 30
PARTS = 1000
FALSE_BOUNDARIES = 100_000
"""So many lines that merely begin like a boundary are looked at in one message."""

_TYPE = re.compile(r"[a-z0-9!#$%&'*+.^_`{|}~-]{1,127}/[a-z0-9!#$%&'*+.^_`{|}~-]{1,127}\Z")
_TAIL = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\r?\Z)")
_WHOLE = ".TEXT"
"""Ends the path of a multipart that is the whole of an embedded message (IMAP's section for it)."""

_VALUE = 200
"""Longer charsets, encodings and content ids are cut."""


def structure(raw: bytes) -> Part:
    """The tree of ``raw``; never raises. At most 30 levels and 1000 parts: what is deeper or later is not divided."""
    return scan(raw)[0]


def scan(raw: bytes) -> tuple[Part, Headers, tuple[str, ...]]:
    """The tree, the header block of the message, and in words what could not be divided as it should."""
    scanner = _Scanner(raw)
    headers = Headers.parse(raw)
    part = scanner.part(headers, headers.body_start, len(raw), "", 0, "text/plain")
    return part, headers, tuple(dict.fromkeys(scanner.defects))


@dataclass(slots=True)
class _Scanner:
    """Work on one message: ``parts`` and ``false`` are counted against the limits."""

    raw: bytes
    parts: int = 0
    false: int = 0
    defects: list[str] = field(default_factory=list)

    def part(self, headers: Headers, start: int, end: int, path: str, depth: int, default: str) -> Part:
        """The part whose body is ``raw[start:end]``. ``path`` is its number, "" for that of a whole message."""
        self.parts += 1
        content_type, parameters = headers.parameters("content-type")
        if not _TYPE.match(content_type):
            content_type = "text/plain" if content_type else default
        disposition, disposed = headers.parameters("content-disposition")
        encoding = headers.parameters("content-transfer-encoding")[0]
        filename = clean_filename(disposed.get("filename") or parameters.get("name") or "")
        children: tuple[Part, ...] = ()
        if content_type.startswith("multipart/"):
            children = self._multipart(content_type, parameters.get("boundary", ""), start, end, path, depth)
            if not children and not self._full(depth):
                # Nothing to divide: a person can at least read it.
                self.defects.append("a multipart body without its boundary")
                content_type = "text/plain"
                path = _below(path, 1) if path.endswith(_WHOLE) else path
        elif content_type == "message/rfc822" and encoding in ("", "7bit", "8bit", "binary") and start < end:
            inner = Headers.parse(self.raw, start, end)
            filename = filename or message_name(inner)
            children = self._embedded(inner, end, path, depth)
        if not content_type.startswith("multipart/"):
            path = path or "1"
        return Part(
            path=path,
            content_type=content_type,
            charset=clean_line(parameters.get("charset", "")).lower()[:_VALUE],
            encoding=encoding[:_VALUE] or "7bit",
            disposition=disposition if disposition in ("", "inline") else "attachment",
            filename=filename,
            content_id=(headers.first("content-id") or "").strip("<> ")[:_VALUE],
            start=start,
            end=end,
            children=children,
        )

    def _full(self, depth: int) -> bool:
        return depth >= DEPTH or self.parts >= PARTS

    def _multipart(
        self, content_type: str, boundary: str, start: int, end: int, path: str, depth: int
    ) -> tuple[Part, ...]:
        if self._full(depth):
            self.defects.append(f"more than {DEPTH} levels or {PARTS} parts: the rest is not divided")
            return ()
        default = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
        children = []
        for number, (first, last) in enumerate(self._bodies(boundary, start, end), 1):
            if self.parts >= PARTS:
                self.defects.append(f"more than {PARTS} parts: the rest is not divided")
                break
            headers = Headers.parse(self.raw, first, last)
            children.append(self.part(headers, headers.body_start, last, _below(path, number), depth + 1, default))
        return tuple(children)

    def _embedded(self, headers: Headers, end: int, path: str, depth: int) -> tuple[Part, ...]:
        """The message within message/rfc822: its parts are numbered below it, a multipart as a whole is ".TEXT"."""
        if self._full(depth):
            self.defects.append(f"more than {DEPTH} levels or {PARTS} parts: the rest is not divided")
            return ()
        path = path or "1"
        multipart = headers.parameters("content-type")[0].startswith("multipart/")
        path = path + _WHOLE if multipart else _below(path, 1)
        return (self.part(headers, headers.body_start, end, path, depth + 1, "text/plain"),)

    def _bodies(self, boundary: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the parts of a multipart body lie, headers and all: between its boundary lines."""
        mark = b"\n--" + boundary.rstrip().encode("utf-8", "replace")
        if len(mark) == 3:
            return
        raw = self.raw
        first = -1
        # The line end of the header is the one before the first boundary.
        position = raw.find(mark, start - 1, end)
        while position >= 0 and self.false < FALSE_BOUNDARIES:
            tail = _TAIL.match(raw, position + len(mark), end)
            if tail is None:
                self.false += 1
            else:
                if first >= 0:
                    # A boundary owns the line end before it.
                    yield first, max(first, position - 1 if raw[position - 1 : position] == b"\r" else position)
                if tail[1]:
                    return
                first = tail.end()
            position = raw.find(mark, max(position + 1, first - 1), end)
        if first >= 0:
            yield first, end


def _below(path: str, number: int) -> str:
    path = path.removesuffix(_WHOLE)
    return f"{path}.{number}" if path else str(number)
