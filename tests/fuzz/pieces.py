"""Octets taken apart: a fuzzed input is a head that steers and a rest that is read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeVar

from twisted.internet.defer import Deferred

HEAD = 4
"""Octets of the head."""

T = TypeVar("T")


def split_head(data: bytes) -> tuple[int, random.Random, bytes]:
    """Flags (8 bits), what chooses cuts, and the rest."""
    head = data[:HEAD].ljust(HEAD, b"\0")
    return head[0], random.Random(head[1:]), data[HEAD:]


def cuts(octets: bytes, choose: random.Random) -> Iterator[bytes]:
    """``octets`` in segments: octet by octet, or at a few places."""
    if choose.random() < 0.2:
        yield from (octets[i : i + 1] for i in range(len(octets)))
        return
    borders = sorted({0, len(octets), *(choose.randint(0, len(octets)) for _ in range(choose.randrange(9)))})
    yield from (octets[a:b] for a, b in pairwise(borders))


def texts(octets: bytes, count: int) -> list[str]:
    """The first ``count`` texts between NULs, "" for those that are missing, and whatever else there is as the last."""
    found = [piece.decode("utf-8", "replace") for piece in octets.split(b"\0", count)]
    return found + [""] * (count + 1 - len(found))


def ended(deferred: Deferred[T]) -> T:
    """The result of what waits for nothing."""
    found: list[T] = []
    deferred.addCallback(found.append)
    if not found:
        deferred.addErrback(lambda failure: failure.raiseException())
        raise AssertionError(f"no result: {deferred!r}")
    return found[0]
