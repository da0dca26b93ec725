"""The content of a message by DATA and BDAT, beside a plain reading of the rules (RFC 5321 section 4.5.2, RFC 3030)."""

from __future__ import annotations

import re
from random import Random

from mailsuite.smtp.limits import Limits
from tests.fuzz.pieces import cuts, split_head
from tests.smtp.dialogue import Dialogue

LIMITS = Limits(size=600, text_line=100, header=200, fields=8, received=3, errors=10_000)
START = b"EHLO c.example\r\nMAIL FROM:<ann@alpha.example>\r\nRCPT TO:<bob@beta.example>\r\n"
AFTER = b"VRFY\r\n"
"""A command that has a reply of its own, 501: it shows that the session knows where the content ended."""


def check(data: bytes) -> None:
    """Raises when a session takes other content than the plain reading, or answers it otherwise."""
    flags, choose, wire = split_head(data)
    normalise = bool(flags & 1)
    if flags & 2:
        _check_chunks(wire, [*cuts(wire, choose)], choose, normalise)
        return
    sent = _until_end(wire)
    content = _unstuffed(sent)
    if len(wire) > len(sent):
        # Only what is content is given, then a command; the rest of the input has no say.
        wire = sent + b".\r\n"
    else:
        # Without an end nothing is replied; then it is given.
        dialogue = Dialogue(LIMITS, normalise=normalise)
        dialogue.say(START + b"DATA\r\n")
        assert dialogue.say(*cuts(wire, choose)) == b""
        assert not dialogue.messages
        assert dialogue.session.buffered <= 2
        return
    dialogue = Dialogue(LIMITS, normalise=normalise)
    dialogue.say(START + b"DATA\r\n")
    _compare(dialogue, dialogue.codes(*cuts(wire + AFTER, choose)), content, normalise)


def _until_end(wire: bytes) -> bytes:
    """What stands before the final dot, with its CRLF; all when there is no end."""
    found = (b"\r\n" + wire).find(b"\r\n.\r\n")
    return wire if found < 0 else wire[:found]


def _unstuffed(sent: bytes) -> bytes:
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in sent.split(b"\r\n"))


def _check_chunks(wire: bytes, chunks: list[bytes], choose: Random, normalise: bool) -> None:
    chunks = chunks or [b""]
    dialogue = Dialogue(LIMITS, normalise=normalise)
    dialogue.say(START)
    codes = []
    for number, chunk in enumerate(chunks, 1):
        last = b" LAST" if number == len(chunks) else b""
        codes += dialogue.codes(b"BDAT %d%s\r\n" % (len(chunk), last), *cuts(chunk, choose))
    assert len(codes) == len(chunks), codes
    verdict = next((code for code in codes if code != "250 2.0.0"), "250 2.0.0")
    _compare(dialogue, [verdict, *dialogue.codes(AFTER)], wire, normalise)


def _compare(dialogue: Dialogue, codes: list[str], content: bytes, normalise: bool) -> None:
    code, taken = _judged(content, normalise)
    assert codes == [code, "501 5.5.4"], (codes, code, content)
    messages = [message.content for message in dialogue.messages]
    assert messages == ([] if taken is None else [taken]), (messages, taken)


def _judged(content: bytes, normalise: bool) -> tuple[str, bytes | None]:
    """The reply, and the content that is taken if it is."""
    if len(content) > LIMITS.size:
        return "552 5.3.4", None
    if max(len(line) for line in re.split(rb"(?<=\n)", content)) > LIMITS.text_line + 2:
        return "554 5.6.0", None
    if re.search(rb"(?<!\r)\n|\r(?!\n)", content):
        if not normalise:
            return "550 5.6.11", None
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    head = b"" if content.startswith(b"\r\n") else content.partition(b"\r\n\r\n")[0]
    if len(head) > LIMITS.header:
        return "552 5.3.4", None
    lines = head.removesuffix(b"\r\n").split(b"\r\n")
    fields = [line for number, line in enumerate(lines) if not number or line[:1] not in (b" ", b"\t")]
    if len(fields) > LIMITS.fields:
        return "554 5.6.0", None
    if sum(field.lower().startswith(b"received:") for field in fields) > LIMITS.received:
        return "554 5.4.6", None
    return "250 2.0.0", content
