"""Which of the few types that a browser may show some octets are, by their beginning (WHATWG MIME Sniffing 6.1)."""

from __future__ import annotations

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def shown_type(content: bytes) -> str:
    """The type of ``content`` when it is a PNG, JPEG, GIF, WebP, AVIF or PDF; "" for all else, HTML and SVG too."""
    for beginning, content_type in _BEGINNINGS:
        if content.startswith(beginning):
            return content_type
    if content[:4] == b"RIFF" and content[8:14] == b"WEBPVP":
        return "image/webp"
    # The brand of an ISO base media file (ISO 14496-12 section 4.3; AV1 Image File Format section 5).
    if content[4:8] == b"ftyp" and content[8:12] in (b"avif", b"avis"):
        return "image/avif"
    return ""
