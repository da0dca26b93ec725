"""TLS to mail hosts by a policy: any certificate, one that chains to a trusted root, or one that TLSA records name.

RFC 7671 section 5, RFC 7672 section 3, RFC 8461 section 4, RFC 9525 (names).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, TLSVersion, platformTrust, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailsuite.model.address import is_address
from mailsuite.model.errors import DestinationDown
from mailsuite.model.tls_policy import Tlsa, TlsLevel, TlsPolicy

_DIGESTS = {1: sha256, 2: sha512}

# Of OpenSSL's X509_V_ERR_*.
_IN_WORDS = {
    2: "is not signed by a trusted authority",
    7: "is not signed by a trusted authority",
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by itself",
    19: "leads to a root that is not trusted",
    20: "is not signed by a trusted authority",
    21: "is not signed by a trusted authority",
    26: "is not for servers",
}


class TlsRefused(DestinationDown):
    """A host has not proved what its policy requires; the text says what is wrong, and who requires it."""

    def __init__(self, policy: TlsPolicy, fault: str) -> None:
        super().__init__(451, "4.7.5", f"{fault}, which {policy.source} requires")


def roots(ca_file: Path | None) -> Any:
    """The authorities to trust, as Twisted takes them: those in a PEM file, None: those of the system.

    Raises ValueError when the file cannot be used.
    """
    if ca_file is None:
        return platformTrust()
    try:
        certificates = x509.load_pem_x509_certificates(ca_file.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"the authorities in {ca_file} cannot be read: {error}") from error
    return trustRootFromCertificates([Certificate.load(each.public_bytes(Encoding.DER)) for each in certificates])


class ClientTls:
    """Makes the handshakes of a client with mail hosts; ``ca_file`` as in ``roots``."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self._roots = roots(ca_file)
        self._plain: SSL.Context | None = None
        self._verifying: SSL.Context | None = None

    def creator(self, policy: TlsPolicy, host: str) -> HostTls:
        """What is to be given to startTLS for one link to ``host``."""
        return HostTls(self._context(policy.level), policy, host)

    def _context(self, level: TlsLevel) -> SSL.Context:
        if level is not TlsLevel.VERIFY:
            if self._plain is None:
                self._plain = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
            return self._plain
        if self._verifying is None:
            self._verifying = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2, trustRoot=self._roots).getContext()
        return self._verifying


@implementer(IOpenSSLClientConnectionCreator)
class HostTls:
    """One handshake with one host. Nothing may be sent before ``check``."""

    def __init__(self, context: SSL.Context, policy: TlsPolicy, host: str) -> None:
        self._context = context
        self._policy = policy
        self._host = host
        self._faults: list[tuple[int, int]] = []

    def clientConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The connection that is to shake hands. It names the host (RFC 7672 section 8.1: the TLSA base domain)."""
        connection = SSL.Connection(self._context, None)
        name = self._policy.names[0] if self._policy.level is TlsLevel.DANE and self._policy.names else self._host
        if not is_address(name):
            connection.set_tlsext_host_name(name.encode("ascii", "ignore"))
        if self._policy.level is TlsLevel.VERIFY:
            connection.set_verify(SSL.VERIFY_PEER, self._note)
        return connection

    def _note(self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, fine: int) -> bool:
        """OpenSSL's verdict on one certificate. The handshake goes on, so that the fault can be told in words."""
        if not fine:
            self._faults.append((error, depth))
        return True

    def check(self, connection: SSL.Connection) -> None:
        """Judge what the host has shown in the handshake. Raises TlsRefused."""
        level = self._policy.level
        if level is TlsLevel.VERIFY:
            fault = self._chain_fault() or self._name_fault(_chain(connection)[0])
        elif level is TlsLevel.DANE:
            fault = self._dane_fault(_chain(connection))
        else:
            return
        if fault:
            raise TlsRefused(self._policy, fault)

    def _chain_fault(self) -> str:
        if not self._faults:
            return ""
        error, depth = self._faults[0]
        what = f"the certificate of {self._host}" if depth == 0 else f"an authority behind {self._host}"
        return f"{what} {_IN_WORDS.get(error, f'is not trusted (OpenSSL error {error})')}"

    def _name_fault(self, certificate: x509.Certificate) -> str:
        if bears_any(certificate, self._policy.names):
            return ""
        return f"the certificate of {self._host} is not for {' or '.join(self._policy.names)}"

    def _dane_fault(self, chain: Sequence[x509.Certificate]) -> str:
        records = self._policy.tlsa
        if any(record.usage == 3 and _matches(record, chain[0]) for record in records):
            return ""  # neither names nor dates count (RFC 7672 section 3.1.1)
        anchors = [
            anchor
            for record in records
            if record.usage == 2
            for anchor in (*chain[1:], *_held(record))
            if _matches(record, anchor)
        ]
        if not anchors:
            number = f"none of its {len(records)} TLSA records" if len(records) > 1 else "not its TLSA record"
            return f"the certificate of {self._host} matches {number}"
        faults = [_anchor_fault(chain, anchor) for anchor in anchors]
        if all(faults):
            return f"the certificate of {self._host} does not lead to the authority in its TLSA record ({faults[0]})"
        return self._name_fault(chain[0])


def bears_any(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    """Is the certificate for one of the names? Only subjectAltName counts, a wildcard is a whole first label."""
    try:
        patterns = extract_patterns(certificate)
    except (CertificateError, ValueError):
        return False
    for name in names:
        try:
            service: ServiceID = IPAddress_ID(name) if is_address(name) else DNS_ID(name)
            verify_service_identity(patterns, [service], [])
        except (VerificationError, CertificateError, ValueError):
            continue
        return True
    return False


def _chain(connection: SSL.Connection) -> list[x509.Certificate]:
    """What the host has shown, its own certificate first; TLS 1.2 and 1.3 with our ciphers always have one."""
    chain = connection.get_peer_cert_chain(as_cryptography=True)
    assert chain, "a TLS server shows a certificate"
    return list(chain)


def _matches(record: Tlsa, certificate: x509.Certificate) -> bool:
    """RFC 6698 section 2.1."""
    data = certificate.public_bytes(Encoding.DER) if record.selector == 0 else _spki(certificate)
    digest = _DIGESTS.get(record.matching)
    return record.data == (digest(data).digest() if digest else data)


def _spki(certificate: x509.Certificate) -> bytes:
    """SubjectPublicKeyInfo as it stands in the certificate (RFC 5280 section 4.1): written anew it may differ."""
    der = certificate.tbs_certificate_bytes
    at, _ = _value(der, 0)
    # The version may be missing; then come number, algorithm, issuer, dates and subject.
    for _ in range(6 if der[at] == 0xA0 else 5):
        _, at = _value(der, at)
    return der[at : _value(der, at)[1]]


def _value(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER value at ``at`` begins and ends."""
    at += 2
    length = der[at - 1]
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[at : at + size], "big")
        at += size
    return at, at + length


def _held(record: Tlsa) -> list[x509.Certificate]:
    """An authority that stands whole in its record need not be in the chain (RFC 7671 section 5.2.1)."""
    if record.selector != 0 or record.matching != 0:
        return []
    try:
        return [x509.load_der_x509_certificate(record.data)]
    except ValueError:
        return []


def _anchor_fault(chain: Sequence[x509.Certificate], anchor: x509.Certificate) -> str:
    """Why the first certificate does not lead to the anchor; nothing when it does."""
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    first, *others = [crypto.X509.from_cryptography(certificate) for certificate in chain]
    store.add_cert(crypto.X509.from_cryptography(anchor))
    try:
        crypto.X509StoreContext(store, first, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        return str(error)
    return ""
