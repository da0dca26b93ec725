"""A certificate authority for tests."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key; ``chain`` are the certificates above it that a server shows as well."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificates."""
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def showing(self, *chain: x509.Certificate) -> Issued:
        """The same, with other certificates behind it."""
        return Issued(self.certificate, self.key, chain)


class Authority:
    """Signs certificates; a root, or below ``parent``."""

    def __init__(self, name: str = "Test root", parent: Authority | None = None) -> None:
        self.parent = parent
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = parent or self
        self.certificate = signer.sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, names: Sequence[str], *, ends: datetime.timedelta = DAY, purpose: x509.ObjectIdentifier | None = None
    ) -> Issued:
        """A server's certificate, shown with the certificates of those who signed, without the root's."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
        alternatives = x509.SubjectAlternativeName(
            [
                x509.IPAddress(ip_address(name)) if name[0].isdigit() and name[-1].isdigit() else x509.DNSName(name)
                for name in names
            ]
        )
        extensions = [alternatives] if names else []
        usage = x509.ExtendedKeyUsage([purpose or ExtendedKeyUsageOID.SERVER_AUTH])
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        chain, above = [], self
        while above.parent is not None:
            chain.append(above.certificate)
            above = above.parent
        certificate = self.sign(subject, key, constraints, *extensions, usage, ends=ends)
        return Issued(certificate, key, tuple(chain))

    def sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *extensions: x509.ExtensionType,
        ends: datetime.timedelta = DAY,
    ) -> x509.Certificate:
        """A certificate with these extensions, from ten days ago until ``ends`` from now."""
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + ends)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())


def self_issued(names: Sequence[str], *, ends: datetime.timedelta = DAY) -> Issued:
    """A certificate that no authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issued(certificate, key)
