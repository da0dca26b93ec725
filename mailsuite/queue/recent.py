"""Messages that this process has just accepted: its own workers need not read them back from the store."""

from __future__ import annotations

from mailsuite.model.job import QueuedMessage

CAPACITY = 16 * 1024 * 1024
"""Octets of content that are kept at most; the oldest go first. What was accepted never changes."""


class Recent:
    """A bounded memory of accepted messages with their contents."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: dict[str, tuple[QueuedMessage, bytes]] = {}
        self._size = 0

    def keep(self, message: QueuedMessage, content: bytes) -> None:
        """Remember a message, unless it alone would take a quarter of the room."""
        if message.size * 4 > self._capacity or message.id in self._kept:
            return
        self._kept[message.id] = (message, content)
        self._size += message.size
        while self._size > self._capacity:
            oldest = next(iter(self._kept))
            self._size -= self._kept.pop(oldest)[0].size

    def get(self, queue_id: str) -> tuple[QueuedMessage, bytes] | None:
        """The message and its content, None when they are not remembered."""
        return self._kept.get(queue_id)
