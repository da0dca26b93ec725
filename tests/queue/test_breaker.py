"""How long a destination that is down is left alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.queue.breaker import MINUTE, Breaker
from mailsuite.queue.settle import RetryPolicy


class BreakerTests(SynchronousTestCase):
    """The steps."""

    def test_the_steps(self) -> None:
        """1, 2, 5, 15 and 30 minutes; the shipped retry policy leaves them as they are."""
        steps = tuple(MINUTE * n for n in (1, 2, 5, 15, 30))
        self.assertEqual(steps, Breaker().steps)
        shipped = RetryPolicy(tuple(MINUTE * n for n in (1, 5, 15, 30, 60, 120, 240)))
        self.assertEqual(steps, Breaker.beside(shipped).steps)

    def test_no_longer_than_a_retry(self) -> None:
        """Where retries follow quickly the breaker does not hold them up."""
        self.assertEqual((5, 15, 30, 30, 30), Breaker.beside(RetryPolicy((5, 15, 30), 3)).steps)
        self.assertEqual((MINUTE, 2 * MINUTE, 7, 7, 7), Breaker.beside(RetryPolicy((MINUTE, 3 * MINUTE, 7))).steps)

    def test_jitter(self) -> None:
        """All waits of one failure are stretched alike, by 0.8 to 1.2."""
        asked = []

        def uniform(low: float, high: float) -> float:
            asked.append((low, high))
            return 1.1

        self.assertEqual((1100, 2200), Breaker((1000, 2000)).waits(uniform))
        self.assertEqual([(0.8, 1.2)], asked)
