"""Bodies of several parts as they go out: alternatives, pictures, files (RFC 2046, 2183, 2231, 2387)."""

from __future__ import annotations

import re
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from mailsuite.mime.emit import LINE, MESSAGE_ID, check_line, encode_body, header

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\Z")
_WHOLE = ("multipart/", "message/")
"""Types whose content may not be encoded (RFC 2045 section 6.4)."""

_OCTETS = "application/octet-stream"
_NAME = 40
"""Longer names of ASCII are continued on further lines as others are."""

_SEGMENT = LINE - len(" filename*000*=;")


@dataclass(frozen=True, slots=True)
class Attached:
    """A file to be sent. ``content_id``, in angle brackets, is by what the HTML names a picture within it, else ""."""

    name: str
    content_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """Fields that describe a body, and the body; both in lines ended by CRLF."""

    fields: bytes
    body: bytes


def text_entity(subtype: str, text: str) -> Entity:
    """A text in UTF-8. Raises ValueError for NUL and halves of surrogate pairs."""
    encoding, body = encode_body(_octets("text" if subtype == "plain" else subtype, text))
    return Entity(
        header("Content-Type", f"text/{subtype}; charset=utf-8") + header("Content-Transfer-Encoding", encoding), body
    )


def file_entity(field: str, file: Attached) -> Entity:
    """A file in base64. Multiparts and messages, which base64 is forbidden for, and no types go as octets.

    Raises ValueError, which begins with ``field``, for control characters in the name and for an id that is none.
    """
    check_line(field, file.name)
    usable = _TYPE.match(file.content_type) and not file.content_type.startswith(_WHOLE)
    fields = header("Content-Type", file.content_type if usable else _OCTETS)
    fields += header("Content-Transfer-Encoding", "base64")
    disposition = "attachment"
    if file.content_id:
        if not MESSAGE_ID.match(file.content_id):
            raise ValueError(f"{field}: {file.content_id!r} is no content id")
        fields += header("Content-ID", file.content_id)
        disposition = "inline"
    if file.name:
        disposition = "; ".join((disposition, *_file_name(file.name)))
    fields += header("Content-Disposition", disposition)
    return Entity(fields, encodebytes(file.content).replace(b"\n", b"\r\n"))


def multipart(subtype: str, entities: Sequence[Entity], seed: str) -> Entity:
    """The entities one behind the other; the boundary is made of ``seed`` and occurs in none of them."""
    number = 0
    while True:
        # "=_" stands in no base64 and in no quoted-printable (RFC 2045 section 6.7); plain text may hold anything.
        mark = "=_" + sha256(f"{subtype} {number} {seed}".encode()).hexdigest()[:32]
        if not any(mark.encode() in entity.body for entity in entities):
            break
        number += 1
    line = b"--" + mark.encode()
    pieces = [piece for entity in entities for piece in (line, b"\r\n", entity.fields, b"\r\n", entity.body, b"\r\n")]
    kind = f'multipart/{subtype}; boundary="{mark}"'
    if subtype == "related":
        # Its root is named (RFC 2387 section 3.1).
        kind += '; type="text/html"'
    return Entity(header("Content-Type", kind), b"".join((*pieces, line, b"--\r\n")))


def whole(text: str, html: str, pictures: Sequence[Attached], files: Sequence[Attached], seed: str) -> Entity:
    """The body of a message: the text, beside it the HTML with its pictures, behind both the files.

    Raises ValueError, which begins with the name of what is wrong.
    """
    body = text_entity("plain", text)
    if html:
        rich = text_entity("html", html)
        if pictures:
            rich = multipart("related", (rich, *(file_entity("pictures", one) for one in pictures)), seed)
        body = multipart("alternative", (body, rich), seed)
    elif pictures:
        raise ValueError("pictures: there is no HTML that shows them")
    if files:
        body = multipart("mixed", (body, *(file_entity("files", one) for one in files)), seed)
    return body


def _file_name(name: str) -> list[str]:
    """The parameter filename, quoted when it is short ASCII, else in extended segments that cut no character."""
    if name.isascii() and len(name) <= _NAME:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f'filename="{escaped}"']
    segments = ["utf-8''"]
    for character in name:
        encoded = quote(character, safe="")
        if len(segments[-1]) + len(encoded) > _SEGMENT:
            segments.append("")
        segments[-1] += encoded
    if len(segments) == 1:
        return [f"filename*={segments[0]}"]
    return [f"filename*{number}*={segment}" for number, segment in enumerate(segments)]


def _octets(field: str, text: str) -> bytes:
    if "\0" in text:
        raise ValueError(f"{field}: the character U+0000 is not allowed")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{field}: half of a surrogate pair is not allowed") from None
