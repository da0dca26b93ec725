"""Keys, messages and DNS for the tests of mail authentication."""

from __future__ import annotations

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailsuite.mailauth.dkim import examine, judge
from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.lookups import Lookup
from mailsuite.mailauth.sign import Signer
from mailsuite.mailauth.signature import Bodies
from mailsuite.model.account import DkimKey
from mailsuite.model.verdict import DkimResult
from mailsuite.testing.fake_resolver import FakeResolver

NOW = 1_700_000_000
"""Seconds; the clock of these tests. It is past, since opendkim and dkimpy have the clock of the machine."""

DOMAIN = "alpha.example"

MESSAGE = (
    b"From: Ann <ann@alpha.example>\r\n"
    b"To: Bob <bob@beta.example>\r\n"
    b"Subject: Lunch  at\tone\r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    b"Message-ID: <1@alpha.example>\r\n"
    b"\r\n"
    b"Hi Bob,\r\n\r\n  is one  o'clock fine? \r\n"
)


@cache
def rsa_key(selector: str = "r1", bits: int = 2048) -> DkimKey:
    """An RSA key, made once for each selector and size."""
    return _key(selector, "rsa", generate_private_key(65537, bits))


@cache
def ed25519_key(selector: str = "e1") -> DkimKey:
    """An Ed25519 key, made once for each selector."""
    return _key(selector, "ed25519", Ed25519PrivateKey.generate())


def _key(selector: str, algorithm: str, private: RSAPrivateKey | Ed25519PrivateKey) -> DkimKey:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key()
    if algorithm == "rsa":
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return DkimKey(selector, algorithm, pem, base64.b64encode(octets).decode())


def record(key: DkimKey) -> str:
    """The TXT record of a key, from RFC 6376 section 3.6.1."""
    return f"v=DKIM1; k={key.algorithm}; p={key.public}"


def publish(resolver: FakeResolver, *keys: DkimKey, domain: str = DOMAIN) -> None:
    """Let DNS have the records of keys."""
    for key in keys:
        resolver.add(f"{key.selector}._domainkey.{domain}", "TXT", [record(key)])


def signed(content: bytes, *keys: DkimKey, domain: str = DOMAIN, now: int = NOW) -> bytes:
    """The content with our signatures."""
    return Signer(domain, keys or (rsa_key(),)).sign(content, now) + content


async def dkim_results(content: bytes, lookup: Lookup, now: int = NOW) -> tuple[DkimResult, ...]:
    """What our verifier says."""
    header = read_header(content)
    return await judge(examine(header, Bodies(content[header.body_start :]), now), lookup)
