"""Composing, judged by the standard library's email package."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.compose import Outgoing, compose, quote, references_of, reply_subject
from mailsuite.mime.describe import describe
from mailsuite.mime.emit import header
from mailsuite.model.address import Mailbox

DATE = 1793696887000  # Tue, 03 Nov 2026 09:08:07 UTC, by date(1)
ANN = Mailbox("Ann Ärger", "ann@a.example")
BOB = Mailbox('Bob, the "builder"', "bob@b.example")


def outgoing(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "author": ANN,
        "to": (BOB,),
        "cc": (),
        "subject": "Hi",
        "text": "text\n",
        "date": DATE,
        "message_id": "<1@a.example>",
    }
    return compose(Outgoing(**(fields | changes)))


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


class ComposeTests(SynchronousTestCase):
    """RFC 5322, RFC 2045, RFC 2047."""

    def assert_fit(self, raw: bytes) -> None:
        """7-bit, CRLF, lines of at most 78 columns."""
        self.assertTrue(raw.isascii())
        self.assertEqual(raw.count(b"\n"), raw.count(b"\r\n"))
        self.assertEqual(raw.count(b"\r"), raw.count(b"\r\n"))
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 78)
        self.assertEqual(read(raw).defects, [])

    def test_fields(self) -> None:
        """The standard library reads what was given."""
        raw = outgoing(
            cc=(Mailbox("", "carol@c.example"), Mailbox("Dora Example", '"d d"@d.example')),
            subject="Grüße aus 東京 " + "and so on " * 20,
            in_reply_to="<0@b.example>",
            references=("<x@b.example>", "<0@b.example>"),
        )
        self.assert_fit(raw)
        message = read(raw)
        self.assertEqual(message["subject"], ("Grüße aus 東京 " + "and so on " * 20).strip())
        self.assertEqual(
            [(a.display_name, a.addr_spec) for a in message["from"].addresses], [("Ann Ärger", "ann@a.example")]
        )
        self.assertEqual(
            [(a.display_name, a.addr_spec) for a in message["to"].addresses],
            [('Bob, the "builder"', "bob@b.example")],
        )
        self.assertEqual(
            [(a.display_name, a.addr_spec) for a in message["cc"].addresses],
            [("", "carol@c.example"), ("Dora Example", '"d d"@d.example')],
        )
        self.assertEqual(int(message["date"].datetime.timestamp() * 1000), DATE)
        self.assertEqual(message["message-id"], "<1@a.example>")
        self.assertEqual(message["in-reply-to"], "<0@b.example>")
        self.assertEqual(message["references"], "<x@b.example> <0@b.example>")
        self.assertEqual(message.get_content_type(), "text/plain")
        self.assertNotIn("bcc", message)

    def test_bodies(self) -> None:
        """Any text arrives; the encoding suits it."""
        for text, encoding in (
            ("plain\n\n-- \nAnn\n", "7bit"),
            ("", "7bit"),
            ("no end", "7bit"),
            ("x" * 78 + "\n", "7bit"),
            ("x" * 79 + "\n", "quoted-printable"),
            ("long " * 5000 + "\n", "quoted-printable"),
            ("Grüße, a text that is mostly ASCII\n", "quoted-printable"),
            ("新年快乐\n" * 100, "base64"),
            ("trailing \t\nGrüße = \n.\n..\nFrom me\n", "quoted-printable"),
            ("\x1b[1m control\x07\n", "7bit"),
        ):
            raw = outgoing(text=text)
            self.assert_fit(raw)
            self.assertEqual(read(raw)["content-transfer-encoding"], encoding, text[:20])
            expected = text if not text or text.endswith("\n") else text + "\n"
            self.assertEqual(read(raw).get_content().replace("\r\n", "\n"), expected, text[:20])

    def test_line_ends(self) -> None:
        """Of whatever kind, they go out as CRLF."""
        for text in ("a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\r\nb"):
            self.assertTrue(outgoing(text=text).endswith(b"\r\n\r\na\r\nb\r\n"), text)

    def test_subjects(self) -> None:
        """Short ASCII goes as it is, all else in encoded words that cut no character."""
        self.assertIn(b"Subject: Hi there\r\n", outgoing(subject="Hi there"))
        for subject in (
            "",
            "ä",
            "ž" * 300,
            "😀" * 100,
            "=?utf-8?q?no_word?=",
            "x" * 500,
            "a  b",
            "ends in ž ž",
            "ä b ä",
        ):
            raw = outgoing(subject=subject)
            self.assert_fit(raw)
            self.assertEqual(read(raw)["subject"] or "", subject)
            self.assertEqual(describe(raw).subject, subject)

    def test_recipients(self) -> None:
        """Nobody in To or Cc is an empty group; only Cc leaves To out; hundreds fold."""
        self.assertIn(b"\r\nTo: undisclosed-recipients:;\r\n", outgoing(to=()))
        self.assertNotIn("to", read(outgoing(to=(), cc=(BOB,))))
        many = tuple(Mailbox(f"Name {n}", f"n{n}@b.example") for n in range(300))
        raw = outgoing(to=many)
        self.assert_fit(raw)
        self.assertEqual(describe(raw).to, many)

    def test_international_addresses(self) -> None:
        """A local part beyond ASCII goes as UTF-8 (RFC 6532): it has no other form."""
        raw = outgoing(to=(Mailbox("", "ö@b.example"),))
        self.assertIn("To: ö@b.example\r\n".encode(), raw)

    def test_values_that_cannot_go(self) -> None:
        """The error names the field."""
        for field, value in (
            ("to", (Mailbox("", "nobody"),)),
            ("to", (Mailbox("", "a@b.example, c@d.example"),)),
            ("author", Mailbox("", "")),
            ("text", "a\0b"),
            ("text", "a\ud800"),
            ("subject", "a\ud800"),
            ("subject", "a\tb"),
            ("message_id", "1@a.example"),
            ("message_id", "<1>"),
            ("message_id", "<1@a.example> <2@a.example>"),
            ("message_id", f"<{'x' * 500}@a.example>"),
        ):
            with self.assertRaises(ValueError) as raised:
                outgoing(**{field: value})
            self.assertTrue(str(raised.exception).startswith(f"{field}: "), str(raised.exception))

    def test_ids_of_others(self) -> None:
        """Ids that cannot be sent are left out: a reply must not fail for them."""
        raw = outgoing(in_reply_to="<ä@b.example>", references=("<ä@b.example>", "<2@b.example>", f"<{'x' * 990}@b>"))
        self.assertNotIn("in-reply-to", read(raw))
        self.assertEqual(read(raw)["references"], "<2@b.example>")


class HeaderTests(SynchronousTestCase):
    """Fields of any name."""

    def test_words_that_fit_on_no_line(self) -> None:
        """998 octets with the name are the limit (RFC 5322 section 2.1.1)."""
        self.assertEqual(len(header("X", "x" * 995)), 1000)
        self.assertEqual(len(header("X", "a " + "x" * 997)), len("X: a\r\n ") + 999)
        for value in ("x" * 996, "a " + "x" * 998, "é" * 498):
            with self.assertRaises(ValueError):
                header("X", value)


class ReplyTests(SynchronousTestCase):
    """RFC 5322 section 3.6.5 and 3.6.4."""

    def test_subjects(self) -> None:
        """One "Re: ", whatever was there."""
        for subject, reply in (
            ("Hello", "Re: Hello"),
            ("Re: Hello", "Re: Hello"),
            ("RE: re[2]: AW: Sv: Hello", "Re: Hello"),
            ("回复：你好", "Re: 你好"),
            ("Fwd: Hello", "Re: Fwd: Hello"),
            ("Reply: yes", "Re: Reply: yes"),
            ("", "Re: "),
        ):
            self.assertEqual(reply_subject(subject), reply)

    def test_quote(self) -> None:
        """Every line is marked; quotes within get one mark more."""
        self.assertEqual(
            quote("\nHello\n\n> older\nBye\n\n", "Ann", DATE),
            "On 3 Nov 2026 at 09:08 UTC, Ann wrote:\n> Hello\n>\n>> older\n> Bye\n",
        )

    def test_references(self) -> None:
        """The thread's first id, the last ten, the parent at the end, each once."""
        raw = outgoing(message_id="<12@a.example>", references=tuple(f"<{n}@a.example>" for n in range(12)))
        found = references_of(describe(raw))
        self.assertEqual(found, ("<0@a.example>", *(f"<{n}@a.example>" for n in range(3, 13))))
        self.assertEqual(references_of(describe(outgoing())), ("<1@a.example>",))
        self.assertEqual(references_of(describe(b"Subject: x\r\n\r\n")), ())
