"""Which hosts take mail for a domain (RFC 5321 section 5.1, RFC 7505)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address

from mailsuite.interfaces.resolver import INameResolver
from mailsuite.interfaces.transfer import Host
from mailsuite.model.address import canonical_ip, literal_ip
from mailsuite.model.errors import LookupFailed, Refusal

Shuffle = Callable[[list[str]], None]


def _usable(address: str, own: frozenset[str]) -> bool:
    ip = ip_address(address)
    return not (
        canonical_ip(address) in own
        or ip.is_loopback
        or ip.is_link_local
        or ip.is_unspecified
        or ip.is_multicast
        or ip.is_reserved
    )


def _literal(domain: str) -> str:
    try:
        return literal_ip(domain)
    except ValueError:
        raise Refusal(550, "5.1.3", f"{domain} is not an address literal") from None


def split_target(target: str) -> tuple[str, int]:
    """A route's ``host:port`` in its two halves; an IPv6 host stands in brackets."""
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


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
        self._own_addresses = frozenset(map(canonical_ip, own_addresses))
        self._shuffle = shuffle

    async def hosts(self, domain: str) -> Sequence[Host]:
        """The hosts to try, best first.

        Raises Refusal when the domain cannot get mail (null MX, no such name, it would loop back to us) and
        LookupFailed when the DNS does not answer: then there is never a guess.
        """
        target = self._routes.get(domain) or self._routes.get("*")
        if target is not None:
            return [await self._routed(target)]
        if domain.startswith("["):
            return self._ours_out([Host(domain, (_literal(domain),))], domain)
        names = await self._exchangers(domain)
        hosts = []
        trouble: LookupFailed | None = None
        for name in names:
            try:
                addresses = await self._addresses(name)
            except LookupFailed as error:
                trouble = error
                continue
            if addresses:
                hosts.append(Host(name, addresses))
        if not hosts:
            if trouble is not None:
                raise trouble
            raise Refusal(550, "5.4.4", f"no mail host of {domain} has an address")
        return self._ours_out(hosts, domain)

    async def _routed(self, target: str) -> Host:
        name, port = split_target(target)
        try:
            return Host(name, (str(ip_address(name)),), port)
        except ValueError:
            addresses = await self._addresses(name)
        if not addresses:
            raise LookupFailed(name, "the route's host has no address")
        return Host(name, addresses, port)

    async def _exchangers(self, domain: str) -> list[str]:
        answer = await self._resolver.lookup(domain, "MX")
        if not answer.exists:
            raise Refusal(550, "5.1.2", f"there is no domain {domain}")
        ranked: dict[int, list[str]] = {}
        for record in answer.data:
            number, _, name = record.partition(" ")
            ranked.setdefault(int(number), []).append(name.strip().lower().rstrip("."))
        if not ranked:
            return [domain]  # implicit MX: the domain's own address
        real = {preference: [n for n in names if n] for preference, names in ranked.items()}
        if not any(real.values()):
            raise Refusal(556, "5.1.10", f"{domain} takes no mail (null MX)")
        ordered: list[str] = []
        for preference in sorted(real):
            names = real[preference]
            if self._own_names.intersection(names):
                # RFC 5321 section 5.1: we are one of them; ourselves and all that are worse are left out.
                if not ordered:
                    raise Refusal(554, "5.4.6", f"mail for {domain} loops back to this host")
                break
            self._shuffle(names)
            ordered.extend(names)
        return ordered

    async def _addresses(self, name: str) -> tuple[str, ...]:
        v6 = await self._resolver.lookup(name, "AAAA")
        v4 = await self._resolver.lookup(name, "A")
        return (*v6.data, *v4.data)

    def _ours_out(self, hosts: Sequence[Host], domain: str) -> Sequence[Host]:
        kept: list[Host] = []
        for host in hosts:
            addresses = tuple(a for a in host.addresses if _usable(a, self._own_addresses))
            if len(addresses) < len(host.addresses) and not kept and not addresses:
                raise Refusal(554, "5.4.6", f"the mail host {host.name} of {domain} is this host or not a public one")
            if not addresses:
                break
            kept.append(Host(host.name, addresses, host.port))
        return kept
