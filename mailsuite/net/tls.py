"""TLS for mail: our certificate as a server, unverified encryption as a client (RFC 3207, RFC 7435, RFC 8996)."""

from __future__ import annotations

import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer


def server_tls(certificate: bytes, key: bytes) -> CertificateOptions:
    """What a server needs for TLS 1.2 and above, from PEM: the certificate, then its chain; and its private key.

    Raises ValueError when either cannot be read or they do not belong together.
    """
    try:
        # Twisted's types name pyOpenSSL's own classes, which pyOpenSSL has deprecated for these.
        chain: list[Any] = x509.load_pem_x509_certificates(certificate)
        private: Any = serialization.load_pem_private_key(key, None)
        options = CertificateOptions(
            privateKey=private, certificate=chain[0], extraCertChain=chain[1:], raiseMinimumTo=TLSVersion.TLSv1_2
        )
        options.getContext()
    except (SSL.Error, ValueError, TypeError) as error:
        raise ValueError(f"the certificate or its key cannot be used: {error}") from error
    return options


@implementer(IOpenSSLClientConnectionCreator)
class OpportunisticTls:
    """Encrypts to a host whose certificate is not looked at: better than clear text, no more."""

    def __init__(self, host: str, options: CertificateOptions) -> None:
        """``host`` goes into SNI unless it is an address; ``options`` are shared by all hosts."""
        self._host = "" if _is_address(host) else host
        self._options = options

    def clientConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The connection that is to shake hands."""
        connection = self._options.clientConnectionForTLS(tls_protocol)
        if self._host:
            connection.set_tlsext_host_name(self._host.encode("ascii", "ignore"))
        return connection


def opportunistic_options() -> CertificateOptions:
    """TLS 1.2 and above, any certificate of the other side, none of ours."""
    return CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2)


def in_words(transport: Any) -> str:
    """Protocol and cipher of a transport on which TLS is on, e.g. "TLSv1.3 TLS_AES_256_GCM_SHA384"."""
    connection = transport.getHandle()
    return f"{connection.get_protocol_version_name()} {connection.get_cipher_name()}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
