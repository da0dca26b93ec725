"""FakePermits: IPermits in memory, on a clock that the test turns."""

from __future__ import annotations

from zope.interface import implementer

from mailsuite.interfaces.permits import IPermits
from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.runtime.clock import Clock

PAUSE, APART, MOST = 1000, 50, 60_000


@implementer(IPermits)
class FakePermits:
    """See IPermits. ``down`` True: every call fails; ``held`` has the holders of each site and when they end."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self.down = False
        self.held: dict[str, dict[str, int]] = {}
        self._clock = clock
        self._limit = limit
        self._asked: dict[str, int] = {}

    async def take(self, site: str, holder: str, lease: int) -> int:
        now = self._now()
        held = {name: until for name, until in self.held.get(site, {}).items() if until > now}
        self.held[site] = held
        if holder in held or len(held) < self._limit:
            held[holder] = now + lease
            return 0
        self._asked[site] = min(max(now + PAUSE, self._asked.get(site, 0) + APART), now + MOST)
        return self._asked[site]

    async def give(self, site: str, holder: str) -> None:
        self._now()
        self.held.get(site, {}).pop(holder, None)

    def _now(self) -> int:
        if self.down:
            raise ScheduleUnavailable("the fake permits are down")
        return self._clock()
