"""The public key of a signer: from its TXT record to what verifies (RFC 6376 section 3.6, RFC 8463, RFC 8301)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.taglist import colon_list, parse_tags, squeeze

RSA_BITS = 1024
"""Shorter keys prove nothing (RFC 8301 section 3.2)."""

_SHA256 = Prehashed(SHA256())


@dataclass(frozen=True, slots=True)
class SigningKey:
    """``kind`` is "rsa" or "ed25519"; ``strict``: i= must have the domain of d= (t=s); ``testing``: t=y."""

    kind: str
    key: RSAPublicKey | Ed25519PublicKey
    record: str
    strict: bool = False
    testing: bool = False

    @property
    def weak(self) -> bool:
        """Is it an RSA key of less than 1024 bits?"""
        return isinstance(self.key, RSAPublicKey) and self.key.key_size < RSA_BITS

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """Is it the signature of a message whose SHA-256 is ``digest``?"""
        try:
            if isinstance(self.key, RSAPublicKey):
                self.key.verify(signature, digest, PKCS1v15(), _SHA256)
            else:
                self.key.verify(signature, digest)
        except (InvalidSignature, ValueError):
            return False
        return True


def key_of(answer: Answer) -> SigningKey:
    """The key that a look-up of <selector>._domainkey.<domain> gave. Raises ValueError, which says what is wrong."""
    if not answer.data:
        raise ValueError(f"there is no key at {answer.name}")
    if len(answer.data) > 1:
        raise ValueError(f"there are {len(answer.data)} TXT records at {answer.name}, which makes the key undefined")
    return read_key(answer.data[0])


def read_key(record: str) -> SigningKey:
    """The key in a record. Raises ValueError, which says what is wrong."""
    if "\\;" in record:
        raise ValueError("the key record has backslashes before its semicolons, left over from a zone file")
    try:
        tags = parse_tags(record)
    except ValueError as error:
        raise ValueError(f"the key record is no tag-list: {error}") from None
    if "v" in tags and (next(iter(tags)) != "v" or tags["v"] != "DKIM1"):
        raise ValueError("the key record has a v= that is not DKIM1 or not its first tag")
    if "p" not in tags:
        raise ValueError("the key record has no p=")
    if "h" in tags and "sha256" not in colon_list(tags["h"]):
        raise ValueError(f"the key record allows only the hashes {tags['h'][:40]!r}, not sha256")
    if not {"*", "email"} & set(colon_list(tags.get("s", "*"))):
        raise ValueError(f"the key record is for the service {tags['s'][:40]!r}, not for mail")
    public = squeeze(tags["p"])
    if not public:
        raise ValueError("the key is revoked: p= is empty")
    flags = colon_list(tags.get("t", ""))
    kind = tags.get("k", "rsa").lower()
    return SigningKey(kind, _load(kind, public), record, "s" in flags, "y" in flags)


def _load(kind: str, public: str) -> RSAPublicKey | Ed25519PublicKey:
    try:
        octets = base64.b64decode(public, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("p= of the key record is not base64") from None
    if kind == "ed25519":
        if len(octets) != 32:
            raise ValueError(f"p= of the key record has {len(octets)} octets; an Ed25519 key has 32")
        return Ed25519PublicKey.from_public_bytes(octets)
    if kind != "rsa":
        raise ValueError(f"the key record is of the unknown kind k={kind[:20]}")
    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("p= of the key record is not an RSA key") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("p= of the key record is not an RSA key")
    return key
