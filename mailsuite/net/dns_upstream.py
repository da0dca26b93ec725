"""Several DNS servers that can answer the same: asked in turn until one does."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import Logger

from mailsuite.dns import wire
from mailsuite.dns.cache import Asked
from mailsuite.dns.forward import Exchange, Server, Upstreams, Verdict, plain
from mailsuite.net.dns_transport import NoReplyError, ask

_ROUNDS = 2
"""A server that was silent is asked once more: a datagram may be lost."""


class NoAnswerError(Exception):
    """No server could answer; the text says what the last one did."""


class UpstreamClient:
    """Asks ``servers`` in their order, those that lately were silent last. ``timeout`` in seconds for one try."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[Server],
        timeout: float,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._reactor = reactor
        self._servers = Upstreams(servers)
        self._timeout = timeout
        self._random = random

    async def fetch(self, asked: Asked) -> bytes:
        """A sound response without OPT; AD is kept from servers on loopback only. Raises NoAnswerError."""
        now = self._reactor.seconds
        detail = "no DNS server is configured"
        servers = self._servers.order(now())
        for _ in range(_ROUNDS):
            silent = []
            for server in servers:
                try:
                    verdict, reply = await self._ask(asked, server)
                except NoReplyError as error:
                    detail = f"{server[0]}: {error}"
                    silent.append(server)
                    if self._servers.silent(server, now()):
                        self.log.warn("DNS server {server} does not answer: {error}", server=server, error=str(error))
                    continue
                if self._servers.worked(server):
                    self.log.info("DNS server {server} answers again", server=server)
                if verdict is Verdict.GOOD:
                    return plain(reply, trusted=server[0] == "::1" or server[0].startswith("127."))
                detail = f"{server[0]}: {wire.rcode_text(reply[3] & 15)}"
            servers = silent
        raise NoAnswerError(detail)

    async def _ask(self, asked: Asked, server: Server) -> tuple[Verdict, bytes]:
        verdict, reply = Verdict.PLAIN, b""
        for edns in (True, False):
            exchange = Exchange(asked, int.from_bytes(self._random(2), "big"), edns)
            verdict, reply = await ask(self._reactor, server, exchange, self._timeout)
            if verdict is not Verdict.PLAIN:
                break
        return verdict, reply
