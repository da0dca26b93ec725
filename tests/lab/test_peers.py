"""Our suite on a host of its own writes to Postfix, Exim and OpenSMTPD on another one, and they to it."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from email import message_from_bytes
from typing import Protocol

import pytest

from mailsuite.model.zone import Record, Zone
from mailsuite.testing.nsd import Nsd
from tests.flows.demo import until
from tests.lab.netns import Host, Lab
from tests.lab.peer import Exim, OpenSmtpd
from tests.lab.postfix import Postfix
from tests.lab.root import RootCase
from tests.lab.suite import Suite

pytestmark = [pytest.mark.slow, pytest.mark.peers]

ALICE, URSULA = "alice@alpha.example", "ursula@beta.example"

# The root's zone tells the peer where alpha is; alpha asks the other two.
ZONES = {
    ".": [
        ("alpha.example.", "MX", "10 mail.alpha.example."),
        ("mail.alpha.example.", "A", "198.51.100.1"),
        ("1.100.51.198.in-addr.arpa.", "PTR", "mail.alpha.example."),
    ],
    "beta.example.": [
        ("beta.example.", "MX", "10 mx.beta.example."),
        ("beta.example.", "TXT", '"v=spf1 mx -all"'),
        ("_dmarc.beta.example.", "TXT", '"v=DMARC1; p=reject"'),
        ("mx.beta.example.", "A", "203.0.113.1"),
        ("mx.beta.example.", "TXT", '"v=spf1 a -all"'),
    ],
    "113.0.203.in-addr.arpa.": [("1.113.0.203.in-addr.arpa.", "PTR", "mx.beta.example.")],
}


def zone(origin: str, records: Sequence[tuple[str, str, str]]) -> Zone:
    """A zone with its SOA and NS."""
    server = "mx.beta.example."
    head = [(origin, "SOA", f"{server} root.{server} 1 3600 900 86400 60"), (origin, "NS", server)]
    return Zone(origin, tuple(Record(name, kind, 60, data) for name, kind, data in (*head, *records)))


class Talker(Protocol):
    """A mail host for beta.example on port 25 of its host."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def mails(self) -> list[bytes]: ...

    def log(self) -> str: ...


class Beta:
    """Where the names of beta.example are told, for Suite."""

    domain = "beta.example"

    def __init__(self, host: Host) -> None:
        self.host = host


class PeersTests(RootCase):
    """One suite at alpha for all; the peers take turns at beta."""

    lab: Lab
    alpha: Suite
    names: Nsd

    @classmethod
    def setUpClass(cls) -> None:
        """Build the network, start the suite and beta's name server."""
        cls.lab = Lab()
        cls.lab.beta.resolver = cls.lab.beta.address
        cls.lab.up()
        cls.alpha = Suite(cls.lab.alpha, "alpha.example", "alice")
        try:
            with cls.lab.beta.inside():
                zones = [zone(origin, records) for origin, records in ZONES.items()]
                cls.names = Nsd(zones, cls.alpha.directory, host=cls.lab.beta.address, port=53)
            cls.alpha.start(Beta(cls.lab.beta))
            cls.alpha.wait()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop all and take the network away."""
        if "names" in vars(cls):
            cls.names.stop()
        cls.alpha.stop()
        cls.lab.down()

    def submit(self, recipient: str, content: bytes) -> None:
        """Have the peer at beta send a message."""
        with self.lab.beta.inside():
            session = smtplib.SMTP(self.lab.beta.address, 25, "localhost", timeout=30)
        with session:
            session.sendmail(URSULA, [recipient], content)

    def talk(self, peer: Talker, name: str) -> None:
        """Mail goes both ways by MX look-up and over TLS, judged on arrival; what alpha refuses the peer bounces."""
        self.addCleanup(peer.stop)
        peer.start()
        alice = self.alpha.browser("alice")
        alice.send(URSULA, f"to {name}", ".\n..two dots\nGrüße\n")

        def arrived(words: bytes) -> bytes:
            return next((mail for mail in peer.mails() if words in mail), b"")

        mail = until(lambda: arrived(f"Subject: to {name}\n".encode()), f"the message at {name}", 30)
        body = message_from_bytes(mail).get_payload(decode=True)
        assert isinstance(body, bytes)
        self.assertEqual(body.decode().splitlines(), [".", "..two dots", "Grüße"])
        text = f"From: {URSULA}\r\nTo: {ALICE}\r\nSubject: from {name}\r\nMessage-ID: <1@{name}>\r\n\r\n.\r\nhi\r\n"
        before = len(self.alpha.accepted())
        self.submit(ALICE, text.encode())
        until(lambda: f"from {name}" in alice.subjects("inbox"), f"the message of {name}: {peer.log()[-2000:]}", 30)
        trace = self.alpha.accepted_after(before)
        for step in ("tls: TLS", "iprev: pass mx.beta.example", "spf: pass beta.example", "dmarc: pass"):
            self.assertIn(step, trace)
        self.submit("nobody@alpha.example", text.encode())
        until(lambda: arrived(b"no mailbox nobody@alpha.example here"), f"the notice of {name}", 30)

    def test_postfix(self) -> None:
        """Postfix."""
        settings = (f"mynetworks = {self.lab.beta.address}", "smtp_tls_security_level = may")
        self.talk(Postfix("beta.example", *settings, port=25, host=self.lab.beta), "Postfix")

    def test_exim(self) -> None:
        """Exim."""
        self.talk(Exim(self.lab.beta, "beta.example"), "Exim")

    def test_opensmtpd(self) -> None:
        """OpenSMTPD."""
        self.talk(OpenSmtpd(self.lab.beta, "beta.example"), "OpenSMTPD")
