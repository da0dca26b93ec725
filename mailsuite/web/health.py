"""Is everything up? For monitors and for whoever waits for the start."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from twisted.web.server import Request


class Health:
    """``parts`` says of each part "ok" or, in words, what is wrong."""

    def __init__(self, parts: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self._parts = parts

    async def report(self, request: Request) -> bytes:
        """``GET /healthz``: 200 when every part is up, else 503; JSON that names each part."""
        parts = await self._parts()
        down = [name for name, state in parts.items() if state != "ok"]
        if down:
            request.setResponseCode(503)
        request.setHeader("content-type", "application/json")
        return json.dumps({"status": f"not ok: {', '.join(down)}" if down else "ok", "parts": dict(parts)}).encode()
