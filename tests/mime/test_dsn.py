"""Notices: written, judged by the standard library, and read."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import Message

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.advice import advice
from mailsuite.mime.describe import describe
from mailsuite.mime.dsn import FailedRecipient, Notice, NoticeRecipient, failed_notice, parse_notice
from mailsuite.mime.structure import structure
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope
from mailsuite.model.status import Status

ARRIVED = 1793696887000  # Tue, 03 Nov 2026 09:08:07 UTC, by date(1)
NOW = ARRIVED + 60_000
ANN = Address.parse("ann@a.example")
ORIGINAL = (
    b"Received: from x\r\n\tby y\r\nFrom: ann@a.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <1@a.example>\r\n\r\nsecret body\r\n"
)
UNKNOWN = FailedRecipient("bob@b.example", Status(550, "5.1.1", "<bob@b.example>: no such user"), "mx.b.example")


def notice(
    *failures: FailedRecipient, original: bytes = ORIGINAL, reverse_path: Address | None = ANN, envid: str = ""
) -> bytes:
    return failed_notice(
        reporting_mta="mx.a.example",
        original=original,
        envelope=Envelope(reverse_path, (), envid=envid),
        failures=failures or (UNKNOWN,),
        arrived=ARRIVED,
        date=NOW,
        message_id="<n@a.example>",
        boundary="=_n",
    )


def parts(raw: bytes) -> tuple[Message, Message, Message]:
    message = message_from_bytes(raw, policy=policy.compat32)
    found = message.get_payload()
    assert isinstance(found, list)
    text, status, headers = found
    assert isinstance(text, Message)
    assert isinstance(status, Message)
    assert isinstance(headers, Message)
    return text, status, headers


def groups(raw: bytes) -> list[dict[str, str]]:
    payload = parts(raw)[1].get_payload()
    assert isinstance(payload, list)
    messages = [group for group in payload if isinstance(group, Message)]
    return [{name: " ".join(value.split()) for name, value in group.items()} for group in messages]


class FailedNoticeTests(SynchronousTestCase):
    """RFC 3464, RFC 6522, RFC 3834."""

    def assert_fit(self, raw: bytes) -> None:
        """Lines end in CRLF and are short enough, the standard library finds no defect."""
        self.assertEqual(raw.count(b"\n"), raw.count(b"\r\n"))
        self.assertEqual(raw.count(b"\r"), raw.count(b"\r\n"))
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 998)
        for part in message_from_bytes(raw, policy=policy.default).walk():
            self.assertEqual(part.defects, [])

    def test_header(self) -> None:
        """From the mail system to the reverse-path, marked as automatic, tied to the original."""
        raw = notice()
        self.assert_fit(raw)
        message = message_from_bytes(raw, policy=policy.default)
        self.assertEqual(message["from"], "Mail Delivery System <mailer-daemon@mx.a.example>")
        self.assertEqual(message["to"], "ann@a.example")
        self.assertEqual(message["subject"], "Undelivered: Grüße")
        self.assertEqual(message["auto-submitted"], "auto-replied")
        self.assertEqual((message["in-reply-to"], message["references"]), ("<1@a.example>", "<1@a.example>"))
        self.assertEqual(message["date"].datetime.timestamp() * 1000, NOW)
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message["content-type"].params["report-type"], "delivery-status")
        self.assertEqual(
            [part.get_content_type() for part in message.iter_parts()],
            ["text/plain", "message/delivery-status", "text/rfc822-headers"],
        )

    def test_delivery_status(self) -> None:
        """The fields of the message and of each recipient."""
        second = FailedRecipient("carol@c.example", Status(451, "", "later"), "", "rfc822;Carol+2Bx@c.example")
        raw = notice(UNKNOWN, second, envid="QQ+2B1")
        when = "Tue, 03 Nov 2026 09:08:07 +0000", "Tue, 03 Nov 2026 09:09:07 +0000"
        self.assertEqual(
            groups(raw),
            [
                {"Original-Envelope-Id": "QQ+1", "Reporting-MTA": "dns; mx.a.example", "Arrival-Date": when[0]},
                {
                    "Final-Recipient": "rfc822; bob@b.example",
                    "Action": "failed",
                    "Status": "5.1.1",
                    "Remote-MTA": "dns; mx.b.example",
                    "Diagnostic-Code": "smtp; 550 5.1.1 <bob@b.example>: no such user",
                    "Last-Attempt-Date": when[1],
                },
                {
                    "Original-Recipient": "rfc822; Carol+x@c.example",
                    "Final-Recipient": "rfc822; carol@c.example",
                    "Action": "failed",
                    "Status": "4.0.0",
                    "Diagnostic-Code": "smtp; 451 later",
                    "Last-Attempt-Date": when[1],
                },
            ],
        )
        # RFC 3464 section 2.1.1: 7bit, and nothing else, is used for it.
        self.assertEqual(parts(raw)[1]["content-transfer-encoding"], "7bit")

    def test_text(self) -> None:
        """Who was not reached, what was said word for word, what to do."""
        raw = notice(FailedRecipient("bob@b.example", Status(550, "5.1.1", "unbekannt: für Böb"), "mx.b.example"))
        self.assert_fit(raw)
        payload = parts(raw)[0].get_payload(decode=True)
        assert isinstance(payload, bytes)
        text = payload.decode()
        for expected in ("bob@b.example", "Grüße", "550 5.1.1 unbekannt: für Böb", "mx.b.example said", "spelling"):
            self.assertIn(expected, text)
        self.assertIn("\\x{FC}", groups(raw)[1]["Diagnostic-Code"])

    def test_original(self) -> None:
        """Its header is returned, never its body."""
        raw = notice()
        self.assertNotIn(b"secret", raw)
        payload = parts(raw)[2].get_payload(decode=True)
        self.assertEqual(payload, ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n")

    def test_originals_that_are_hard(self) -> None:
        """Whatever the message was like, its sender is told."""
        for original in (
            b"",
            b"\r\n\r\n",
            b"no header at all",
            b"Subject: caf\xe9 \xff\r\nMessage-ID: <\xe9@a.example>\r\n\r\n",
            b"Subject: " + b"x" * 100_000 + b"\r\n\r\n",
            b"Subject: a\rb\nc\x00\r\n\r\n",
            b"Subject: =?utf-8?q?a=0D=0ABcc:_v=40x.example?=\r\n\r\n",
            b"Message-ID: <" + b"x" * 980 + b"@a.example>\r\n\r\n",
            b"X: y\r\n" * 100_000,
        ):
            raw = notice(original=original)
            self.assert_fit(raw)
            self.assertNotIn(b"\nBcc:", raw)
            self.assertIsNotNone(parse_notice(raw, structure(raw)))

    def test_values_that_are_hard(self) -> None:
        """Line ends in what clients and other hosts gave make no field; long answers are folded."""
        failure = FailedRecipient(
            "bob@b.example",
            Status(550, "5.1.1\r\nX: y", "a\r\nX-Evil: b " + "x" * 5000),
            "mx\r\nX-Evil: c",
            "rfc822;a+0D+0AX-Evil: d",
        )
        raw = notice(failure, envid="a+0D+0AX-Evil: e")
        self.assert_fit(raw)
        self.assertNotIn(b"\nX-Evil", raw)
        self.assertEqual(groups(raw)[1]["Status"], "5.0.0")

    def test_international_recipients(self) -> None:
        """In the 7-bit form of RFC 6533 section 3."""
        raw = notice(FailedRecipient("ö@b.example", Status(550, "5.6.7", "no SMTPUTF8"), "mx.b.example"))
        self.assert_fit(raw)
        self.assertEqual(groups(raw)[1]["Final-Recipient"], "utf-8; \\x{F6}@b.example")
        found = parse_notice(raw, structure(raw))
        assert found is not None
        self.assertEqual(found.recipients[0].address, "ö@b.example")

    def test_f063_null_reverse_path(self) -> None:
        """There is no notice for a notice."""
        with self.assertRaises(ValueError):
            notice(reverse_path=None)

    def test_wrong_calls(self) -> None:
        """Without a failure, or with a boundary that is none, there is no notice."""
        for failures, boundary in (((), "=_n"), ((UNKNOWN,), 'a"b'), ((UNKNOWN,), "")):
            with self.assertRaises(ValueError):
                failed_notice(
                    reporting_mta="mx.a.example",
                    original=ORIGINAL,
                    envelope=Envelope(ANN, ()),
                    failures=failures,
                    arrived=ARRIVED,
                    date=NOW,
                    message_id="<n@a.example>",
                    boundary=boundary,
                )

    def test_f068_original_recipient_is_decoded(self) -> None:
        """ORCPT's xtext is written out (RFC 3461 section 4.2)."""
        raw = notice(FailedRecipient("a@x.example", UNKNOWN.status, "", "rfc822;a+2Bb@x.example"))
        self.assertEqual(groups(raw)[1]["Original-Recipient"], "rfc822; a+b@x.example")


class ParseNoticeTests(SynchronousTestCase):
    """Notices of others, for conversations."""

    def parse(self, raw: bytes) -> Notice | None:
        return parse_notice(raw, structure(raw))

    def report(self, status: str) -> bytes:
        return (
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
            f"--b\r\n\r\ntext\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n--b--\r\n"
        ).encode()

    def test_our_own(self) -> None:
        """What was written is read."""
        self.assertEqual(
            self.parse(notice()),
            Notice(
                (
                    NoticeRecipient(
                        "bob@b.example",
                        "5.1.1",
                        "550 5.1.1 <bob@b.example>: no such user",
                        "mx.b.example",
                        advice("5.1.1"),
                    ),
                ),
                "mx.a.example",
            ),
        )
        self.assertFalse(describe(notice()).has_attachments)

    def test_postfix(self) -> None:
        """As Postfix writes them: comments, folded answers, several recipients with other outcomes."""
        found = self.parse(
            self.report(
                "Reporting-MTA: dns; mail.b.example\r\nX-Postfix-Queue-ID: 1\r\n\r\n"
                "Final-Recipient: rfc822; c@c.example\r\nOriginal-Recipient: rfc822;c+tag@c.example\r\n"
                "Action: Failed\r\nStatus: 5.2.2 (full)\r\nRemote-MTA: dns; mx.c.example\r\n"
                "Diagnostic-Code: smtp; 552 5.2.2 mailbox\r\n    full\r\n\r\n"
                "Final-Recipient: rfc822; d@c.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n\r\n"
                "Final-Recipient: e@c.example\r\nAction: failed\r\nStatus: 5.4.4\r\n"
            )
        )
        assert found is not None
        self.assertEqual(found.reporting_mta, "mail.b.example")
        self.assertEqual([r.address for r in found.recipients], ["c+tag@c.example", "e@c.example"])
        self.assertEqual(found.recipients[0].text, "552 5.2.2 mailbox    full")
        self.assertEqual((found.recipients[0].status, found.recipients[0].mx), ("5.2.2", "mx.c.example"))
        self.assertIn("full", found.recipients[0].advice)
        self.assertEqual(found.recipients[1].text, "5.4.4")

    def test_no_notices(self) -> None:
        """Other messages, other reports, nothing failed, nothing there."""
        for raw in (
            b"Subject: x\r\n\r\ntext",
            self.report(""),
            self.report("Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: delivered\r\n"),
            self.report("Action: failed"),
            self.report("\x00\xff: \r\n\r\n" * 100),
            self.report("x").replace(b"multipart/report", b"multipart/mixed"),
            self.report("x").replace(b"message/delivery-status", b"message/feedback-report"),
        ):
            self.assertIsNone(self.parse(raw), raw[:200])

    def test_many_recipients(self) -> None:
        """A hundred are read."""
        group = "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n"
        found = self.parse(self.report("Reporting-MTA: dns; x\r\n\r\n" + group * 5000))
        assert found is not None
        self.assertEqual(len(found.recipients), 100)


class AdviceTests(SynchronousTestCase):
    """Words for every status."""

    def test_every_status_has_words(self) -> None:
        """By the detail, else by the subject, else in general."""
        for status in ("5.1.1", "4.2.2", "5.7.26", "5.99.1", "5.0.0", "x", "", "5.1"):
            self.assertTrue(advice(status).endswith("."), status)
        self.assertEqual(advice("5.001.001"), advice("5.1.1"))
        self.assertNotEqual(advice("5.7.1"), advice("5.1.1"))
