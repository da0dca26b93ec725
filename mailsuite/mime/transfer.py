"""Content transfer encodings, read whatever their faults (RFC 2045 section 6)."""

from __future__ import annotations

import binascii

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))


def decode_base64(data: bytes) -> bytes:
    """All that can be had of base64: foreign octets are skipped, what follows the padding too."""
    digits = data.translate(None, _NOT_BASE64).partition(b"=")[0]
    rest = len(digits) % 4
    if rest == 1:
        digits, rest = digits[:-1], 0
    return binascii.a2b_base64(digits + b"=" * (-rest % 4))


def decode_quoted_printable(data: bytes, header: bool = False) -> bytes:
    """Quoted-printable; with ``header`` the "Q" encoding, where "_" is a space (RFC 2047 section 4.2)."""
    return binascii.a2b_qp(data, header=header)


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """The octets behind a Content-Transfer-Encoding; unknown ones are taken as they are."""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    return data
