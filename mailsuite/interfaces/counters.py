"""ICounter: rates that may be forgotten."""

from __future__ import annotations

from zope.interface import Interface


class ICounter(Interface):
    """Both methods raise ScheduleUnavailable when Redis does not answer: the caller then lets things pass."""

    async def hit(key: str, window: int, amount: int = 1) -> int:
        """Add to a counter that lives for ``window`` seconds from its first hit; its value afterwards."""

    async def value(key: str) -> int:
        """The value now, 0 when there is none."""

    async def reset(key: str) -> None:
        """Forget the counter."""
