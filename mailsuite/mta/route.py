"""Which hosts take mail for a domain (RFC 5321 section 5.1, RFC 7505).

CNAMEs of MX hosts are followed by the resolver; all look-ups are of absolute names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import zip_longest

from mailsuite.interfaces.resolver import INameResolver
from mailsuite.interfaces.transfer import Host
from mailsuite.model.address import literal_ip
from mailsuite.model.errors import LookupFailed, Refusal

Shuffle = Callable[[list[str]], None]

MOST_ADDRESSES = 8
"""So many addresses are tried in one attempt; the next attempt shuffles again."""

MOST_NAMES = 20
"""So many MX hosts are looked up."""

_NAT64 = ip_network("64:ff9b::/96")


def _plain(address: str) -> IPv4Address | IPv6Address:
    """The IPv4 address within an IPv4-mapped (RFC 4291) or a NAT64 one (RFC 6052), which lead there."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _public(address: str) -> bool:
    ip = _plain(address)
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip.is_reserved)


def _literal(domain: str) -> str:
    try:
        return literal_ip(domain)
    except ValueError:
        raise Refusal(550, "5.1.3", f"{domain} is not an address literal") from None


def split_target(target: str) -> tuple[str, int]:
    """A route's ``host:port`` in its two halves; an IPv6 host stands in brackets."""
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


@dataclass
class _Search:
    """What was found so far. ``unfit``: the first host that is ourselves or has no public address."""

    hosts: list[Host] = field(default_factory=list)
    names: int = 0
    addresses: int = 0
    unfit: str = ""
    trouble: LookupFailed | None = None

    @property
    def over(self) -> bool:
        return self.names >= MOST_NAMES or self.addresses >= MOST_ADDRESSES


class Router:
    """Finds the hosts of a destination.

    ``routes`` maps a domain ("*" for all others) to host:port and wins over the DNS; ``own_names`` and
    ``own_addresses`` are this suite's, to which it never connects by MX look-up.
    """

    def __init__(
        self,
        resolver: INameResolver,
        routes: Mapping[str, str],
        own_names: Sequence[str],
        own_addresses: Sequence[str],
        shuffle: Shuffle,
    ) -> None:
        self._resolver = resolver
        self._routes = routes
        self._own_names = frozenset(name.lower().rstrip(".") for name in own_names)
        self._own_addresses = frozenset(map(_plain, own_addresses))
        self._shuffle = shuffle

    async def hosts(self, domain: str) -> Sequence[Host]:
        """The hosts to try, best first, with MOST_ADDRESSES addresses at most.

        Raises Refusal when the domain cannot get mail (null MX, no such name, it would loop back to us) and
        LookupFailed when the DNS does not answer: then there is never a guess.
        """
        target = self._routes.get(domain) or self._routes.get("*")
        if target is not None:
            return [await self._routed(target)]
        if domain.startswith("["):
            address = _literal(domain)
            if self._ours([address]) or not _public(address):
                raise Refusal(554, "5.4.6", f"{domain} is this host or not a public one")
            return [Host(domain, (address,))]
        search = _Search()
        for names in await self._exchangers(domain):
            if search.over or not await self._look_up(names, search):
                break
        if search.hosts:
            return search.hosts
        if search.trouble is not None:
            raise search.trouble
        if search.unfit:
            raise Refusal(554, "5.4.6", f"the mail host {search.unfit} of {domain} is this host or not a public one")
        raise Refusal(550, "5.4.4", f"no mail host of {domain} has an address")

    async def _look_up(self, names: Sequence[str], search: _Search) -> bool:
        """Add the hosts of one preference; False when we are one of them: neither they nor what is worse counts."""
        found: list[Host] = []
        for name in names:
            if search.over:
                break
            search.names += 1
            try:
                addresses = await self._addresses(name)
            except LookupFailed as error:
                search.trouble = error
                continue
            except Refusal:  # what the MX record has cannot be a name
                continue
            if self._ours(addresses):
                search.unfit = search.unfit or name
                return False
            public = tuple(filter(_public, addresses))
            if addresses and not public:
                search.unfit = search.unfit or name
            public = public[: MOST_ADDRESSES - search.addresses]
            if public:
                found.append(Host(name, public))
                search.addresses += len(public)
        search.hosts += found
        return True

    def _ours(self, addresses: Sequence[str]) -> bool:
        return any(_plain(address) in self._own_addresses for address in addresses)

    async def _routed(self, target: str) -> Host:
        name, port = split_target(target)
        try:
            return Host(name, (str(ip_address(name)),), port)
        except ValueError:
            addresses = await self._addresses(name)
        if not addresses:
            raise LookupFailed(name, "the route's host has no address")
        return Host(name, addresses, port)

    async def _exchangers(self, domain: str) -> list[list[str]]:
        """The MX hosts, best preference first, in any order within one (RFC 5321 section 5.1)."""
        answer = await self._resolver.lookup(domain, "MX")
        if not answer.exists:
            raise Refusal(550, "5.1.2", f"there is no domain {domain}")
        ranked: dict[int, list[str]] = {}
        for record in answer.data:
            number, _, name = record.partition(" ")
            ranked.setdefault(int(number), []).append(name.strip().lower().rstrip("."))
        seen: set[str] = set()
        if not ranked:
            return [[domain]]  # implicit MX: the domain's own address
        real = {preference: list(filter(None, names)) for preference, names in ranked.items()}
        if not any(real.values()):
            raise Refusal(556, "5.1.10", f"{domain} takes no mail (null MX)")
        ordered: list[list[str]] = []
        for preference in sorted(real):
            names = [name for name in dict.fromkeys(real[preference]) if name not in seen]
            seen.update(names)
            if self._own_names.intersection(names):
                # We are one of them; ourselves and all that are worse are left out.
                if not any(ordered):
                    raise Refusal(554, "5.4.6", f"mail for {domain} loops back to this host")
                break
            self._shuffle(names)
            ordered.append(names)
        return ordered

    async def _addresses(self, name: str) -> tuple[str, ...]:
        """Both families by turns, IPv6 first, so that a dead one never takes all attempts.

        Raises LookupFailed when a look-up failed and the other one found nothing.
        """
        families: list[list[str]] = []
        trouble: LookupFailed | None = None
        for kind in ("AAAA", "A"):
            try:
                found = list((await self._resolver.lookup(name, kind)).data)
            except LookupFailed as error:
                found, trouble = [], error
            self._shuffle(found)
            families.append(found)
        if trouble is not None and not any(families):
            raise trouble
        return tuple(address for pair in zip_longest(*families) for address in pair if address is not None)
