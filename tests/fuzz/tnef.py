"""winmail.dat of any octets, within and outside of messages (field case F030)."""

from __future__ import annotations

from mailsuite.mailbox.winmail import body, inner_parts
from mailsuite.mime.tnef import FILES, unpack
from mailsuite.model.message import Part
from tests.mime.live_html import LiveHtml

OUTER = Part("2", "application/ms-tnef", "", "base64", "attachment", "winmail.dat", "", 0, 0)


def check(data: bytes) -> None:
    """Raises for an exception, for more than came in, and for HTML that is live."""
    try:
        found = unpack(data)
    except ValueError:
        assert inner_parts(OUTER, data) == ()
        assert body(data) is None
        return
    assert len(found.files) <= FILES
    # Each octet can be unpacked once for each level; text may grow by its encoding.
    assert sum(len(one.content) for one in found.files) <= 15 * len(data)
    parts = inner_parts(OUTER, data)
    assert len({part.path for part, _ in parts}) == len(parts)
    for part, content in parts:
        assert part.end == len(content)
        part.filename.encode()
        part.content_type.encode()
    shown = body(data)
    if shown is not None:
        assert LiveHtml(shown.html).faults == []
