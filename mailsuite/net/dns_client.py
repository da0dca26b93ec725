"""The suite's own look-ups: a stub resolver that asks the DNS service or a configured server.

RFC 1034 section 5.3.1, RFC 7766; AD counts only when the server is on loopback.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from zope.interface import implementer

from mailsuite.dns import wire
from mailsuite.dns.cache import Asked
from mailsuite.dns.forward import Server
from mailsuite.dns.resolve import ALIASES, Delegation, question, read, read_delegation
from mailsuite.interfaces.resolver import Answer, INameResolver
from mailsuite.model.errors import LookupFailed
from mailsuite.net.dns_upstream import NoAnswerError, UpstreamClient


@implementer(INameResolver)
class StubResolver:
    """Asks ``servers`` in turn, each twice at most.

    ``timeout`` in seconds for one try; ``concurrency``: questions under way at a time, others wait;
    ``size``: answers that are remembered, no longer than their TTL.
    """

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[Server],
        *,
        timeout: float = 3.0,
        concurrency: int = 100,
        size: int = 5000,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._reactor = reactor
        self._servers = UpstreamClient(reactor, servers, timeout, random)
        self._turns = DeferredSemaphore(concurrency)
        self._size = size
        self._answers: OrderedDict[Asked, tuple[float, Answer]] = OrderedDict()

    async def lookup(self, name: str, type: str) -> Answer:
        """See INameResolver. CNAMEs are followed, also when the server does not."""
        asked = question(name, type)
        until, answer = self._answers.get(asked, (0.0, None))
        if answer is not None and until > self._reactor.seconds():
            self._answers.move_to_end(asked)
            return replace(answer, name=name, type=type)
        answer = await self._follow(name, type, asked)
        if answer.ttl > 0:
            self._answers[asked] = self._reactor.seconds() + answer.ttl, answer
            if len(self._answers) > self._size:
                self._answers.popitem(last=False)
        return answer

    async def _follow(self, name: str, type: str, asked: Asked) -> Answer:
        authenticated, ttl = True, wire.MAX_TTL
        for _ in range(ALIASES + 1):
            found = read(name, type, await self.query(asked))
            authenticated, ttl = authenticated and found.authenticated, min(ttl, found.ttl)
            if isinstance(found, Answer):
                return Answer(name, type, found.exists, found.data, authenticated, ttl)
            asked = question(found.target, type)
        raise LookupFailed(name, f"more than {ALIASES} CNAMEs")

    async def delegation(self, name: str) -> Delegation:
        """What the servers say of a zone below theirs. Raises LookupFailed."""
        return read_delegation(name, await self.query(question(name, "NS")))

    async def query(self, asked: Asked) -> bytes:
        """The whole response to one question, sound and without OPT. Raises LookupFailed."""
        turn: Deferred[DeferredSemaphore] = self._turns.acquire()
        await turn
        try:
            return await self._servers.fetch(asked)
        except NoAnswerError as error:
            raise LookupFailed(wire.decode_name(asked.name), str(error)) from error
        finally:
            self._turns.release()
