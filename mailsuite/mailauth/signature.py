"""One signature field over a message, DKIM's or ARC's: its tags, and the hashes it speaks of (RFC 6376, RFC 8617)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailsuite.mailauth import canonical
from mailsuite.mailauth.fields import Field, Header
from mailsuite.mailauth.lookups import a_label
from mailsuite.mailauth.taglist import colon_list, parse_tags, squeeze

_NUMBER = re.compile(r"[0-9]{1,76}\Z")
ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


@dataclass(frozen=True, slots=True)
class Signature:
    """The tags as they are used; ``key_name`` is where the key is; ``length`` is l= or None."""

    tags: dict[str, str]
    algorithm: str
    domain: str
    selector: str
    signed: tuple[str, ...]
    header_form: str
    body_form: str
    length: int | None
    body_hash: bytes
    signature: bytes

    @property
    def key_name(self) -> str:
        """The name of the key record."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def kind(self) -> str:
        """The kind of key that the algorithm needs, "" when it is none that counts."""
        return ALGORITHMS.get(self.algorithm, "")


def read_signature(field: Field, required: Sequence[str], default_form: str = "simple/simple") -> Signature:
    """The signature in a field. Raises ValueError, which says what is wrong."""
    tags = parse_tags(field.text)
    for name in required:
        if name not in tags:
            raise ValueError(f"the tag {name}= is missing")
    forms = tags.get("c", default_form).lower().split("/")
    header_form, body_form = forms[0], forms[1] if len(forms) > 1 else "simple"
    if len(forms) > 2 or header_form not in canonical.FIELDS or body_form not in canonical.BODIES:
        raise ValueError(f"c={tags['c'][:40]} names no known canonical form")
    domain, selector = a_label(tags["d"]), a_label(tags["s"])
    if not domain or not selector:
        raise ValueError("d= or s= is not a domain name")
    length = tags.get("l")
    if length is not None and not _NUMBER.match(length):
        raise ValueError("l= is not a number")
    return Signature(
        tags=tags,
        algorithm=tags["a"].lower(),
        domain=domain,
        selector=selector,
        signed=colon_list(tags.get("h", "")),
        header_form=header_form,
        body_form=body_form,
        length=None if length is None else int(length),
        body_hash=_base64(tags.get("bh", ""), "bh"),
        signature=_base64(tags["b"], "b"),
    )


def _base64(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(squeeze(value), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{name}= is not base64") from None


def number(tags: dict[str, str], name: str) -> int | None:
    """A tag that is a number, None when it is not there. Raises ValueError for anything else."""
    if name not in tags:
        return None
    if not _NUMBER.match(tags[name]):
        raise ValueError(f"{name}= is not a number")
    return int(tags[name])


class Bodies:
    """The SHA-256 of a body in its canonical forms, each computed once."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._forms: dict[str, bytes] = {}
        self._hashes: dict[tuple[str, int | None], bytes] = {}

    def hash(self, form: str, length: int | None) -> bytes:
        """The hash of the first ``length`` octets. Raises ValueError when there are not so many."""
        if (form, length) not in self._hashes:
            if form not in self._forms:
                self._forms[form] = canonical.BODIES[form](self._body)
            body = self._forms[form]
            if length is not None and length > len(body):
                raise ValueError(f"l={length} is more than the {len(body)} octets of the body")
            self._hashes[form, length] = hashlib.sha256(body[:length]).digest()
        return self._hashes[form, length]


def header_hash(header: Header, field: Field, signature: Signature) -> bytes:
    """The SHA-256 that b= signs: the fields of h=, each name from the bottom up, then this one (section 3.7)."""
    form = canonical.FIELDS[signature.header_form]
    remaining: dict[str, list[Field]] = {name: [] for name in signature.signed}
    for candidate in header.fields:
        if (name := candidate.name.decode("ascii")) in remaining:
            remaining[name].append(candidate)
    digest = hashlib.sha256()
    for name in signature.signed:
        if remaining[name]:
            digest.update(form(remaining[name].pop()))
    digest.update(form(field, canonical.without_signature(field)).removesuffix(b"\r\n"))
    return digest.digest()
