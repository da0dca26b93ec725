"""FakeCounter: ICounter in memory, on a clock that the test turns."""

from __future__ import annotations

from zope.interface import implementer

from mailsuite.interfaces.counters import ICounter
from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.runtime.clock import Clock


@implementer(ICounter)
class FakeCounter:
    """See ICounter. ``down`` True: every call fails."""

    def __init__(self, clock: Clock) -> None:
        self.down = False
        self._clock = clock
        self._counters: dict[str, tuple[int, int]] = {}

    async def hit(self, key: str, window: int, amount: int = 1) -> int:
        count = await self.value(key)
        ends = self._counters[key][1] if key in self._counters else self._clock() + window * 1000
        self._counters[key] = (count + amount, ends)
        return count + amount

    async def value(self, key: str) -> int:
        if self.down:
            raise ScheduleUnavailable("the fake counter is down")
        if key in self._counters and self._counters[key][1] <= self._clock():
            del self._counters[key]
        return self._counters.get(key, (0, 0))[0]

    async def reset(self, key: str) -> None:
        await self.value(key)
        self._counters.pop(key, None)
