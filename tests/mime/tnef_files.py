"""Writes TNEF, well or badly, from the tables of [MS-OXTNEF]."""

from __future__ import annotations

import struct

MESSAGE, FILE = 1, 2
CODEPAGE, BODY, PROPERTIES = 0x00069007, 0x0002800C, 0x00069003
BEGIN, TITLE, DATA, FILE_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
MESSAGE_OBJECT = bytes.fromhex("0703020000000000c000000000000046")
LONG, BOOLEAN, OBJECT, ANSI, UNICODE, BINARY = 0x0003, 0x000B, 0x000D, 0x001E, 0x001F, 0x0102


def attribute(level: int, kind: int, value: bytes) -> bytes:
    """One attribute with its checksum."""
    return struct.pack("<BII", level, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def tnef(*attributes: bytes, key: int = 0) -> bytes:
    """A whole file."""
    version = attribute(MESSAGE, 0x00089006, struct.pack("<I", 0x10000))
    return struct.pack("<IH", 0x223E9F78, key) + version + b"".join(attributes)


def prop(kind: int, name: int, value: bytes) -> bytes:
    """A property of one value; variable ones with count and length."""
    padded = value + bytes(-len(value) % 4)
    if kind in (OBJECT, ANSI, UNICODE, BINARY):
        padded = struct.pack("<II", 1, len(value)) + padded
    return struct.pack("<HH", kind, name) + padded


def named(kind: int, name: str, value: bytes) -> bytes:
    """A property with a GUID and a name."""
    text = name.encode("utf-16-le") + b"\0\0"
    head = struct.pack("<HH", kind, 0x8001) + bytes(16) + struct.pack("<II", 1, len(text)) + text
    return head + bytes(-len(text) % 4) + prop(kind, 0, value)[4:]


def props(*properties: bytes) -> bytes:
    """A list of properties."""
    return struct.pack("<I", len(properties)) + b"".join(properties)


def text(value: str) -> bytes:
    """A UTF-16 string with its end."""
    return value.encode("utf-16-le") + b"\0\0"


def file(name: str, content: bytes, *properties: bytes) -> bytes:
    """The attributes of an attached file."""
    long_name = prop(UNICODE, 0x3707, text(name))
    return (
        attribute(FILE, BEGIN, bytes(14))
        + attribute(FILE, TITLE, b"SHORT~1.DOC\0")
        + attribute(FILE, DATA, content)
        + attribute(FILE, FILE_PROPERTIES, props(*properties, long_name))
    )


DOCX = b"PK\x03\x04" + bytes(range(256))
HTML = "<html><body><p>Grüße <b>bold</b></p><script>alert(1)</script><img src=http://t.example/x></body></html>"
USUAL = tnef(
    attribute(MESSAGE, CODEPAGE, struct.pack("<II", 1252, 0)),
    attribute(MESSAGE, BODY, b"Gr\xfc\xdfe in plain\0"),
    attribute(
        MESSAGE,
        PROPERTIES,
        props(
            prop(BOOLEAN, 0x0E1B, b"\1\0"),
            named(UNICODE, "Keywords", text("a, b")),
            prop(LONG, 0x3FDE, struct.pack("<I", 65001)),
            prop(BINARY, 0x1013, HTML.encode()),
        ),
    ),
    file("Brief äöü.docx", DOCX, prop(ANSI, 0x370E, b"application/x-docx\0")),
    key=0x1234,
)
"""One .docx and an HTML body, and a key other than 0 (field case F030)."""
