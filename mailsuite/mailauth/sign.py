"""DKIM signatures on what leaves (RFC 6376 section 5, RFC 8463): relaxed/relaxed, rsa-sha256 and ed25519-sha256."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailsuite.mailauth import canonical
from mailsuite.mailauth.fields import Field, Header, read_header
from mailsuite.model.account import DkimKey

OVERSIGNED = ("from", "to", "cc", "subject", "date", "reply-to", "message-id", "mime-version", "content-type")
"""Signed once more than they are there, so that nobody can add one (RFC 6376 section 8.15)."""

OVERSIGNED_LIST = (
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-help",
    "list-post",
    "list-owner",
    "list-subscribe",
    "list-archive",
)
"""As above in a message that has any of them; elsewhere a mailing list may add its own."""

SIGNED = ("sender", "in-reply-to", "references", "content-transfer-encoding", "content-id", "auto-submitted")
"""Signed as often as they are there."""

_LINE = 72
_SHA256 = Prehashed(SHA256())


def keys_in_use(keys: Iterable[DkimKey], now: int, ttl: int) -> tuple[DkimKey, ...]:
    """The keys of a domain that sign at ``now`` (ms): for each algorithm the newest that is older than ``ttl`` (ms).

    Until then caches may not know it. When none is so old it is the oldest: nobody can have asked for it in vain.
    """
    chosen: dict[str, DkimKey] = {}
    for key in sorted(keys, key=lambda key: key.created):
        if key.algorithm not in chosen or key.created <= now - ttl:
            chosen[key.algorithm] = key
    return tuple(chosen.values())


class Signer:
    """Signs for one domain with its keys; making one is slow (the keys are checked), signing is not."""

    def __init__(self, domain: str, keys: Iterable[DkimKey]) -> None:
        self._domain = domain
        self._keys = tuple(_Key(key) for key in keys)

    def sign(self, content: bytes, now: int) -> bytes:
        """The fields to put before ``content``, one for each key; ``now`` in seconds since 1970. Takes any message."""
        header = read_header(content)
        names = names_to_sign(header)
        body_hash = hashlib.sha256(canonical.relaxed_body(content[header.body_start :])).digest()
        signed = b"".join(canonical.relaxed_field(field) for field in _selected(header, names))
        return b"".join(key.field(self._domain, names, body_hash, signed, now) for key in self._keys)


class _Key:
    def __init__(self, key: DkimKey) -> None:
        private = load_pem_private_key(key.private.encode(), None)
        if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
            raise ValueError(f"the DKIM key {key.selector} is neither RSA nor Ed25519")
        self._private = private
        self._selector = key.selector

    def field(self, domain: str, names: tuple[str, ...], body_hash: bytes, signed: bytes, now: int) -> bytes:
        algorithm = "rsa" if isinstance(self._private, RSAPrivateKey) else "ed25519"
        lines = [
            f"DKIM-Signature: v=1; a={algorithm}-sha256; c=relaxed/relaxed;",
            f"d={domain}; s={self._selector}; t={now};",
            *_fold_names(names),
            f"bh={base64.b64encode(body_hash).decode()};",
            "b=",
        ]
        text = "\r\n\t".join(lines).encode()
        name, _, value = text.partition(b":")
        own = canonical.relaxed_field(Field(name.lower(), text, value, 0))
        digest = hashlib.sha256(signed + own.removesuffix(b"\r\n")).digest()
        signature = base64.b64encode(self._sign(digest))
        pieces = (signature[i : i + _LINE] for i in range(0, len(signature), _LINE))
        return text + b"\r\n\t ".join(pieces) + b"\r\n"

    def _sign(self, digest: bytes) -> bytes:
        if isinstance(self._private, RSAPrivateKey):
            return self._private.sign(digest, PKCS1v15(), _SHA256)
        return self._private.sign(digest)


def names_to_sign(header: Header) -> tuple[str, ...]:
    """What h= lists for a message."""
    count: dict[str, int] = {}
    for field in header.fields:
        name = field.name.decode("ascii")
        count[name] = count.get(name, 0) + 1
    over = OVERSIGNED + (OVERSIGNED_LIST if any(name in count for name in OVERSIGNED_LIST) else ())
    names = [name for name in over for _ in range(count.get(name, 0) + 1)]
    return (*names, *(name for name in SIGNED for _ in range(count.get(name, 0))))


def _selected(header: Header, names: tuple[str, ...]) -> Iterable[Field]:
    remaining: dict[str, list[Field]] = {}
    for field in header.fields:
        remaining.setdefault(field.name.decode("ascii"), []).append(field)
    for name in names:
        if remaining.get(name):
            yield remaining[name].pop()


def _fold_names(names: tuple[str, ...]) -> list[str]:
    lines, line = [], "h=" + names[0]
    for name in names[1:]:
        if len(line) + len(name) >= _LINE:
            lines.append(line + ":")
            line = name
        else:
            line += ":" + name
    return [*lines, line + ";"]
