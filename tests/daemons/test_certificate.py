"""The certificate of a daemon: read at the start, and again at SIGHUP."""

from __future__ import annotations

import contextlib
import io
import ssl
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import structs
from OpenSSL import SSL
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.daemons.wiring import Wiring
from mailsuite.net.tls import ServerTls
from mailsuite.runtime.daemon import Daemon
from mailsuite.runtime.logs import LogOutput
from mailsuite.runtime.sections import Server, Tls
from mailsuite.runtime.settings import Settings
from mailsuite.testing.temporary import temporary_directory
from tests.net.smtp_support import self_signed


def shown(tls: ServerTls) -> bytes:
    """The certificate (DER) that a handshake in memory shows."""
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()
    server = tls.serverConnectionForTLS(None)  # type: ignore[arg-type]
    server.set_accept_state()
    done = {client: False, server: False}
    while not all(done.values()):
        for one, other in ((client, server), (server, client)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
                done[one] = True
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65_536))
    certificate: Any = client.get_peer_certificate(as_cryptography=True)
    return ssl.PEM_cert_to_DER_cert(certificate.public_bytes(Encoding.PEM).decode())


class CertificateTests(SynchronousTestCase):
    """A wiring whose settings are read again."""

    def setUp(self) -> None:
        self.directory = temporary_directory(self)
        self.pems = self_signed()
        self.settings = Settings(server=Server(hostname="mx.alpha.example"), tls=self.write("first", *self.pems))
        self.daemon = Daemon(MemoryReactorClock(), LogOutput(io.StringIO(), "text"), lambda: self.settings)
        tls = Wiring(None, self.settings, self.daemon, "test").certificate
        assert tls is not None
        self.tls = tls

    def write(self, name: str, certificate: bytes, key: bytes) -> Tls:
        """Files of a certificate."""
        files: list[Path] = []
        for kind, pem in (("cert", certificate), ("key", key)):
            files.append(self.directory / f"{name}-{kind}.pem")
            files[-1].write_bytes(pem)
        return Tls(certificate=files[0], key=files[1])

    def der(self, pem: bytes) -> bytes:
        """A certificate without its armour."""
        return ssl.PEM_cert_to_DER_cert(pem.decode())

    def test_renewed_files(self) -> None:
        """The same files with other contents."""
        self.assertEqual(shown(self.tls), self.der(self.pems[0]))
        renewed = self_signed()
        self.write("first", *renewed)
        self.daemon.reload()
        self.assertEqual(shown(self.tls), self.der(renewed[0]))

    def test_other_files(self) -> None:
        """Other files that the new settings name."""
        other = self_signed()
        self.settings = structs.replace(self.settings, tls=self.write("second", *other))
        self.daemon.reload()
        self.assertEqual(shown(self.tls), self.der(other[0]))

    def test_what_cannot_be_used(self) -> None:
        """A key that is another's, or no certificate at all: the old one stays."""
        self.settings = structs.replace(self.settings, tls=self.write("second", self_signed()[0], self.pems[1]))
        self.daemon.reload()
        self.settings = structs.replace(self.settings, tls=Tls())
        self.daemon.reload()
        self.assertEqual(shown(self.tls), self.der(self.pems[0]))

    def test_none(self) -> None:
        """Without a certificate there is no TLS."""
        settings = structs.replace(self.settings, tls=Tls())
        self.assertIsNone(Wiring(None, settings, self.daemon, "test").certificate)
