"""The server session: order, replies, limits, and the same behaviour for any segmentation."""

from __future__ import annotations

import base64
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.status import Status
from mailsuite.smtp.events import Credentials, Event, Mail, Message, Rcpt
from mailsuite.smtp.limits import Limits
from tests.smtp.dialogue import ACCOUNT, Dialogue, codes, cut

START = b"EHLO client.example\r\nMAIL FROM:<ann@alpha.example>\r\nRCPT TO:<bob@beta.example>\r\n"
CONTENT = b"Subject: hello\r\n\r\n.dot\r\ntext\r\n"
WIRE = b"Subject: hello\r\n\r\n..dot\r\ntext\r\n.\r\n"


class TransactionTests(SynchronousTestCase):
    """RFC 5321 section 3.3."""

    def test_one_message(self) -> None:
        """The role is asked at MAIL, RCPT and the final dot, and gets envelope and content."""
        dialogue = Dialogue()
        self.assertEqual(dialogue.greeting, b"220 mx.alpha.example ESMTP\r\n")
        self.assertEqual(dialogue.codes(START + b"DATA\r\n"), ["250", "250 2.1.0", "250 2.1.5", "354"])
        self.assertEqual(dialogue.codes(WIRE), ["250 2.0.0"])
        self.assertEqual([type(event) for event in dialogue.events], [Mail, Rcpt, Message])
        (message,) = dialogue.messages
        self.assertEqual(message.content, CONTENT)
        self.assertEqual(message.envelope.sender, "ann@alpha.example")
        self.assertEqual([str(r.address) for r in message.envelope.recipients], ["bob@beta.example"])
        self.assertEqual(dialogue.session.client.helo, "client.example")
        self.assertTrue(dialogue.session.client.extended)

    def test_all_in_one_segment(self) -> None:
        """MAIL, RCPT, RCPT, DATA and two messages in one segment work as when sent one by one (RFC 2920)."""
        message = (
            b"MAIL FROM:<a@alpha.example>\r\nRCPT TO:<b@beta.example>\r\nRCPT TO:<c@beta.example>\r\nDATA\r\n" + WIRE
        )
        dialogue = Dialogue()
        found = dialogue.codes(b"EHLO x\r\n" + message + message + b"QUIT\r\n")
        one = ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354", "250 2.0.0"]
        self.assertEqual(found, ["250", *one, *one, "221 2.0.0"])
        self.assertEqual([len(m.envelope.recipients) for m in dialogue.messages], [2, 2])
        self.assertTrue(dialogue.session.closing)

    def test_decision_holds_the_session(self) -> None:
        """While an event is not answered nothing else is worked on."""
        dialogue = Dialogue()
        session = dialogue.session
        session.receive(START + b"NOOP\r\n")
        self.assertIsInstance(session.next_event(), Mail)
        self.assertEqual(codes(session.output()), ["250"])
        self.assertIsNone(session.next_event())
        self.assertEqual(session.output(), b"")
        self.assertGreater(session.buffered, 0)
        session.answer(Status(250, "2.1.0", "ok"))
        self.assertIsInstance(session.next_event(), Rcpt)
        session.answer(Status(250, "2.1.5", "ok"))
        self.assertIsNone(session.next_event())
        self.assertEqual(codes(session.output()), ["250 2.1.0", "250 2.1.5", "250 2.0.0"])
        self.assertRaises(RuntimeError, session.answer, Status(250, "", ""))

    def test_wrong_order(self) -> None:
        """What comes before its time is 503 5.5.1, and DATA for nobody 554 5.5.1."""
        dialogue = Dialogue()
        self.assertEqual(dialogue.codes(b"MAIL FROM:<a@b.example>\r\n"), ["503 5.5.1"])
        self.assertEqual(dialogue.codes(b"EHLO x\r\nRCPT TO:<a@b.example>\r\n"), ["250", "503 5.5.1"])
        self.assertEqual(dialogue.codes(b"DATA\r\n"), ["503 5.5.1"])
        self.assertEqual(dialogue.codes(b"MAIL FROM:<a@b.example>\r\nDATA\r\n"), ["250 2.1.0", "554 5.5.1"])
        self.assertEqual(dialogue.codes(b"MAIL FROM:<a@b.example>\r\n"), ["503 5.5.1"])

    def test_refused_recipient(self) -> None:
        """A refused recipient is not in the envelope, the next one is asked with those accepted so far."""
        dialogue = Dialogue(
            decide=lambda e: (
                Status(550, "5.1.1", "unknown") if isinstance(e, Rcpt) and e.recipient.address.local == "no" else None
            )
        )
        dialogue.say(b"EHLO x\r\nMAIL FROM:<>\r\n")
        self.assertEqual(
            dialogue.codes(b"RCPT TO:<yes@b.example>\r\nRCPT TO:<no@b.example>\r\nRCPT TO:<too@b.example>\r\nDATA\r\n"),
            ["250 2.1.5", "550 5.1.1", "250 2.1.5", "354"],
        )
        dialogue.say(WIRE)
        (message,) = dialogue.messages
        self.assertIsNone(message.envelope.reverse_path)
        self.assertEqual([r.address.local for r in message.envelope.recipients], ["yes", "too"])

    def test_refused_sender(self) -> None:
        """After a refused MAIL there is no transaction."""
        dialogue = Dialogue(decide=lambda e: Status(550, "5.7.1", "no") if isinstance(e, Mail) else None)
        self.assertEqual(dialogue.codes(START + b"DATA\r\n"), ["250", "550 5.7.1", "503 5.5.1", "503 5.5.1"])

    def test_reset(self) -> None:
        """RSET, EHLO and HELO end a transaction."""
        for command in (b"RSET\r\n", b"EHLO y\r\n", b"HELO y\r\n"):
            dialogue = Dialogue()
            dialogue.say(START + command)
            self.assertEqual(dialogue.codes(b"DATA\r\n"), ["503 5.5.1"])

    def test_deferral_stays_a_deferral(self) -> None:
        """A 451 of the role is said as 451, and is no error of the client."""
        dialogue = Dialogue(Limits(errors=1), decide=lambda e: Status(451, "4.3.0", "later"))
        self.assertEqual(dialogue.codes(b"EHLO x\r\n" + b"MAIL FROM:<>\r\n" * 5), ["250"] + ["451 4.3.0"] * 5)

    def test_421_of_the_role_ends(self) -> None:
        """After 421 the session is over (RFC 5321 section 3.8)."""
        dialogue = Dialogue(decide=lambda e: Status(421, "4.7.0", "go away"))
        self.assertEqual(dialogue.codes(START), ["250", "421 4.7.0"])
        self.assertTrue(dialogue.session.closing)

    def test_refused_greeting(self) -> None:
        """A Status instead of a greeting ends the session before it begins."""
        session = Dialogue().session
        fresh = type(session)(session.client, "mx.alpha.example", Limits())
        fresh.receive(START)
        fresh.greet(Status(554, "5.7.1", "no"))
        self.assertIsNone(fresh.next_event())
        self.assertEqual(fresh.output(), b"554 5.7.1 no\r\n")
        self.assertTrue(fresh.closing)

    def test_early_talker(self) -> None:
        """What comes before the greeting waits for it."""
        session = Dialogue().session
        fresh = type(session)(session.client, "mx.alpha.example", Limits())
        fresh.receive(b"NOOP\r\n")
        self.assertIsNone(fresh.next_event())
        self.assertEqual(fresh.output(), b"")
        fresh.greet(None)
        fresh.next_event()
        self.assertEqual(codes(fresh.output()), ["220", "250 2.0.0"])


class CommandTests(SynchronousTestCase):
    """Each command's own replies."""

    def test_ehlo_in_the_clear(self) -> None:
        """The extensions, without AUTH and REQUIRETLS; STARTTLS only with a certificate."""
        lines = Dialogue(auth=True).say(b"EHLO x\r\n").decode().splitlines()
        extensions = ["PIPELINING", "SIZE 35000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING"]
        self.assertEqual([line[4:] for line in lines], ["mx.alpha.example", *extensions])
        self.assertIn(b"STARTTLS", Dialogue(starttls=True).say(b"EHLO x\r\n"))

    def test_ehlo_over_tls(self) -> None:
        """REQUIRETLS and AUTH where it is wanted, and no STARTTLS."""
        reply = Dialogue(starttls=True, auth=True, tls=True).say(b"EHLO x\r\n")
        self.assertIn(b"250-REQUIRETLS\r\n", reply)
        self.assertIn(b"250 AUTH PLAIN LOGIN\r\n", reply)
        self.assertNotIn(b"STARTTLS", reply)
        self.assertNotIn(b"AUTH", Dialogue(tls=True).say(b"EHLO x\r\n"))

    def test_helo(self) -> None:
        """HELO gets one line and is enough for a transaction."""
        dialogue = Dialogue()
        self.assertEqual(dialogue.say(b"HELO x\r\n"), b"250 mx.alpha.example\r\n")
        self.assertFalse(dialogue.session.client.extended)
        self.assertEqual(dialogue.codes(b"MAIL FROM:<>\r\n"), ["250 2.1.0"])

    def test_small_commands(self) -> None:
        """NOOP, VRFY, HELP, RSET work before EHLO; EXPN, TURN, ETRN are 502."""
        dialogue = Dialogue()
        found = dialogue.codes(b"NOOP x\r\nVRFY ann\r\nHELP\r\nRSET\r\nEXPN l\r\nTURN\r\nETRN x\r\nnoop\r\nFOO\r\n")
        self.assertEqual(
            found,
            ["250 2.0.0", "252 2.5.2", "214 2.0.0", "250 2.0.0", *["502 5.5.1"] * 3, "250 2.0.0", "500 5.5.2"],
        )

    def test_f009_short_commands(self) -> None:
        """F009: a command without what it needs is 501 5.5.4 (555 for an unknown parameter); NOOP answers after it."""
        for line, code in {
            "AUTH": "501 5.5.4",
            "AUTH  ": "501 5.5.4",
            "MAIL": "501 5.5.4",
            "RCPT TO:": "501 5.5.4",
            "EHLO": "501 5.5.4",
            "EHLO a b": "501 5.5.4",
            "MAIL FROM:<a@b.example> SIZE=": "501 5.5.4",
            "MAIL FROM:<a@b.example> X=Y": "555 5.5.4",
            "DATA now": "501 5.5.4",
            "RSET now": "501 5.5.4",
            "QUIT now": "501 5.5.4",
            "STARTTLS now": "501 5.5.4",
            "VRFY": "501 5.5.4",
            "": "500 5.5.2",
            " ": "500 5.5.2",
        }.items():
            for auth in (False, True):
                dialogue = Dialogue(auth=auth, starttls=True, tls=auth)
                self.assertEqual(dialogue.codes(line.encode() + b"\r\nNOOP\r\n"), [code, "250 2.0.0"], line)

    def test_lines_that_are_none(self) -> None:
        """A bare LF or CR, NUL, a control character or bad UTF-8 in a command is 500 5.5.2, and is never run."""
        for line in (b"NOOP\n", b"NO\rOP\r\n", b"NOOP\0\r\n", b"NOOP \x1b\r\n", b"NOOP \xff\r\n", b"NOOP\r\r\n"):
            self.assertEqual(Dialogue().codes(line + b"NOOP\r\n"), ["500 5.5.2", "250 2.0.0"], line)

    def test_f014_postmaster(self) -> None:
        """F014: RCPT TO:<postmaster> is given to the role as postmaster at our host name."""
        dialogue = Dialogue()
        dialogue.say(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\n")
        event = dialogue.events[-1]
        assert isinstance(event, Rcpt)
        self.assertEqual(str(event.recipient.address), "postmaster@mx.alpha.example")

    def test_smtputf8_counts_for_its_transaction(self) -> None:
        """A non-ASCII recipient is 553 5.6.7 unless MAIL said SMTPUTF8."""
        rcpt = "RCPT TO:<ünal@beta.example>\r\n".encode()
        dialogue = Dialogue()
        dialogue.say(b"EHLO x\r\nMAIL FROM:<>\r\n")
        self.assertEqual(dialogue.codes(rcpt), ["553 5.6.7"])
        dialogue.say(b"RSET\r\nMAIL FROM:<> SMTPUTF8\r\n")
        self.assertEqual(dialogue.codes(rcpt), ["250 2.1.5"])

    def test_requiretls_only_over_tls(self) -> None:
        """REQUIRETLS in the clear is an unknown parameter (RFC 8689 section 4.1)."""
        self.assertEqual(Dialogue().codes(b"EHLO x\r\nMAIL FROM:<> REQUIRETLS\r\n")[-1], "555 5.5.4")
        dialogue = Dialogue(tls=True)
        dialogue.say(b"EHLO x\r\nMAIL FROM:<> REQUIRETLS\r\n")
        event = dialogue.events[0]
        assert isinstance(event, Mail)
        self.assertTrue(event.envelope.require_tls)


class DataTests(SynchronousTestCase):
    """Content, as the session treats it."""

    def test_f001_one_message_and_one_reply(self) -> None:
        """F001: a smuggled MAIL behind LF . LF is content: one message and one reply to it."""
        smuggled = (
            b"one\n.\nMAIL FROM:<x@evil.example>\r\nRCPT TO:<v@beta.example>\r\nDATA\r\nSubject: b\r\n\r\ntwo\r\n.\r\n"
        )
        for dot in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r"):
            wire = b"Subject: a\r\n\r\n" + smuggled.replace(b"\n.\n", dot, 1)
            dialogue = Dialogue()
            dialogue.say(START + b"DATA\r\n")
            self.assertEqual(dialogue.codes(wire), ["550 5.6.11"])
            self.assertEqual(dialogue.codes(b"NOOP\r\n"), ["250 2.0.0"])
            self.assertEqual(dialogue.messages, [])
            dialogue = Dialogue(normalise=True)
            dialogue.say(START + b"DATA\r\n")
            self.assertEqual(dialogue.codes(wire), ["250 2.0.0"])
            (message,) = dialogue.messages
            # A dot behind a real CRLF was stuffing and goes; any other stays as text.
            line = b"\r\n" if dot == b"\r\n.\n" else b".\r\n"
            self.assertIn(b"one\r\n" + line + b"MAIL FROM:<x@evil.example>\r\n", message.content)

    def test_f005_dots(self) -> None:
        """F005: lines "..", "...x" and ".." are stored as ".", "..x" and "."; the first line counts too."""
        dialogue = Dialogue()
        dialogue.say(START + b"DATA\r\n..\r\n...x\r\n..\r\n.\r\n")
        self.assertEqual(dialogue.messages[0].content, b".\r\n..x\r\n.\r\n")

    def test_f007_long_line_runs_nothing(self) -> None:
        """F007: a line of 20,000 octets is content; what follows it is not run as commands."""
        content = b"Subject: x\r\n\r\n" + b"a" * 20_000 + b"\r\nRSET\r\nQUIT\r\n"
        dialogue = Dialogue()
        dialogue.say(START + b"DATA\r\n")
        self.assertEqual(dialogue.codes(content + b".\r\n"), ["250 2.0.0"])
        self.assertEqual(dialogue.messages[0].content, content)

    def test_f006_endless_command(self) -> None:
        """F006: 50 MB without a line end as a command take no memory, are 500 5.5.2 at their end, and NOOP answers."""
        dialogue = Dialogue()
        tracemalloc.start()
        block = b"A" * 65_536
        for _ in range(800):
            self.assertEqual(dialogue.say(block), b"")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertEqual(dialogue.most_buffered, 0)
        self.assertLess(peak, 1_000_000)
        self.assertEqual(dialogue.codes(b"\r\nNOOP\r\n"), ["500 5.5.2", "250 2.0.0"])

    def test_f006_endless_line_of_content(self) -> None:
        """F006: 50 MB without a line end inside DATA are refused after their end, and NOOP answers."""
        dialogue = Dialogue()
        dialogue.say(START + b"DATA\r\n")
        tracemalloc.start()
        block = b"A" * 65_536
        for _ in range(800):
            self.assertEqual(dialogue.say(block), b"")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLessEqual(dialogue.most_buffered, 2)
        self.assertLess(peak, 1_000_000)
        self.assertEqual(dialogue.codes(b"\r\n.\r\nNOOP\r\n"), ["552 5.3.4", "250 2.0.0"])
        self.assertEqual(dialogue.messages, [])

    def test_size_is_said_at_mail(self) -> None:
        """A SIZE over the limit is 552 5.3.4 at MAIL; without SIZE it is said after the end."""
        dialogue = Dialogue(Limits(size=100))
        self.assertEqual(dialogue.codes(b"EHLO x\r\nMAIL FROM:<> SIZE=101\r\n")[-1], "552 5.3.4")
        dialogue.say(START + b"DATA\r\n")
        self.assertEqual(dialogue.codes(b"x" * 101 + b"\r\n.\r\n"), ["552 5.3.4"])
        self.assertEqual(dialogue.codes(b"DATA\r\n"), ["503 5.5.1"])


class ChunkingTests(SynchronousTestCase):
    """BDAT (RFC 3030)."""

    def test_chunks(self) -> None:
        """Chunks make one message, octet for octet; each is answered."""
        dialogue = Dialogue()
        found = dialogue.codes(START + b"BDAT 9\r\n.dot\r\nabc" + b"BDAT 4 LAST\r\nde\r\nNOOP\r\n")
        self.assertEqual(found[3:], ["250 2.0.0", "250 2.0.0", "250 2.0.0"])
        self.assertEqual(dialogue.messages[0].content, b".dot\r\nabcde\r\n")

    def test_empty_last_chunk(self) -> None:
        """BDAT 0 LAST completes what came before."""
        dialogue = Dialogue()
        dialogue.say(START + b"BDAT 3\r\na\r\nBDAT 0 LAST\r\n")
        self.assertEqual(dialogue.messages[0].content, b"a\r\n")

    def test_chunk_without_a_place(self) -> None:
        """A chunk without a transaction or recipients is eaten and refused: its octets are never commands."""
        dialogue = Dialogue()
        self.assertEqual(dialogue.codes(b"EHLO x\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n")[1:], ["503 5.5.1", "250 2.0.0"])
        dialogue.say(b"MAIL FROM:<>\r\n")
        self.assertEqual(dialogue.codes(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), ["554 5.5.1", "250 2.0.0"])

    def test_unreadable_size(self) -> None:
        """A BDAT whose size cannot be read ends the session: what follows cannot be told from commands."""
        for argument in (b"", b" x", b" -1", b" 5 FIRST", b" 5 LAST LAST", b" \xc2\xb2"):
            dialogue = Dialogue()
            self.assertEqual(dialogue.codes(START + b"BDAT" + argument + b"\r\nQUIT\r\n")[3:], ["501 5.5.4"])
            self.assertTrue(dialogue.session.closing)

    def test_no_mixing(self) -> None:
        """DATA and RCPT do not follow BDAT; RSET does, and forgets."""
        dialogue = Dialogue()
        dialogue.say(START + b"BDAT 3\r\na\r\n")
        self.assertEqual(
            dialogue.codes(b"DATA\r\nRCPT TO:<x@y.example>\r\nRSET\r\n"), ["503 5.5.1"] * 2 + ["250 2.0.0"]
        )
        self.assertEqual(dialogue.codes(b"BDAT 3 LAST\r\nb\r\n"), ["503 5.5.1"])

    def test_too_large(self) -> None:
        """The chunk that passes the limit is refused at its end, the later ones have no transaction."""
        dialogue = Dialogue(Limits(size=10))
        dialogue.say(START)
        found = dialogue.codes(b"BDAT 8\r\n12345678BDAT 8\r\n12345678BDAT 8 LAST\r\n12345678")
        self.assertEqual(found, ["250 2.0.0", "552 5.3.4", "503 5.5.1"])


class LimitTests(SynchronousTestCase):
    """Each limit has its own reply."""

    def test_recipients(self) -> None:
        """One recipient too many is 452 4.5.3; the message goes to the others."""
        dialogue = Dialogue(Limits(recipients=2))
        dialogue.say(b"EHLO x\r\nMAIL FROM:<>\r\n")
        self.assertEqual(
            dialogue.codes(b"RCPT TO:<a@b.example>\r\n" * 3 + b"DATA\r\n"),
            ["250 2.1.5", "250 2.1.5", "452 4.5.3", "354"],
        )

    def test_errors(self) -> None:
        """The 20th error is answered, then 421 4.7.0 ends it; an accepted message makes a clean slate."""
        dialogue = Dialogue()
        self.assertEqual(dialogue.codes(b"FOO\r\n" * 25), ["500 5.5.2"] * 20 + ["421 4.7.0"])
        self.assertTrue(dialogue.session.closing)
        dialogue = Dialogue()
        for _ in range(3):
            dialogue.say(b"FOO\r\n" * 19 + START + b"DATA\r\n" + WIRE)
        self.assertFalse(dialogue.session.closing)

    def test_refused_recipients_are_errors(self) -> None:
        """Whoever tries address after address is sent away."""
        dialogue = Dialogue(decide=lambda e: Status(550, "5.1.1", "unknown") if isinstance(e, Rcpt) else None)
        dialogue.say(b"EHLO x\r\nMAIL FROM:<>\r\n")
        found = dialogue.codes(b"".join(b"RCPT TO:<a%d@b.example>\r\n" % n for n in range(50)))
        self.assertEqual(found, ["550 5.1.1"] * 20 + ["421 4.7.0"])

    def test_commands(self) -> None:
        """Too many commands without a message are 421 4.7.0."""
        dialogue = Dialogue(Limits(commands=10))
        self.assertEqual(dialogue.codes(b"NOOP\r\n" * 20), ["250 2.0.0"] * 10 + ["421 4.7.0"])

    def test_messages(self) -> None:
        """MAIL after the last message that a connection may bring is 421 4.7.0."""
        dialogue = Dialogue(Limits(messages=2))
        for _ in range(2):
            dialogue.say(START + b"DATA\r\n" + WIRE)
        self.assertEqual(dialogue.codes(b"MAIL FROM:<>\r\n"), ["421 4.7.0"])

    def test_command_line(self) -> None:
        """A line at the limit is read, one octet more is 500 5.5.2, whole or in pieces."""
        limits = Limits(command_line=100)
        fits = b"NOOP " + b"x" * 93 + b"\r\n"
        self.assertEqual(Dialogue(limits).codes(fits), ["250 2.0.0"])
        too_long = b"NOOP " + b"x" * 94 + b"\r\n"
        self.assertEqual(Dialogue(limits).codes(too_long + b"NOOP\r\n"), ["500 5.5.2", "250 2.0.0"])
        self.assertEqual(Dialogue(limits).codes(too_long[:99], too_long[99:]), ["500 5.5.2"])


class StartTlsTests(SynchronousTestCase):
    """RFC 3207."""

    def test_everything_is_forgotten(self) -> None:
        """After the handshake EHLO, transaction and login state are gone."""
        dialogue = Dialogue(starttls=True)
        self.assertEqual(dialogue.codes(START + b"STARTTLS\r\n")[-1], "220 2.0.0")
        self.assertEqual(dialogue.session.client.helo, "")
        self.assertEqual(dialogue.session.client.tls, "TLSv1.3 TEST")
        self.assertEqual(dialogue.codes(b"DATA\r\nMAIL FROM:<>\r\n"), ["503 5.5.1", "503 5.5.1"])
        self.assertEqual(dialogue.codes(b"EHLO x\r\nDATA\r\nSTARTTLS\r\n"), ["250", "503 5.5.1", "503 5.5.1"])

    def test_f010_glued_input(self) -> None:
        """F010: octets behind STARTTLS are 501 and the end; they are never run."""
        dialogue = Dialogue(starttls=True)
        found = dialogue.codes(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b.example>\r\n")
        self.assertEqual(found, ["250", "501 5.5.1"])
        self.assertTrue(dialogue.session.closing)
        self.assertEqual(dialogue.events, [])

    def test_not_offered(self) -> None:
        """Without a certificate STARTTLS is 502 5.5.1."""
        self.assertEqual(Dialogue().codes(b"EHLO x\r\nSTARTTLS\r\n")[-1], "502 5.5.1")


class AuthTests(SynchronousTestCase):
    """RFC 4954 with PLAIN (RFC 4616) and LOGIN."""

    def session(self) -> Dialogue:
        """A session in which AUTH is offered."""
        dialogue = Dialogue(auth=True, tls=True, starttls=True)
        dialogue.say(b"EHLO x\r\n")
        return dialogue

    def plain(self, password: str, authzid: str = "") -> bytes:
        """The response of PLAIN."""
        return base64.b64encode(f"{authzid}\0ann@alpha.example\0{password}".encode())

    def test_plain(self) -> None:
        """PLAIN works with and without an initial response; the client is then the account."""
        for wire in (
            [b"AUTH PLAIN " + self.plain("right") + b"\r\n"],
            [b"auth plain\r\n", self.plain("right") + b"\r\n"],
        ):
            dialogue = self.session()
            out = b"".join(dialogue.say(chunk) for chunk in wire)
            self.assertEqual(codes(out)[-1], "235 2.7.0")
            self.assertEqual(dialogue.events, [Credentials("ann@alpha.example", "right")])
            self.assertEqual(dialogue.session.client.account, ACCOUNT)
            self.assertEqual(dialogue.codes(b"AUTH PLAIN\r\n"), ["503 5.5.1"])

    def test_empty_challenge(self) -> None:
        """The challenge of PLAIN is "334 " with nothing behind it (RFC 4954 section 4)."""
        self.assertEqual(self.session().say(b"AUTH PLAIN\r\n"), b"334 \r\n")

    def test_login(self) -> None:
        """LOGIN asks for Username: and Password: in base64; the name may come with the command."""
        dialogue = self.session()
        name, password = (base64.b64encode(word) + b"\r\n" for word in (b"ann@alpha.example", b"right"))
        self.assertEqual(dialogue.say(b"AUTH LOGIN\r\n"), b"334 VXNlcm5hbWU6\r\n")
        self.assertEqual(dialogue.say(name), b"334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(dialogue.codes(password), ["235 2.7.0"])
        dialogue = self.session()
        self.assertEqual(dialogue.say(b"AUTH LOGIN " + name), b"334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(dialogue.codes(password), ["235 2.7.0"])

    def test_wrong_password(self) -> None:
        """535 5.7.8; the third one is followed by 421 4.7.0."""
        dialogue = self.session()
        wire = b"AUTH PLAIN " + self.plain("wrong") + b"\r\n"
        self.assertEqual(dialogue.codes(wire * 4), ["535 5.7.8"] * 3 + ["421 4.7.0"])

    def test_what_cannot_be_right(self) -> None:
        """Responses of another form, without a password, for somebody else or too long are 535 without a check."""
        for response in (
            base64.b64encode(b"no nul"),
            base64.b64encode(b"\0ann@alpha.example\0"),
            base64.b64encode(b"\0\0x"),
            base64.b64encode(b"\0a\xff\0x"),
            self.plain("right", "bob@alpha.example"),
            self.plain("x" * 1025),
            b"=",
        ):
            dialogue = self.session()
            self.assertEqual(dialogue.codes(b"AUTH PLAIN " + response + b"\r\n"), ["535 5.7.8"], response)
            self.assertEqual(dialogue.events, [])

    def test_broken_exchanges(self) -> None:
        """Bad base64 is 501 5.5.2, "*" 501 5.7.0; 12,288 octets are heard (RFC 4954 section 4), more are 500."""
        for response, code in {
            b"!!": "501 5.5.2",
            b"*": "501 5.7.0",
            b"QUJD" * 3071: "535 5.7.8",
            b"QUJD" * 3073: "500 5.5.2",
            b"Zg\n": "501 5.5.2",
        }.items():
            dialogue = self.session()
            dialogue.say(b"AUTH PLAIN\r\n")
            self.assertEqual(dialogue.codes(response + b"\r\nNOOP\r\n")[0], code)
            self.assertEqual(dialogue.codes(b"NOOP\r\n"), ["250 2.0.0"])

    def test_where_it_is_not_allowed(self) -> None:
        """In the clear 538 5.7.11, not offered 502, unknown mechanism 504 5.5.4, in a transaction 503."""
        wire = b"EHLO x\r\nAUTH PLAIN " + self.plain("right") + b"\r\n"
        self.assertEqual(Dialogue(auth=True, starttls=True).codes(wire)[-1], "538 5.7.11")
        self.assertEqual(Dialogue(tls=True).codes(wire)[-1], "502 5.5.1")
        self.assertEqual(self.session().codes(b"AUTH CRAM-MD5\r\n"), ["504 5.5.4"])
        self.assertEqual(self.session().codes(b"MAIL FROM:<>\r\nAUTH PLAIN\r\n")[-1], "503 5.5.1")

    def test_check_not_possible(self) -> None:
        """A Deferral of the check is said as it is, and is no failed login."""
        dialogue = Dialogue(auth=True, tls=True, decide=lambda e: Status(454, "4.7.0", "too many attempts"))
        wire = b"AUTH PLAIN " + self.plain("right") + b"\r\n"
        self.assertEqual(dialogue.codes(wire * 5), ["454 4.7.0"] * 5)

    def test_password_in_no_repr(self) -> None:
        """The proof does not show when an event is logged."""
        self.assertNotIn("secret", repr(Credentials("ann", "secret")))


class ShutdownTests(SynchronousTestCase):
    """421 4.3.2 to the idle, running transactions finish first."""

    def test_idle(self) -> None:
        """A session without a transaction ends at once."""
        dialogue = Dialogue()
        dialogue.session.shut_down()
        self.assertEqual(dialogue.codes(b""), ["421 4.3.2"])
        self.assertTrue(dialogue.session.closing)

    def test_transaction(self) -> None:
        """A transaction goes on to its end, then 421; nothing after it is run."""
        dialogue = Dialogue()
        dialogue.say(START)
        dialogue.session.shut_down()
        self.assertEqual(dialogue.codes(b"DATA\r\n"), ["354"])
        self.assertEqual(dialogue.codes(WIRE + b"MAIL FROM:<>\r\n"), ["250 2.0.0", "421 4.3.2"])
        self.assertEqual(len(dialogue.messages), 1)

    def test_time_out(self) -> None:
        """A client that waits too long gets 421 4.4.2."""
        dialogue = Dialogue()
        dialogue.session.time_out()
        self.assertEqual(dialogue.codes(b"NOOP\r\n"), ["421 4.4.2"])


LINES = [
    b"EHLO x\r\n", b"HELO y\r\n", b"MAIL FROM:<a@b.example>\r\n", b"MAIL FROM:<> SIZE=10 BODY=8BITMIME\r\n",
    b"RCPT TO:<c@d.example>\r\n", b"RCPT TO:<refuse@d.example>\r\n", b"RCPT TO:<later@d.example>\r\n", b"DATA\r\n",
    b".\r\n", b"text\r\n", b"..\r\n", b"\r\n", b"bare\nline\r\n", b"x" * 150 + b"\r\n", b"BDAT 5\r\n",
    b"BDAT 5 LAST\r\n", b"BDAT 0 LAST\r\n", b"BDAT x\r\n", b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n",
    b"STARTTLS\r\n", b"AUTH PLAIN\r\n",
    b"AUTH LOGIN\r\n", b"cmlnaHQ=\r\n", b"AGEAcmlnaHQ=\r\n", b"*\r\n", b"FOO\r\n", b"\xff\xfe", b"NOOP\n", b"12345",
]  # fmt: skip


def _decide(event: Event) -> Status | None:
    if isinstance(event, Rcpt) and event.recipient.address.local == "refuse":
        return Status(550, "5.1.1", "no")
    if isinstance(event, Rcpt) and event.recipient.address.local == "later":
        return Status(451, "4.7.1", "later")
    return None


class SegmentationTests(SynchronousTestCase):
    """TCP has no borders."""

    def check(self, wire: bytes, at: list[int], tls: bool) -> None:
        """Run ``wire`` whole, cut, and octet by octet."""
        limits = Limits(size=120, text_line=60, command_line=100, errors=6, recipients=2, messages=2, commands=30)

        def run(chunks: list[bytes]) -> tuple[bytes, list[Event]]:
            dialogue = Dialogue(limits, auth=True, starttls=False, tls=tls, decide=_decide)
            return dialogue.say(*chunks), dialogue.events

        whole = run([wire])
        self.assertEqual(run(cut(wire, at)), whole)
        self.assertEqual(run([wire[i : i + 1] for i in range(len(wire))]), whole)

    @settings(max_examples=150)
    @given(st.lists(st.sampled_from(LINES), max_size=25), st.lists(st.integers(0, 900), max_size=12), st.booleans())
    def test_any_dialogue(self, lines: list[bytes], at: list[int], tls: bool) -> None:
        """Any sequence of lines gives the same replies and events for any cut."""
        self.check(b"".join(lines), at, tls)

    @settings(max_examples=100)
    @given(st.lists(st.sampled_from(LINES), max_size=12), st.lists(st.integers(0, 900), max_size=12))
    def test_any_content(self, lines: list[bytes], at: list[int]) -> None:
        """So does anything inside DATA, and what follows it."""
        self.check(START + b"DATA\r\n" + b"".join(lines) + b".\r\nNOOP\r\n", at, False)

    @settings(max_examples=100)
    @given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
    def test_any_octets(self, wire: bytes, at: list[int]) -> None:
        """So do arbitrary octets."""
        self.check(wire, at, False)
