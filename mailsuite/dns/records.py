"""What a mail domain needs in the DNS, as zones.

RFC 5321 section 5.1 (MX), RFC 7208 (SPF), RFC 6376 section 3.6.2 (DKIM keys), RFC 9989 (DMARC),
RFC 1912 section 2.2 (SOA).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailsuite.dns import wire
from mailsuite.dns.zonedata import within
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.zone import Record, Zone

TTL = 3600
NEGATIVE_TTL = 300
"""Short, so that a record that was added is seen soon by who asked too early."""
_STRING = 255


def mail_domain_zone(
    domain: Domain,
    *,
    hostname: str,
    addresses: Sequence[str],
    nameservers: Sequence[str] = (),
    serial: int,
    custom: Sequence[Record] = (),
    ttl: int = TTL,
) -> Zone:
    """The zone of a hosted domain.

    ``hostname`` is the mail host, ``addresses`` its IPs, ``nameservers`` the zone's servers (default: the mail host);
    ``custom`` records, all within the zone, take the place of generated ones of the same name and type. ``ttl`` in
    seconds is that of the generated ones.
    """
    origin = _absolute(domain.name)
    host = _absolute(hostname)
    servers = [_absolute(name) for name in nameservers] or [host]
    records = [
        Record(
            origin, "SOA", ttl, f"{servers[0]} postmaster.{origin} {serial % 2**32} 7200 900 1209600 {NEGATIVE_TTL}"
        ),
        *(Record(origin, "NS", ttl, server) for server in servers),
        Record(origin, "MX", ttl, f"10 {host}"),
        Record(origin, "TXT", ttl, text_data("v=spf1 mx -all")),
        Record(
            f"_dmarc.{origin}", "TXT", ttl, text_data(f"v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain.name}")
        ),
        *(Record(f"{key.selector}._domainkey.{origin}", "TXT", ttl, text_data(_dkim(key))) for key in domain.keys),
    ]
    if _within(host, origin):
        records += [Record(host, "AAAA" if ":" in address else "A", ttl, address) for address in addresses]
    taken = {(_absolute(record.name), record.type.upper()) for record in custom}
    return Zone(origin, (*(r for r in records if (r.name, r.type) not in taken), *custom))


def hosted_zones(
    domains: Iterable[Domain],
    custom: Iterable[Record],
    *,
    hostname: str,
    addresses: Sequence[str],
    nameservers: Sequence[str] = (),
    generation: int,
    ttl: int = TTL,
) -> tuple[list[Zone], list[Record]]:
    """The zones of all hosted domains, and the custom records that lie in none of them.

    A serial rises with the generation, and when a domain is hosted anew in a new store.
    """
    domains = list(domains)
    parts: dict[str, list[Record]] = {_absolute(domain.name): [] for domain in domains}
    orphans: list[Record] = []
    for record in custom:
        home = next((name for name in _above(record.name) if name in parts), None)
        (orphans if home is None else parts[home]).append(record)
    zones = [
        mail_domain_zone(
            domain,
            hostname=hostname,
            addresses=addresses,
            nameservers=nameservers,
            serial=domain.created // 1000 + generation,
            custom=parts[_absolute(domain.name)],
            ttl=ttl,
        )
        for domain in domains
    ]
    return zones, orphans


def text_data(text: str) -> str:
    """A TXT record's data for a text of any length: quoted strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    octets = text.encode()
    strings = [octets[i : i + _STRING] for i in range(0, len(octets), _STRING)] or [b""]
    return " ".join(f'"{"".join(map(_escape, string))}"' for string in strings)


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
