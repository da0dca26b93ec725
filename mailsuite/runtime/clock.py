"""What time it is: passed in wherever time matters, so that tests can turn it."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives milliseconds since 1970 UTC."""


def now() -> int:
    """The time of this machine in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000
