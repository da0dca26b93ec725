"""The MIME tree beside that of the standard library, on messages that the standard library has written."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.structure import structure
from mailsuite.mime.text import decode_bytes
from mailsuite.model.message import Part

FILE_NAMES = st.text(st.sampled_from("abcäö ."), max_size=20).map("f{}.x".format)
LINES = st.text(st.sampled_from("ab -=.\n\tä"), max_size=60)


@st.composite
def leaves(draw: st.DrawFn) -> Message:
    """A text or a file, in some encoding."""
    if draw(st.booleans()):
        return MIMEText(draw(LINES), draw(st.sampled_from(["plain", "html"])), "utf-8")
    part = MIMEBase("application", "octet-stream")
    part.set_payload(draw(LINES).encode("ascii", "ignore").decode())
    part.add_header("Content-Disposition", "attachment", filename=draw(FILE_NAMES))
    return part


def multiparts(children: st.SearchStrategy[Message]) -> st.SearchStrategy[Message]:
    """A multipart of them, or a message within a message."""

    def build(kind: str, parts: list[Message]) -> Message:
        whole = MIMEMultipart(kind)
        for part in parts:
            whole.attach(part)
        return whole

    return st.builds(
        build, st.sampled_from(["mixed", "alternative", "related"]), st.lists(children, min_size=1, max_size=4)
    ) | (st.builds(MIMEMessage, children))


MESSAGES = st.recursive(leaves(), multiparts, max_leaves=12)


def theirs(message: Message) -> object:
    """Type, octets and children as the standard library sees them."""
    payload = message.get_payload()
    if isinstance(payload, list):
        return message.get_content_type(), [theirs(part) for part in payload if isinstance(part, Message)]
    octets = message.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return message.get_content_type(), message.get_filename(), octets


def ours(raw: bytes, part: Part) -> object:
    """The same of our tree."""
    if part.children:
        return part.content_type, [ours(raw, child) for child in part.children]
    return part.content_type, part.filename or None, decode_bytes(raw, part)


class StructureTests(SynchronousTestCase):
    """Well-formed messages have one tree."""

    @settings(max_examples=150, deadline=None)
    @given(MESSAGES, st.sampled_from([b"\r\n", b"\n"]))
    def test_same_tree(self, message: Message, line_end: bytes) -> None:
        """Types, file names, octets and order agree."""
        raw = message.as_bytes(policy=policy.compat32).replace(b"\n", line_end)
        self.assertEqual(ours(raw, structure(raw)), theirs(message_from_bytes(raw, policy=policy.compat32)))
