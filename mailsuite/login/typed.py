"""What people type: addresses with U-labels, text without controls (RFC 5890, UTS #46, RFC 6531 section 3.2)."""

from __future__ import annotations

import re
import unicodedata

import idna

from mailsuite.model.address import Address

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Line ends and other control characters, and halves of surrogate pairs: no name or subject may hold one."""


def typed_address(text: str) -> Address:
    """The Address with its domain in A-labels; "ann@bücher.example" and "ann@xn--bcher-kva.example" are equal.

    Raises ValueError, which says what is wrong.
    """
    text = text.strip()
    if text.isascii():
        return Address.parse(text)
    local, at, domain = text.rpartition("@")
    if not domain.isascii():
        if len(domain) > 255:
            raise ValueError(f"{domain[:40]!r}… is not a domain name: it is longer than 255 characters")
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"{domain!r} is not a domain name: {error}") from None
    return Address.parse(unicodedata.normalize("NFC", local) + at + domain)
