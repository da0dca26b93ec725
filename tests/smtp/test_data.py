"""DATA and BDAT content: dots, line ends, limits."""

from __future__ import annotations

import re
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.errors import Refusal
from mailsuite.smtp.data import ChunkReader, ContentSink, DotReader, DotWriter
from mailsuite.smtp.limits import Limits
from tests.smtp.dialogue import cut

USUAL = Limits()
SMALL = Limits(size=400, text_line=40, header=200, fields=6, received=3)

pieces = st.sampled_from(
    [b"a", b".", b"\r\n", b"..", b"\r\n.", b"\r\n\r\n", b"x" * 30, b"Received: y\r\n", b".\r\n", b" z", b"y" * 130]
)
bad_pieces = st.sampled_from([b"\n", b"\r", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\0", b"\xff"])
contents = st.lists(pieces, max_size=14).map(b"".join)
dirty = st.lists(st.one_of(pieces, bad_pieces), max_size=14).map(b"".join)
borders = st.lists(st.integers(0, 500), max_size=12)


def with_end(content: bytes) -> bytes:
    """Content whose last line has its end."""
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


def stuff_by_lines(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2 line by line, to compare with."""
    lines = content.split(b"\r\n")[:-1]
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


def read(wire: list[bytes], limits: Limits = USUAL, normalise: bool = False) -> tuple[bytes | str, bytes]:
    """The content, or the codes of its refusal; and what was left behind its end."""
    sink = ContentSink(limits, normalise)
    reader = DotReader(sink)
    buffer = bytearray()
    done = False
    for chunk in wire:
        buffer += chunk
        done = done or reader.feed(buffer)
    assert done
    try:
        return sink.close(), bytes(buffer)
    except Refusal as refusal:
        return f"{refusal.status.code} {refusal.status.enhanced}", bytes(buffer)


class DotWriterTests(SynchronousTestCase):
    """Field case F003."""

    @settings(max_examples=200)
    @given(contents, borders)
    def test_f003_any_chunks(self, content: bytes, at: list[int]) -> None:
        """F003: however the content is cut, the wire is what line-by-line stuffing gives."""
        content = with_end(content)
        writer = DotWriter()
        wire = b"".join(writer.write(chunk) for chunk in cut(content, at)) + writer.finish()
        self.assertEqual(wire, stuff_by_lines(content))

    def test_f003_every_split_position(self) -> None:
        """F003: for every place where a message can be cut in two, the receiver gets the identical octets once."""
        content = b".first\r\n\r\n..\r\n.\r\nx\r\n.MAIL FROM:<s@evil.example>\r\n.\r\n"
        for place in range(len(content) + 1):
            writer = DotWriter()
            wire = writer.write(content[:place]) + writer.write(content[place:]) + writer.finish()
            self.assertEqual(read([wire]), (content, b""))

    def test_f003_at_the_border_of_16_kilobytes(self) -> None:
        """F003: a dot that begins a line at octet 16384 is stuffed when chunks end there."""
        head = b"x" * 16382 + b"\r\n"
        content = head + b".\r\nMAIL FROM:<s@evil.example>\r\n"
        writer = DotWriter()
        wire = writer.write(head) + writer.write(content[len(head) :]) + writer.finish()
        self.assertEqual(wire, stuff_by_lines(content))

    def test_no_final_line_end(self) -> None:
        """F003: content without a final line end gets one before the dot; empty content is a dot alone."""
        writer = DotWriter()
        self.assertEqual(writer.write(b"a") + writer.finish(), b"a\r\n.\r\n")
        self.assertEqual(DotWriter().finish(), b".\r\n")


class DotReaderTests(SynchronousTestCase):
    """Only CRLF.CRLF ends DATA."""

    @settings(max_examples=200)
    @given(contents, borders)
    def test_any_cut_of_a_clean_message(self, content: bytes, at: list[int]) -> None:
        """Stuffed content comes out as it was, for any segmentation, and nothing behind the end is touched."""
        content = with_end(content)
        wire = stuff_by_lines(content) + b"QUIT\r\n.\r\n"
        self.assertEqual(read(cut(wire, at)), (content, b"QUIT\r\n.\r\n"))

    @settings(max_examples=300)
    @given(dirty, borders, st.booleans())
    def test_any_cut_of_any_message(self, stream: bytes, at: list[int], normalise: bool) -> None:
        """The verdict on any octets under tight limits does not depend on the segmentation."""
        wire = stream + b"\r\n.\r\n"
        whole = read([wire], SMALL, normalise)
        self.assertEqual(read(cut(wire, at), SMALL, normalise), whole)
        self.assertEqual(read([wire[i : i + 1] for i in range(len(wire))], SMALL, normalise), whole)
        content, rest = whole
        end = 3 if wire.startswith(b".\r\n") else wire.index(b"\r\n.\r\n") + 5
        self.assertEqual(rest, wire[end:])
        if isinstance(content, bytes):
            self.assertIsNone(re.search(rb"(?<!\r)\n|\r(?!\n)", content))

    def test_f005_dots(self) -> None:
        """F005: one dot goes from every line that begins with one, the first line included."""
        self.assertEqual(read([b"..\r\n...x\r\na.\r\n..\r\n.y\r\n.\r\n"]), (b".\r\n..x\r\na.\r\n.\r\ny\r\n", b""))

    def test_f001_bare_newlines_do_not_end(self) -> None:
        """F001: LF . LF, LF . CRLF, CRLF . LF and CR . CR are content; by default they are refused 550 5.6.11."""
        for dot in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n\n.\n\n"):
            wire = b"Subject: a\r\n\r\none" + dot + b"MAIL FROM:<x@evil.example>\r\n.\r\n"
            self.assertEqual(read([wire]), ("550 5.6.11", b""))

    def test_f001_normalised(self) -> None:
        """F001: where they are normalised the dot stays as text."""
        wire = b"Subject: a\n\none\n.\nMAIL FROM:<x@evil.example>\r\n.\r\n"
        expected = b"Subject: a\r\n\r\none\r\n.\r\nMAIL FROM:<x@evil.example>\r\n"
        self.assertEqual(read([wire], normalise=True), (expected, b""))


class LimitTests(SynchronousTestCase):
    """What is too much is eaten to the end and then refused."""

    def test_size(self) -> None:
        """The limit is exact, in unstuffed octets; one more is 552 5.3.4."""
        limits = Limits(size=10)
        self.assertEqual(read([b"..aaaaaaa\r\n.\r\n"], limits)[0], b".aaaaaaa\r\n")
        self.assertEqual(read([b"..aaaaaaaa\r\n.\r\nX"], limits), ("552 5.3.4", b"X"))

    def test_f007_long_lines(self) -> None:
        """F007: a line of 20,000 octets passes, 65,536 too; one octet more is 554 5.6.0."""
        for length in (4000, 20_000, 65_536):
            content = b"Subject: x\r\n\r\n" + b"a" * length + b"\r\n"
            self.assertEqual(read([content + b".\r\n"])[0], content)
        self.assertEqual(read([b"\r\n" + b"a" * 65_537 + b"\r\nb\r\n.\r\n"])[0], "554 5.6.0")

    def test_header_block(self) -> None:
        """256 kB of header are 552 5.3.4 when exceeded, 1001 fields are 554 5.6.0; folded lines are not fields."""
        field = b"X: " + b"y" * 995 + b"\r\n"
        self.assertIsInstance(read([field * 262 + b"\r\n.\r\n"])[0], bytes)
        self.assertEqual(read([field * 263 + b"\r\n.\r\n"])[0], "552 5.3.4")
        self.assertEqual(read([field * 300 + b".\r\n"])[0], "552 5.3.4")
        self.assertIsInstance(read([b"X: y\r\n z\r\n\tz\r\n" * 1000 + b"\r\n.\r\n"])[0], bytes)
        self.assertEqual(read([b"X: y\r\n" * 1001 + b"\r\n.\r\n"])[0], "554 5.6.0")

    def test_fuzz_header_without_body(self) -> None:
        """A header alone may have as many fields as one with a body: its last line end begins none."""
        for content in (b"A: 1\r\n" * 6, b"A: 1\r\n" * 6 + b"\r\n", b"A: 1\r\n" * 6 + b" folded\r\n\r\nbody\r\n"):
            self.assertEqual(read([content + b".\r\n"], SMALL)[0], content)
        self.assertEqual(read([b"A: 1\r\n" * 7 + b".\r\n"], SMALL)[0], "554 5.6.0")

    def test_body_is_no_header(self) -> None:
        """What looks like fields in the body counts for nothing."""
        self.assertIsInstance(read([b"A: b\r\n\r\n" + b"Received: x\r\n" * 2000 + b".\r\n"])[0], bytes)
        self.assertIsInstance(read([b"\r\n" + b"Received: x\r\n" * 2000 + b".\r\n"])[0], bytes)

    def test_received(self) -> None:
        """100 Received fields pass, 101 are a loop: 554 5.4.6, in any letter case."""
        self.assertIsInstance(read([b"Received: x\r\n" * 100 + b"\r\n.\r\n"])[0], bytes)
        self.assertEqual(read([b"RECEIVED: x\r\n" * 50 + b"received: x\r\n" * 51 + b"\r\n.\r\n"])[0], "554 5.4.6")

    def test_memory(self) -> None:
        """F006: 50 MB without a line end take no more than the size limit, and almost nothing once over a limit."""
        sink = ContentSink(Limits(size=1_000_000))
        reader = DotReader(sink)
        buffer = bytearray()
        block = b"A" * 65_536
        tracemalloc.start()
        for _ in range(800):
            buffer += block
            self.assertFalse(reader.feed(buffer))
            self.assertLessEqual(len(buffer), 2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(peak, 3_000_000)
        self.assertEqual(self.assertRaises(Refusal, sink.close).status.enhanced, "5.3.4")


class ChunkReaderTests(SynchronousTestCase):
    """BDAT (RFC 3030)."""

    @given(contents, borders)
    def test_nothing_is_unstuffed(self, content: bytes, at: list[int]) -> None:
        """A chunk is taken octet for octet, and not one more; a missing last line end is added."""
        sink = ContentSink(USUAL)
        reader = ChunkReader(len(content), True)
        reader.sink = sink
        buffer = bytearray()
        for piece in cut(content + b"QUIT\r\n", at):
            buffer += piece
            done = reader.feed(buffer)
        self.assertTrue(done)
        self.assertEqual(bytes(buffer), b"QUIT\r\n")
        self.assertEqual(sink.close(), with_end(content))

    def test_line_end_between_chunks(self) -> None:
        """A CRLF that two chunks share is one line end; a CR at the very end is bare."""
        sink = ContentSink(USUAL)
        sink.write(b"a\r")
        sink.write(b"\nb\r\n")
        self.assertEqual(sink.close(), b"a\r\nb\r\n")
        sink = ContentSink(USUAL)
        sink.write(b"a\r")
        self.assertEqual(self.assertRaises(Refusal, sink.close).status.enhanced, "5.6.11")

    def test_skipped_without_a_sink(self) -> None:
        """A chunk that has no place is eaten without being kept."""
        reader = ChunkReader(5, False)
        buffer = bytearray(b"12345NOOP\r\n")
        self.assertTrue(reader.feed(buffer))
        self.assertEqual(bytes(buffer), b"NOOP\r\n")
