"""RedisCounter: rates that all processes of the suite share and that Redis may forget."""

from __future__ import annotations

from zope.interface import implementer

from mailsuite.interfaces.counters import ICounter
from mailsuite.redis.connection import Link
from mailsuite.redis.script import Script


@implementer(ICounter)
class RedisCounter:
    """See ICounter."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._hit = Script.read("hit")

    async def hit(self, key: str, window: int, amount: int = 1) -> int:
        return int(await self._link.run(self._hit, [_name(key)], amount, window * 1000))

    async def value(self, key: str) -> int:
        return int(await self._link.command("GET", _name(key)) or 0)

    async def reset(self, key: str) -> None:
        await self._link.command("DEL", _name(key))


def _name(key: str) -> str:
    return f"count:{key}"
