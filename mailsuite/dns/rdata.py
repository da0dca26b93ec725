"""The data of a record from text to octets: the usual forms of the usual types at once, all others by dnspython.

RFC 1035 section 3.3 and 5.1, RFC 3597, RFC 2782.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.SRV
import dns.rdtypes.mxbase
import dns.rdtypes.nsbase

from mailsuite.dns import wire

PTR = 12

_HOST = r"((?:[A-Za-z0-9_*-]{1,63}\.)+)"
_NUMBER = r"(0|[1-9][0-9]{0,9})"
_NAME = re.compile(rf"{_HOST}\Z")
_MX = re.compile(rf"{_NUMBER} {_HOST}\Z")
_SRV = re.compile(rf"{_NUMBER} {_NUMBER} {_NUMBER} {_HOST}\Z")
_SOA = re.compile(rf"{_HOST} {_HOST} {' '.join([_NUMBER] * 5)}\Z")
_TXT = re.compile(r'"[ !#-\[\]-~]{0,255}"(?: "[ !#-\[\]-~]{0,255}")*\Z')


class Rdata(NamedTuple):
    """``head``, then ``names`` (wire form, compressible), then ``tail``. ``target`` is whose addresses are of use."""

    head: bytes
    names: tuple[bytes, ...] = ()
    tail: bytes = b""
    target: bytes = b""


def read_rdata(type: str, text: str, origin: dns.name.Name) -> tuple[int, Rdata]:
    """The number of the type, and the data. Names that do not end in a dot are below ``origin``.

    Raises ValueError, dns.exception.DNSException and OSError for what is wrong.
    """
    simple = _SIMPLE.get(type)
    if simple is not None:
        try:
            found = simple[1](text)
        except (ValueError, OSError, struct.error):
            found = None  # whatever is wrong, dnspython has the words for it
        if found is not None:
            return simple[0], found
    kind = int(dns.rdatatype.from_text(type))
    data = dns.rdata.from_text(dns.rdataclass.IN, type, text, origin=origin, relativize=False)
    octets = data.to_wire() or b""
    if isinstance(data, dns.rdtypes.mxbase.MXBase) and kind == wire.MX:
        target = wire.octets(data.exchange)
        return kind, Rdata(octets[:2], (target,), b"", target.lower())
    if isinstance(data, dns.rdtypes.nsbase.NSBase) and kind in (wire.NS, wire.CNAME, PTR):
        target = wire.octets(data.target)
        return kind, Rdata(b"", (target,), b"", target.lower())
    if isinstance(data, dns.rdtypes.ANY.SOA.SOA):
        return kind, Rdata(b"", (wire.octets(data.mname), wire.octets(data.rname)), octets[-20:])
    if isinstance(data, dns.rdtypes.IN.SRV.SRV):
        return kind, Rdata(octets, target=wire.octets(data.target).lower())
    return kind, Rdata(octets)


def _address(text: str) -> Rdata | None:
    return Rdata(socket.inet_pton(socket.AF_INET, text))


def _address6(text: str) -> Rdata | None:
    return Rdata(socket.inet_pton(socket.AF_INET6, text))


def _host(text: str) -> Rdata | None:
    if not _NAME.match(text):
        return None
    target = wire.encode_name(text)
    return Rdata(b"", (target,), b"", target.lower())


def _exchange(text: str) -> Rdata | None:
    found = _MX.match(text)
    if found is None:
        return None
    target = wire.encode_name(found[2])
    return Rdata(struct.pack("!H", int(found[1])), (target,), b"", target.lower())


def _service(text: str) -> Rdata | None:
    found = _SRV.match(text)
    if found is None:
        return None
    target = wire.encode_name(found[4])
    return Rdata(struct.pack("!HHH", *map(int, found.groups()[:3])) + target, target=target.lower())


def _start(text: str) -> Rdata | None:
    found = _SOA.match(text)
    if found is None:
        return None
    names = wire.encode_name(found[1]), wire.encode_name(found[2])
    numbers = [int(number) for number in found.groups()[2:]]
    if max(numbers[1:]) > wire.MAX_TTL:
        return None
    return Rdata(b"", names, struct.pack("!IIIII", *numbers))


def _text(text: str) -> Rdata | None:
    if not _TXT.match(text):
        return None
    strings = text[1:-1].split('" "')
    return Rdata(b"".join([bytes((len(string),)) + string.encode("ascii") for string in strings]))


_SIMPLE: dict[str, tuple[int, Callable[[str], Rdata | None]]] = {
    "A": (wire.A, _address),
    "AAAA": (wire.AAAA, _address6),
    "NS": (wire.NS, _host),
    "CNAME": (wire.CNAME, _host),
    "PTR": (PTR, _host),
    "MX": (wire.MX, _exchange),
    "SRV": (wire.SRV, _service),
    "SOA": (wire.SOA, _start),
    "TXT": (wire.TXT, _text),
}
