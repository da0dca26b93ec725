"""How the parts of a message are named, measured and addressed as files (RFC 6266)."""

from __future__ import annotations

from urllib.parse import quote

from mailsuite.mime.part_name import part_name
from mailsuite.mime.sniff import shown_type
from mailsuite.model.message import Part

_ARCHIVES = frozenset({"application/zip", "application/gzip", "application/x-tar", "application/x-7z-compressed"})


def part_path(message: str, part: Part) -> str:
    """The path of a part below our origin."""
    return f"/mail/m/{message}/part/{part.path}/{quote(part_name(part), safe='')}"


def served_type(content: bytes) -> str:
    """The Content-Type under which a browser gets a part: what it is, not what it says. Octets for most."""
    return shown_type(content) or "application/octet-stream"


def disposition(name: str) -> str:
    """Content-Disposition with the name for browsers of any age (RFC 6266 section 4.3 and appendix D)."""
    plain = "".join(c if 32 <= ord(c) < 127 and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def kind(part: Part) -> str:
    """What its picture in the list of attachments is: pdf, img, zip or file."""
    if part.content_type == "application/pdf":
        return "pdf"
    if part.content_type.startswith("image/"):
        return "img"
    return "zip" if part.content_type in _ARCHIVES else "file"


def octets(part: Part) -> int:
    """About how large it is when decoded: base64 has four characters for three octets, and line ends."""
    encoded = part.end - part.start
    return encoded * 3 * 76 // (4 * 78) if part.encoding == "base64" else encoded
