"""A message as it is listed, divided, shown and read as a notice: nothing raises, nothing live is left."""

from __future__ import annotations

from mailsuite.mime.describe import describe
from mailsuite.mime.dsn import parse_notice
from mailsuite.mime.headers import Headers
from mailsuite.mime.sanitize import sanitize, text_to_html
from mailsuite.mime.structure import PARTS, structure
from mailsuite.mime.text import best_html, best_text, decode_bytes, decode_text, html_to_text, snippet
from mailsuite.model.message import Part
from tests.mime.live_html import LiveHtml

SHOWN = 5
"""Text parts of a message that are sanitised."""


def check(data: bytes) -> None:
    """Raises for an exception, offsets outside, text that cannot be shown, or HTML that is live."""
    found = describe(data)
    root = found.structure
    assert root == structure(data)
    parts = list(root.walk())
    assert len(parts) <= PARTS + 1
    assert len({part.path for part in parts}) == len(parts)
    _check_offsets(root, 0, len(data))
    _check_lines(
        [found.subject, found.snippet, found.message_id, *found.references]
        + [text for box in (*found.author, *found.to, *found.cc, *found.reply_to) for text in (box.name, box.address)]
        + [text for part in parts for text in (part.filename, part.content_id, part.charset, part.content_type)]
    )
    headers = Headers.parse(data)
    for name in dict.fromkeys(headers.names()):
        _check_lines(headers.all(name))
        headers.parameters(name)
    for best in (best_text(root), best_html(root)):
        assert best is None or best in parts
    notice = parse_notice(data, root)
    if notice is not None:
        assert notice.recipients
        for one in notice.recipients:
            _check_lines((one.address, one.status, one.text, one.mx))
    texts = [part for part in parts if not part.children and part.content_type.startswith("text/")]
    for part in texts[:SHOWN]:
        decode_bytes(data, part)
        _check_shown(decode_text(data, part))


def _check_offsets(part: Part, start: int, end: int) -> None:
    assert start <= part.start <= part.end <= end, part
    position = part.start
    for child in part.children:
        _check_offsets(child, position, part.end)
        position = child.end


def _check_lines(lines: list[str] | tuple[str, ...]) -> None:
    for line in lines:
        line.encode()
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line), line


def _check_shown(text: str) -> None:
    text.encode()
    assert "\0" not in text
    assert "\r" not in text
    once = LiveHtml(sanitize(text, lambda _: None).html)
    assert once.faults == [], once.faults
    plain = LiveHtml(text_to_html(text))
    assert plain.faults == [], plain.faults
    _check_lines([snippet(text)])
    html_to_text(text).encode()
