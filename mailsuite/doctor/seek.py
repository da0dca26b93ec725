"""Look-ups for the doctor: by the configured resolver and at a domain's own servers, each bounded in time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred, FirstError, TimeoutError, gatherResults

from mailsuite.dns.resolve import Delegation
from mailsuite.interfaces.resolver import Answer, INameResolver
from mailsuite.model.diagnosis import Seen
from mailsuite.model.errors import LookupFailed, MailError

SERVERS = 3
"""So many of a domain's servers are asked."""

SEARCH = 3.5
"""Seconds within which the domain's servers must be found."""

LONG = 6.0
"""Seconds for what takes several look-ups one after the other: SPF, a policy over HTTPS."""

At = Callable[[str], INameResolver]
"""A resolver that asks the one server with this IP."""

Above = Callable[[str, str], Awaitable[Delegation]]
"""What the server with this IP, one of the zone above, says of a domain. Raises MailError."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where a domain's DNS is hosted: names, and some IPs to ask.

    ``said`` is what the zone above says; None when it could not be asked, and the resolver is believed.
    ``alone``: the resolver is this suite, which is not where the domain is hosted: only ``addresses`` count.
    """

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    said: Delegation | None = None
    alone: bool = False


class Within(Protocol):
    """Awaits ``work`` for at most ``seconds``; raises twisted.internet.defer.TimeoutError."""

    def __call__(self, seconds: float, work: Any) -> Any: ...


class Seeker:
    """``patience`` in seconds bounds each look-up, by whomever it is answered."""

    def __init__(self, resolver: INameResolver, at: At, above: Above, within: Within, patience: float = 2.0) -> None:
        self.resolver = resolver
        self._at = at
        self._above = above
        self._within = within
        self._patience = patience

    async def lookup(self, name: str, type: str) -> Answer:
        """As INameResolver, in bounded time: what SPF evaluation and the like are given."""
        try:
            answer: Answer = await self._within(self._patience, self.resolver.lookup(name, type))
        except TimeoutError:
            raise LookupFailed(name, f"no answer within {self._patience:.3g} s") from None
        return answer

    async def seen(self, name: str, type: str) -> Seen:
        """What the configured resolver says. Never raises."""
        return await self._seen(self.resolver, name, type)

    async def servers(self, domain: str) -> Servers:
        """Where the domain is hosted, by the zone above; by the resolver when that cannot be asked. Never raises."""
        said, believed = await together([self._bounded(self._delegation(domain)), self._bounded(self._servers(domain))])
        if said is None:
            names, addresses = believed or ((), ())
            return Servers(names, addresses)
        if not said.servers:
            return Servers(said=said)
        known = [a for name in said.servers[:SERVERS] for a in said.glue.get(name, ())]
        unknown = [name for name in said.servers[:SERVERS] if name not in said.glue]
        return Servers(said.servers, _some([*known, *await self._addresses(unknown)]), said)

    async def _bounded(self, work: Any) -> Any:
        try:
            return await self._within(SEARCH, work)
        except TimeoutError:
            return None

    async def _delegation(self, domain: str) -> Delegation | None:
        """What the nearest zone above says; None when nobody answers."""
        labels = domain.split(".")
        for start in range(1, len(labels)):
            above = ".".join(labels[start:])
            found = await self.seen(above, "NS")
            if not found.data:
                continue
            names = tuple(name.lower().rstrip(".") for name in found.data)
            for address in await self._addresses(names[:SERVERS]):
                try:
                    said: Delegation = await self._within(self._patience, self._above(address, domain))
                except (MailError, TimeoutError):
                    continue
                # A name within a zone, such as mail.alpha.example, is hosted where that is; one below a
                # top-level domain is not there.
                return said if said.servers or start == len(labels) - 1 else Delegation(names)
            return None
        return None

    async def long(self, work: Any) -> Any:
        """Await work of several steps; None when it takes too long."""
        try:
            return await self._within(LONG, work)
        except TimeoutError:
            return None

    async def _servers(self, domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        labels = domain.split(".")
        for start in range(len(labels) - 1):
            found = await self.seen(".".join(labels[start:]), "NS")
            if found.data:
                names = tuple(name.lower().rstrip(".") for name in found.data)
                return names, await self._addresses(names[:SERVERS])
        return (), ()

    async def _addresses(self, names: Sequence[str]) -> tuple[str, ...]:
        found = await together([self.seen(name, type) for name in names for type in ("A", "AAAA")])
        return _some([address for seen in found for address in seen.data])

    async def authority(self, servers: Sequence[str], name: str, type: str) -> Seen:
        """What the domain's own servers say: of those that answer the first. Never raises."""
        fault = "its servers are not known"
        # All at once: three that are dead, one after the other, would use up the time.
        found: list[Seen] = await together([self._seen(self._at(server), name, type) for server in servers])
        for server, seen in zip(servers, found, strict=True):
            if not seen.fault:
                return seen
            fault = f"{server}: {seen.fault}"
        return Seen(exists=False, fault=fault)

    def looking(self, domain: str, servers: Servers) -> Callable[[str, str], Awaitable[Answer]]:
        """A look-up as the world sees it: the domain's own names at its own servers, others by the resolver."""

        dead = False

        async def lookup(name: str, type: str) -> Answer:
            nonlocal dead
            if not dead and f".{name.lower().rstrip('.')}".endswith(f".{domain}"):
                seen = await self.authority(servers.addresses, name, type)
                if not seen.fault:
                    return Answer(name, type, seen.exists, seen.data, False, seen.ttl)
                dead = not servers.alone
                if servers.alone:
                    raise LookupFailed(name, seen.fault)
            return await self.lookup(name, type)

        return lookup

    async def _seen(self, resolver: INameResolver, name: str, type: str) -> Seen:
        try:
            answer: Answer = await self._within(self._patience, resolver.lookup(name, type))
        except TimeoutError:
            return Seen(exists=False, fault=f"no answer within {self._patience:.3g} s")
        except MailError as error:
            return Seen(exists=False, fault=error.status.text)
        return Seen(answer.data, answer.exists, answer.ttl)


def _some(addresses: Sequence[str]) -> tuple[str, ...]:
    # IPv4 first: a host without a way to IPv6 is no fault of the domain's.
    return tuple(sorted(dict.fromkeys(addresses), key=lambda address: ":" in address)[:SERVERS])


async def together(calls: Sequence[Any]) -> list[Any]:
    """Await all at once; their results in order."""
    try:
        results: list[Any] = await gatherResults([Deferred.fromCoroutine(call) for call in calls], consumeErrors=True)
    except FirstError as error:
        # What went wrong in one of them, such as that the time was over.
        error.subFailure.raiseException()
    return results
