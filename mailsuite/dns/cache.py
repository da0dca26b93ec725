"""Responses of upstream servers, kept while they are good, and a while longer for bad times.

RFC 1035 section 7.4, RFC 2308 section 5 (negative answers), RFC 8767 (stale data), RFC 9520 (failures).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from mailsuite.dns import sections, wire

MAX_TTL = 86400
MAX_NEGATIVE_TTL = 3 * 3600
STALE_TTL = 30
"""What a stale answer says, and how long nobody is asked again after a failure (RFC 8767 section 4 and 5)."""
FAILURE_TTL = 1
_OVERHEAD = 600
"""Octets that an entry costs beside its message, about."""


class Asked(NamedTuple):
    """What is asked upstream: ``name`` in lower-case wire form, the DO and CD bits. The key of the cache."""

    name: bytes
    type: int
    do: bool = False
    cd: bool = False


class _Kept(NamedTuple):
    message: bytes
    stored: float
    expires: float
    ttls: tuple[int, ...]
    retry: float


class ReplyCache:
    """Least recently used entries go first when ``size`` octets are exceeded; ``stale`` in seconds beyond the TTL."""

    def __init__(self, size: int = 32 << 20, stale: int = 86400) -> None:
        self._size = size
        self._stale = stale
        self._used = 0
        self._kept: OrderedDict[Asked, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, asked: Asked, message: bytes, now: float) -> None:
        """Keep a sound message without OPT, if its TTLs allow."""
        places = sections.records(message)
        if places is None:
            return
        ttl = _lifetime(message, places)
        if ttl > 0:
            self._drop(asked)
            self._kept[asked] = _Kept(message, now, now + ttl, tuple(place.fixed + 4 for place in places), 0)
            self._used += len(message) + _OVERHEAD
            while self._used > self._size:
                self._drop(next(iter(self._kept)))

    def get(self, asked: Asked, now: float) -> bytes | None:
        """The message with its TTLs counted down; a stale one while its upstreams are known to fail."""
        kept = self._kept.get(asked)
        if kept is None:
            return None
        self._kept.move_to_end(asked)
        if now < kept.expires:
            return _aged(kept, int(now - kept.stored))
        if self._stale_until(kept) <= now:
            self._drop(asked)
        elif now < kept.retry:
            return _staled(kept)
        return None

    def failed(self, asked: Asked, now: float) -> bytes | None:
        """The upstreams failed: the stale message, if there is one, also for the next seconds."""
        kept = self._kept.get(asked)
        if kept is None or self._stale_until(kept) <= now:
            return None
        self._kept[asked] = kept = kept._replace(retry=now + STALE_TTL)
        return _staled(kept)

    def _stale_until(self, kept: _Kept) -> float:
        """A failure is of no use once its time is over."""
        return kept.expires + (0 if kept.message[3] & 15 == wire.SERVFAIL else self._stale)

    def _drop(self, asked: Asked) -> None:
        kept = self._kept.pop(asked, None)
        if kept is not None:
            self._used -= len(kept.message) + _OVERHEAD


def _lifetime(message: bytes, places: list[sections.Place]) -> int:
    """Seconds that a message may be kept, 0: not at all."""
    rcode = message[3] & 15
    if rcode == wire.SERVFAIL:
        return FAILURE_TTL
    if rcode not in (wire.NOERROR, wire.NXDOMAIN):
        return 0
    ttls = [place.ttl for place in places if place.section < 3]
    if rcode == wire.NOERROR and message[6:8] != b"\0\0" and not _ends_in_alias(message, places):
        return min(MAX_TTL, *ttls)
    soa = next((place for place in places if place.section == 2 and place.type == wire.SOA), None)
    if soa is None:
        return 0
    return min(MAX_NEGATIVE_TTL, sections.soa_minimum(message, soa), *ttls)


def _ends_in_alias(message: bytes, places: list[sections.Place]) -> bool:
    """Is there nothing but CNAMEs in the answer to a question for something else (NODATA, RFC 2308 section 2.2)?"""
    end = sections.question_end(message)
    asked = int.from_bytes(message[end - 4 : end - 2], "big")
    return asked not in (wire.CNAME, wire.ANY) and all(p.type == wire.CNAME for p in places if p.section == 1)


def _patched(kept: _Kept, passed: int, least: int) -> bytes:
    message = bytearray(kept.message)
    for at in kept.ttls:
        message[at : at + 4] = max(least, int.from_bytes(message[at : at + 4], "big") - passed).to_bytes(4, "big")
    return bytes(message)


def _aged(kept: _Kept, passed: int) -> bytes:
    return _patched(kept, passed, 0) if passed else kept.message


def _staled(kept: _Kept) -> bytes:
    return _patched(kept, 2**32, STALE_TTL)
