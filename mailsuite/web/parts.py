"""How the parts of a message are named, measured and addressed as files (RFC 6266)."""

from __future__ import annotations

from urllib.parse import quote

from mailsuite.model.message import Part

SAFE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "application/pdf"})
"""Types that are passed on as they are; all else is octets to a browser, SVG and HTML above all."""

_ARCHIVES = frozenset({"application/zip", "application/gzip", "application/x-tar", "application/x-7z-compressed"})


def file_name(part: Part) -> str:
    """Under what name a part is kept; mime has made it harmless."""
    return part.filename or f"part-{part.path}"


def part_path(message: str, part: Part) -> str:
    """The path of a part below our origin."""
    return f"/mail/m/{message}/part/{part.path}/{quote(file_name(part), safe='')}"


def served_type(part: Part) -> str:
    """The Content-Type under which a browser gets a part."""
    return part.content_type if part.content_type in SAFE_TYPES else "application/octet-stream"


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
