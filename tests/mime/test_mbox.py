"""mbox files as other programs write them."""

from __future__ import annotations

from io import BytesIO
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime import mbox
from mailsuite.mime.kept import Kept, split_kept
from mailsuite.mime.mbox import Entry, read_mbox

FROM = b"From ann@alpha.example Thu Jan  1 10:00:00 2026\n"


def read(octets: bytes) -> list[Entry]:
    """All entries."""
    return list(read_mbox(BytesIO(octets)))


def contents(octets: bytes) -> list[bytes | None]:
    """Their contents."""
    return [entry.content for entry in read(octets)]


class MboxTests(SynchronousTestCase):
    """The field."""

    def test_from_lines(self) -> None:
        """Of Unix, Thunderbird, Takeout and Eudora; the dates are those of the From_ lines, in UTC."""
        lines = {
            b"From ann@alpha.example Thu Jan  1 10:00:00 2026": ("ann@alpha.example", 1767261600000),
            b"From - Thu Jan 01 10:00:00 2026": ("-", 1767261600000),
            b"From 1612345@xxx Thu Jan 01 10:00:00 +0000 2026": ("1612345@xxx", 1767261600000),
            b"From 1612345@xxx Thu Jan 01 12:00:00 +0200 2026": ("1612345@xxx", 1767261600000),
            b"From ???@??? Thu Jan 01 10:00:00 2026": ("???@???", 1767261600000),
            b"From ann@alpha.example": ("ann@alpha.example", None),
        }
        for line, expected in lines.items():
            (first, second) = read(line + b"\nA: b\n\nx\n\n" + line + b"\nA: c\n\ny\n\n")
            self.assertEqual((first.sender, first.date), expected)
            self.assertEqual((first.content, second.content), (b"A: b\n\nx\n", b"A: c\n\ny\n"))

    def test_text_is_no_from_line(self) -> None:
        """Unquoted text that begins with From is text, behind an empty line too; a missing empty line is forgiven."""
        text = b"A: b\n\nx\n\nFrom here to there\nFrom Monday on, at noon\n"
        self.assertEqual(contents(FROM + text + b"\n" + FROM + b"A: c\n\n"), [text, b"A: c\n"])
        self.assertEqual(contents(FROM + b"A: b\n\nx\n" + FROM + b"A: c\n\ny\n"), [b"A: b\n\nx\n", b"A: c\n\ny\n"])

    def test_content_length(self) -> None:
        """Believed where it leads to a From_ line; where it spans one the file is an mboxcl2; else it lies."""
        body = b"x\n\n" + FROM + b"A: quoted\n\n>From y\n"
        message = b"Content-Length: %d\n\n" % len(body) + body
        right = FROM + message + b"\n" + FROM + b"A: c\n\n>From z\n"
        self.assertEqual(contents(right), [message, b"A: c\n\n>From z\n"])
        for lie in (0, 1, 3, 7, 400, 999999999999):
            first = b"Content-Length: %d\n\nhello\n\nyou\n" % lie
            self.assertEqual(contents(FROM + first + b"\n" + FROM + b"A: c\n\n>From z\n"), [first, b"A: c\n\nFrom z\n"])

    def test_windows(self) -> None:
        """Line ends of Windows stay."""
        file = b"\r\n".join((FROM.strip(), b"A: b", b"", b"x", b"", FROM.strip(), b"A: c", b"", b"y", b"", b""))
        self.assertEqual(contents(file), [b"A: b\r\n\r\nx\r\n", b"A: c\r\n\r\ny\r\n"])

    def test_no_mbox(self) -> None:
        """Something else is refused; nothing is no message."""
        self.assertRaises(ValueError, read, b"PK\x03\x04")
        self.assertEqual(read(b""), [])
        self.assertEqual(read(b"\n\n"), [])

    def test_too_large(self) -> None:
        """A message beyond all measure is not kept in memory, and the next one is read."""
        with mock.patch.object(mbox, "LARGEST", 100):
            self.assertEqual(
                contents(FROM + b"A: b\n\n" + b"x\n" * 100 + b"\n" + FROM + b"A: c\n\n"), [None, b"A: c\n"]
            )


class KeptTests(SynchronousTestCase):
    """Marks of other programs."""

    def test_programs(self) -> None:
        """mutt's, Thunderbird's and Takeout's; only what stands before all other fields is taken away."""
        for fields, kept, left in (
            (
                b"A: b\nStatus: RO\nX-Status: AF\n\n",
                Kept(seen=True, flagged=True),
                b"A: b\nStatus: RO\nX-Status: AF\n\n",
            ),
            (b"A: b\nStatus: O\n\n", Kept(seen=False), b"A: b\nStatus: O\n\n"),
            (b"X-Mozilla-Status: 0005\nX-Mozilla-Status2: 00000000\nA: b\n\n", Kept(True, True), b"A: b\n\n"),
            (b"X-Mozilla-Status: 0008\nA: b\n\n", Kept(False, False, removed=True), b"A: b\n\n"),
            (
                b'X-GM-THRID: 12\nX-Gmail-Labels: Inbox,"a, b",\n =?UTF-8?Q?B=C3=BCro?=\nA: b\n\n',
                Kept(labels=("Inbox", "a, b", "Büro")),
                b"A: b\n\n",
            ),
        ):
            self.assertEqual(split_kept(fields), (kept, left))
