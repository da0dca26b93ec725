"""LenientCounter: limits that are off while Redis is down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.logger import Logger
from zope.interface import implementer

from mailsuite.interfaces.counters import ICounter
from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.runtime.clock import Clock

T = TypeVar("T")

PAUSE = 2_000
"""ms for which a counter that did not answer is not asked again: one that hangs must not hold up each command."""


@implementer(ICounter)
class LenientCounter:
    """An ICounter that never raises: what cannot be counted is 0. The begin and the end of that are logged once."""

    log = Logger()

    def __init__(self, counter: ICounter, clock: Clock) -> None:
        self._counter = counter
        self._clock = clock
        self._down = False
        self._again = 0

    async def hit(self, key: str, window: int, amount: int = 1) -> int:
        """See ICounter."""
        return await self._ask(lambda: self._counter.hit(key, window, amount), 0)

    async def value(self, key: str) -> int:
        """See ICounter."""
        return await self._ask(lambda: self._counter.value(key), 0)

    async def reset(self, key: str) -> None:
        """See ICounter."""
        await self._ask(lambda: self._counter.reset(key), None)

    async def _ask(self, question: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if self._down and self._clock() < self._again:
            return otherwise
        try:
            found = await question()
        except ScheduleUnavailable as error:
            self._again = self._clock() + PAUSE
            if not self._down:
                self._down = True
                self.log.error("rates, allowances and greylist are off: {error}", error=str(error))
            return otherwise
        if self._down:
            self._down = False
            self.log.info("rates, allowances and greylist are on again")
        return found
