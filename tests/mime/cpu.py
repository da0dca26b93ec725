"""How much CPU something takes, whatever else the machine does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

TRACED = 10
"""So much slower is Python, about, while coverage is measured."""


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU that ``work`` takes by the shortest of three runs, or the first if it is quick."""
    runs: list[float] = []
    while len(runs) < 3 and (not runs or min(runs) > 0.01):
        start = time.process_time()
        work()
        runs.append(time.process_time() - start)
    return min(runs) / (TRACED if sys.gettrace() else 1)
