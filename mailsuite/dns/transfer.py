"""Whole zones for secondary servers (RFC 5936, RFC 8945)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.renderer
import dns.rrset
import dns.tsig

from mailsuite.dns import wire
from mailsuite.dns.forward import Server
from mailsuite.model.zone import Record, Zone

MESSAGE = 16_384
"""Octets of one message of a transfer, about: what a compression pointer reaches."""

_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")


@dataclass(frozen=True, slots=True)
class TransferKey:
    """A TSIG key shared with a secondary: ``name`` and ``algorithm`` as it has them, ``secret`` in octets."""

    name: str
    algorithm: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> TransferKey:
        """Read ``name:algorithm:base64``. Raises ValueError, which never shows the secret."""
        name, _, rest = text.strip().partition(":")
        algorithm, _, secret = rest.partition(":")
        if algorithm not in _ALGORITHMS:
            raise ValueError(f"must be name:algorithm:secret, the algorithm one of {', '.join(_ALGORITHMS)}")
        try:
            octets = base64.b64decode(secret, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("the secret of the key must be base64") from None
        if len(octets) < 16:
            raise ValueError("the secret of the key must have 16 octets or more")
        wire.encode_name(name)
        return cls(name.lower().rstrip("."), algorithm, octets)

    @property
    def tsig(self) -> dns.tsig.Key:
        """The same for dnspython."""
        return dns.tsig.Key(self.name, self.secret, self.algorithm)


@dataclass(frozen=True, slots=True)
class Secondary:
    """A server that copies our zones. With a ``key`` it must sign what it asks, and what it is told is signed."""

    server: Server
    key: TransferKey | None = None


class Refused(Exception):
    """The transfer is not given; ``response`` is what the asker is told."""

    def __init__(self, reason: str, response: bytes) -> None:
        super().__init__(reason)
        self.response = response


def is_transfer(message: bytes) -> bool:
    """Is it a query for a whole zone (AXFR, or IXFR, which is answered by the whole zone too)?"""
    query = wire.parse_query(message)
    return query is not None and not query.fault and query.type in (wire.AXFR, wire.IXFR)


def is_signed(message: bytes) -> bool:
    """May the query have a TSIG record (RFC 8945 section 4.2)?"""
    return b"\0\xfa\0\xff\0\0\0\0" in message[wire.HEADER :]


class Transfers:
    """Reads the queries of ``secondaries``: of one with a key only those count that this key has signed."""

    def __init__(self, secondaries: Sequence[Secondary]) -> None:
        self._keyrings: dict[str, dict[dns.name.Name, dns.tsig.Key]] = {}
        for secondary in secondaries:
            keyring = self._keyrings.setdefault(secondary.server[0], {})
            if secondary.key is not None:
                keyring[dns.name.from_text(secondary.key.name)] = secondary.key.tsig

    def knows(self, host: str) -> bool:
        """Is it the address of a secondary?"""
        return _plain(host) in self._keyrings

    def accept(self, message: bytes, host: str) -> tuple[dns.message.Message, str]:
        """The query of a secondary and the origin of the zone it asks for. Raises Refused."""
        plain = wire.parse_query(message)
        assert plain is not None
        query = self._read(message, plain, host)
        if self._keyrings[_plain(host)] and not query.had_tsig:
            raise Refused("it is not signed", wire.error_response(plain, wire.REFUSED))
        return query, query.question[0].name.to_text().lower()

    def _read(self, message: bytes, plain: wire.Query, host: str) -> dns.message.Message:
        try:
            return dns.message.from_wire(message, keyring=self._keyrings[_plain(host)])
        except dns.message.UnknownTSIGKey:
            raise Refused("signed with a key that is not known", _error(plain, dns.rcode.NOTAUTH)) from None
        except (dns.tsig.BadSignature, dns.tsig.BadTime, dns.tsig.BadKey, dns.tsig.BadAlgorithm) as error:
            raise Refused(f"the signature is wrong: {error}", _error(plain, dns.rcode.NOTAUTH)) from None
        except (dns.exception.DNSException, ValueError) as error:
            raise Refused(str(error) or type(error).__name__, _error(plain, dns.rcode.FORMERR)) from None

    def sign(self, message: bytes, response: bytes, host: str) -> bytes:
        """Our response to a signed query (a secondary asks for the SOA so), signed too. Raises Refused."""
        plain = wire.parse_query(message)
        if plain is None or plain.fault:
            return response
        query = self._read(message, plain, host)
        if query.keyname is None or query.keyalgorithm is None:
            return response
        answer = dns.message.from_wire(response)
        answer.use_tsig(self._keyrings[_plain(host)], query.keyname, algorithm=query.keyalgorithm)
        answer.request_mac = query.mac or b""
        return answer.to_wire(max_size=wire.STREAM_SIZE)

    def refuse(self, query: dns.message.Message, reason: str) -> Refused:
        """The zone is not ours to give."""
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.NOTAUTH)
        return Refused(reason, response.to_wire())


def _plain(host: str) -> str:
    return host.removeprefix("::ffff:")


def _error(query: wire.Query, rcode: int) -> bytes:
    return wire.error_response(query, rcode)


def messages(query: dns.message.Message, zone: Zone) -> Iterator[bytes]:
    """The zone as a sequence of messages: the SOA, all other records, the SOA again (RFC 5936 section 2.2).

    Only the SOA for an IXFR of one who has this serial already (RFC 1995 section 2).

    Blocking work, some 20 µs a record.
    """
    rrsets = list(_rrsets(zone.records))
    soa = next(rrset for rrset in rrsets if rrset.rdtype == dns.rdatatype.SOA)
    ordered = [soa] if _is_current(query, zone.serial) else [soa, *(r for r in rrsets if r is not soa), soa]
    context = None
    for batch in _batches(ordered):
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        response.use_edns(False)
        response.answer = batch
        yield response.to_wire(max_size=wire.STREAM_SIZE, multi=True, tsig_ctx=context)
        context = response.tsig_ctx


def _is_current(query: dns.message.Message, serial: int) -> bool:
    if query.question[0].rdtype != dns.rdatatype.IXFR:
        return False
    held = next((rrset[0].serial for rrset in query.authority if rrset.rdtype == dns.rdatatype.SOA), None)
    return held is not None and (held - serial) % 2**32 < 2**31


def _rrsets(records: Sequence[Record]) -> Iterator[dns.rrset.RRset]:
    sets: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        sets.setdefault((record.name, record.type), []).append(record)
    for (name, kind), found in sets.items():
        yield dns.rrset.from_text(name, min(r.ttl for r in found), "IN", kind, *(r.data for r in found))


def _batches(rrsets: Sequence[dns.rrset.RRset]) -> Iterator[list[dns.rrset.RRset]]:
    batch: list[dns.rrset.RRset] = []
    size = 0
    for rrset in rrsets:
        octets = sum(len(rdata.to_wire() or b"") + 12 + len(rrset.name) * 12 for rdata in rrset)
        if batch and size + octets > MESSAGE:
            yield batch
            batch, size = [], 0
        batch.append(rrset)
        size += octets
    yield batch
