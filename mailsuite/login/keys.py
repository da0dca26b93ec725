"""Makes the DKIM keys of a domain (RFC 6376 sections 3.1 and 3.6.1, RFC 8301 section 3.2, RFC 8463 section 4)."""

from __future__ import annotations

import re
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailsuite.model.account import DkimKey

RSA_BITS = 2048
"""The least that signers should use, and the most that fits one DNS answer of 512 octets with room to spare."""

_STEM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,53}[a-z0-9])?\Z")


def new_dkim_keys(selector_stem: str, created: int = 0) -> tuple[DkimKey, ...]:
    """An RSA and an Ed25519 key with the selectors ``<stem>-rsa`` and ``<stem>-ed25519``, made at ``created`` (ms).

    ``selector_stem`` is a lower-case DNS label, such as "202611"; ValueError when it is not. Blocks for about 100 ms.
    """
    if not _STEM.match(selector_stem):
        raise ValueError(
            f"{selector_stem!r} cannot begin a selector: a-z, 0-9 and inner hyphens, at most 55 characters"
        )
    rsa = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    ed25519 = Ed25519PrivateKey.generate()
    return (
        DkimKey(
            selector=f"{selector_stem}-rsa",
            algorithm="rsa",
            private=_pem(rsa),
            public=b64encode(rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode(),
            created=created,
        ),
        DkimKey(
            selector=f"{selector_stem}-ed25519",
            algorithm="ed25519",
            private=_pem(ed25519),
            public=b64encode(ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode(),
            created=created,
        ),
    )


def _pem(key: RSAPrivateKey | Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
