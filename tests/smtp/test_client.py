"""The client session: what it says to hosts of all kinds, and what it makes of their replies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import DestinationBusy, DestinationDown, Refusal
from mailsuite.model.job import Outcome, RecipientState
from mailsuite.model.status import Status
from mailsuite.model.tls_policy import TlsLevel, TlsPolicy
from mailsuite.smtp.client import BeforeDot, ClientSession, Event, Finished, Phase, Ready, SendContent, Timeouts
from mailsuite.smtp.events import StartTls
from mailsuite.smtp.server import ServerSession
from tests.smtp.dialogue import Dialogue, cut

ANN = Address("ann", "alpha.example")
BOB = Recipient(Address("bob", "beta.example"))
CAT = Recipient(Address("cat", "beta.example"))
ENVELOPE = Envelope(ANN, (BOB, CAT))
CONTENT = b"Subject: hello\r\n\r\n.dot\r\n"
PEER = "mx.beta.example [192.0.2.25]"
MODERN = "250-mx.beta.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"
PLAIN = "250 mx.beta.example\r\n"


@dataclass
class Host:
    """A host that says one text after the other, whatever it is told: ``step`` gives what the session does then."""

    session: ClientSession = field(default_factory=lambda: ClientSession("out.alpha.example", PEER))
    go: bool = True

    def step(self, text: str) -> tuple[bytes, Event | None]:
        """What the session sends, and the event that it stops at, after ``text``; content is written at once.

        The lines come one by one: nothing is said before its time.
        """
        out, event = b"", None
        for line in text.splitlines(keepends=True):
            self.session.receive(line.encode())
            sent, event = self.run()
            out += sent
        return out, event

    def run(self) -> tuple[bytes, Event | None]:
        """The same without new input."""
        out = []
        while True:
            event = self.session.next_event()
            out.append(self.session.output())
            if isinstance(event, SendContent):
                out.extend(event.octets)
                self.session.sent()
            elif isinstance(event, BeforeDot):
                self.session.confirm(self.go)
            else:
                return b"".join(out), event

    def ready(self, ehlo: str = MODERN) -> None:
        """Through greeting and EHLO."""
        self.step("220 hello\r\n")
        _, event = self.step(ehlo)
        assert isinstance(event, Ready), event

    def transfer(
        self, envelope: Envelope = ENVELOPE, recipients: Sequence[Recipient] = (BOB, CAT), content: bytes = CONTENT
    ) -> tuple[bytes, Event | None]:
        """Begin a transaction."""
        self.session.transfer(envelope, recipients, content)
        return self.run()


def codes(event: Event | None) -> list[str]:
    """State and status of each outcome."""
    assert isinstance(event, Finished), event
    return [f"{o.state} {o.status.code} {o.status.enhanced}".strip() for o in event.outcomes]


class DialogueTests(SynchronousTestCase):
    """RFC 5321 section 3."""

    def test_greeting_and_ehlo(self) -> None:
        """Nothing is said before the greeting, then EHLO with our name."""
        host = Host()
        self.assertEqual(host.run(), (b"", None))
        self.assertEqual(host.session.phase, Phase.GREETING)
        self.assertEqual(host.step("220-hello\r\n220 you\r\n"), (b"EHLO out.alpha.example\r\n", None))
        self.assertEqual(host.session.phase, Phase.HELLO)
        self.assertEqual(host.step(MODERN), (b"", Ready()))

    def test_pipelined(self) -> None:
        """With PIPELINING all commands up to DATA go at once; then the stuffed content, then the dot."""
        host = Host()
        host.ready()
        self.assertEqual(
            host.transfer(),
            (
                b"MAIL FROM:<ann@alpha.example> SIZE=24\r\nRCPT TO:<bob@beta.example>\r\n"
                b"RCPT TO:<cat@beta.example>\r\nDATA\r\n",
                None,
            ),
        )
        self.assertEqual(host.session.phase, Phase.MAIL)
        self.assertEqual(host.step("250 ok\r\n250 ok\r\n"), (b"", None))
        self.assertEqual(host.session.phase, Phase.RCPT)
        self.assertEqual(host.step("250 ok\r\n"), (b"", None))
        self.assertEqual(host.session.phase, Phase.DATA)
        self.assertEqual(host.step("354 go\r\n"), (b"Subject: hello\r\n\r\n..dot\r\n.\r\n", None))
        self.assertEqual(host.session.phase, Phase.DOT)
        _, event = host.step("250 2.0.0 queued as 7\r\n")
        status = Status(250, "2.0.0", "queued as 7")
        outcomes = tuple(Outcome(r, RecipientState.DELIVERED, status, PEER, dsn_passed=True) for r in (BOB, CAT))
        self.assertEqual(event, Finished(outcomes, reusable=True))
        host.session.quit()
        self.assertEqual(host.session.output(), b"QUIT\r\n")

    def test_one_by_one(self) -> None:
        """Without PIPELINING each command waits for the reply before it, and no parameter is sent."""
        host = Host()
        host.ready(PLAIN)
        self.assertEqual(host.transfer()[0], b"MAIL FROM:<ann@alpha.example>\r\n")
        self.assertEqual(host.step("250 ok\r\n")[0], b"RCPT TO:<bob@beta.example>\r\n")
        self.assertEqual(host.step("250 ok\r\n")[0], b"RCPT TO:<cat@beta.example>\r\n")
        self.assertEqual(host.step("250 ok\r\n")[0], b"DATA\r\n")
        self.assertEqual(host.step("354 go\r\n")[0][-5:], b"\r\n.\r\n")
        self.assertEqual(codes(host.step("250 ok\r\n")[1]), ["delivered 250"] * 2)

    def test_helo(self) -> None:
        """A host that refuses EHLO is asked HELO."""
        host = Host()
        host.step("220 hello\r\n")
        self.assertEqual(host.step("502 5.5.1 what?\r\n"), (b"HELO out.alpha.example\r\n", None))
        self.assertEqual(host.step("250 mx.beta.example\r\n"), (b"", Ready()))
        self.assertEqual(host.transfer()[0], b"MAIL FROM:<ann@alpha.example>\r\n")

    def test_next_transaction(self) -> None:
        """A clean session takes the next message as it is, another one is reset first."""
        host = Host()
        host.ready(PLAIN)
        host.transfer(recipients=[BOB])
        event = host.step("250 a\r\n250 b\r\n354 c\r\n250 d\r\n")[1]
        self.assertEqual(codes(event), ["delivered 250"])
        host.transfer(recipients=[BOB])
        event = host.step("250 a\r\n550 b\r\n")[1]
        self.assertEqual(codes(event), ["failed 550"])
        self.assertEqual(host.transfer(recipients=[CAT])[0], b"RSET\r\n")
        self.assertEqual(host.step("250 ok\r\n")[0], b"MAIL FROM:<ann@alpha.example>\r\n")

    def test_time_outs_of_the_standard(self) -> None:
        """The times are those of RFC 5321 section 4.5.3.2."""
        wanted = {"greeting": 300, "mail": 300, "rcpt": 300, "data": 120, "block": 180, "dot": 600}
        self.assertEqual({name: Timeouts().of(Phase(name)) for name in wanted}, wanted)


class RefusalTests(SynchronousTestCase):
    """What the host does not want."""

    def test_greeting(self) -> None:
        """554 as greeting is a refusal by the host, 421 and 4yz make it down."""
        error = self.assertRaises(Refusal, Host().step, "554 5.7.1 go away\r\n")
        self.assertEqual(error.status, Status(554, "5.7.1", "go away"))
        for text in ("421 4.3.2 closing\r\n", "450 busy\r\n"):
            self.assertRaises(DestinationDown, Host().step, text)

    def test_ehlo_and_helo(self) -> None:
        """4yz to EHLO makes the host down; 5yz to HELO as well is a refusal."""
        host = Host()
        host.step("220 hello\r\n")
        self.assertRaises(DestinationDown, host.step, "421 4.3.2 no\r\n")
        host = Host()
        host.step("220 hello\r\n")
        host.step("550 no\r\n")
        self.assertRaises(Refusal, host.step, "550 5.7.1 no\r\n")

    def test_some_recipients(self) -> None:
        """Each recipient keeps its own reply, verbatim; the message goes to the others."""
        for ehlo in (MODERN, PLAIN):
            host = Host()
            host.ready(ehlo)
            host.transfer()
            event = host.step(
                "250 a\r\n550-5.1.1 no such\r\n550 5.1.1 mailbox\r\n250 b\r\n354 go\r\n250 2.0.0 done\r\n"
            )[1]
            self.assertEqual(codes(event), ["failed 550 5.1.1", "delivered 250 2.0.0"])
            assert isinstance(event, Finished)
            self.assertEqual(event.outcomes[0].status.text, "no such mailbox")

    def test_all_recipients(self) -> None:
        """When all are refused DATA is not sent, or its refusal is read; one is deferred, one failed."""
        host = Host()
        host.ready()
        host.transfer()
        event = host.step("250 a\r\n450 4.2.1 later\r\n550 5.1.1 no\r\n554 5.5.1 nobody\r\n")[1]
        self.assertEqual(codes(event), ["deferred 450 4.2.1", "failed 550 5.1.1"])
        host = Host()
        host.ready(PLAIN)
        host.transfer()
        out, event = host.step("250 a\r\n450 4.2.1 later\r\n550 5.1.1 no\r\n")
        self.assertNotIn(b"DATA", out)
        self.assertEqual(codes(event), ["deferred 450 4.2.1", "failed 550 5.1.1"])

    def test_data_for_nobody(self) -> None:
        """A host that says 354 although nobody was accepted gets a dot (RFC 2920 section 3.1)."""
        host = Host()
        host.ready()
        host.transfer()
        self.assertEqual(host.step("250 a\r\n550 5.1.1 no\r\n550 5.1.1 no\r\n354 go\r\n"), (b".\r\n", None))
        self.assertEqual(codes(host.step("554 nobody\r\n")[1]), ["failed 550 5.1.1"] * 2)

    def test_mail(self) -> None:
        """A refused MAIL is the outcome of all, whatever was said to the pipelined RCPT."""
        host = Host()
        host.ready()
        host.transfer()
        event = host.step("550 5.7.1 blocked\r\n503 5.5.1 x\r\n503 5.5.1 x\r\n503 5.5.1 x\r\n")[1]
        self.assertEqual(codes(event), ["failed 550 5.7.1"] * 2)
        host = Host()
        host.ready(PLAIN)
        host.transfer()
        self.assertEqual(codes(host.step("451 4.7.1 greylisted\r\n")[1]), ["deferred 451 4.7.1"] * 2)

    def test_data_and_dot(self) -> None:
        """The reply to DATA or to the dot is the outcome of those that were accepted."""
        for replies, expected in {
            "354 go\r\n554 5.7.26 not authenticated\r\n": "failed 554 5.7.26",
            "354 go\r\n452 4.3.1 full\r\n": "deferred 452 4.3.1",
            "451 4.3.0 later\r\n": "deferred 451 4.3.0",
            "354 go\r\n421 4.3.2 closing\r\n": "deferred 421 4.3.2",
            "250 odd\r\n": "deferred 451 4.5.0",
        }.items():
            host = Host()
            host.ready()
            host.transfer()
            event = host.step("250 a\r\n550 5.1.1 no\r\n250 b\r\n" + replies)[1]
            self.assertEqual(codes(event), ["failed 550 5.1.1", expected])

    def test_421_before_the_dot(self) -> None:
        """421 to a command makes the host down."""
        for replies in ("421 x\r\n", "250 a\r\n421 x\r\n", "250 a\r\n250 b\r\n250 c\r\n421 4.3.2 closing\r\n"):
            host = Host()
            host.ready()
            host.transfer()
            self.assertRaises(DestinationDown, host.step, replies)

    def test_early_reply(self) -> None:
        """A reply before the content is written is the outcome, and the connection is of no more use."""
        host = Host()
        host.ready()
        host.session.transfer(ENVELOPE, (BOB, CAT), CONTENT)
        host.session.receive(b"250 a\r\n250 b\r\n250 c\r\n354 go\r\n")
        self.assertIsInstance(host.session.next_event(), SendContent)
        self.assertIsInstance(host.session.next_event(), SendContent)
        host.session.receive(b"552 5.3.4 too big\r\n")
        event = host.session.next_event()
        self.assertEqual(codes(event), ["failed 552 5.3.4"] * 2)
        assert isinstance(event, Finished)
        self.assertFalse(event.reusable)

    def test_broken_off_before_the_dot(self) -> None:
        """When the dot is not confirmed it is never sent, and the recipients are deferred."""
        host = Host(go=False)
        host.ready()
        host.transfer()
        out, event = host.step("250 a\r\n250 b\r\n250 c\r\n354 go\r\n")
        self.assertEqual(out, b"Subject: hello\r\n\r\n..dot\r\n")
        self.assertEqual(codes(event), ["deferred 451 4.3.0"] * 2)
        assert isinstance(event, Finished)
        self.assertFalse(event.reusable)

    def test_no_reply_at_all(self) -> None:
        """Something that is no reply makes the host down before the dot, and is a deferral after it."""
        self.assertRaises(DestinationDown, Host().step, "HTTP/1.1 400\r\n")
        host = Host()
        host.ready()
        host.transfer()
        event = host.step("250 a\r\n250 b\r\n250 c\r\n354 go\r\nwhat?\r\n")[1]
        self.assertEqual(codes(event), ["deferred 451 4.5.0"] * 2)


class BusyTests(SynchronousTestCase):
    """Hosts that want fewer links, in the words that they use."""

    BUSY = (
        "421 4.7.0 mx1.example Error: too many connections from 192.0.2.1",  # Postfix
        "421 Too many concurrent SMTP connections; please try again later.",  # Exim
        "421 4.3.2 The maximum number of concurrent server connections has exceeded a limit",  # Exchange
        "421 4.7.28 Our system has detected an unusual rate of unsolicited mail",  # Gmail
        "451 4.7.500 Server busy. Please try again later",  # Microsoft 365
        "452 4.3.1 Insufficient system resources",  # Exchange
        "450 4.7.1 Error: too much mail from 192.0.2.1",  # Postfix
        "421 4.4.5 Directory harvest or congestion",
        "451 4.7.1 You are being rate-limited",
    )
    DOWN = (
        "421 4.3.2 Service shutting down",
        "421 4.4.2 mx1.example Error: timeout exceeded",
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints",
    )
    OF_ONE = (
        "450 4.2.1 The user you are trying to contact is receiving mail too quickly",
        "452 4.5.3 Too many recipients for this message, too many messages",
        "450 4.7.1 greylisted, come back later",
        "452 4.2.2 mailbox full",
        "550 5.7.1 too many connections",
    )

    def test_greeting(self) -> None:
        """As a greeting."""
        for text in self.BUSY:
            self.assertRaises(DestinationBusy, Host().step, text + "\r\n")
        for text in self.DOWN:
            self.assertIs(type(self.assertRaises(DestinationDown, Host().step, text + "\r\n")), DestinationDown)

    def test_mail(self) -> None:
        """To MAIL: for all recipients; what concerns the message or a mailbox stays an outcome."""
        for ehlo, others in ((MODERN, "503 x\r\n503 x\r\n503 x\r\n"), (PLAIN, "")):
            for text in self.BUSY:
                host = Host()
                host.ready(ehlo)
                host.transfer()
                self.assertRaises(DestinationBusy, host.step, f"{text}\r\n{others}")
            for text in self.OF_ONE:
                host = Host()
                host.ready(ehlo)
                host.transfer()
                self.assertIsInstance(host.step(f"{text}\r\n{others}")[1], Finished)

    def test_only_when_it_is_all_that_is_said(self) -> None:
        """Where another recipient has an outcome of its own each keeps its own; after the dot likewise."""
        for replies, expected in {
            "250 a\r\n451 4.7.1 rate limit\r\n550 5.1.1 no\r\n554 x\r\n": ["deferred 451 4.7.1", "failed 550 5.1.1"],
            "250 a\r\n250 b\r\n550 5.1.1 no\r\n354 c\r\n421 4.7.28 unusual rate\r\n": [
                "deferred 421 4.7.28",
                "failed 550 5.1.1",
            ],
        }.items():
            host = Host()
            host.ready()
            host.transfer()
            self.assertEqual(codes(host.step(replies)[1]), expected)
        host = Host()
        host.ready()
        host.transfer()
        self.assertRaises(
            DestinationBusy, host.step, "250 a\r\n250 b\r\n250 c\r\n354 c\r\n421 4.7.28 unusual rate of mail\r\n"
        )


class LostTests(SynchronousTestCase):
    """The connection breaks."""

    def test_before_the_dot(self) -> None:
        """Nothing was sent: the host is down, and the words say what happened."""
        host = Host()
        error = self.assertRaises(DestinationDown, host.session.lost, "timed out")
        self.assertEqual(str(error), f"451 4.4.2 {PEER}: timed out")
        host.ready()
        host.transfer()
        host.step("250 a\r\n550 5.1.1 no\r\n")
        self.assertRaises(DestinationDown, host.session.lost, "closed")

    def test_after_the_dot(self) -> None:
        """It may have been taken: those accepted are deferred, the refused keep their failure."""
        host = Host()
        host.ready()
        host.transfer()
        host.step("250 a\r\n550 5.1.1 no\r\n250 b\r\n354 go\r\n")
        event = Finished(host.session.lost("closed"), False)
        self.assertEqual(codes(event), ["failed 550 5.1.1", "deferred 451 4.4.2"])

    def test_all_refused(self) -> None:
        """A host that refuses everything and hangs up has said all there is to know."""
        host = Host()
        host.ready()
        host.transfer()
        host.step("250 a\r\n550 5.1.1 no\r\n550 5.1.2 no\r\n")
        self.assertEqual(codes(Finished(host.session.lost("x"), False)), ["failed 550 5.1.1", "failed 550 5.1.2"])
        host = Host()
        host.ready()
        host.transfer()
        host.step("554 5.7.1 blocked\r\n")
        self.assertEqual(codes(Finished(host.session.lost("x"), False)), ["failed 554 5.7.1"] * 2)
        event = host.step("421 4.7.0 bye\r\n")[1]
        self.assertEqual(codes(event), ["failed 554 5.7.1"] * 2)


class ExtensionTests(SynchronousTestCase):
    """What is sent only where it is offered, and what cannot be sent without."""

    def mail(self, ehlo: str, envelope: Envelope, recipient: Recipient, content: bytes = CONTENT) -> list[str] | bytes:
        """The commands that the host gets, or the outcome when there are none."""
        host = Host()
        host.ready(ehlo)
        out, event = host.transfer(envelope, [recipient], content)
        return codes(event) if isinstance(event, Finished) else out

    def test_dsn(self) -> None:
        """RET, ENVID, NOTIFY and ORCPT go with DSN and not without (RFC 3461)."""
        recipient = Recipient(BOB.address, ("SUCCESS", "FAILURE"), "rfc822;bob+2Bx@beta.example")
        envelope = Envelope(ANN, (recipient,), ret="HDRS", envid="QQ+3D1")
        self.assertEqual(
            self.mail(MODERN, envelope, recipient),
            b"MAIL FROM:<ann@alpha.example> SIZE=24 RET=HDRS ENVID=QQ+3D1\r\n"
            b"RCPT TO:<bob@beta.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx@beta.example\r\nDATA\r\n",
        )
        self.assertEqual(self.mail(PLAIN, envelope, recipient), b"MAIL FROM:<ann@alpha.example>\r\n")

    def test_who_makes_the_notice_of_success(self) -> None:
        """A host with DSN that takes the message takes over what NOTIFY asks for (RFC 3461 section 5.2.2)."""
        for ehlo, last, passed in ((MODERN, "250 ok", True), (PLAIN, "250 ok", False), (MODERN, "451 later", False)):
            host = Host()
            host.ready(ehlo)
            host.transfer(recipients=[BOB])
            _, event = host.step(f"250 ok\r\n250 ok\r\n354 go\r\n{last}\r\n")
            assert isinstance(event, Finished)
            self.assertEqual([outcome.dsn_passed for outcome in event.outcomes], [passed], (ehlo, last))

    def test_null_reverse_path(self) -> None:
        """A notice goes out with <>."""
        self.assertEqual(self.mail(PLAIN, Envelope(None, (BOB,)), BOB), b"MAIL FROM:<>\r\n")

    def test_quoted_local_part(self) -> None:
        """What needs quotes is quoted: a comma, a space, a quote."""
        recipient = Recipient(Address('a,b "c', "beta.example"))
        out = self.mail(MODERN, Envelope(ANN, (recipient,)), recipient)
        assert isinstance(out, bytes)
        self.assertIn(b'RCPT TO:<"a,b \\"c"@beta.example>\r\n', out)

    def test_8bit(self) -> None:
        """8-bit content is declared, and goes as it is to a host without 8BITMIME: converting breaks signatures."""
        content = b"Subject: x\r\n\r\ncaf\xe9\r\n"
        out = self.mail(MODERN, ENVELOPE, BOB, content)
        assert isinstance(out, bytes)
        self.assertIn(b" BODY=8BITMIME\r\n", out)
        self.assertEqual(self.mail(PLAIN, ENVELOPE, BOB, content), b"MAIL FROM:<ann@alpha.example>\r\n")

    def test_smtputf8_address(self) -> None:
        """A non-ASCII address goes with SMTPUTF8, and is 5.6.7 to a host without (RFC 6531)."""
        recipient = Recipient(Address("ünal", "beta.example"))
        for envelope in (Envelope(ANN, (recipient,)), Envelope(ANN, (recipient,), smtputf8=True)):
            out = self.mail(MODERN, envelope, recipient)
            assert isinstance(out, bytes)
            self.assertIn(" SMTPUTF8\r\nRCPT TO:<ünal@beta.example>\r\n".encode(), out)
            self.assertEqual(self.mail(PLAIN, envelope, recipient), ["failed 550 5.6.7"])
        sender = Envelope(Address("ünal", "alpha.example"), (BOB,), smtputf8=True)
        self.assertEqual(self.mail(PLAIN, sender, BOB), ["failed 550 5.6.7"])

    def test_only_the_recipient_that_needs_it_fails(self) -> None:
        """One non-ASCII recipient does not keep the message from the others."""
        host = Host()
        host.ready(PLAIN)
        host.transfer(recipients=[Recipient(Address("ünal", "beta.example")), BOB])
        event = host.step("250 a\r\n250 b\r\n354 go\r\n250 c\r\n")[1]
        self.assertEqual(codes(event), ["failed 550 5.6.7", "delivered 250"])

    def test_smtputf8_header(self) -> None:
        """A message that was submitted with SMTPUTF8 goes to any host when nothing in it needs that, else 5.6.9."""
        envelope = Envelope(ANN, (BOB,), smtputf8=True)
        self.assertEqual(self.mail(PLAIN, envelope, BOB), b"MAIL FROM:<ann@alpha.example>\r\n")
        eight = PLAIN.replace("250 ", "250-") + "250 8BITMIME\r\n"
        self.assertEqual(self.mail(eight, envelope, BOB, "Subject: ü\r\n\r\n".encode()), ["failed 550 5.6.9"])
        self.assertIsInstance(self.mail(eight, envelope, BOB, "Subject: u\r\n\r\nü\r\n".encode()), bytes)

    def test_size(self) -> None:
        """A message over the host's SIZE is 5.3.4 before anything is sent; SIZE 0 is no limit (RFC 1870)."""
        self.assertEqual(self.mail(MODERN, ENVELOPE, BOB, b"x" * 999 + b"\r\n"), ["failed 552 5.3.4"])
        self.assertIsInstance(self.mail(MODERN.replace("1000", "0"), ENVELOPE, BOB, b"x" * 999 + b"\r\n"), bytes)
        self.assertIsInstance(self.mail(MODERN.replace(" 1000", ""), ENVELOPE, BOB, b"x" * 999 + b"\r\n"), bytes)

    def test_requiretls(self) -> None:
        """A message that requires TLS is 5.7.30 to a host without REQUIRETLS or verified TLS (RFC 8689 section 4.2.1).

        The session stays of use for other messages.
        """
        envelope = Envelope(ANN, (BOB,), require_tls=True)
        offer = PLAIN.replace("250 ", "250-") + "250 REQUIRETLS\r\n"
        for level, tls, ehlo, fine in (
            (TlsLevel.VERIFY, "TLSv1.3", offer, True),
            (TlsLevel.DANE, "TLSv1.3", offer, True),
            (TlsLevel.DANE, "TLSv1.3", PLAIN, False),
            (TlsLevel.ENCRYPT, "TLSv1.3", offer, False),
            (TlsLevel.OPPORTUNISTIC, "TLSv1.3", offer, False),
            (TlsLevel.OPPORTUNISTIC, "", offer, False),
        ):
            host = Host(ClientSession("out.alpha.example", PEER, policy=TlsPolicy(level)))
            host.session.tls = tls
            host.ready(ehlo)
            if fine:
                self.assertEqual(host.transfer(envelope)[0], b"MAIL FROM:<ann@alpha.example> REQUIRETLS\r\n")
                continue
            error = self.assertRaises(Refusal, host.transfer, envelope)
            self.assertEqual(error.status.enhanced, "5.7.30")
            self.assertEqual(host.transfer()[0], b"MAIL FROM:<ann@alpha.example>\r\n")

    def test_dsn_passed(self) -> None:
        """Only whom a host with DSN has accepted is in its care (RFC 3461 section 5.2.2)."""
        for ehlo, passed in ((MODERN, [False, True]), (MODERN.replace("250-DSN\r\n", ""), [False, False])):
            host = Host()
            host.ready(ehlo)
            host.transfer()
            event = host.step("250 a\r\n550 5.1.1 no\r\n250 b\r\n354 go\r\n250 2.0.0 done\r\n")[1]
            assert isinstance(event, Finished)
            self.assertEqual([outcome.dsn_passed for outcome in event.outcomes], passed)


class InjectionTests(SynchronousTestCase):
    """CR, LF and NUL in an argument."""

    def test_arguments(self) -> None:
        """They are a ValueError, wherever they are, and nothing of the transaction is sent."""
        for bad in ("a\rb", "a\nb", "a\0b", "a\r\nRSET\r\n"):
            good = Recipient(Address("b", "c.example"))
            for envelope, recipient in (
                (Envelope(Address(bad, "alpha.example"), ()), good),
                (Envelope(Address("a", bad), ()), good),
                (Envelope(ANN, (), envid=bad), good),
                (Envelope(ANN, (), ret=bad), good),
                (ENVELOPE, Recipient(Address(bad, "beta.example"))),
                (ENVELOPE, Recipient(good.address, (bad,))),
                (ENVELOPE, Recipient(good.address, (), bad)),
            ):
                host = Host()
                host.ready()
                self.assertRaises(ValueError, host.session.transfer, envelope, [recipient], CONTENT)
                self.assertEqual(host.session.output(), b"")
            host = Host(ClientSession(bad, PEER))
            self.assertRaises(ValueError, host.step, "220 hello\r\n")

    def test_bare_newlines_in_content(self) -> None:
        """F003: content with bare line ends leaves with CRLF and stuffed, so that no host sees an end in it."""
        host = Host()
        host.ready()
        host.transfer(content=b"a\n.\nMAIL FROM:<s@evil.example>\r.\rb")
        out, _ = host.step("250 a\r\n250 b\r\n250 c\r\n354 go\r\n")
        self.assertEqual(out, b"a\r\n..\r\nMAIL FROM:<s@evil.example>\r\n..\r\nb\r\n.\r\n")


class StartTlsTests(SynchronousTestCase):
    """RFC 3207, opportunistic."""

    EHLO = PLAIN.replace("250 ", "250-") + "250 STARTTLS\r\n"

    def test_used_when_offered(self) -> None:
        """STARTTLS, handshake, EHLO again; what was announced in the clear is forgotten."""
        host = Host()
        host.step("220 hello\r\n")
        self.assertEqual(host.step(MODERN.replace("250 SMTPUTF8", "250 STARTTLS")), (b"STARTTLS\r\n", None))
        self.assertEqual(host.step("220 go\r\n"), (b"", StartTls()))
        host.session.secured("TLSv1.3")
        self.assertEqual(host.run(), (b"EHLO out.alpha.example\r\n", None))
        self.assertEqual(host.step(PLAIN), (b"", Ready()))
        self.assertEqual(host.transfer()[0], b"MAIL FROM:<ann@alpha.example>\r\n")

    def test_glued_octets(self) -> None:
        """Octets behind the 220 are an attack: the host is down for now, nothing of it is believed."""
        host = Host()
        host.step("220 hello\r\n")
        host.step(self.EHLO)
        host.session.receive(b"220 go\r\n250-evil.example\r\n")
        error = self.assertRaises(DestinationDown, host.run)
        self.assertEqual(error.status.enhanced, "4.7.0")

    def test_refused(self) -> None:
        """A host that announces it and then refuses gets the mail in the clear; 421 makes it down."""
        host = Host()
        host.step("220 hello\r\n")
        host.step(self.EHLO)
        self.assertEqual(host.step("454 4.7.0 no TLS now\r\n"), (b"", Ready()))
        host = Host()
        host.step("220 hello\r\n")
        host.step(self.EHLO)
        self.assertRaises(DestinationDown, host.step, "421 4.7.0 bye\r\n")

    def test_demanded(self) -> None:
        """A host that must speak TLS and does not offer or refuses it is down; the words say who demands it."""
        policy = TlsPolicy(TlsLevel.ENCRYPT, source="our setting for beta.example")
        for steps in ((PLAIN,), (self.EHLO, "454 4.7.0 no TLS now\r\n")):
            host = Host(ClientSession("out.alpha.example", PEER, policy=policy))
            host.step("220 hello\r\n")
            for step in steps[:-1]:
                host.step(step)
            error = self.assertRaises(DestinationDown, host.step, steps[-1])
            self.assertEqual(error.status.enhanced, "4.7.4")
            self.assertIn("which our setting for beta.example demands", error.status.text)

    def test_not_wanted(self) -> None:
        """``starttls=False`` never asks."""
        host = Host(ClientSession("out.alpha.example", PEER, starttls=False))
        host.step("220 hello\r\n")
        self.assertEqual(host.step(self.EHLO), (b"", Ready()))


REPLIES = [
    "220 hello",
    "250 ok",
    "250-a\r\n250 PIPELINING",
    "250-a\r\n250 STARTTLS",
    "354 go",
    "550 5.1.1 no",
    "451 4.7.1 x",
]
REPLIES += ["421 bye", "554 5.7.1-x", "250-5.1.1 a\r\n250 5.1.1 b", "nonsense", "250-a\r\n251 b"]


class SegmentationTests(SynchronousTestCase):
    """TCP has no borders."""

    def run_whole(self, chunks: list[bytes]) -> tuple[bytes, str]:
        """All that is sent, and how it ends."""
        host = Host(ClientSession("out.alpha.example", PEER, starttls=False))
        sent = []
        begun = False
        try:
            for chunk in [b"", *chunks]:
                host.session.receive(chunk)
                while True:
                    out, event = host.run()
                    sent.append(out)
                    if not isinstance(event, Ready) or begun:
                        break
                    begun = True
                    host.session.transfer(ENVELOPE, (BOB, CAT), CONTENT)
                if isinstance(event, Finished):
                    return b"".join(sent), repr(event)
        except (DestinationDown, Refusal) as error:
            return b"".join(sent) + host.session.output(), repr(error.status)
        return b"".join(sent), "waits"

    @settings(max_examples=200)
    @given(st.lists(st.sampled_from(REPLIES), max_size=10), st.lists(st.integers(0, 300), max_size=8))
    def test_any_replies(self, texts: list[str], at: list[int]) -> None:
        """Any replies give the same commands and outcomes for any cut."""
        wire = "".join(text + "\r\n" for text in ["220 hello", "250-a\r\n250 DSN", *texts]).encode()
        # What comes with the 354 is a reply before its time: no such segments.
        at = at + [match.end() for match in re.finditer(rb"354 go\r\n", wire)]
        single = self.run_whole([wire[i : i + 1] for i in range(len(wire))])
        self.assertEqual(self.run_whole(cut(wire, at)), single)

    @settings(max_examples=60)
    @given(
        st.lists(st.sampled_from(["a", ".", "\r\n", "\r\n.", "..\r\n", "long\r\n"]), max_size=10),
        st.one_of(st.integers(1, 40), st.integers(1000, 70_000)),
    )
    def test_our_server(self, pieces: list[str], step: int) -> None:
        """What the client sends to our server in pieces of any length is received octet for octet."""
        content = (
            ("Subject: x\r\n\r\n" + "".join(pieces) + "\r\n").replace("long", "y" * min(40 * step, 60_000)).encode()
        )
        server = Dialogue()
        client = ClientSession("out.alpha.example", PEER)
        client.receive(server.greeting)
        finished: Event | None = None
        while not isinstance(finished, Finished):
            event = client.next_event()
            out = client.output()
            if isinstance(event, Ready):
                client.transfer(ENVELOPE, (BOB, CAT), content)
            elif isinstance(event, SendContent):
                out += b"".join(event.octets)
                client.sent()
            elif isinstance(event, BeforeDot):
                client.confirm(True)
            finished = event
            for start in range(0, len(out), step):
                client.receive(server.say(out[start : start + step]))
        self.assertEqual(codes(finished), ["delivered 250 2.0.0"] * 2)
        self.assertEqual([m.content for m in server.messages], [content])
        self.assertIsInstance(server.session, ServerSession)
