"""Whatever comes in, the MIME layer neither raises nor loses its way."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.addresses import message_ids, parse_mailboxes, show_mailbox
from mailsuite.mime.charsets import decode
from mailsuite.mime.dates import format_date, parse_date
from mailsuite.mime.describe import describe
from mailsuite.mime.dsn import parse_notice
from mailsuite.mime.headers import Headers
from mailsuite.mime.parameters import parse_value
from mailsuite.mime.sanitize import sanitize, text_to_html
from mailsuite.mime.structure import DEPTH, PARTS, structure
from mailsuite.mime.text import best_html, best_text, decode_bytes, decode_text, html_to_text, snippet
from mailsuite.mime.words import decode_words
from mailsuite.model.address import Mailbox
from mailsuite.model.message import Part
from tests.mime.cpu import cpu
from tests.mime.live_html import LiveHtml
from tests.mime.vectors import VECTORS

PIECES = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b" ", b"\t", b"\r\n\r\n", b"--b", b"--b--", b"--c\r\n", b"--", b":", b";", b"=",
        b'"',
        b"Content-Type: multipart/mixed; boundary=b\r\n", b'Content-Type: multipart/alternative; boundary="c"\r\n',
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n", b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Type: text/html; charset=koi8-r\r\n", b"Content-Type: text/plain; charset=utf-7\r\n",
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n",
        b"Content-Type: message/global-delivery-status\r\n\r\n", b"Action: delayed\r\n", b"Action: relayed (x\r\n",
        b"Diagnostic-Code: smtp;", b"Remote-MTA: dns; ", b"Status: ", b"\\x{D800}", b"\\x{110000}", b"<>",
        b"Action: failed\r\n", b"Final-Recipient: rfc822; a@b\r\n", b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n", b"Content-Disposition: attachment; filename*0*=utf-8''%C3",
        b"; filename*1*=%A4", b"Subject: ", b"From: ", b"To: ", b"Date: ", b"Message-ID: <a@b>\r\n", b"References: ",
        b"=?utf-8?q?=C3?=", b"=?utf-8?b?w6Q=?=", b"=?iso-2022-jp?b?GyRC?=", b"=?", b"?=", b"<a@b>",
        b"a@b, ", b"(", b")", b"Tue, 03 Nov 2026 09:08:07 +0000", b"<p>", b"<b>", b"</b>", b"<!--",
        b"<style>p{color:red}</style>", b"\xff", b"\x00", b"\xc3\xa4", b"\x1b$B", b"text", b"a:", b"From ",
    ]
)  # fmt: skip
OCTETS = st.binary(max_size=400) | st.lists(PIECES | st.binary(max_size=8), max_size=60).map(b"".join)
TEXTS = st.text(st.characters(), max_size=200) | OCTETS.map(lambda octets: octets.decode("latin-1"))


ADDRESS = re.compile(r'[^\s"(),:;<>@\\]+@[^\s"(),:;<>@\\]+\Z')


def addresses(boxes: tuple[Mailbox, ...]) -> list[str]:
    return [box.address for box in boxes]


def nested(part: Part, start: int, end: int, depth: int) -> bool:
    """Does ``part`` lie within start..end, and do its children, one behind the other, within it?"""
    if not start <= part.start <= part.end <= end or depth > DEPTH:
        return False
    position = part.start
    for child in part.children:
        if not nested(child, position, part.end, depth + 1):
            return False
        position = child.end
    return True


class AnyOctetsTests(SynchronousTestCase):
    """Never raises; offsets lie within; results can be stored and shown."""

    @settings(max_examples=400, deadline=None)
    @given(OCTETS)
    def test_structure(self, raw: bytes) -> None:
        """Parts lie within the octets and within each other, in order, with numbers of their own."""
        root = structure(raw)
        self.assertTrue(nested(root, 0, len(raw), 0))
        paths = [part.path for part in root.walk()]
        self.assertEqual(len(paths), len(set(paths)))
        self.assertLessEqual(len(paths), PARTS + 1)

    @settings(max_examples=300, deadline=None)
    @given(OCTETS)
    def test_describe_and_decode(self, raw: bytes) -> None:
        """Everything that is shown is one line of encodable text without controls."""
        found = describe(raw)
        root = found.structure
        boxes = (*found.author, *found.to, *found.cc, *found.reply_to)
        lines = [found.subject, found.snippet, found.message_id, *found.references]
        lines += [text for box in boxes for text in (box.name, box.address)]
        lines += [text for part in root.walk() for text in (part.filename, part.content_id, part.charset)]
        for line in lines:
            line.encode()
            self.assertFalse(any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line), line)
        self.assertFalse([box for box in boxes if not box.address])
        for part in root.walk():
            decode_bytes(raw, part)
            text = decode_text(raw, part)
            text.encode()
            self.assertNotIn("\0", text)
            self.assertNotIn("\r", text)
        for best in (best_text(root), best_html(root)):
            self.assertTrue(best is None or best in list(root.walk()))
        parse_notice(raw, root)

    @settings(max_examples=200, deadline=None)
    @given(OCTETS)
    def test_headers(self, raw: bytes) -> None:
        """The fields, read again from their raw values, are the same; the body begins within the octets."""
        headers = Headers.parse(raw)
        self.assertLessEqual(headers.body_start, len(raw))
        names = dict.fromkeys(headers.names())
        again = Headers.parse(
            b"".join(f"{name}:".encode() + raw + b"\r\n" for name in names for raw in headers.raw(name))
        )
        self.assertEqual(sorted(again.names()), sorted(headers.names()))
        for name in names:
            self.assertEqual(again.all(name), headers.all(name))
            self.assertEqual(headers.first(name), headers.all(name)[0])

    @settings(max_examples=300, deadline=None)
    @given(
        OCTETS, st.sampled_from(["utf-7", "utf-16", "iso-2022-jp", "hz-gb-2312", "big5", "euc-kr", "koi8-r", "x", ""])
    )
    def test_charsets(self, octets: bytes, label: str) -> None:
        """Text that can be encoded again."""
        decode(octets, label).encode()

    @settings(max_examples=300, deadline=None)
    @given(TEXTS)
    def test_texts(self, text: str) -> None:
        """Parsers of text take any text; what they show of addresses reads back as the same addresses."""
        boxes = parse_mailboxes(text)
        shown = parse_mailboxes(", ".join(map(show_mailbox, boxes)))
        self.assertEqual(list(filter(ADDRESS.match, addresses(shown))), list(filter(ADDRESS.match, addresses(boxes))))
        message_ids(text)
        decode_words(text)
        parse_value(text)
        snippet(text).encode()
        html_to_text(text).encode()
        date = parse_date(text)
        self.assertTrue(date is None or parse_date(format_date(date)) == date)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.sampled_from(VECTORS) | TEXTS, max_size=5).map("".join), st.data())
    def test_sanitize(self, html: str, data: st.DataObject) -> None:
        """Attacks cut anywhere and joined with anything leave nothing live, and a second pass changes nothing."""
        start = data.draw(st.integers(0, len(html)))
        once = sanitize(html[start:] + html[:start], lambda _: None)
        self.assertEqual(LiveHtml(once.html).faults, [])
        self.assertEqual(LiveHtml(sanitize(once.html, lambda _: None).html).events, LiveHtml(once.html).events)

    @settings(max_examples=200, deadline=None)
    @given(TEXTS)
    def test_text_to_html(self, text: str) -> None:
        """Nothing live, and the text is all there but for the marks of quotes."""
        found = LiveHtml(text_to_html(text))
        self.assertEqual(found.faults, [])
        letters = "".join(text.encode("utf-8", "replace").decode().replace(">", "").split()).replace("?", "")
        self.assertEqual("".join(found.text.replace(">", "").replace("\ufffd", "?").split()).replace("?", ""), letters)


def everything(raw: bytes) -> None:
    """All that is ever done to a message of one part."""
    text = decode_text(raw, describe(raw).structure)
    sanitize(text, lambda _: None)
    html_to_text(text)
    text_to_html(text)


class LinearTimeTests(SynchronousTestCase):
    """Twice the octets take about twice the time."""

    @settings(max_examples=30, deadline=None)
    @given(st.lists(PIECES | st.binary(min_size=1, max_size=3), min_size=1, max_size=4).map(b"".join))
    def test_repetitions(self, piece: bytes) -> None:
        """100 kB of anything repeated is described, decoded and sanitised in less than a second of CPU."""
        for prefix in (b"", b"Subject: ", b"To: ", b"Content-Type: text/plain; ", b"\r\n\r\n"):
            raw = prefix + piece * (100_000 // len(piece))
            self.assertLess(cpu(lambda raw=raw: everything(raw)), 1.0)  # type: ignore[misc]
