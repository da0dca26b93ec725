"""Names that clients of the forwarder are kept from: millions of them, at 8 octets each.

A name is kept as 64 bits of its hash. Of a list of ten million names one in two million million others is blocked by
mistake.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from hashlib import blake2b

from mailsuite.dns import wire

_BUCKETS = 4096
_SHIFT = 64 - 12
_STEP = 50
"""Lines that are read between two calls of ``pause``."""
_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"(?:\A|\s)#.*")
_ADDRESS = re.compile(r"[0-9.]+\Z|[0-9a-fA-F:]*:[0-9a-fA-F:.]*\Z")
_ADBLOCK = re.compile(r"(@@)?\|\|([^/^$|]+)\^(?:\$.*)?\Z")
_LOCAL = frozenset(("localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost", "ip6-loopback"))


class Reach(Enum):
    """What an entry stands for."""

    NAME = "the name itself"
    BELOW = "the names below it"
    BOTH = "the name and those below it"


Entry = tuple[str, Reach]


def entries(lines: Iterable[str]) -> Iterator[tuple[bool, str, Reach]]:
    """The entries of a list, as (is it an exception?, name, reach); what is none of these is passed over.

    ``0.0.0.0 name …`` and ``127.0.0.1 name …`` as in hosts files and ``name`` alone stand for the name itself,
    ``*.name`` for those below it, ``.name`` and ``||name^`` for both; ``@@||name^`` is an exception. ``#`` and ``!``
    begin comments; ``name##…`` is a rule for browsers and says nothing of the name.
    """
    for line in lines:
        text = line.strip()
        if not text or text[0] in "#![":
            continue
        if adblock := _ADBLOCK.match(text):
            yield bool(adblock[1]), adblock[2], Reach.BOTH
            continue
        words = _SPACE.split(_COMMENT.sub("", text).strip())
        names = words[1:] if _ADDRESS.match(words[0]) else words[:1]
        for name in names:
            if name.startswith("*."):
                yield False, name[2:], Reach.BELOW
            elif name.startswith("."):
                yield False, name[1:], Reach.BOTH
            elif name.lower() not in _LOCAL:
                yield False, name, Reach.NAME


class _Names:
    """A set of hashes in sorted buckets: sorting one never takes longer than a millisecond."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]

    def add(self, name: bytes) -> None:
        value = _hash(name)
        self._buckets[value >> _SHIFT].append(value)

    def close(self, pause: Callable[[], None]) -> None:
        for index, bucket in enumerate(self._buckets):
            self._buckets[index] = array("Q", sorted(set(bucket)))
            pause()

    def __contains__(self, name: bytes) -> bool:
        value = _hash(name)
        bucket = self._buckets[value >> _SHIFT]
        at = bisect_left(bucket, value)
        return at < len(bucket) and bucket[at] == value

    def __len__(self) -> int:
        return sum(map(len, self._buckets))


def _hash(name: bytes) -> int:
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big")


class Blocklist:
    """``lines`` of lists (see entries), and names that are allowed with all below them whatever the lists say.

    Making one is blocking work of about 4 µs an entry; ``pause`` is called after each small step of it.
    """

    def __init__(
        self, lines: Iterable[str] = (), allowed: Iterable[str] = (), pause: Callable[[], None] = lambda: None
    ) -> None:
        self._exact, self._below = _Names(), _Names()
        self._allowed = {wire.encode_name(name).lower() for name in allowed}
        for number, (exception, text, reach) in enumerate(entries(lines)):
            if not number % _STEP:
                pause()
            try:
                name = wire.encode_name(text).lower()
            except ValueError:
                continue  # lists of others hold all sorts of things
            if name == b"\0":
                continue
            if exception:
                self._allowed.add(name)
                continue
            if reach is not Reach.BELOW:
                self._exact.add(name)
            if reach is not Reach.NAME:
                self._below.add(name)
        self._exact.close(pause)
        self._below.close(pause)
        self._any_below = len(self._below) > 0

    def __len__(self) -> int:
        return len(self._exact) + len(self._below)

    def blocks(self, name: bytes) -> bool:
        """Is the lower-case wire name to be kept from clients?"""
        if name in self._exact or (self._any_below and self._covered(name)):
            return not self._allowed or not self._is_allowed(name)
        return False

    def _covered(self, name: bytes) -> bool:
        return any(above in self._below for above in _above(name))

    def _is_allowed(self, name: bytes) -> bool:
        return name in self._allowed or any(above in self._allowed for above in _above(name))


def _above(name: bytes) -> Iterator[bytes]:
    while name[0]:
        name = name[name[0] + 1 :]
        yield name


def blocked_response(query: wire.Query, nxdomain: bool, ttl: int = 60) -> bytes:
    """What a client is told: NXDOMAIN, or the addresses 0.0.0.0 and :: (and nothing for other types)."""
    if nxdomain:
        return wire.error_response(query, wire.NXDOMAIN, recursion=True)
    address = {wire.A: bytes(4), wire.AAAA: bytes(16)}.get(query.type)
    if address is None:
        return wire.error_response(query, wire.NOERROR, recursion=True)
    record = b"\xc0\x0c" + query.question[-4:] + ttl.to_bytes(4, "big") + len(address).to_bytes(2, "big") + address
    head = wire.heads(wire.NOERROR, answer=1)[bool(query.flags & wire.RD) + 2 + 4 * query.edns]
    return query.id + head + query.question + record + (wire.opt(query.do) if query.edns else b"")
