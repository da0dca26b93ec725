"""Other people's mail programs send through 587 and 465 of the running demonstration; guessers get nowhere."""

from __future__ import annotations

import base64
import contextlib
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from unittest import skipUnless

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.temporary import temporary_directory
from tests.flows.demo import PASSWORD, WithDemo, until

pytestmark = [pytest.mark.slow, pytest.mark.peers]

ALICE, BOB = "alice@alpha.example", "bob@alpha.example"

MUTTRC = """\
set from = "{sender}"
set smtp_url = "{scheme}://{user}:{password}@127.0.0.1:{port}"
set ssl_starttls = yes
set ssl_force_tls = yes
set certificate_file = "{certificate}"
set copy = no
"""


class SubmissionCase(WithDemo, SynchronousTestCase):
    """One demonstration for all tests of a class."""

    clear: int
    wrapped: int
    certificate: Path

    @classmethod
    def setUpClass(cls) -> None:
        """Start it."""
        super().setUpClass()
        cls.clear, cls.wrapped = 2587 + cls.demo.offset, 2465 + cls.demo.offset
        cls.certificate = cls.demo.directory / "certificate.pem"

    def session(self, port: int, source: str = "127.0.0.1") -> smtplib.SMTP:
        """smtplib as far as AUTH, with the certificate verified; ``source`` is the client's address."""
        trust = ssl.create_default_context(cafile=str(self.certificate))
        if port == self.wrapped:
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                "127.0.0.1", port, "client.example", timeout=30, context=trust, source_address=(source, 0)
            )
        else:
            session = smtplib.SMTP("127.0.0.1", port, "client.example", timeout=30, source_address=(source, 0))
            session.starttls(context=trust)
        session.ehlo()
        return session


class MailProgramTests(SubmissionCase):
    """Each sends with STARTTLS on 587's stand-in and with TLS on 465's, and logs in."""

    def arrives(self, program: str, send: Callable[[int, str], None]) -> None:
        """What is sent on either port is in bob's inbox and in alice's Sent."""
        alice, bob = self.demo.browser(ALICE), self.demo.browser(BOB)
        for port in (self.clear, self.wrapped):
            subject = f"{program} by {'TLS' if port == self.wrapped else 'STARTTLS'}"
            send(port, subject)
            until(lambda s=subject: s in bob.subjects("inbox"), f"{subject} in the inbox")  # type: ignore[misc]
            self.assertEqual(bob.subjects("inbox").count(subject), 1)
            self.assertEqual(alice.subjects("sent").count(subject), 1)
            self.assertIn(f"hello from {program}", bob.thread("inbox", subject))

    def run_program(self, *command: str, words: str) -> None:
        """Run a mail program with ``words`` as its input, or fail with what it says."""
        done = subprocess.run(
            command,
            check=False,
            input=words,
            capture_output=True,
            text=True,
            timeout=60,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def setUp(self) -> None:
        """Programs get a home of their own."""
        self.home = temporary_directory(self)

    @skipUnless(shutil.which("msmtp"), "msmtp is not installed")
    def test_msmtp(self) -> None:
        """It verifies the certificate, logs in by the mechanism it likes best, and exits with 0."""

        def send(port: int, subject: str) -> None:
            starttls = "off" if port == self.wrapped else "on"
            self.run_program(
                *("msmtp", "--host=127.0.0.1", f"--port={port}", "--tls=on", f"--tls-starttls={starttls}"),
                *(f"--tls-trust-file={self.certificate}", "--auth=on", f"--user={ALICE}"),
                *(f"--passwordeval=echo {PASSWORD}", f"--from={ALICE}", BOB),
                words=f"From: {ALICE}\nTo: {BOB}\nSubject: {subject}\n\nhello from msmtp\n",
            )

        self.arrives("msmtp", send)

    @skipUnless(shutil.which("mutt"), "mutt is not installed")
    def test_mutt(self) -> None:
        """Its batch mode with smtp_url."""

        def send(port: int, subject: str) -> None:
            settings = self.home / "muttrc"
            settings.write_text(
                MUTTRC.format(
                    sender=ALICE,
                    scheme="smtps" if port == self.wrapped else "smtp",
                    user=ALICE.replace("@", "%40"),
                    password=PASSWORD,
                    port=port,
                    certificate=self.certificate,
                )
            )
            self.run_program("mutt", "-n", "-F", str(settings), "-s", subject, "--", BOB, words="hello from mutt\n")

        self.arrives("mutt", send)

    def test_smtplib(self) -> None:
        """Python's own, by each mechanism that is offered."""
        for mechanism in ("PLAIN", "LOGIN"):

            def send(port: int, subject: str, mechanism: str = mechanism) -> None:
                message = EmailMessage()
                message["From"], message["To"], message["Subject"] = ALICE, BOB, subject
                message.set_content(f"hello from smtplib {mechanism}\n")
                with self.session(port) as session:
                    self.assertIn(mechanism, session.esmtp_features["auth"].split())
                    session.user, session.password = ALICE, PASSWORD
                    attempt = session.auth_plain if mechanism == "PLAIN" else session.auth_login
                    self.assertEqual(session.auth(mechanism, attempt)[0], 235)
                    session.send_message(message)

            self.arrives(f"smtplib {mechanism}", send)


class GuessingTests(SubmissionCase):
    """Wrong logins: one answer for both kinds, and soon none at all.

    Failures count by account and by /24: each test comes from networks of its own, with names of its own.
    """

    def guess(self, session: smtplib.SMTP, address: str, password: str) -> tuple[int, bytes]:
        """One AUTH PLAIN."""
        return session.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{address}\0{password}".encode()).decode())

    def end(self, session: smtplib.SMTP) -> None:
        """Hang up; the other side may have done so."""
        with contextlib.suppress(smtplib.SMTPServerDisconnected):
            session.quit()
        session.close()

    def test_three_failures_end_the_session(self) -> None:
        """The same 535 for a wrong password, an unknown account, a foreign domain and no address at all; then 421."""
        names = (ALICE, "no-one@alpha.example", "alice@elsewhere.example", "alice")
        for port in (self.clear, self.wrapped):
            answers: set[tuple[int, bytes]] = set()
            for name in names:
                session = self.session(port, "127.0.1.1")
                answers.update(self.guess(session, name, "wrong") for _ in range(3))
                code, text = session.getreply()
                self.assertEqual((code, text[:5]), (421, b"4.7.0"))
                with self.assertRaises(smtplib.SMTPServerDisconnected):
                    session.getreply()
            self.assertEqual(answers, {(535, b"5.7.8 authentication failed")})

    def test_guessing_is_slowed_down(self) -> None:
        """After ten failures an account, whether there is one or not, is locked: even the right password gets 421.

        Another account can log in from the same network.
        """
        last = []
        for name, network in ((BOB, "127.0.3.1"), ("nobody@alpha.example", "127.0.4.1")):
            for attempts in (3, 3, 3, 1):
                session = self.session(self.clear, network)
                for _ in range(attempts):
                    self.assertEqual(self.guess(session, name, "wrong")[0], 535)
                self.end(session)
            session = self.session(self.wrapped, network)
            last.append(self.guess(session, name, PASSWORD))
            self.end(session)
            session = self.session(self.wrapped, network)
            self.assertEqual(self.guess(session, ALICE, PASSWORD)[0], 235)
            self.end(session)
        self.assertEqual(last[0], last[1])
        self.assertEqual((last[0][0], last[0][1][:5]), (421, b"4.7.0"))
