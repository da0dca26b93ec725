"""Identifiers that sort by time: 9 characters of milliseconds, 11 of randomness."""

from __future__ import annotations

from collections.abc import Callable

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(value: int, length: int) -> str:
    out = []
    for _ in range(length):
        value, digit = divmod(value, 32)
        out.append(_DIGITS[digit])
    return "".join(reversed(out))


def ordered_id(now: int, random: Callable[[int], bytes]) -> str:
    """A new id of 20 characters: ``now`` in ms since 1970, ``random`` gives n random bytes (os.urandom)."""
    return _base32(now, 9) + _base32(int.from_bytes(random(7), "big"), 11)
