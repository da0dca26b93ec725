"""How long a destination that is down is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailsuite.queue.settle import RetryPolicy

MINUTE = 60_000
STEPS = (1 * MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE)


@dataclass(frozen=True, slots=True)
class Breaker:
    """``steps`` in ms: after the first failure, the second, ...; the last repeats."""

    steps: tuple[int, ...] = STEPS

    @classmethod
    def beside(cls, retry: RetryPolicy) -> Breaker:
        """The steps that go with a retry policy: none is longer than the retry of a job that is alone."""
        last = len(retry.steps) - 1
        return cls(tuple(min(step, retry.steps[min(n, last)]) for n, step in enumerate(STEPS)))

    def waits(self, uniform: Callable[[float, float], float]) -> tuple[int, ...]:
        """The steps, jittered by 0.8 to 1.2 so that destinations that went down together come back one by one."""
        factor = uniform(0.8, 1.2)
        return tuple(round(step * factor) for step in self.steps)
