"""Handshakes with real servers under each policy: who is trusted, who is not, and what is said about it."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailsuite.model.tls_policy import OPPORTUNISTIC, Tlsa, TlsLevel, TlsPolicy
from mailsuite.net.smtp_connection import HandshakeFailed, SmtpConnection
from mailsuite.net.tls_client import ClientTls, TlsRefused, roots
from mailsuite.testing.smtp_peers import ScriptedServer
from mailsuite.testing.temporary import temporary_directory
from tests.net.authority import DAY, Authority, Issued, self_issued
from tests.net.smtp_support import server_tls

HOST = "mx.beta.example"
SOURCE = "the policy of beta.example"
EXPIRED = -timedelta(hours=1)
_DIGESTS = {1: "sha256", 2: "sha512"}


def pem_of(issued: Issued) -> bytes:
    return issued.certificate.public_bytes(Encoding.PEM)


def spki(pem: bytes) -> bytes:
    """SubjectPublicKeyInfo, by openssl."""
    key = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem, capture_output=True, check=True).stdout
    command = ["openssl", "pkey", "-pubin", "-outform", "DER"]
    return subprocess.run(command, input=key, capture_output=True, check=True).stdout


def der(pem: bytes) -> bytes:
    command = ["openssl", "x509", "-outform", "DER"]
    return subprocess.run(command, input=pem, capture_output=True, check=True).stdout


def tlsa(usage: int, selector: int, matching: int, pem: bytes) -> Tlsa:
    """The record that names a certificate, as openssl and hashlib make it."""
    data = spki(pem) if selector else der(pem)
    return Tlsa(usage, selector, matching, hashlib.new(_DIGESTS[matching], data).digest() if matching else data)


@implementer(IOpenSSLServerConnectionCreator)
class _Context:
    """What a server takes for STARTTLS."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._context, None)


class HandshakeCase(TestCase):
    """Hosts that offer STARTTLS, and a client of ours."""

    def setUp(self) -> None:
        self.authority = Authority()
        self.ca_file: Path | None = temporary_directory(self) / "ca.pem"
        self.ca_file.write_bytes(self.authority.pem)

    async def shake(self, tls: Any, policy: TlsPolicy, host: str = HOST) -> str:
        """What was agreed on with a host of this server context. Raises HandshakeFailed and TlsRefused."""
        server = ScriptedServer(tls=tls)
        await server.listen(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.close()))
        factory = Factory.forProtocol(lambda: SmtpConnection(reactor))
        connection = await TCP4ClientEndpoint(reactor, "127.0.0.1", server.port).connect(factory)
        assert isinstance(connection, SmtpConnection)
        try:
            await connection.read(10, "greeting")
            connection.write(b"STARTTLS\r\n")
            await connection.read(10, "go")
            creator = ClientTls(self.ca_file).creator(policy, host)
            agreed = await connection.start_tls(creator, 10)
            creator.check(connection.transport.getHandle())
            return agreed
        finally:
            connection.abort()
            await connection.gone

    async def shown(self, issued: Issued, policy: TlsPolicy, host: str = HOST) -> str:
        """The same with a certificate; the fault in words, or nothing."""
        try:
            self.assertIn("TLSv1.3", await self.shake(server_tls(issued.pem, issued.key_pem), policy, host))
        except TlsRefused as error:
            status = error.status
            self.assertEqual((451, "4.7.5"), (status.code, status.enhanced))
            self.assertTrue(status.text.endswith(f", which {SOURCE} requires"), status.text)
            return status.text.removesuffix(f", which {SOURCE} requires")
        return ""


class UnverifiedTests(HandshakeCase):
    """OPPORTUNISTIC and ENCRYPT."""

    async def test_any_certificate(self) -> None:
        """Whose certificate it is does not matter."""
        for policy in (OPPORTUNISTIC, TlsPolicy(TlsLevel.ENCRYPT, source="DANE for mx.beta.example")):
            self.assertEqual("", await self.shown(self_issued(["other.example"], ends=EXPIRED), policy))

    async def test_f057_tls_1_0_only(self) -> None:
        """A host that knows no TLS above 1.1 fails the handshake under every policy."""
        issued = self.authority.issue([HOST])
        for level in TlsLevel:
            context = SSL.Context(SSL.TLS_METHOD)
            context.set_cipher_list(b"ALL:@SECLEVEL=0")
            context.set_max_proto_version(SSL.TLS1_1_VERSION)
            context.use_certificate(issued.certificate)
            context.use_privatekey(issued.key)

            with self.assertRaises(HandshakeFailed):
                await self.shake(_Context(context), TlsPolicy(level, (HOST,)))

    async def test_names_the_host(self) -> None:
        """SNI bears the host's name, under DANE the base domain of the records, and never an address."""
        issued = self.authority.issue([HOST, "base.example"])
        seen: list[bytes | None] = []
        context = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
        context.use_certificate(issued.certificate)
        context.use_privatekey(issued.key)
        context.set_tlsext_servername_callback(lambda connection: seen.append(connection.get_servername()))

        for policy, host in (
            (OPPORTUNISTIC, HOST),
            (TlsPolicy(TlsLevel.VERIFY, (HOST,)), HOST),
            (TlsPolicy(TlsLevel.DANE, ("base.example", HOST), (tlsa(3, 1, 1, pem_of(issued)),)), HOST),
            (OPPORTUNISTIC, "127.0.0.1"),
        ):
            await self.shake(_Context(context), policy, host)
        self.assertEqual([b"mx.beta.example", b"mx.beta.example", b"base.example", None], seen)


class VerifyTests(HandshakeCase):
    """VERIFY: a chain to a trusted root, and the name."""

    async def verify(self, issued: Issued, *names: str, host: str = HOST) -> str:
        """The fault, or nothing."""
        return await self.shown(issued, TlsPolicy(TlsLevel.VERIFY, names or (host,), source=SOURCE), host)

    async def test_trusted(self) -> None:
        """Signed by a root or through one that the host shows, for one of the names; a wildcard is one label."""
        below = Authority("Below", self.authority)
        for issued in (
            self.authority.issue([HOST]),
            below.issue(["other.example", HOST.upper()]),
            self.authority.issue(["*.beta.example"]),
        ):
            self.assertEqual("", await self.verify(issued))
        self.assertEqual("", await self.verify(self.authority.issue([HOST]), "a.example", HOST))
        self.assertEqual("", await self.verify(self.authority.issue(["192.0.2.7"]), host="192.0.2.7"))

    async def test_wrong_name(self) -> None:
        """Another name, a wildcard for too few or too many labels or for part of one, no name but the subject's."""
        for names in (
            ["other.example"],
            ["*.mx.beta.example"],
            ["*.example"],
            ["m*.beta.example"],
            ["beta.example"],
            [],
        ):
            self.assertEqual(
                "the certificate of mx.beta.example is not for mx.beta.example",
                await self.verify(self.authority.issue(names)),
                names,
            )
        self.assertEqual(
            "the certificate of mx.beta.example is not for a.example or b.example",
            await self.verify(self.authority.issue([HOST]), "a.example", "b.example"),
        )

    async def test_not_trusted(self) -> None:
        """Expired, self-signed, of an unknown authority, of one that is not shown, for clients only."""
        below = Authority("Below", self.authority)
        for issued, fault in (
            (self.authority.issue([HOST], ends=EXPIRED), "has expired"),
            (self_issued([HOST]), "is signed by itself"),
            (Authority("Test root").issue([HOST]), "is not signed by a trusted authority"),
            (Authority("Unknown").issue([HOST]), "is not signed by a trusted authority"),
            (below.issue([HOST]).showing(), "is not signed by a trusted authority"),
            (self.authority.issue([HOST], purpose=ExtendedKeyUsageOID.CLIENT_AUTH), "is not for servers"),
        ):
            self.assertEqual(f"the certificate of mx.beta.example {fault}", await self.verify(issued))

    async def test_system_roots(self) -> None:
        """Without a file the system's authorities count, which ours is not one of."""
        with self.assertRaisesRegex(TlsRefused, "is not signed by a trusted authority"):
            issued = self.authority.issue([HOST])
            server = server_tls(issued.pem, issued.key_pem)
            self.ca_file = None
            await self.shake(server, TlsPolicy(TlsLevel.VERIFY, (HOST,)))

    def test_bad_file(self) -> None:
        """A file without certificates is found out at once."""
        path = temporary_directory(self) / "none.pem"
        path.write_text("nothing")
        with self.assertRaisesRegex(ValueError, "none.pem cannot be read"):
            roots(path)


class DaneTests(HandshakeCase):
    """DANE: RFC 7672 section 3.1, with records made by openssl."""

    async def dane(self, issued: Issued, *records: Tlsa, names: Sequence[str] = (HOST,)) -> str:
        """The fault, or nothing."""
        return await self.shown(issued, TlsPolicy(TlsLevel.DANE, tuple(names), records, SOURCE))

    async def test_usage_3(self) -> None:
        """Each selector with each matching type."""
        issued = self_issued([HOST])
        for selector in (0, 1):
            for matching in (0, 1, 2):
                self.assertEqual("", await self.dane(issued, tlsa(3, selector, matching, pem_of(issued))))

    async def test_usage_3_says_all(self) -> None:
        """Neither the dates nor the names of the certificate count (RFC 7672 section 3.1.1)."""
        issued = self_issued(["other.example"], ends=EXPIRED)
        self.assertEqual("", await self.dane(issued, tlsa(3, 1, 1, pem_of(issued))))

    async def test_one_of_several(self) -> None:
        """One match is enough, as during a change of keys."""
        old, new = self_issued([HOST]), self_issued([HOST])
        self.assertEqual("", await self.dane(new, tlsa(3, 1, 1, pem_of(old)), tlsa(3, 1, 1, pem_of(new))))

    async def test_mismatch(self) -> None:
        """Another key, the right key under the wrong selector, a trusted chain: all refused, in words."""
        issued, other = self.authority.issue([HOST]), self_issued([HOST])
        right = tlsa(3, 1, 1, pem_of(issued))
        self.assertEqual(
            "the certificate of mx.beta.example matches not its TLSA record",
            await self.dane(issued, tlsa(3, 1, 1, pem_of(other))),
        )
        self.assertEqual(
            "the certificate of mx.beta.example matches none of its 2 TLSA records",
            await self.dane(issued, tlsa(3, 0, 1, pem_of(other)), Tlsa(3, 0, 1, right.data)),
        )

    async def test_usage_3_is_the_first_certificate(self) -> None:
        """A record of usage 3 for the authority does not make its certificates right."""
        below = Authority("Below", self.authority)
        self.assertIn("TLSA", await self.dane(below.issue([HOST]), tlsa(3, 1, 1, below.pem)))

    async def test_usage_2(self) -> None:
        """A chain to an authority that is shown, root or not, trusted otherwise or not, for one of the names."""
        root = Authority("Own root")
        below = Authority("Below", root)
        issued = below.issue(["beta.example"])
        names = (HOST, "beta.example")
        for selector, matching in ((0, 0), (1, 0), (0, 1), (1, 1), (1, 2)):
            self.assertEqual("", await self.dane(issued, tlsa(2, selector, matching, below.pem), names=names))
        shown = issued.showing(below.certificate, root.certificate)
        self.assertEqual("", await self.dane(shown, tlsa(2, 1, 1, root.pem), names=names))

    async def test_usage_2_whole_record(self) -> None:
        """An authority whose whole certificate is in the record need not be shown (RFC 7671 section 5.2.1)."""
        root = Authority("Own root")
        issued = root.issue([HOST])
        self.assertEqual("", await self.dane(issued, tlsa(2, 0, 0, root.pem)))
        self.assertIn("not its TLSA record", await self.dane(issued, tlsa(2, 0, 1, root.pem)))
        self.assertIn("not its TLSA record", await self.dane(issued, Tlsa(2, 0, 0, b"no certificate")))

    async def test_usage_2_is_no_server(self) -> None:
        """A record of usage 2 for the host's own certificate does not make it right."""
        issued = self_issued([HOST])
        self.assertIn("not its TLSA record", await self.dane(issued, tlsa(2, 1, 1, pem_of(issued))))

    async def test_usage_2_needs_chain_name_and_dates(self) -> None:
        """The authority may not just be shown beside; names and dates count."""
        root = Authority("Own root")
        record = tlsa(2, 1, 1, root.pem)
        stranger = self_issued([HOST]).showing(root.certificate)
        self.assertRegex(await self.dane(stranger, record), "^the certificate of mx.beta.example does not lead to the")
        late = root.issue([HOST], ends=EXPIRED).showing(root.certificate)
        self.assertRegex(await self.dane(late, record), r"does not lead to the authority .*\(.*expired")
        named = root.issue(["other.example"]).showing(root.certificate)
        self.assertEqual(
            "the certificate of mx.beta.example is not for mx.beta.example", await self.dane(named, record)
        )
        self.assertEqual("", await self.dane(root.issue([HOST], ends=DAY).showing(root.certificate), record))
