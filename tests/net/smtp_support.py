"""What the SMTP tests of this folder share: a role, a talker, a certificate."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.interfaces.reception import Client, IReception
from mailsuite.model.account import Account
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status
from mailsuite.net.tls import ServerTls

DEADLINE = 20.0
ANN = Account("a1", "ann@alpha.example", "Ann", "", 0)


async def until(condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
    """Return when the condition holds; fail when it does not in time."""
    end = reactor.seconds() + seconds
    while not condition():
        if reactor.seconds() > end:
            raise AssertionError(f"did not come true within {seconds} s")
        await pause()


async def pause(seconds: float = 0.005) -> None:
    """Let the reactor turn."""
    await deferLater(reactor, seconds)


@implementer(IReception)
class Role:
    """Accepts everything. ``hook`` may await, raise, or give another Status for a step ("mail", "rcpt", …)."""

    def __init__(self, hook: Callable[[str, Any], Awaitable[Status | None]] | None = None) -> None:
        self.hook = hook
        self.steps: list[str] = []
        self.messages: list[tuple[Envelope, bytes]] = []
        self.clients: list[Client] = []

    async def _step(self, step: str, subject: Any, usual: Status) -> Status:
        self.steps.append(step)
        return (await self.hook(step, subject) if self.hook else None) or usual

    async def connect(self, client: Client) -> Status | None:
        self.clients.append(client)
        self.steps.append("connect")
        return await self.hook("connect", client) if self.hook else None

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Status:
        self.clients.append(client)
        return await self._step("mail", envelope, Status(250, "2.1.0", "ok"))

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> Status:
        return await self._step("rcpt", recipient, Status(250, "2.1.5", "ok"))

    async def message(self, client: Client, envelope: Envelope, content: bytes) -> Status:
        status = await self._step("message", content, Status(250, "2.0.0", "queued as 1"))
        if status.positive:
            self.messages.append((envelope, content))
        return status

    async def authenticate(self, client: Client, identity: str, password: str) -> Account | None:
        self.steps.append("authenticate")
        return ANN if (identity, password) == ("ann@alpha.example", "right") else None


class Talk(Protocol):
    """A client that says what it is told and gives the replies as lines."""

    transport: Any

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = False

    @classmethod
    async def to(cls, port: int) -> Talk:
        """Connect to loopback."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        talk: Any = await endpoint.connect(Factory.forProtocol(cls))
        assert isinstance(talk, Talk)
        return talk

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True

    async def replies(self, count: int) -> list[str]:
        """The next replies, each its code and text; continuation lines are left out."""
        found: list[str] = []

        def enough() -> bool:
            while len(found) < count and (end := self.received.find(b"\r\n")) >= 0:
                line = self.received[:end].decode()
                del self.received[: end + 2]
                if line[3:4] != "-":
                    found.append(line)
            return len(found) == count or self.lost

        await until(enough)
        return found

    async def say(self, octets: bytes, replies: int) -> list[str]:
        """Send, and wait for so many replies (fewer when the connection ends): code and enhanced code of each."""
        self.transport.write(octets)
        return [" ".join(reply.split(" ")[:2]) for reply in await self.replies(replies)]

    async def gone(self) -> None:
        """Wait for the end of the connection."""
        await until(lambda: self.lost)

    async def close(self) -> None:
        """End it ourselves."""
        if not self.lost:
            self.transport.abortConnection()
            await self.gone()


class Gate:
    """Something that steps of a role wait for."""

    def __init__(self) -> None:
        self.waiting = 0
        self._deferreds: list[Deferred[None]] = []

    async def wait(self) -> None:
        """Wait for ``open``."""
        self.waiting += 1
        deferred: Deferred[None] = Deferred()
        self._deferreds.append(deferred)
        await deferred

    def open(self) -> None:
        """Let all go on who wait."""
        waiting, self._deferreds = self._deferreds, []
        for deferred in waiting:
            deferred.callback(None)


def server_tls(*pems: bytes) -> ServerTls:
    """What a server needs: certificate (and chain) and key, one pair after the other, in PEM."""
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for number, pem in enumerate(pems):
            files.append(Path(directory) / f"{number}.pem")
            files[-1].write_bytes(pem)
        return ServerTls(list(zip(files[::2], files[1::2], strict=True)))


def self_signed(name: str = "mx.alpha.example", expired: bool = False, rsa_key: bool = False) -> tuple[bytes, bytes]:
    """A certificate and its key in PEM."""
    *certificates, key = chain([name], expired, rsa_key)
    return certificates[0], key


def chain(names: list[str], expired: bool = False, rsa_key: bool = False) -> list[bytes]:
    """Certificates in PEM, each signed by the next, the last by itself; and the key of the first."""
    now = datetime.datetime.now(datetime.UTC)
    end = now - datetime.timedelta(days=1) if expired else now + datetime.timedelta(days=1)
    keys = [
        rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1()) for _ in names
    ]
    subjects = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in names]
    pems = []
    for n, name in enumerate(names):
        signer = min(n + 1, len(names) - 1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subjects[n])
            .issuer_name(subjects[signer])
            .public_key(keys[n].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=n > 0, path_length=None), critical=True)
            .sign(keys[signer], hashes.SHA256())
        )
        pems.append(certificate.public_bytes(serialization.Encoding.PEM))
    pems.append(
        keys[0].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pems
