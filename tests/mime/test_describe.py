"""Descriptions of messages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.describe import REFERENCES, describe
from mailsuite.model.address import Mailbox

MESSAGE = (
    b"From: =?utf-8?q?=C3=84nn?= <ann@a.example>\r\nTo: bob@b.example\r\nTo: carol@c.example\r\n"
    b"Cc: Dora <dora@d.example>\r\nReply-To: list@l.example\r\nSubject: Hello\r\n"
    b"Date: Tue, 03 Nov 2026 09:08:07 +0000\r\nMessage-ID: <3@a.example>\r\n"
    b"References: <1@a.example> <2@a.example>\r\nIn-Reply-To: <0@a.example>\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\n\r\nplain text\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>html text\r\n--c--\r\n"
    b"--b\r\nContent-Type: application/pdf; name=x.pdf\r\n\r\nPDF\r\n--b--\r\n"
)


class DescribeTests(SynchronousTestCase):
    """What lists and conversations show."""

    def test_fields(self) -> None:
        """Everything of the model, decoded."""
        found = describe(MESSAGE)
        self.assertEqual(found.message_id, "<3@a.example>")
        self.assertEqual(found.references, ("<1@a.example>", "<2@a.example>", "<0@a.example>"))
        self.assertEqual(found.author, (Mailbox("Änn", "ann@a.example"),))
        self.assertEqual(found.to, (Mailbox("", "bob@b.example"), Mailbox("", "carol@c.example")))
        self.assertEqual(found.cc, (Mailbox("Dora", "dora@d.example"),))
        self.assertEqual(found.reply_to, (Mailbox("", "list@l.example"),))
        self.assertEqual((found.subject, found.date), ("Hello", 1793696887000))
        self.assertEqual((found.snippet, found.has_attachments), ("plain text", True))
        self.assertEqual(found.defects, ("2 to fields",))

    def test_snippets(self) -> None:
        """Of the HTML when there is no text, or the text is empty."""
        html = b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>a &amp; b<blockquote>c</blockquote>"
        self.assertEqual(describe(html).snippet, "a & b")
        self.assertEqual(describe(MESSAGE.replace(b"plain text", b"\n\n \n \n ")).snippet, "html text")
        self.assertEqual(describe(b"Content-Type: image/png\r\n\r\nx").snippet, "")
        large = b"Content-Transfer-Encoding: base64\r\n\r\n" + b"eHh4\r\n" * 1_000_000
        self.assertEqual(describe(large).snippet, "x" * 199 + "…")

    def test_attachments_of_an_attached_message(self) -> None:
        """The message itself is an attachment."""
        raw = (
            b"Content-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\n\r\nsee this\r\n--z\r\n%s\r\n\r\n%s\r\n--z--\r\n"
        )
        found = describe(raw % (b"Content-Type: message/rfc822", MESSAGE))
        self.assertTrue(found.has_attachments)
        self.assertEqual(found.snippet, "see this")
        self.assertEqual(found.subject, "")

    def test_long_threads(self) -> None:
        """Fifty references are kept, the first ten and the last."""
        ids = [f"<{n}@a.example>" for n in range(200)]
        found = describe(("References: " + "\r\n ".join(ids) + "\r\n\r\n").encode()).references
        self.assertEqual(found, (*ids[:10], *ids[-40:]))
        self.assertEqual(len(found), REFERENCES)

    def test_reports(self) -> None:
        """What a machine reads of a report, or the message returned with it, is no attachment of its own."""
        raw = (
            b"Content-Type: multipart/report; boundary=z\r\n\r\n--z\r\n\r\nnot delivered\r\n"
            b"--z\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n"
            b"--z\r\nContent-Type: message/rfc822\r\n\r\n" + MESSAGE + b"\r\n--z--\r\n"
        )
        self.assertFalse(describe(raw).has_attachments)
        self.assertEqual(describe(raw).snippet, "not delivered")

    def test_long_lists(self) -> None:
        """More than 2000 addresses are cut, and it is said."""
        found = describe(b"To: " + b"a@b.example," * 2500 + b"\r\n\r\n")
        self.assertEqual(len(found.to), 2000)
        self.assertTrue(any("2000 addresses" in defect for defect in found.defects))

    def test_nothing(self) -> None:
        """An empty message has a description too."""
        found = describe(b"")
        self.assertEqual((found.message_id, found.author, found.subject, found.date), ("", (), "", None))
        self.assertEqual(
            (found.structure.content_type, found.structure.start, found.structure.end), ("text/plain", 0, 0)
        )
