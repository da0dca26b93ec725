"""A long answer, written no faster than the client reads it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer


@implementer(IPushProducer)
class Outflow:
    """Use it in ``with``; at most the piece that is being written waits in memory."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._room: Deferred[None] | None = None

    def __enter__(self) -> Outflow:
        self._request.registerProducer(self, True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._request.channel is not None:  # None: the client has gone
            self._request.unregisterProducer()

    async def write(self, data: bytes) -> None:
        """Write, and wait until there is room for more."""
        self._request.write(data)
        if self._room is not None:
            await self._room

    def pauseProducing(self) -> None:
        """The client is slower than we are."""
        if self._room is None:
            self._room = Deferred()

    def resumeProducing(self) -> None:
        """It has caught up."""
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stopProducing(self) -> None:
        """It has gone; Klein cancels who waits."""
