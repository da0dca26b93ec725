"""Rewrites the reverse-path of what is forwarded, so that SPF passes and notices find back (SRS0 and SRS1).

The forms are those of "Sender Rewriting Scheme" (Meng Weng Wong, Shevek), which other forwarders shorten:
``SRS0=hash=day+owner=domain=local@forwarder`` and ``SRS1=hash+day+owner=first==rest@second``. Only who made the hash
and the field behind it reads them: the day is one of 1024 and the owner says whose mail was forwarded.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from collections.abc import Callable

from mailsuite.model.address import Address

VALID = 14
"""Days for which notices are taken: longer than any host tries to deliver."""

NOBODY = "0000"
"""The tag of no account; an account's is never it, for base32 has no 0."""

_DAY = 86_400_000
_DAYS = 1024
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_HASH, _TAG = 6, 4
_SRS0 = re.compile(r"SRS0[=+-]([a-z2-7]{6})=([a-z2-7]{2})([a-z2-7]{4}|0000)=([^=]+)=(.+)\Z", re.I | re.S)
_SRS1 = re.compile(r"SRS1[=+-]([a-z2-7]{6})([a-z2-7]{2})([a-z2-7]{4}|0000)=([^=]+)=([=+-].+)\Z", re.I | re.S)
_FOREIGN0 = re.compile(r"SRS0([=+-].+)\Z", re.I | re.S)
_FOREIGN1 = re.compile(r"SRS1[=+-][^=]+=([^=]+)=([=+-].+)\Z", re.I | re.S)


class Srs:
    """Rewrites with the installation's ``key``; ``clock`` tells ms since 1970. Letter case never counts."""

    def __init__(self, key: bytes, clock: Callable[[], int]) -> None:
        self._key = key
        self._clock = clock

    def tag(self, account: str) -> str:
        """Four characters that stand for an account (its id; "" is nobody) in what is rewritten."""
        return self._digest("account", account)[:_TAG] if account else NOBODY

    def rewrite(self, sender: Address, domain: str, tag: str) -> Address | None:
        """The reverse-path at ``domain`` that leads back to ``sender``; None when it would be too long.

        RFC 5321 section 4.5.3.1.1 gives a local part 64 octets.
        """
        stamp = self._stamp(self._clock() // _DAY) + tag
        if match := _FOREIGN1.match(sender.local):
            local = self._again(stamp, match[1], match[2])
        elif match := _FOREIGN0.match(sender.local):
            local = self._again(stamp, sender.domain, match[1])
        else:
            local = f"SRS0={self._hash(stamp, sender.domain, sender.local)}={stamp}={sender.domain}={sender.local}"
        return Address(local, domain) if len(local.encode()) <= 64 else None

    def _again(self, stamp: str, first: str, rest: str) -> str:
        return f"SRS1={self._hash(stamp, first, rest)}{stamp}={first}={rest}"

    def reverse(self, address: Address) -> tuple[Address, str]:
        """Where a notice to ``address`` goes, and the tag of whose mail it is.

        Raises ValueError for what we have not made, and for what is too old.
        """
        first = _SRS0.match(address.local)
        match = first or _SRS1.match(address.local)
        if match is None:
            raise ValueError("it has not the form of a rewritten address")
        code, day, tag, domain, rest = match.groups()
        day, tag, domain = day.lower(), tag.lower(), domain.lower()
        if not hmac.compare_digest(self._hash(day + tag, domain, rest).encode(), code.lower().encode()):
            raise ValueError("it was not made here")
        age = (self._clock() // _DAY - self._number(day)) % _DAYS
        if age > VALID:
            raise ValueError(f"it was good for {VALID} days")
        return Address(rest if first else f"SRS0{rest}", domain), tag

    def _hash(self, stamp: str, domain: str, rest: str) -> str:
        return self._digest("path", stamp, domain, rest)[:_HASH]

    def _digest(self, *parts: str) -> str:
        text = "\0".join(part.lower() for part in parts)
        return b32encode(hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")).decode().lower()

    def _stamp(self, day: int) -> str:
        return _DIGITS[day // 32 % 32] + _DIGITS[day % 32]

    def _number(self, stamp: str) -> int:
        return _DIGITS.index(stamp[0]) * 32 + _DIGITS.index(stamp[1])
