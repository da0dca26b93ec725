"""Replies written and read."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.status import Status
from mailsuite.smtp.replies import Reply, ReplyError, ReplyReader, format_lines, format_reply
from tests.smtp.dialogue import cut

words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
# A text whose first word looks like an enhanced code of its own cannot be told from one.
texts = st.lists(words, max_size=60).map(" ".join).map(lambda text: f"x {text}".strip())
statuses = st.builds(
    lambda code, detail, text: Status(code, f"{code // 100}.{detail}" if detail and code >= 400 else "", text),
    st.integers(400, 559),
    st.sampled_from(["", "1.1", "7.26", "0.0"]),
    texts,
)


def read(*chunks: bytes) -> list[Reply]:
    """All replies that are in the chunks."""
    reader = ReplyReader()
    found = []
    for chunk in chunks:
        reader.feed(chunk)
        while (reply := reader.next_reply()) is not None:
            found.append(reply)
    return found


class RoundTripTests(SynchronousTestCase):
    """A reply that we write reads back as the Status that it was."""

    @given(st.lists(statuses, min_size=1, max_size=3), st.lists(st.integers(0, 3000), max_size=8))
    def test_any_cut(self, wanted: list[Status], at: list[int]) -> None:
        """For any texts and any segmentation; no line passes 512 octets (RFC 5321 section 4.5.3.1.5)."""
        wire = b"".join(format_reply(status) for status in wanted)
        self.assertLessEqual(max(len(line) + 2 for line in wire.split(b"\r\n")), 512)
        self.assertEqual([reply.status for reply in read(*cut(wire, at))], wanted)

    def test_text_of_others(self) -> None:
        """Line ends and non-ASCII characters in a text cannot make a second reply."""
        wire = format_reply(Status(550, "5.1.1", "no\r\n250 yes, Ünal"))
        self.assertEqual(wire, b"550 5.1.1 no 250 yes, ?nal\r\n")

    def test_several_lines(self) -> None:
        """All lines but the last bear a hyphen."""
        self.assertEqual(format_lines(250, ["a", "b", "c"]), b"250-a\r\n250-b\r\n250 c\r\n")


class ReplyReaderTests(SynchronousTestCase):
    """What hosts say."""

    def test_multi_line_text(self) -> None:
        """The lines are joined by a space, each without its enhanced code."""
        (reply,) = read(
            b"550-5.1.1 The account that you tried to reach\r\n550-5.1.1 does not exist.\r\n550 5.1.1 bye\r\n"
        )
        self.assertEqual(reply.status, Status(550, "5.1.1", "The account that you tried to reach does not exist. bye"))

    def test_enhanced_code_of_another_class(self) -> None:
        """A code of another class than the reply's is text (RFC 2034 section 4)."""
        (reply,) = read(b"550 4.1.1 odd\r\n")
        self.assertEqual(reply.status, Status(550, "", "4.1.1 odd"))

    def test_odd_forms(self) -> None:
        """A code alone, a bare LF and octets that are not UTF-8 are read."""
        self.assertEqual(read(b"250\r\n")[0].status, Status(250, "", ""))
        self.assertEqual(read(b"250 ok\n")[0].status, Status(250, "", "ok"))
        self.assertEqual(read(b"250 caf\xe9\r\n")[0].status, Status(250, "", "caf\ufffd"))

    def test_what_is_no_reply(self) -> None:
        """Text without a code, a change of code inside a reply, and endless lines or replies raise ReplyError."""
        for wire in (
            b"HTTP/1.1 400 Bad Request\r\n",
            b"999 x\r\n",
            b"250-a\r\n251 b\r\n",
            b"250-" + b"x" * 9000,
            b"250 " + b"x" * 9000 + b"\r\n",
            b"250-x\r\n" * 600,
        ):
            self.assertRaises(ReplyError, read, wire)

    @given(st.binary(max_size=200))
    def test_any_octets(self, wire: bytes) -> None:
        """Arbitrary octets give replies or ReplyError."""
        with contextlib.suppress(ReplyError):
            read(wire)
