"""The TLSA record of a certificate (RFC 6698, RFC 7671 section 5.1)."""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate


def tlsa_data(pem: bytes) -> str:
    """``3 1 1 <hash>`` of the first certificate's public key: it outlives a renewal with the same key.

    Raises ValueError when there is no certificate in it.
    """
    key = load_pem_x509_certificate(pem).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"3 1 1 {sha256(spki).hexdigest()}"
