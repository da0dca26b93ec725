"""Tries port 25 of whoever asks, so that other mail hosts learn whether they are reached from outside."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from ipaddress import ip_address

from twisted.web.server import Request

from mailsuite.interfaces.counters import ICounter
from mailsuite.login.checker import network_of
from mailsuite.model.reach import Reach
from mailsuite.web.errors import PageNotFound
from mailsuite.web.forms import client_address

PATH = "/probe/port25"

MOST = 10
"""Probes a minute for one /24 or /64."""


class ProbePage:
    """``reach`` None: this host probes nobody. Only the address that asks is tried: nobody else can be scanned."""

    def __init__(self, reach: Callable[[str], Awaitable[Reach]] | None, counter: ICounter) -> None:
        self._reach = reach
        self._counter = counter

    async def report(self, request: Request) -> bytes:
        """``GET /probe/port25``: a Reach as JSON; 429 to one who asks too often."""
        client = client_address(request).removeprefix("::ffff:")
        if self._reach is None or not client or ip_address(client).is_unspecified:
            raise PageNotFound
        request.setHeader("content-type", "application/json")
        if await self._counter.hit(f"web:probe:{network_of(client)}", 60) > MOST:
            request.setResponseCode(429)
            request.setHeader("retry-after", "60")
            return json.dumps({"address": client, "fault": "asked too often"}).encode()
        return json.dumps(asdict(await self._reach(client))).encode()
