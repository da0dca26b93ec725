"""The records of a whole message: where they lie, whether they are sound, and how a long message is cut.

RFC 1035 section 4.1, RFC 2181 sections 5.2 and 9, RFC 9471 (glue that does not fit).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mailsuite.dns import wire


class Place(NamedTuple):
    """One record: ``section`` 1 answer, 2 authority, 3 additional; ``owner`` in lower case.

    ``start``, ``fixed`` (where the type stands), ``rdata`` and ``end`` are offsets in the message.
    """

    section: int
    start: int
    owner: bytes
    type: int
    fixed: int
    ttl: int
    rdata: int
    end: int


def question_end(message: bytes) -> int:
    """Where the question of a message with one question ends, else -1."""
    if message[4:6] != b"\0\1":
        return -1
    end = wire.name_end(message, wire.HEADER)
    return end + 4 if 0 < end <= len(message) - 4 else -1


def records(message: bytes) -> list[Place] | None:
    """All records of a message with one question; None when it does not parse to exactly its end."""
    at, size = question_end(message), len(message)
    if at < 0:
        return None
    places: list[Place] = []
    ttls: list[int] = []
    for section in (1, 2, 3):
        for _ in range(int.from_bytes(message[4 + 2 * section : 6 + 2 * section], "big")):
            owner = wire.read_name(message, at, ttls)
            if owner is None or owner[1] + 10 > size:
                return None
            fixed = owner[1]
            rdata = fixed + 10
            end = rdata + int.from_bytes(message[fixed + 8 : rdata], "big")
            if end > size:
                return None
            kind = int.from_bytes(message[fixed : fixed + 2], "big")
            ttl = int.from_bytes(message[fixed + 4 : fixed + 8], "big")
            # A TTL with its highest bit set counts as zero (RFC 2181 section 8).
            ttls.append(fixed + 4)
            places.append(Place(section, at, owner[0].lower(), kind, fixed, 0 if ttl >> 31 else ttl, rdata, end))
            at = end
    return places if at == size else None


# Types whose rdata may hold compressed names (RFC 1035 section 3.3, RFC 3597 section 4):
# octets before the names, names, octets after them.
_NAMES = {
    2: (0, 1, 0),
    5: (0, 1, 0),
    6: (0, 2, 20),
    12: (0, 1, 0),
    14: (0, 2, 0),
    15: (2, 1, 0),
    17: (0, 2, 0),
    18: (2, 1, 0),
    33: (6, 1, 0),
    39: (0, 1, 0),
}
_LENGTHS = {1: 4, 28: 16}


def _rdata_sound(message: bytes, place: Place, ttls: Sequence[int]) -> bool:
    if place.type in _LENGTHS:
        return place.end - place.rdata == _LENGTHS[place.type]
    at = place.rdata
    if place.type == wire.TXT:
        while at < place.end:
            at += 1 + message[at]
        return at == place.end > place.rdata
    if place.type not in _NAMES:
        return True
    before, names, after = _NAMES[place.type]
    at += before
    for _ in range(names):
        name = wire.read_name(message, at, ttls)
        if name is None or name[1] > place.end:
            return False
        at = name[1]
    return at + after == place.end


def sound(message: bytes) -> list[Place] | None:
    """As :func:`records`, and every rdata that a client would have to expand is well-formed too."""
    places = records(message)
    if places is None:
        return None
    ttls = [place.fixed + 4 for place in places]
    return places if all(_rdata_sound(message, place, ttls) for place in places) else None


def soa_minimum(message: bytes, place: Place) -> int:
    """The MINIMUM field of a sound SOA: its last four octets."""
    return int.from_bytes(message[place.end - 4 : place.end], "big")


def strip_opt(message: bytes, places: list[Place]) -> bytes:
    """The message without its OPT and whatever follows it, which is never needed."""
    for index, place in enumerate(places):
        if place.type == wire.OPT and place.section == 3:
            kept = index - sum(p.section < 3 for p in places)
            return message[:10] + kept.to_bytes(2, "big") + message[12 : place.start]
    return message


def _same_set(one: Place, other: Place) -> bool:
    return (one.owner, one.type) == (other.owner, other.type)


def cut(message: bytes, limit: int) -> bytes:
    """Make one of our responses fit: whole records are left out from its end, the OPT stays.

    TC is set unless all that went was additional data that a client can do without; the glue of a referral
    is not of that kind.
    """
    if len(message) <= limit:
        return message
    places = records(message) or []
    tail = b""
    if places and places[-1].type == wire.OPT:
        tail = message[places[-1].start :]
        places = places[:-1]
    end = places[0].start if places else question_end(message)
    kept = 0
    while kept < len(places) and places[kept].end + len(tail) <= limit:
        end = places[kept].end
        kept += 1
    if kept < len(places) and places[kept].section == 3:
        # An RRset in the additional section is there whole or not at all.
        first = places[kept]
        while kept and places[kept - 1].section == 3 and _same_set(places[kept - 1], first):
            kept -= 1
            end = places[kept].start
    counts = [sum(place.section == section for place in places[:kept]) for section in (1, 2, 3)]
    referral = not message[2] & 0x04 and not counts[0] and counts[1] > 0
    truncated = kept == len(places) or places[kept].section < 3 or referral
    counts[2] += bool(tail)
    head = message[:2] + bytes((message[2] | (0x02 if truncated else 0),)) + message[3:6]
    return head + b"".join(n.to_bytes(2, "big") for n in counts) + message[12:end] + tail
