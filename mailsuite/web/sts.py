"""The MTA-STS policies of the hosted domains (RFC 8461 section 3.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.web.server import Request

from mailsuite.dns.mta_sts import policy_text
from mailsuite.web.errors import PageNotFound

_LABEL = "mta-sts."


class PolicyPage:
    """``hosts``: is a domain ours? ``mode`` is "testing" or "enforce", "" for no policies at all."""

    def __init__(self, hosts: Callable[[str], Awaitable[bool]], hostname: str, mode: str) -> None:
        self._hosts = hosts
        self._hostname = hostname
        self._mode = mode

    async def report(self, request: Request) -> bytes:
        """``GET /.well-known/mta-sts.txt`` at ``mta-sts.<domain>``; at other names it does not exist."""
        name = (request.getHeader("host") or "").lower().partition(":")[0].rstrip(".")
        if not self._mode or not name.startswith(_LABEL) or not await self._hosts(name.removeprefix(_LABEL)):
            raise PageNotFound
        request.setHeader("content-type", "text/plain; charset=us-ascii")
        return policy_text(self._hostname, self._mode).encode()
