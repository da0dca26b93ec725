"""Messages of several parts, judged by the standard library's email package."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.compose import Outgoing, compose
from mailsuite.mime.entity import Attached, multipart, text_entity
from mailsuite.model.address import Mailbox

PICTURE = Attached("pic.png", "image/png", bytes(range(256)), "<pic@a.example>")
FILE = Attached("a.pdf", "application/pdf", b"%PDF-1.7")
ANN = Mailbox("Ann", "ann@a.example")


def read(**changes: Any) -> EmailMessage:
    """What the standard library makes of a message with these bodies."""
    fields: dict[str, Any] = {"author": ANN, "to": (ANN,), "cc": (), "subject": "Hi", "text": "text\n", "date": 1000}
    raw = compose(Outgoing(**(fields | {"message_id": "<1@a.example>"} | changes)))
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def tree(message: Message) -> Any:
    """The types: a multipart as (subtype, what is in it)."""
    if not message.is_multipart():
        return message.get_content_type()
    parts = message.get_payload()
    assert isinstance(parts, list)
    return (message.get_content_subtype(), [tree(part) for part in parts if isinstance(part, Message)])


class WholeTests(SynchronousTestCase):
    """The tree suits what there is (RFC 2046 section 5.1.4, RFC 2387)."""

    def test_trees(self) -> None:
        """No container that is not needed; the best alternative last; pictures beside the HTML."""
        self.assertEqual(tree(read()), "text/plain")
        self.assertEqual(tree(read(files=(FILE,))), ("mixed", ["text/plain", "application/pdf"]))
        self.assertEqual(tree(read(html="<p>x")), ("alternative", ["text/plain", "text/html"]))
        related = ("related", ["text/html", "image/png"])
        self.assertEqual(tree(read(html="<p>x", pictures=(PICTURE,))), ("alternative", ["text/plain", related]))
        message = read(html="<p>x", pictures=(PICTURE,), files=(FILE, FILE))
        rich = ("alternative", ["text/plain", related])
        self.assertEqual(tree(message), ("mixed", [rich, "application/pdf", "application/pdf"]))
        self.assertEqual([part.get_filename() for part in message.iter_attachments()], ["a.pdf", "a.pdf"])

    def test_types_that_may_not_be_encoded(self) -> None:
        """They, and what is no type, go as octets (RFC 2045 section 6.4)."""
        for said in ("message/rfc822", "multipart/mixed", "nonsense", "", "text/x; charset=y", "a/b\r\nX: y"):
            (part,) = read(files=(Attached("x", said, b"\0"),)).iter_attachments()
            self.assertEqual((part.get_content_type(), part.get_content()), ("application/octet-stream", b"\0"))
            self.assertNotIn("x", part)

    def test_boundary(self) -> None:
        """One that stands in the text is not used."""
        text = text_entity("plain", "hello\n")
        mark = multipart("mixed", [text], "seed").body.partition(b"\r\n")[0]
        twice = multipart("mixed", [text_entity("plain", f"{mark.decode()}\nhello\n")], "seed")
        self.assertNotEqual(twice.body.partition(b"\r\n")[0], mark)

    def test_values_that_cannot_go(self) -> None:
        """The error names the field."""
        for field, changes in (
            ("html", {"html": "a\0"}),
            ("html", {"html": "a\ud800"}),
            ("pictures", {"pictures": (PICTURE,)}),
            ("pictures", {"html": "x", "pictures": (Attached("x", "image/png", b"", "pic>\r\nX: y"),)}),
            ("files", {"files": (Attached("a\r\nX: y", "image/png", b""),)}),
            ("files", {"files": (Attached("a\0", "image/png", b""),)}),
        ):
            with self.assertRaises(ValueError) as raised:
                read(**changes)
            self.assertTrue(str(raised.exception).startswith(f"{field}: "), str(raised.exception))
