"""Password hashes: argon2id, 19 MiB, two passes, one lane (RFC 9106; strings are compared as RFC 8265 section 4.2)."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from mailsuite.login.typed import CONTROLS

MIN_CHARACTERS = 12
MAX_OCTETS = 1024

_DUMMY = f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}"
"""A hash that no password has, with the cost of a real one."""


def _octets(password: str) -> bytes | None:
    """What is hashed, None when no password can be like that. The same characters typed on another keyboard agree."""
    if len(password) > MAX_OCTETS:
        return None
    spaces = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    try:
        octets = unicodedata.normalize("NFC", spaces).encode()
    except UnicodeEncodeError:
        return None
    return octets if 0 < len(octets) <= MAX_OCTETS else None


def check_strength(password: str) -> None:
    """Raises ValueError, which names the rule, for a password that an account may not have."""
    if len(password) < MIN_CHARACTERS:
        raise ValueError(f"the password needs at least {MIN_CHARACTERS} characters")
    if CONTROLS.search(password):
        raise ValueError("the password may not hold control characters")
    if _octets(password) is None:
        raise ValueError(f"the password may not be longer than {MAX_OCTETS} octets")


class Passwords:
    """Every method but ``needs_rehash`` blocks for some 20 ms and takes 19 MiB: callers use a thread."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)

    def hash(self, password: str) -> str:
        """A fresh salted hash in the PHC string form. ValueError when the password is empty or too long."""
        octets = _octets(password)
        if octets is None:
            raise ValueError(f"a password has 1 to {MAX_OCTETS} octets")
        return self._hasher.hash(octets)

    def verify(self, stored: str, password: str) -> bool:
        """Is it the password of this hash? ValueError when ``stored`` is no hash."""
        octets = _octets(password)
        if octets is None:
            return False
        try:
            return self._hasher.verify(stored, octets)
        except VerificationError:
            return False

    def waste(self, password: str) -> None:
        """Take the time of ``verify`` for an account that does not exist."""
        self.verify(_DUMMY, password)

    def needs_rehash(self, stored: str) -> bool:
        """Was the hash made with other parameters than today's?"""
        return self._hasher.check_needs_rehash(stored)
