"""Has a message been forwarded for an address before (RFC 9228 on Delivered-To, RFC 5321 section 6.3)?"""

from __future__ import annotations

from mailsuite.mime.headers import Headers
from mailsuite.model.address import Address

RECEIVED = 100
"""More Received fields are a loop."""


def looped(address: Address, content: bytes) -> bool:
    """Is the address in a Delivered-To field, or did the message pass too many hosts?"""
    headers = Headers.parse(content)
    return address.key in map(_key, headers.unfolded("delivered-to")) or len(headers.raw("received")) > RECEIVED


def _key(text: str) -> str:
    try:
        return Address.parse(text.strip("<> ")).key
    except ValueError:
        return ""
