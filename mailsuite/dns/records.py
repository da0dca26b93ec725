"""What a mail domain needs in the DNS, as zones.

RFC 5321 section 5.1 (MX), RFC 7208 (SPF), RFC 6376 section 3.6.2 (DKIM keys), RFC 9989 (DMARC), RFC 8461 (MTA-STS),
RFC 8460 section 3 (TLS-RPT), RFC 7672 (TLSA), RFC 6186 (SRV), RFC 8659 (CAA), RFC 7505 (null MX).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

import dns.exception
import dns.rdata

from mailsuite.dns import wire
from mailsuite.dns.mta_sts import announcement
from mailsuite.dns.zonedata import within
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.zone import Record, Zone

TTL = 3600
NEGATIVE_TTL = 300
"""Short, so that a record that was added is seen soon by who asked too early."""
_STRING = 255

_OFFERED = {"_submission": 587, "_submissions": 465}
_NOT_OFFERED = ("_imap", "_imaps", "_pop3", "_pop3s")
_SILENT = ("mta-sts", "autoconfig", "autodiscover")
"""Names of a mail domain that browsers and mail programs ask over HTTPS, and that send no mail."""


@dataclass(frozen=True, slots=True)
class MailHost:
    """The host that hosted domains point to.

    ``addresses`` are its IPs, ``nameservers`` the servers of the zones (default: this host). ``ttl`` in seconds is
    that of generated records. ``tlsa`` is the data of its TLSA record, ``caa`` the authorities that may issue
    certificates for hosted domains, ``sts`` the mode of the MTA-STS policies ("": none).
    """

    name: str
    addresses: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()
    ttl: int = TTL
    tlsa: str = ""
    caa: tuple[str, ...] = ()
    sts: str = ""

    @property
    def absolute(self) -> str:
        """The name with its final dot."""
        return _absolute(self.name)

    def servers(self) -> list[str]:
        """The name servers, absolute."""
        return [_absolute(name) for name in self.nameservers] or [self.absolute]

    def start(self, origin: str, serial: int) -> list[Record]:
        """SOA and NS of a zone (RFC 1912 section 2.2 has the timers)."""
        servers = self.servers()
        soa = f"{servers[0]} postmaster.{_mail_name(origin, self)} {serial % 2**32} 7200 900 1209600 {NEGATIVE_TTL}"
        return [
            Record(origin, "SOA", self.ttl, soa),
            *(Record(origin, "NS", self.ttl, server) for server in servers),
        ]

    def reach(self, name: str) -> list[Record]:
        """Address records that lead ``name`` to this host."""
        return [Record(name, "AAAA" if ":" in a else "A", self.ttl, a) for a in self.addresses]


def _mail_name(origin: str, host: MailHost) -> str:
    """Whose postmaster is responsible: a reverse zone has no mailboxes."""
    return host.absolute if origin.endswith(".arpa.") else origin


def mail_domain_zone(domain: Domain, host: MailHost, *, serial: int, custom: Sequence[Record] = ()) -> Zone:
    """The zone of a hosted domain.

    ``custom`` records, all within the zone, take the place of generated ones of the same name and type; a custom
    CNAME takes the place of all at its name, and any custom record that of a generated CNAME.
    """
    origin = _absolute(domain.name)
    ttl = host.ttl

    def text(name: str, content: str) -> Record:
        return Record(name, "TXT", ttl, text_data(content))

    postmaster = f"mailto:postmaster@{domain.name}"
    records = [
        *host.start(origin, serial),
        Record(origin, "MX", ttl, f"10 {host.absolute}"),
        text(origin, "v=spf1 mx -all"),
        # Names below that are no domains of their own send nothing (RFC 9989 sections 4.7 and 5.3: sp, np).
        text(f"_dmarc.{origin}", f"v=DMARC1; p=quarantine; sp=reject; np=reject; rua={postmaster}"),
        *(text(f"{key.selector}._domainkey.{origin}", _dkim(key)) for key in domain.keys),
        text(f"_smtp._tls.{origin}", f"v=TLSRPTv1; rua={postmaster}"),
        *(Record(origin, "CAA", ttl, f'0 issue "{authority}"') for authority in host.caa),
        *_services(origin, host),
        *(record for label in _SILENT if label != "mta-sts" or host.sts for record in _silent(label, origin, host)),
    ]
    if host.sts:
        records.append(text(f"_mta-sts.{origin}", announcement(host.name, host.sts)))
    if _within(host.absolute, origin):
        records += host.reach(host.absolute)
        if host.tlsa:
            records.append(Record(f"_25._tcp.{host.absolute}", "TLSA", ttl, host.tlsa))
        if host.absolute != origin:
            # It says HELO, and sends notices with the null reverse-path (RFC 7208 section 2.3).
            records.append(text(host.absolute, "v=spf1 a -all"))
    return Zone(origin, (*_beside(records, custom), *custom))


def _services(origin: str, host: MailHost) -> list[Record]:
    """Where mail programs send, and that there is nowhere to fetch (RFC 6186 sections 3.1 and 3.4, RFC 8314)."""
    offered = [
        Record(f"{service}._tcp.{origin}", "SRV", host.ttl, f"0 1 {port} {host.absolute}")
        for service, port in _OFFERED.items()
    ]
    return offered + [Record(f"{service}._tcp.{origin}", "SRV", host.ttl, "0 0 0 .") for service in _NOT_OFFERED]


def _silent(label: str, origin: str, host: MailHost) -> list[Record]:
    """A name that leads to the host and neither takes nor sends mail (RFC 7505, RFC 7208 section 10.1.2)."""
    name = f"{label}.{origin}"
    if name == host.absolute:
        return []
    if not host.addresses:
        return [Record(name, "CNAME", host.ttl, host.absolute)]
    return [
        *host.reach(name),
        Record(name, "MX", host.ttl, "0 ."),
        Record(name, "TXT", host.ttl, text_data("v=spf1 -all")),
    ]


def _beside(generated: Sequence[Record], custom: Sequence[Record]) -> list[Record]:
    """The generated records that custom ones leave in place."""
    taken = {(_absolute(record.name), record.type.upper()) for record in custom}
    names = {name for name, _ in taken}
    aliases = {name for name, kind in taken if kind == "CNAME"}
    return [
        record
        for record in generated
        if (record.name, record.type) not in taken
        and record.name not in aliases
        and not (record.type == "CNAME" and record.name in names)
    ]


def reverse_zone(network: IPv4Network | IPv6Network, host: MailHost, *, serial: int, custom: Sequence[Record]) -> Zone:
    """The zone of a network whose reverse names are delegated to us: a PTR for each address of the host.

    ``network`` ends at a label (a /8, /16, /24; a multiple of 4 bits for IPv6).
    """
    labels = 4 if network.version == 4 else 32
    bits = 8 if network.version == 4 else 4
    origin = _absolute(".".join(network[0].reverse_pointer.split(".")[labels - network.prefixlen // bits :]))
    pointers = [
        Record(f"{address.reverse_pointer}.", "PTR", host.ttl, host.absolute)
        for address in map(ip_address, host.addresses)
        if address in network
    ]
    records = _beside([*host.start(origin, serial), *pointers], custom)
    return Zone(origin, (*records, *custom))


def hosted_zones(
    domains: Iterable[Domain],
    custom: Iterable[Record],
    host: MailHost,
    *,
    generation: int,
    networks: Sequence[IPv4Network | IPv6Network] = (),
) -> tuple[list[Zone], list[Record]]:
    """The zones of all hosted domains and reverse networks, and the custom records that lie in none of them.

    A serial rises with the generation, and when a domain is hosted anew in a new store.
    """
    domains = list(domains)
    newest = max((domain.created for domain in domains), default=0) // 1000
    reverse = {reverse_zone(network, host, serial=0, custom=()).origin: network for network in networks}
    parts: dict[str, list[Record]] = {_absolute(domain.name): [] for domain in domains}
    parts.update({origin: [] for origin in reverse})
    orphans: list[Record] = []
    for record in custom:
        home = next((name for name in _above(record.name) if name in parts), None)
        (orphans if home is None else parts[home]).append(record)
    zones = [
        mail_domain_zone(domain, host, serial=domain.created // 1000 + generation, custom=parts[_absolute(domain.name)])
        for domain in domains
    ]
    for origin, network in reverse.items():
        zones.append(reverse_zone(network, host, serial=newest + generation, custom=parts[origin]))
    return zones, orphans


def text_data(text: str) -> str:
    """A TXT record's data for a text of any length: quoted strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    octets = text.encode()
    strings = [octets[i : i + _STRING] for i in range(0, len(octets), _STRING)] or [b""]
    return " ".join(f'"{"".join(map(_escape, string))}"' for string in strings)


def text_of(data: str) -> str:
    """The text of a TXT record's data, its strings joined. Raises ValueError when it is none."""
    try:
        rdata = dns.rdata.from_text("IN", "TXT", data)
    except dns.exception.DNSException as error:
        raise ValueError(f"{data} is not the data of a TXT record: {error}") from None
    return b"".join(getattr(rdata, "strings", ())).decode("utf-8", "replace")


def _escape(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 32 <= octet < 127 else f"\\{octet:03}"


def _dkim(key: DkimKey) -> str:
    return f"v=DKIM1; k={key.algorithm}; p={key.public}"


def _absolute(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _above(name: str) -> Iterable[str]:
    labels = _absolute(name).split(".")
    return (".".join(labels[i:]) for i in range(len(labels) - 1))


def _within(name: str, origin: str) -> bool:
    return within(wire.encode_name(name).lower(), wire.encode_name(origin).lower())
