"""What the process counts, for Prometheus on the same machine (text exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from twisted.web.server import Request

from mailsuite.runtime.metrics import CONTENT_TYPE
from mailsuite.web.errors import PageNotFound
from mailsuite.web.forms import client_address

_FORWARDED = ("forwarded", "x-forwarded-for", "via")


class MetricsPage:
    """``GET /metrics`` for clients on loopback; through a proxy, and to others, it does not exist."""

    def __init__(self, exposition: Callable[[], Awaitable[bytes]]) -> None:
        self._exposition = exposition

    async def report(self, request: Request) -> bytes:
        """The figures as they are now."""
        client = client_address(request)
        if not client or not ip_address(client).is_loopback or any(request.getHeader(name) for name in _FORWARDED):
            raise PageNotFound
        request.setHeader("content-type", CONTENT_TYPE)
        return await self._exposition()
