"""Field cases of SMTP and of message formats on the real stack: ports 25, 587 and 465, the store, the pages."""

from __future__ import annotations

import re
import smtplib
import ssl
from base64 import encodebytes
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import unquote

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import PASSWORD, WithDemo, until
from tests.flows.store import verdict_of
from tests.mime import tnef_files

pytestmark = [pytest.mark.slow]

ALICE, BOB = "alice@alpha.example", "bob@alpha.example"
BODY = re.compile(r"/mail/m/[^/\"]+/body")
INNER = b"MAIL FROM:<x@evil.example>\r\nRCPT TO:<alice@alpha.example>\r\nDATA\r\nSubject: b\r\n\r\ntwo\r\n.\r\n"


class FieldCaseTests(WithDemo, SynchronousTestCase):
    """One demonstration, whose host has the address 127.0.0.1."""

    def sessions(self) -> Iterator[tuple[int, smtplib.SMTP]]:
        """A session that may say MAIL on each port."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with closing(self.demo.smtp()) as session:
            session.ehlo()
            yield 25, session
        port = self.demo.offset
        with closing(smtplib.SMTP("127.0.0.1", 2587 + port, timeout=30)) as session:
            session.starttls(context=context)
            session.login(ALICE, PASSWORD)
            yield 587, session
        with closing(smtplib.SMTP_SSL("127.0.0.1", 2465 + port, timeout=30, context=context)) as session:
            session.login(ALICE, PASSWORD)
            yield 465, session

    def inbox(self, address: str = ALICE) -> list[str]:
        """The subjects."""
        return self.demo.browser(address).subjects("inbox")

    def test_f001_smuggled_messages(self) -> None:
        """No line end but CRLF round the dot ends DATA: one reply to one message.

        From hosts it is refused; what people submit has its line ends mended, and the dot stays text.
        """
        head = f"From: {ALICE}\r\nSubject: outer\r\n\r\none".encode()
        for port, session in self.sessions():
            for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n"):
                session.mail(ALICE if port != 25 else "a@remote.example")
                session.rcpt(ALICE)
                self.assertEqual(session.docmd("DATA")[0], 354)
                session.send(head + end + INNER)
                code, text = session.getreply()
                expected = (550, b"5.6.11 ") if port == 25 else (250, b"2.0.0 q")
                self.assertEqual((code, text[:7]), expected, (port, end))
                self.assertEqual(session.noop()[0], 250)
        until(lambda: self.inbox().count("outer") == 6, "what was submitted")
        self.assertNotIn("b", self.inbox())

    def test_f005_dots_are_stored_as_they_were(self) -> None:
        """Lines of dots come out of the store as the author wrote them."""
        text = ".\r\n..x\r\n.\r\nend"
        self.demo.send(ALICE, "dots", f"{text}\r\n")
        until(lambda: "dots" in self.inbox(), "the message")
        pages = self.demo.browser(ALICE)
        (path,) = BODY.findall(pages.thread("inbox", "dots"))
        self.assertIn(text.replace("\r\n", "\n"), pages.page(path))

    def test_f014_literals(self) -> None:
        """u@[our address] is u; nobody there is 5.1.1, another host's literal 5.7.1, postmaster somebody."""
        for port, session in self.sessions():
            session.mail(ALICE if port != 25 else "a@remote.example")
            self.assertEqual(session.rcpt("<alice@[127.0.0.1]>")[0], 250, port)
            if port == 25:
                for recipient, expected in (
                    ("<postmaster@[127.0.0.1]>", (250, b"2.1.5")),
                    ("<postmaster>", (250, b"2.1.5")),
                    ("<nobody@[127.0.0.1]>", (550, b"5.1.1")),
                    ("<alice@[198.51.100.9]>", (550, b"5.7.1")),
                    ("<alice@[IPv6:2001:db8::9]>", (550, b"5.7.1")),
                    ("<u%remote.example@alpha.example>", (550, b"5.1.1")),
                    ("<@remote.example:bob@alpha.example>", (250, b"2.1.5")),
                    ('<"bob"@alpha.example>', (250, b"2.1.5")),
                    ("<bob@ALPHA.EXAMPLE>", (250, b"2.1.5")),
                    ("<bob@>", (501, b"5.1.3")),
                    (f"<{'l' * 65}@alpha.example>", (501, b"5.1.3")),
                ):
                    code, text = session.docmd(f"RCPT TO:{recipient}")
                    self.assertEqual((code, text[:5]), expected, recipient)
            subject = f"to a literal by {port}"
            code, _ = session.data(f"From: {ALICE}\r\nSubject: {subject}\r\n\r\nx\r\n".encode())
            self.assertEqual(code, 250)
            until(lambda subject=subject: subject in self.inbox(), subject)  # type: ignore[misc]
        self.assertIn("to a literal by 25", self.inbox(BOB))

    def test_f024_no_author(self) -> None:
        """From a host that is not judged, mail without an author is listed and opened like any other."""
        for number, head in enumerate((b"", b"From: \r\n", b"From: undisclosed-senders:;\r\n")):
            with self.demo.smtp() as session:
                session.ehlo()
                session.mail("a@remote.example")
                session.rcpt(ALICE)
                fields = b"Subject: no author %d\r\nTo: undisclosed-recipients:;\r\nCc: ;\r\n\r\nx\r\n" % number
                self.assertEqual(session.data(head + fields)[0], 250)
            until(lambda number=number: f"no author {number}" in self.inbox(), "the message")  # type: ignore[misc]
            self.demo.browser(ALICE).thread("inbox", f"no author {number}")

    def test_f035_equal_message_ids(self) -> None:
        """Two different messages with one Message-ID are both there, and so is the mail without any."""
        for subject in ("first of an id", "second of an id"):
            self.demo.send(ALICE, subject, Message_ID="<same@remote.example>")
        self.demo.send(ALICE, "an id too long", Message_ID=f"<{'x' * 2000}@remote.example>")
        self.demo.send(ALICE, "no id at all")

        def bodies() -> int:
            pages = self.demo.browser(ALICE)
            there = "first of an id" in pages.subjects("inbox")
            return len(set(BODY.findall(pages.thread("inbox", "first of an id")))) if there else 0

        until(lambda: bodies() == 2, "both in one conversation")
        until(lambda: {"an id too long", "no id at all"} <= set(self.inbox()), "the others")

    def test_f030_winmail(self) -> None:
        """A file within a winmail.dat is listed beside it and can be kept; so is the body, and it is shown."""
        head = b"From: ann@remote.example\r\nSubject: packed up\r\nMIME-Version: 1.0\r\n"
        kind = b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        html = tnef_files.prop(tnef_files.BINARY, 0x1013, b"<p>packed <b>words</b><script>x()</script></p>")
        content = tnef_files.tnef(
            tnef_files.attribute(1, tnef_files.PROPERTIES, tnef_files.props(html)),
            tnef_files.file("Notizen ü.txt", b"packed notes"),
            key=0x77,
        )
        with self.demo.smtp() as session:
            session.sendmail("ann@remote.example", [ALICE], head + kind + encodebytes(content).replace(b"\n", b"\r\n"))
        until(lambda: "packed up" in self.inbox(), "the message")
        pages = self.demo.browser(ALICE)
        page = pages.thread("inbox", "packed up")
        (shown,) = BODY.findall(page)
        self.assertIn("<p>packed <b>words</b></p>", pages.page(shown))
        hrefs = re.findall(r'href="(/mail/m/[^"]+/part/[^"]+)"', page)
        names = [unquote(href.rpartition("/")[2]) for href in hrefs]
        self.assertEqual(names, ["winmail.dat", "message.html", "Notizen ü.txt"])
        self.assertEqual(pages.page(hrefs[2]), "packed notes")
        self.assertNotIn("x()", pages.page(hrefs[1]))

    def test_forged_results_prove_nothing(self) -> None:
        """What a program submits keeps no verdict, though it bears a field with our name."""
        for port, session in self.sessions():
            subject = f"forged by {port}"
            session.mail(ALICE if port != 25 else "a@remote.example")
            session.rcpt(ALICE)
            forged = f"Authentication-Results: mail.alpha.example; dmarc=pass header.from=bank.example; x={port}\r\n"
            code, _ = session.data(f"{forged}From: {ALICE}\r\nSubject: {subject}\r\n\r\nx\r\n".encode())
            self.assertEqual(code, 250)
            until(lambda subject=subject: subject in self.inbox(), subject)  # type: ignore[misc]
            self.assertEqual(verdict_of(self.demo.directory, subject), {})
