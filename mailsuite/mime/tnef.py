"""What is inside winmail.dat: files and the body, read whatever is wrong with it ([MS-OXTNEF], [MS-OXCMSG]).

Bounded: the time is linear in the octets, nothing that is unpacked is larger than what it came in.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailsuite.mime.charsets import decode, known
from mailsuite.mime.clean import clean_filename

ATTRIBUTES = 20_000
"""So many attributes and properties of one file are read."""
FILES = 200
DEPTH = 4
"""Levels of messages within it."""

_SIGNATURE = 0x223E9F78
_ATTRIBUTE = struct.Struct("<BII")
_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")

_CODEPAGE = 0x00069007
_BODY = 0x0002800C
_MESSAGE_PROPERTIES = 0x00069003
_FILE_BEGINS = 0x00069002
_FILE_TITLE = 0x00018010
_FILE_DATA = 0x0006800F
_FILE_PROPERTIES = 0x00069005

_TEXT, _HTML, _INTERNET_CODEPAGE = 0x1000, 0x1013, 0x3FDE
_DATA, _SHORT_NAME, _LONG_NAME, _MIME_TAG = 0x3701, 0x3704, 0x3707, 0x370E

_SIZES = {0x0002: 2, 0x000B: 2, 0x0003: 4, 0x0004: 4, 0x000A: 4}
_SIZES |= {0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8, 0x0040: 8, 0x0048: 16}
"""Octets of property types of one size."""
_OBJECT, _ANSI, _UNICODE, _BINARY = 0x000D, 0x001E, 0x001F, 0x0102
_VARIABLE = (0x0000, _OBJECT, _ANSI, _UNICODE, _BINARY)
_SEVERAL, _NAMED = 0x1000, 0x8000
_INTERFACE = 16
"""An embedded object begins with the id of its interface."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A file; ``name`` may be empty, ``content_type`` is what its author said, or application/octet-stream.

    ``is_body``: it is the body of a message within, as UTF-8.
    """

    name: str
    content_type: str
    content: bytes = field(repr=False)
    is_body: bool = False


@dataclass(frozen=True, slots=True)
class Unpacked:
    """``html`` and ``text`` are the body, "" when there is none; ``defects`` says what could not be read."""

    html: str
    text: str
    files: tuple[Inner, ...]
    defects: tuple[str, ...] = ()


def unpack(data: bytes) -> Unpacked:
    """All that can be had. Raises ValueError when it is no TNEF at all; the key of its header means nothing."""
    return _Reader(ATTRIBUTES).read(data, 0)


class _Cut(Exception):
    """The rest cannot be read, or is not: the text says why."""


Property = tuple[int, int, bytes]
"""Type, id, octets of the value."""


class _Reader:
    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._files: list[Inner] = []
        self._defects: list[str] = []

    def read(self, data: bytes, depth: int) -> Unpacked:
        if len(data) < 6 or _U32.unpack_from(data)[0] != _SIGNATURE:
            raise ValueError("this is no TNEF: its signature is missing")
        message = _Message()
        try:
            for level, kind, value in self._attributes(data):
                if kind == _FILE_BEGINS:
                    self._finish(message, depth)
                    message.file = _File()
                elif level == 1:
                    self._of_message(message, kind, value)
                elif message.file is not None:
                    self._of_file(message.file, kind, value)
        except _Cut as error:
            self._defects.append(str(error))
        self._finish(message, depth)
        html = _text(message.html, message.internet or message.codepage) if message.html else ""
        return Unpacked(html, message.text, tuple(self._files), tuple(dict.fromkeys(self._defects)))

    def _spend(self) -> None:
        self._budget -= 1
        if self._budget < 0:
            raise _Cut(f"more than {ATTRIBUTES} attributes: the rest was not read")

    def _attributes(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        position = 6
        while position < len(data):
            self._spend()
            if position + _ATTRIBUTE.size > len(data):
                raise _Cut("it ends within an attribute")
            level, kind, length = _ATTRIBUTE.unpack_from(data, position)
            position += _ATTRIBUTE.size
            if level not in (1, 2):
                raise _Cut("an attribute belongs to nothing")
            if position + length > len(data):
                raise _Cut("it ends within an attribute")
            yield level, kind, data[position : position + length]
            position += length + 2  # the checksum: what is damaged is still better than nothing

    def _of_message(self, message: _Message, kind: int, value: bytes) -> None:
        if kind == _CODEPAGE and len(value) >= 4:
            message.codepage = _codepage(_U32.unpack_from(value)[0])
        elif kind == _BODY:
            message.text = message.text or _text(value, message.codepage)
        elif kind == _MESSAGE_PROPERTIES:
            for type_, name, octets in self._properties(value):
                if name == _INTERNET_CODEPAGE and type_ == 0x0003:
                    message.internet = _codepage(_U32.unpack(octets)[0])
                elif name == _HTML and type_ in (_BINARY, _ANSI, _UNICODE):
                    message.html = octets.decode("utf-16-le", "replace").encode() if type_ == _UNICODE else octets
                    message.internet = "utf-8" if type_ == _UNICODE else message.internet
                elif name == _TEXT and type_ in (_ANSI, _UNICODE):
                    message.text = _string(type_, octets, message.codepage)

    def _of_file(self, found: _File, kind: int, value: bytes) -> None:
        if kind == _FILE_TITLE:
            found.title = value
        elif kind == _FILE_DATA:
            found.data = value
        elif kind == _FILE_PROPERTIES:
            for type_, name, octets in self._properties(value):
                if name == _DATA and type_ == _OBJECT:
                    found.embedded = octets[_INTERFACE:]
                elif name == _DATA and type_ == _BINARY:
                    found.data = octets
                elif name in (_LONG_NAME, _SHORT_NAME, _MIME_TAG) and type_ in (_ANSI, _UNICODE):
                    found.strings.setdefault(name, (type_, octets))

    def _properties(self, data: bytes) -> Iterator[Property]:
        """The first value of each."""
        try:
            count, position = _U32.unpack_from(data)[0], 4
            while count and position < len(data):
                self._spend()
                count -= 1
                type_, name = _U16.unpack_from(data, position)[0], _U16.unpack_from(data, position + 2)[0]
                position += 4
                if name >= _NAMED:
                    position = _behind_name(data, position)
                several, type_ = type_ & _SEVERAL, type_ & ~_SEVERAL
                values = 1
                if several or type_ in _VARIABLE:
                    values = _U32.unpack_from(data, position)[0]
                    position += 4
                first, position = self._values(data, position, type_, values)
                if first is not None:
                    yield type_, name, first
        except struct.error:
            self._defects.append("a property is of an unknown type, or longer than what it lies in")

    def _values(self, data: bytes, position: int, type_: int, count: int) -> tuple[bytes | None, int]:
        if (size := _SIZES.get(type_)) is not None:
            end = position + size * count
            if end > len(data):
                raise struct.error
            return (data[position : position + size] if count else None), end + -end % 4 if size == 2 else end
        if type_ not in _VARIABLE:
            raise struct.error
        first = None
        for number in range(count):
            if number:
                self._spend()
            length = _U32.unpack_from(data, position)[0]
            position += 4
            if position + length > len(data):
                raise struct.error
            if first is None:
                first = data[position : position + length]
            position += length + -length % 4
        return first, position

    def _finish(self, message: _Message, depth: int) -> None:
        found, message.file = message.file, None
        if found is None:
            return
        name = clean_filename(found.name(message.codepage))
        if found.embedded is not None:
            self._embedded(found.embedded, name, depth)
        elif found.data is not None:
            self._add(Inner(name, found.content_type(), found.data))

    def _embedded(self, data: bytes, name: str, depth: int) -> None:
        if depth >= DEPTH:
            self._defects.append(f"more than {DEPTH} messages within each other: the rest is not unpacked")
            return
        try:
            inner = _Reader(self._budget)
            unpacked = inner.read(data, depth + 1)
        except ValueError:
            self._add(Inner(name, "application/octet-stream", data))
            return
        self._budget = inner._budget
        self._defects += unpacked.defects
        stem = name or "message"
        if unpacked.html:
            self._add(Inner(f"{stem}.html", "text/html", unpacked.html.encode(), is_body=True))
        elif unpacked.text:
            self._add(Inner(f"{stem}.txt", "text/plain", unpacked.text.encode(), is_body=True))
        for one in unpacked.files:
            self._add(one)

    def _add(self, one: Inner) -> None:
        if len(self._files) < FILES:
            self._files.append(one)
        else:
            self._defects.append(f"more than {FILES} files: the rest is not listed")


@dataclass(slots=True)
class _File:
    title: bytes = b""
    data: bytes | None = None
    embedded: bytes | None = None
    strings: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    def name(self, codepage: str) -> str:
        for key in (_LONG_NAME, _SHORT_NAME):
            if key in self.strings and (name := _string(*self.strings[key], codepage)):
                return name
        return _text(self.title, codepage)

    def content_type(self) -> str:
        if _MIME_TAG not in self.strings:
            return "application/octet-stream"
        return _string(*self.strings[_MIME_TAG], "").strip().lower() or "application/octet-stream"


@dataclass(slots=True)
class _Message:
    codepage: str = ""
    internet: str = ""
    html: bytes = b""
    text: str = ""
    file: _File | None = None


def _behind_name(data: bytes, position: int) -> int:
    """A named property bears a GUID, and a number or a name."""
    kind = _U32.unpack_from(data, position + 16)[0]
    position += 20
    if not kind:
        return position + 4
    length = _U32.unpack_from(data, position)[0]
    return int(position + 4 + length + -length % 4)


def _codepage(number: int) -> str:
    label = {65001: "utf-8", 20127: "us-ascii", 28591: "iso-8859-1", 20866: "koi8-r", 50220: "iso-2022-jp"}.get(number)
    return label or (f"cp{number}" if known(f"cp{number}") else "")


def _string(type_: int, octets: bytes, codepage: str) -> str:
    if type_ == _UNICODE:
        return octets.decode("utf-16-le", "replace").partition("\0")[0]
    return _text(octets, codepage)


def _text(octets: bytes, codepage: str) -> str:
    return decode(octets.partition(b"\0")[0], codepage).replace("\r\n", "\n").replace("\r", "\n")
