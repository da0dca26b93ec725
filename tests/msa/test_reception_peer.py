"""Submission by a real client program over TLS: swaks."""

from __future__ import annotations

import datetime
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet import reactor, utils
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailsuite.login.accounts import new_account
from mailsuite.login.checker import CredentialChecker
from mailsuite.login.passwords import Passwords
from mailsuite.msa.identity import Identities
from mailsuite.msa.reception import SubmissionReception
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.runtime.threads import Threads
from mailsuite.testing.builders import NOW, domain
from mailsuite.testing.fake_counter import FakeCounter
from mailsuite.testing.fake_schedule import FakeSchedule
from mailsuite.testing.fake_store import FakeStore
from tests.msa.case import generous, queue_over
from tests.net.smtp_support import server_tls

PASSWORD = "correct horse battery"


def certificate() -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.alpha.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), private


@pytest.mark.peers
class SwaksTests(TestCase):
    """A listener with STARTTLS on a free port; Ann has an account."""

    timeout = 60

    async def listen(self) -> None:
        """Begin to serve."""
        self.store = FakeStore(lambda: NOW)
        self.threads = Threads(reactor, "tests", 2)
        self.threads.start()
        self.addCleanup(self.threads.stop)
        passwords = Passwords()
        numbers = count(1)

        def random(octets: int) -> bytes:
            return next(numbers).to_bytes(octets, "big")

        queue = queue_over(self.store, FakeSchedule(lambda: NOW, reactor), lambda: NOW, random)
        await self.store.directory.add_domain(domain("alpha.example"))
        await new_account(
            self.store.directory,
            self.threads.run,
            passwords,
            lambda: NOW,
            random,
            address="ann@alpha.example",
            name="Ann",
            password=PASSWORD,
        )
        checker = CredentialChecker(self.store.directory, FakeCounter(lambda: NOW), self.threads.run, passwords)
        reception = SubmissionReception(
            checker,
            queue,
            generous(),
            Identities(self.store.directory, "+"),
            self.threads.run,
            lambda: NOW,
            random,
            "mx.alpha.example",
        )
        factory = SmtpFactory(
            reactor, reception, ServerConfig("mx.alpha.example", auth=True), server_tls(*certificate())
        )
        listener = reactor.listenTCP(0, factory, interface="127.0.0.1")
        host = listener.getHost()
        assert isinstance(host, IPv4Address)
        self.port = host.port
        self.addCleanup(listener.stopListening)
        self.addCleanup(lambda: Deferred.fromCoroutine(factory.drain(5)))

    async def swaks(self, *arguments: str) -> tuple[str, int]:
        """What swaks says, and its exit status."""
        out, err, code = await utils.getProcessOutputAndValue(
            "swaks",
            [
                "--server",
                "127.0.0.1",
                "--port",
                str(self.port),
                "--ehlo",
                "pc.alpha.example",
                *arguments,
            ],
        )
        return (out + err).decode(), code

    async def test_submission(self) -> None:
        """Over STARTTLS, logged in: the message is queued without its Bcc, with a trace and the 250 of its id."""
        await self.listen()
        text, code = await self.swaks(
            "-tls", "--auth", "PLAIN", "--auth-user", "ann@alpha.example", "--auth-password", PASSWORD,
            "--from", "ann@alpha.example", "--to", "bob@beta.example,carl@beta.example",
            "--header", "Bcc: carl@beta.example", "--body", "hello",
        )  # fmt: skip
        self.assertEqual(code, 0, text)
        (content,) = self.store.blobs.content.values()
        self.assertIn(b" with ESMTPSA id ", content.partition(b"\r\n\r\n")[0])
        self.assertNotIn(b"Bcc", content)
        queue_id = text.rpartition("queued as ")[2].split()[0]
        message = await self.store.jobs.message(queue_id)
        assert message is not None
        self.assertEqual(
            [str(r.address) for r in message.envelope.recipients], ["bob@beta.example", "carl@beta.example"]
        )

    async def test_refusals(self) -> None:
        """Without login 530, with a wrong password 535, as somebody else 550: nothing is queued."""
        await self.listen()
        login = ("--auth", "LOGIN", "--auth-user", "ann@alpha.example", "--auth-password")
        foreign = ("--header", "From: boss@alpha.example")
        for arguments, reply in (
            (("--from", "ann@alpha.example"), "530 5.7.0 "),
            ((*login, "wrong password", "--from", "ann@alpha.example"), "535 5.7.8 "),
            ((*login, PASSWORD, "--from", "boss@alpha.example"), "550 5.7.1 <boss@alpha.example>"),
            ((*login, PASSWORD, "--from", "ann@alpha.example", *foreign), "550 5.7.1 From: boss@alpha.example"),
        ):
            text, code = await self.swaks("-tls", "--to", "bob@beta.example", *arguments)
            self.assertNotEqual(code, 0, text)
            self.assertIn(reply, text)
        self.assertEqual(self.store.blobs.content, {})
