"""RedisPermits: the links of all processes to one MX site, counted together."""

from __future__ import annotations

from zope.interface import implementer

from mailsuite.interfaces.permits import IPermits
from mailsuite.redis.connection import Link
from mailsuite.redis.script import Script


@implementer(IPermits)
class RedisPermits:
    """See IPermits. ``limit`` holders of a site at a time."""

    def __init__(self, link: Link, limit: int) -> None:
        self._link = link
        self._limit = limit
        self._permit = Script.read("permit")

    async def take(self, site: str, holder: str, lease: int) -> int:
        keys = [_name(site), f"{_name(site)}:ask"]
        return int(await self._link.run(self._permit, keys, holder, lease, self._limit))

    async def give(self, site: str, holder: str) -> None:
        await self._link.command("ZREM", _name(site), holder)


def _name(site: str) -> str:
    return f"permit:{{{site}}}"
