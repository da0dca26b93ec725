"""Answers foreign questions by asking upstream servers, with a cache.

RFC 5452, RFC 8767 (stale answers when nobody replies), RFC 9520.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailsuite.dns import wire
from mailsuite.dns.cache import Asked, ReplyCache
from mailsuite.dns.forward import Server, failure, respond
from mailsuite.net.dns_upstream import NoAnswerError, UpstreamClient


class Forwarder:
    """Asks ``upstreams`` in their order.

    ``timeout`` in seconds for one try; ``flights``: how many questions may be under way.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        upstreams: Sequence[Server],
        *,
        timeout: float = 1.5,
        cache: ReplyCache | None = None,
        flights: int = 1000,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._reactor = reactor
        self._upstreams = UpstreamClient(reactor, upstreams, timeout, random)
        self._cache = ReplyCache() if cache is None else cache
        self._most = flights
        self._flights: dict[Asked, list[Deferred[bytes]]] = {}

    def at_once(self, query: wire.Query, name: bytes, limit: int) -> bytes | None:
        """As resolve, when the cache has it; else None."""
        if name != query.name:
            query = query._replace(question=name + query.question[-4:])
        message = self._cache.get(
            Asked(name, query.type, query.do, bool(query.flags & wire.CD)), self._reactor.seconds()
        )
        return None if message is None else respond(query, message, limit)

    async def resolve(self, query: wire.Query, name: bytes, limit: int) -> bytes:
        """The response to a client's query, of at most ``limit`` octets; SERVFAIL when nobody can tell.

        ``name`` (lower-case wire form) is asked instead of the query's, when it differs.
        """
        if name != query.name:
            query = query._replace(question=name + query.question[-4:])
        asked = Asked(name, query.type, query.do, bool(query.flags & wire.CD))
        message = self._cache.get(asked, self._reactor.seconds())
        if message is None:
            message = await self._shared(asked)
        return respond(query, message, limit)

    async def _shared(self, asked: Asked) -> bytes:
        """The same question, when it is under way already, is not asked again."""
        waiting = self._flights.get(asked)
        if waiting is not None:
            turn: Deferred[bytes] = Deferred()
            waiting.append(turn)
            return await turn
        message = failure(asked)
        if len(self._flights) >= self._most:
            return message
        waiting = self._flights[asked] = []
        try:
            message = await self._fetch(asked)
        except Exception:
            self.log.failure("forwarding {name} failed", name=wire.decode_name(asked.name))
        del self._flights[asked]
        for turn in waiting:
            turn.callback(message)
        return message

    async def _fetch(self, asked: Asked) -> bytes:
        try:
            message = await self._upstreams.fetch(asked)
        except NoAnswerError:
            stale = self._cache.failed(asked, self._reactor.seconds())
            if stale is not None:
                return stale
            message = failure(asked)
        self._cache.put(asked, message, self._reactor.seconds())
        return message
