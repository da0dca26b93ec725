"""Notices: written, judged by the standard library, and read."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import Message

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.advice import advice
from mailsuite.mime.describe import describe
from mailsuite.mime.dsn import Action, Notice, NoticeRecipient, parse_notice
from mailsuite.mime.dsn_texts import LANGUAGES
from mailsuite.mime.dsn_write import RETURNED, Report, Reported, write_notice
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
UNKNOWN = Reported("bob@b.example", Status(550, "5.1.1", "<bob@b.example>: no such user"), "mx.b.example", at=NOW)


def report(*recipients: Reported, **more: object) -> Report:
    """A report that Ann's message to Bob failed, but for what is said otherwise."""
    return replace(
        Report(
            action=Action.FAILED,
            reporting_mta="mx.a.example",
            original=ORIGINAL,
            envelope=Envelope(ANN, ()),
            recipients=recipients or (UNKNOWN,),
            arrived=ARRIVED,
            date=NOW,
            message_id="<n@a.example>",
            boundary="=_n",
        ),
        **more,  # type: ignore[arg-type]
    )


def notice(
    *recipients: Reported,
    original: bytes = ORIGINAL,
    reverse_path: Address | None = ANN,
    envid: str = "",
    ret: str = "",
) -> bytes:
    """The same as a message."""
    envelope = Envelope(reverse_path, (), envid=envid, ret=ret)
    return write_notice(report(*recipients, original=original, envelope=envelope))


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


class WrittenNoticeTests(SynchronousTestCase):
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
            ["text/plain", "message/delivery-status", "message/rfc822"],
        )

    def test_delivery_status(self) -> None:
        """The fields of the message and of each recipient."""
        second = Reported("carol@c.example", Status(451, "", "later"), "", "rfc822;Carol+2Bx@c.example", NOW)
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
        raw = notice(Reported("bob@b.example", Status(550, "5.1.1", "unbekannt: für Böb"), "mx.b.example"))
        self.assert_fit(raw)
        payload = parts(raw)[0].get_payload(decode=True)
        assert isinstance(payload, bytes)
        text = payload.decode()
        for expected in ("bob@b.example", "Grüße", "550 5.1.1 unbekannt: für Böb", "mx.b.example said", "spelling"):
            self.assertIn(expected, text)
        self.assertIn("\\x{FC}", groups(raw)[1]["Diagnostic-Code"])

    def test_f068_what_is_returned(self) -> None:
        """RET=HDRS is respected, and so is a message that asks for TLS (RFC 8689 section 5); else all of it."""
        whole = parts(notice())[2]
        self.assertEqual(whole.get_content_type(), "message/rfc822")
        (inner,) = list(whole.walk())[1:]
        self.assertEqual(inner.get_payload(), "secret body\r\n")
        self.assertEqual(parts(notice(ret="FULL"))[2].get_content_type(), "message/rfc822")
        secret = write_notice(report(envelope=Envelope(ANN, (), ret="FULL", require_tls=True)))
        for raw in (notice(ret="HDRS"), secret):
            self.assertNotIn(b"secret", raw)
            self.assertEqual(parts(raw)[2].get_content_type(), "text/rfc822-headers")
            payload = parts(raw)[2].get_payload(decode=True)
            self.assertEqual(payload, ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n")

    def test_only_a_failure_returns_the_message(self) -> None:
        """A delay or a success returns the header, whatever RET says (RFC 3461 section 4.3)."""
        for action in (Action.DELAYED, Action.DELIVERED, Action.RELAYED):
            raw = write_notice(report(action=action, until=NOW, envelope=Envelope(ANN, (), ret="FULL")))
            self.assert_fit(raw)
            self.assertNotIn(b"secret", raw)

    def test_large_and_odd_messages_are_not_returned(self) -> None:
        """Beyond the limit, with NUL, long lines or a raw 8-bit header: the header goes back."""
        head = b"Subject: x\r\n\r\n"
        for original in (
            head + b"x\r\n" * (RETURNED // 3),
            head + b"a\0b\r\n",
            head + b"y" * 999 + b"\r\n",
            b"Subject: \xff\r\n\r\nbody\r\n",
        ):
            raw = notice(original=original)
            self.assert_fit(raw)
            self.assertEqual(parts(raw)[2].get_content_type(), "text/rfc822-headers")

    def test_eight_bits_are_declared(self) -> None:
        """RFC 2045 section 6.4: the encoding of the parts that have eight bits, and of the whole."""
        raw = notice(original=b"Subject: x\r\n\r\n\xc3\xa4\r\n")
        self.assert_fit(raw)
        message = message_from_bytes(raw, policy=policy.default)
        self.assertEqual(message["content-transfer-encoding"], "8bit")
        self.assertEqual(parts(raw)[2]["content-transfer-encoding"], "8bit")
        self.assertIsNone(message_from_bytes(notice())["content-transfer-encoding"])

    def test_a_message_with_our_boundary(self) -> None:
        """A notice of a notice, or one who guessed: the parts stay three."""
        raw = notice(original=b"Subject: x\r\n\r\n--=_n\r\n\r\n--=_n--\r\n--=_n_\r\n")
        self.assert_fit(raw)
        self.assertEqual(len(structure(raw).children), 3)

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
        failure = Reported(
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
        """In the 7-bit form of RFC 6533 section 3 for who never used SMTPUTF8."""
        raw = notice(Reported("ö@b.example", Status(550, "5.6.7", "no SMTPUTF8"), "mx.b.example"))
        self.assert_fit(raw)
        self.assertEqual(groups(raw)[1]["Final-Recipient"], "utf-8; \\x{F6}@b.example")
        found = parse_notice(raw, structure(raw))
        assert found is not None
        self.assertEqual(found.recipients[0].address, "ö@b.example")

    def test_international_recipients_in_seven_bits(self) -> None:
        """QCHAR has no "+", "=" and backslash: they are written as the other letters are."""
        orcpt = "utf-8;\\x{F6}\\x{2B}x@b.example"
        raw = notice(Reported("ö+=x@b.example", UNKNOWN.status, "", orcpt))
        self.assert_fit(raw)
        self.assertEqual(groups(raw)[1]["Final-Recipient"], "utf-8; \\x{F6}\\x{2B}\\x{3D}x@b.example")
        self.assertEqual(groups(raw)[1]["Original-Recipient"], "utf-8; \\x{F6}\\x{2B}x@b.example")
        found = parse_notice(raw, structure(raw))
        assert found is not None
        self.assertEqual(found.recipients[0].address, "ö+x@b.example")

    def test_global_delivery_status(self) -> None:
        """RFC 6533 section 4: in UTF-8 when an address needs it and the originator has used SMTPUTF8."""
        envelope = Envelope(ANN, (), smtputf8=True)
        original = "Subject: Grüße\r\nFrom: ann@a.example\r\n\r\nsecret\r\n".encode()
        made = report(
            Reported("ö@b.example", UNKNOWN.status, "", "utf-8;\\x{F6}l@b.example"),
            envelope=envelope,
            original=original,
        )
        self.assertTrue(made.smtputf8)
        raw = write_notice(made)
        tree = structure(raw)
        self.assertEqual(
            [child.content_type for child in tree.children],
            ["text/plain", "message/global-delivery-status", "message/global"],
        )
        self.assertIn(b"report-type=global-delivery-status;", raw)
        self.assertIn("Final-Recipient: utf-8; ö@b.example\r\n".encode(), raw)
        self.assertIn("Original-Recipient: utf-8; öl@b.example\r\n".encode(), raw)
        found = parse_notice(raw, tree)
        assert found is not None
        self.assertEqual(found.recipients[0].address, "öl@b.example")
        headers = write_notice(replace(made, envelope=replace(envelope, ret="HDRS")))
        self.assertEqual(structure(headers).children[2].content_type, "message/global-headers")
        self.assertFalse(report(envelope=envelope).smtputf8, "all addresses are ASCII")
        self.assertTrue(report(envelope=Envelope(Address.parse("jörg@a.example"), ())).smtputf8)

    def test_delayed(self) -> None:
        """RFC 3464 sections 2.3.3 and 2.3.9; who was never asked has no answer to quote."""
        never = Reported("carol@c.example", None)
        raw = write_notice(report(UNKNOWN, never, action=Action.DELAYED, until=NOW + 3_600_000))
        self.assert_fit(raw)
        self.assertTrue(message_from_bytes(raw, policy=policy.default)["subject"].startswith("Delayed: "))
        _, first, second = groups(raw)
        self.assertEqual((first["Action"], first["Will-Retry-Until"]), ("delayed", "Tue, 03 Nov 2026 10:09:07 +0000"))
        self.assertEqual(
            second,
            {
                "Final-Recipient": "rfc822; carol@c.example",
                "Action": "delayed",
                "Status": "4.4.1",
                "Will-Retry-Until": "Tue, 03 Nov 2026 10:09:07 +0000",
            },
        )
        text = parts(raw)[0].get_payload(decode=True)
        assert isinstance(text, bytes)
        self.assertIn(b"10:09:07", text)
        self.assertIn(b"You need not do anything", text)
        self.assertNotIn(b"spelling", text)

    def test_delivered_and_relayed(self) -> None:
        """RFC 3464 section 2.3.3."""
        taken = Reported("bob@b.example", Status(250, "", "ok"), "mx.b.example [192.0.2.1]", at=NOW)
        for action in (Action.DELIVERED, Action.RELAYED):
            raw = write_notice(report(taken, action=action))
            self.assert_fit(raw)
            (group,) = groups(raw)[1:]
            self.assertEqual((group["Action"], group["Status"]), (action.value, "2.0.0"))
            self.assertNotIn("Will-Retry-Until", group)

    def test_remote_mta(self) -> None:
        """The host's name, its IP as a comment (RFC 3464 section 2.3.5)."""
        for mx, expected in (
            ("mx.b.example [192.0.2.1]", "dns; mx.b.example ([192.0.2.1])"),
            ("192.0.2.1 [192.0.2.1]", "dns; [192.0.2.1]"),
            ("mx.b.example", "dns; mx.b.example"),
        ):
            self.assertEqual(groups(notice(replace(UNKNOWN, mx=mx)))[1]["Remote-MTA"], expected)

    def test_languages(self) -> None:
        """Every language has every text; the fields for programs are the same."""
        for language in LANGUAGES:
            for action in (Action.FAILED, Action.DELAYED, Action.DELIVERED, Action.RELAYED):
                for recipients in ((UNKNOWN,), (UNKNOWN, UNKNOWN), (Reported("x@b.example", None),)):
                    raw = write_notice(report(*recipients, action=action, language=language, until=NOW))
                    self.assert_fit(raw)
                    self.assertNotIn(b"{", raw)
        german = write_notice(report(language="de"))
        payload = parts(german)[0].get_payload(decode=True)
        assert isinstance(payload, bytes)
        self.assertIn("hat den folgenden Empfänger nicht erreicht", payload.decode())
        self.assertIn("Schreibweise", payload.decode())
        self.assertEqual(groups(german), groups(notice()))
        self.assertEqual(write_notice(report(language="xx")), notice())

    def test_to_the_postmaster(self) -> None:
        """A notice that failed: who gets it, and that its body does not go round again."""
        raw = write_notice(report(envelope=Envelope(None, ()), to=Address.parse("postmaster@a.example")))
        self.assert_fit(raw)
        message = message_from_bytes(raw, policy=policy.default)
        self.assertEqual(message["to"], "postmaster@a.example")
        self.assertIn("Undelivered notice", message["subject"])
        self.assertNotIn(b"secret", raw)

    def test_f063_null_reverse_path(self) -> None:
        """There is no notice for a notice."""
        with self.assertRaises(ValueError):
            notice(reverse_path=None)

    def test_f063_addresses_that_are_hard(self) -> None:
        """A reverse-path that cannot be parsed is refused; whatever can be parsed is answered."""
        for hard in ("ann", "@a.example", "a b@a.example", "ann@", "ann@a..example", "ann@-a.example"):
            with self.assertRaises(ValueError):
                Address.parse(hard)
        for sender in (
            '"a b"@a.example',
            '"a\\"b"@a.example',
            "a\u2028b@a.example",
            "x" * 64 + "@" + "y." * 120 + "example",
        ):
            raw = notice(reverse_path=Address.parse(sender))
            self.assert_fit(raw)
            self.assertIsNotNone(parse_notice(raw, structure(raw)))

    def test_wrong_calls(self) -> None:
        """Without a recipient, or with a boundary that is none, there is no notice."""
        for wrong in ({"recipients": ()}, {"boundary": 'a"b'}, {"boundary": ""}):
            with self.assertRaises(ValueError):
                write_notice(replace(report(), **wrong))

    def test_f068_original_recipient_is_decoded(self) -> None:
        """ORCPT's xtext is written out (RFC 3461 section 4.2)."""
        raw = notice(Reported("a@x.example", UNKNOWN.status, "", "rfc822;a+2Bb@x.example"))
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
        self.assertEqual([r.address for r in found.recipients], ["c+tag@c.example", "d@c.example", "e@c.example"])
        self.assertEqual([r.action.value for r in found.recipients], ["failed", "delayed", "failed"])
        self.assertIs(found.action, Action.FAILED)
        self.assertEqual((found.recipients[1].status, found.recipients[1].advice), ("4.4.1", ""))
        self.assertEqual(found.recipients[0].text, "552 5.2.2 mailbox    full")
        self.assertEqual((found.recipients[0].status, found.recipients[0].mx), ("5.2.2", "mx.c.example"))
        self.assertIn("full", found.recipients[0].advice)
        self.assertEqual(found.recipients[2].text, "5.4.4")

    def test_no_notices(self) -> None:
        """Other messages, other reports, nothing reported, nothing there."""
        for raw in (
            b"Subject: x\r\n\r\ntext",
            self.report(""),
            self.report("Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: pondered\r\n"),
            self.report("Action: failed"),
            self.report("\x00\xff: \r\n\r\n" * 100),
            self.report("x").replace(b"multipart/report", b"multipart/mixed"),
            self.report("x").replace(b"message/delivery-status", b"message/feedback-report"),
        ):
            self.assertIsNone(self.parse(raw), raw[:200])

    def test_exim(self) -> None:
        """As Exim writes them: the action first, no original recipient, a generic status."""
        found = self.parse(
            self.report(
                "Reporting-MTA: dns; mail.b.example\r\n\r\n"
                "Action: failed\r\nFinal-Recipient: rfc822;bob@c.example\r\nStatus: 5.0.0\r\n"
                "Remote-MTA: dns; mx.c.example\r\nDiagnostic-Code: smtp; 550-no such user\r\n 550 see our page\r\n"
            )
        )
        assert found is not None
        (recipient,) = found.recipients
        self.assertEqual((recipient.address, recipient.mx), ("bob@c.example", "mx.c.example"))
        self.assertEqual(recipient.text, "550-no such user 550 see our page")

    def test_exchange(self) -> None:
        """As Exchange writes them: no space behind the type, a display name, the host in capitals."""
        found = self.parse(
            self.report(
                "Reporting-MTA: dns;EX01.corp.example\r\nReceived-From-MTA: dns;mail.a.example\r\n"
                "Arrival-Date: Tue, 3 Nov 2026 09:08:07 +0000\r\n\r\n"
                "Final-Recipient: rfc822;bob@corp.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                "Diagnostic-Code: smtp;550 5.1.1 RESOLVER.ADR.RecipNotFound; not found\r\n"
                "X-Display-Name: =?utf-8?B?QsO2Yg==?=\r\n"
            )
        )
        assert found is not None
        self.assertEqual(found.reporting_mta, "EX01.corp.example")
        (recipient,) = found.recipients
        self.assertEqual(recipient.text, "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found")

    def test_types_forgotten(self) -> None:
        """A value without its type, an address in brackets, a comment behind the action."""
        found = self.parse(
            self.report(
                "Reporting-MTA: x\r\n\r\nFinal-Recipient: <bob@c.example>\r\nAction: delayed (for now)\r\n"
                "Status: 4.4.7\r\nDiagnostic-Code: 451 4.4.7 wait; come again\r\n"
            )
        )
        assert found is not None
        (recipient,) = found.recipients
        self.assertEqual((recipient.address, recipient.text), ("bob@c.example", "451 4.4.7 wait; come again"))
        self.assertIs(found.action, Action.DELAYED)

    def test_every_action(self) -> None:
        """RFC 3464 section 2.3.3; the worst is the notice's."""
        group = "Final-Recipient: rfc822; a@b.example\r\nAction: {}\r\nStatus: 2.0.0\r\n\r\n"
        for action in Action:
            found = self.parse(self.report("Reporting-MTA: dns; x\r\n\r\n" + group.format(action.value.upper())))
            assert found is not None
            self.assertIs(found.action, action)
        both = self.parse(self.report("Reporting-MTA: x\r\n\r\n" + group.format("delivered") + group.format("relayed")))
        assert both is not None
        self.assertIs(both.action, Action.RELAYED)

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
