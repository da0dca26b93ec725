"""The stub's half of a look-up: from a name to a question, from a response to an Answer.

RFC 1034 section 5.3.3 (aliases), RFC 2308, RFC 6840 section 5.7 (AD), RFC 7208 section 3.3 (TXT strings are joined).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.SOA
import dns.rdtypes.txtbase
import dns.rrset

from mailsuite.dns import wire
from mailsuite.dns.cache import MAX_NEGATIVE_TTL, MAX_TTL, Asked
from mailsuite.interfaces.resolver import Answer
from mailsuite.model.errors import LookupFailed, Refusal

ALIASES = 8
"""How many CNAMEs are followed."""


@dataclass(frozen=True, slots=True)
class Alias:
    """The response ends in a CNAME: ``target`` is to be asked next."""

    target: str
    ttl: int
    authenticated: bool


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a zone says of one below it: the names of its servers (none: it is not delegated) and their addresses."""

    servers: tuple[str, ...] = ()
    glue: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_delegation(name: str, message: bytes) -> Delegation:
    """Read the response of the zone above to a question for the NS of ``name`` (RFC 1034 section 4.2.1).

    Raises LookupFailed when it says nothing usable.
    """
    try:
        response = dns.message.from_wire(message, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        raise LookupFailed(name, f"broken response ({error or error.__class__.__name__})") from None
    if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise LookupFailed(name, dns.rcode.to_text(response.rcode()))
    owner = response.question[0].name
    for section in (response.answer, response.authority):
        servers = response.get_rrset(section, owner, dns.rdataclass.IN, dns.rdatatype.NS)
        if servers is not None:
            glue: dict[str, tuple[str, ...]] = {}
            for rrset in response.additional:
                if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
                    host = _host(rrset.name.to_text())
                    glue[host] = (*glue.get(host, ()), *(rdata.to_text() for rdata in rrset))
            return Delegation(tuple(_host(rdata.to_text()) for rdata in servers), glue)
    return Delegation()


def _host(text: str) -> str:
    return text.lower().rstrip(".")


def question(name: str, type: str) -> Asked:
    """The question for an absolute look-up. Raises Refusal for a name or type that cannot be."""
    try:
        return Asked(wire.encode_name(name).lower(), int(dns.rdatatype.from_text(type)))
    except (ValueError, dns.exception.DNSException) as error:
        raise Refusal(550, "5.1.2", f"{name!r} cannot be looked up: {error}") from None


def read(name: str, type: str, message: bytes) -> Answer | Alias:
    """What a sound response to ``question(name, type)`` says. Raises LookupFailed when it says nothing usable."""
    try:
        response = dns.message.from_wire(message, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        raise LookupFailed(name, f"broken response ({error or error.__class__.__name__})") from None
    rcode = response.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise LookupFailed(name, dns.rcode.to_text(rcode))
    authenticated = bool(response.flags & dns.flags.AD)
    kind = dns.rdatatype.from_text(type)
    owner, ttl = response.question[0].name, MAX_TTL
    for _ in range(ALIASES + 1):
        found = _rrset(response, owner, kind)
        if found is not None and rcode == dns.rcode.NOERROR:
            data = tuple(_text(rdata) for rdata in found)
            return Answer(name, type, True, data, authenticated, min(ttl, found.ttl))
        alias = _rrset(response, owner, dns.rdatatype.CNAME)
        if alias is None or kind == dns.rdatatype.CNAME:
            break
        ttl = min(ttl, alias.ttl)
        target = alias[0]
        assert isinstance(target, dns.rdtypes.ANY.CNAME.CNAME)
        owner = target.target
    else:
        raise LookupFailed(name, f"more than {ALIASES} CNAMEs")
    negative = _negative_ttl(response)
    if owner != response.question[0].name and rcode == dns.rcode.NOERROR and negative is None:
        return Alias(owner.to_text(), ttl, authenticated)
    exists = rcode != dns.rcode.NXDOMAIN
    return Answer(name, type, exists, (), authenticated, min(ttl, negative or 0))


def _rrset(
    response: dns.message.Message, owner: dns.name.Name, kind: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    return response.get_rrset(response.answer, owner, dns.rdataclass.IN, kind)


def _text(rdata: dns.rdata.Rdata) -> str:
    if isinstance(rdata, dns.rdtypes.txtbase.TXTBase):
        return b"".join(rdata.strings).decode("utf-8", "replace")
    return rdata.to_text()


def _negative_ttl(response: dns.message.Message) -> int | None:
    """Seconds that a negative answer holds; None when there is no SOA, so that it is none."""
    for rrset in response.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            soa = rrset[0]
            assert isinstance(soa, dns.rdtypes.ANY.SOA.SOA)
            return min(rrset.ttl, soa.minimum, MAX_NEGATIVE_TTL)
    return None
