"""The SMTP command line: any octets in any segments are replied to or end the session (RFC 5321 sections 4.1, 4.2)."""

from __future__ import annotations

import re
import zlib

from mailsuite.model.status import Status
from mailsuite.smtp.events import Credentials, Event, Message, StartTls
from mailsuite.smtp.limits import Limits
from tests.fuzz.pieces import cuts, split_head
from tests.smtp.dialogue import Dialogue

LIMITS = Limits(
    size=600, text_line=100, header=200, fields=8, received=3, recipients=3, command_line=300, errors=8, commands=40,
    messages=3,
)  # fmt: skip
REPLY = re.compile(rb"[2-5][0-9]{2}([ -])[ -~]{0,506}\Z")
CONTENT = re.compile(rb"^(?:DATA|BDAT|AUTH|STARTTLS)\b", re.IGNORECASE | re.MULTILINE)
ANSWERS = (
    None, None, None, None, None, Status(550, "5.1.1", "no such user"), Status(451, "4.3.0", "later\nperhaps"),
    Status(421, "4.7.0", "good bye"),
)  # fmt: skip


def check(data: bytes) -> None:
    """Raises when a session fails, says what is no reply, says nothing, or depends on the segments."""
    flags, choose, wire = split_head(data)
    # What was sent behind STARTTLS before the handshake is a matter of segments: it ends the session.
    starttls = bool(flags & 1) and b"STARTTLS" not in wire.upper()
    whole = _run([wire], flags, starttls)
    cut = _run([*cuts(wire, choose)], flags, starttls)
    assert whole == cut, (whole, cut)
    if flags & 1:
        _run([*cuts(wire, choose)], flags, True)


def _run(chunks: list[bytes], flags: int, starttls: bool) -> tuple[bytes, list[Event], bool]:
    def decide(event: Event) -> Status | None:
        if isinstance(event, StartTls | Credentials) or not flags & 8:
            return None
        seen = event.content if isinstance(event, Message) else repr(event).encode()
        return ANSWERS[zlib.crc32(seen) % len(ANSWERS)]

    dialogue = Dialogue(
        LIMITS, starttls=starttls, auth=bool(flags & 2), tls=bool(flags & 4), normalise=bool(flags & 16), decide=decide
    )
    output = dialogue.say(*chunks)
    session = dialogue.session
    replies = _count(output)
    wire = b"".join(chunks)
    if not session.closing:
        assert session.buffered <= LIMITS.command_line, session.buffered
        if not CONTENT.search(wire):
            assert replies == wire.count(b"\n"), (replies, wire.count(b"\n"))
        # A line that has no end yet gets one; it may begin content.
        said = dialogue.say(b"\r\n")
        if session.content_size is None and not session.closing:
            said += dialogue.say(b"NOOP\r\n")
            assert _count(said) >= 1
    else:
        assert dialogue.say(b"NOOP\r\n") == b""
    return output, dialogue.events, session.closing


def _count(output: bytes) -> int:
    """The replies in what was said, each of them as RFC 5321 section 4.2 has it."""
    if not output:
        return 0
    assert output.endswith(b"\r\n"), output
    lines = output.removesuffix(b"\r\n").split(b"\r\n")
    replies = 0
    for line in lines:
        match = REPLY.match(line)
        assert match, line
        replies += match[1] == b" "
    assert lines[-1][3:4] == b" ", lines
    assert len(output) <= 4096 * replies, output
    return replies
