"""Look-ups for the doctor: by the configured resolver and at a domain's own servers, each bounded in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, TimeoutError, gatherResults

from mailsuite.interfaces.resolver import Answer, INameResolver
from mailsuite.model.diagnosis import Seen
from mailsuite.model.errors import LookupFailed, MailError

SERVERS = 3
"""So many of a domain's servers are asked."""

SEARCH = 4.0
"""Seconds within which the domain's servers must be found."""

LONG = 6.0
"""Seconds for what takes several look-ups one after the other: SPF, a policy over HTTPS."""

At = Callable[[str], INameResolver]
"""A resolver that asks the one server with this IP."""


class Within(Protocol):
    """Awaits ``work`` for at most ``seconds``; raises twisted.internet.defer.TimeoutError."""

    def __call__(self, seconds: float, work: Any) -> Any: ...


class Seeker:
    """``patience`` in seconds bounds each look-up, by whomever it is answered."""

    def __init__(self, resolver: INameResolver, at: At, within: Within, patience: float = 2.0) -> None:
        self.resolver = resolver
        self._at = at
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

    async def servers(self, domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the domain's servers (of the nearest zone above, if need be), and some of their IPs."""
        try:
            found: tuple[tuple[str, ...], tuple[str, ...]] = await self._within(SEARCH, self._servers(domain))
        except TimeoutError:
            return (), ()
        return found

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
        addresses = [address for seen in found for address in seen.data]
        # IPv4 first: a host without a way to IPv6 is no fault of the domain's.
        return tuple(sorted(dict.fromkeys(addresses), key=lambda address: ":" in address)[:SERVERS])

    async def authority(self, servers: Sequence[str], name: str, type: str) -> Seen:
        """What the domain's own servers say: the first that answers. Never raises."""
        fault = "its servers are not known"
        for server in servers:
            seen = await self._seen(self._at(server), name, type)
            if not seen.fault:
                return seen
            fault = f"{server}: {seen.fault}"
        return Seen(exists=False, fault=fault)

    async def _seen(self, resolver: INameResolver, name: str, type: str) -> Seen:
        try:
            answer: Answer = await self._within(self._patience, resolver.lookup(name, type))
        except TimeoutError:
            return Seen(exists=False, fault=f"no answer within {self._patience:.3g} s")
        except MailError as error:
            return Seen(exists=False, fault=error.status.text)
        return Seen(answer.data, answer.exists, answer.ttl)


async def together(calls: Sequence[Any]) -> list[Any]:
    """Await all at once; their results in order."""
    results: list[Any] = await gatherResults([Deferred.fromCoroutine(call) for call in calls], consumeErrors=True)
    return results
