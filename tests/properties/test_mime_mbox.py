"""mbox files come back octet for octet, and the standard library reads what we write."""

from __future__ import annotations

import mailbox
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.kept import split_kept, write_kept
from mailsuite.mime.mbox import read_mbox, write_entry
from mailsuite.testing.temporary import temporary_directory

DATE = 1_700_000_000_000
LINES = st.sampled_from(
    (
        b"",
        b"text",
        b"From x Thu Jan  1 00:00:00 2026",
        b">From x",
        b">>From x Thu Jan  1 00:00:00 2026",
        b"From home at 12:30",
        b"Subject: x",
        b"Content-Length: 5",
        b"Content-Length: 1",
        b"\xff\x00",
    )
)
CONTENTS = st.lists(LINES, min_size=1, max_size=12).map(lambda lines: b"Subject: s\n" + b"\n".join(lines) + b"\n")
LABELS = st.lists(st.text('ab ,"äß漢=?', min_size=1, max_size=12).map(str.strip).filter(bool), max_size=5, unique=True)


class MboxProperties(SynchronousTestCase):
    """Any messages."""

    @given(st.lists(CONTENTS.filter(lambda content: b"Content-Length" not in content), max_size=5))
    def test_round_trip(self, contents: list[bytes]) -> None:
        """Every message comes back as it was, with its date and sender."""
        file = b"".join(write_entry(content, "ann@alpha.example", DATE) for content in contents)
        entries = list(read_mbox(BytesIO(file)))
        self.assertEqual([entry.content for entry in entries], contents)
        self.assertEqual({(e.sender, e.date) for e in entries}, {("ann@alpha.example", DATE)} if contents else set())

    @given(st.lists(CONTENTS, max_size=5))
    def test_standard_library(self, contents: list[bytes]) -> None:
        """Python's mailbox finds as many messages, which differ at most in the quoting that it does not undo."""
        path = temporary_directory(self) / "mbox"
        path.write_bytes(b"".join(write_entry(content, "a@b.example", DATE) for content in contents))
        box = mailbox.mbox(path, create=False)
        theirs = [box.get_bytes(key) for key in box.keys()]  # noqa: SIM118 - no dict
        box.close()
        self.assertEqual(
            [content.replace(b">", b"") for content in theirs],
            [content.replace(b">", b"") for content in contents],
        )

    @given(st.binary(max_size=300))
    def test_any_octets(self, octets: bytes) -> None:
        """Nothing is fatal behind a From_ line, and no octet of another message is in two."""
        entries = list(read_mbox(BytesIO(b"From a@b Thu Jan  1 00:00:00 2026\n" + octets)))
        self.assertEqual([e.start for e in entries[1:]], [e.end for e in entries[:-1]])

    @given(st.booleans(), st.booleans(), LABELS)
    def test_kept(self, seen: bool, flagged: bool, labels: list[str]) -> None:
        """Read, starred and labels come back, and the message is what it was."""
        labels = list(dict.fromkeys(" ".join(label.split()) for label in labels))
        kept, rest = split_kept(write_kept(seen, flagged, labels) + b"Subject: x\r\n\r\ny\r\n")
        self.assertEqual((kept.seen, bool(kept.flagged), list(kept.labels)), (seen, flagged, labels))
        self.assertEqual(rest, b"Subject: x\r\n\r\ny\r\n")
