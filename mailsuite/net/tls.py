"""TLS for mail: our certificates as a server, and words for what was agreed on.

RFC 3207, RFC 6066 section 3 (SNI), RFC 7435, RFC 8996.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

Pair = tuple[Path, Path]
"""PEM files: a certificate with its chain behind it, and its private key."""


@dataclass(frozen=True, slots=True)
class _Certificate:
    chain: Path
    key: Any
    kind: str
    """Of the key: OpenSSL holds one certificate for each kind in a context."""
    names: frozenset[str]

    @classmethod
    def read(cls, pair: Pair) -> _Certificate:
        leaf = x509.load_pem_x509_certificates(pair[0].read_bytes())[0]
        key: Any = serialization.load_pem_private_key(pair[1].read_bytes(), None)
        try:
            alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = alternatives.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:
            names = []
        return cls(pair[0], key, type(key).__name__, frozenset(name.lower() for name in names))


class _Certificates:
    """The contexts that some certificates give; one state of ServerTls. All files are read here and not again."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._all = [_Certificate.read(pair) for pair in pairs]
        self._contexts: dict[tuple[int, ...], SSL.Context] = {}
        for number in range(len(self._all)):  # one that cannot be used must not be found out in a handshake
            self._context((number,))
        first = self._all[0].names
        self.default = self._best([n for n, each in enumerate(self._all) if n == 0 or each.names & first])
        # RFC 6125 section 6.4: a wildcard stands for the whole first label.
        self._names = {
            name: self._best([n for n, each in enumerate(self._all) if each.names & {name, _wildcard(name)}])
            for name in frozenset[str]().union(*(each.names for each in self._all))
        }

    def of(self, name: str) -> SSL.Context:
        """The context for a server name; that of the first certificate when none bears the name."""
        return self._names.get(name) or self._names.get(_wildcard(name)) or self.default

    def _best(self, fitting: Sequence[int]) -> SSL.Context:
        """A context with the first certificate for each kind of key."""
        return self._context(tuple(sorted({self._all[n].kind: n for n in reversed(fitting)}.values())))

    def _context(self, choice: tuple[int, ...]) -> SSL.Context:
        if choice not in self._contexts:
            context: SSL.Context = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
            for number in choice:
                certificate = self._all[number]
                # The file, because a chain that is added by itself would belong to all certificates of the context.
                context.use_certificate_chain_file(str(certificate.chain))
                context.use_privatekey(certificate.key)
                context.check_privatekey()
            self._contexts[choice] = context
        return self._contexts[choice]


def _wildcard(name: str) -> str:
    return f"*.{name.partition('.')[2]}"


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """TLS 1.2 and above for servers, with several certificates.

    A client that names a server (SNI) is shown a certificate for that name, other clients the first one; where two
    kinds of key (ECDSA, RSA) bear a name, the client's abilities choose. ``reload`` changes what later handshakes show.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        """Raises ValueError when a file cannot be read or a certificate and its key do not belong together."""
        self.reload(pairs)

    def reload(self, pairs: Sequence[Pair]) -> None:
        """Read the files again, or others. Raises ValueError: then all stays as it was. Open sessions go on."""
        try:
            certificates = _Certificates(pairs)
        except (SSL.Error, OSError, ValueError, TypeError) as error:
            raise ValueError(f"a certificate or its key cannot be used: {error}") from error
        certificates.default.set_tlsext_servername_callback(
            lambda connection: _choose(certificates, connection),
        )
        self._certificates = certificates

    def serverConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The connection that is to shake hands."""
        return SSL.Connection(self._certificates.default, None)


def _choose(certificates: _Certificates, connection: SSL.Connection) -> None:
    name = connection.get_servername()
    if name:
        connection.set_context(certificates.of(name.decode("ascii", "replace").lower().rstrip(".")))


def in_words(transport: Any) -> str:
    """Protocol and cipher of a transport on which TLS is on, e.g. "TLSv1.3 TLS_AES_256_GCM_SHA384"."""
    connection = transport.getHandle()
    return f"{connection.get_protocol_version_name()} {connection.get_cipher_name()}"
