"""DNS over TCP: several queries on a connection, answered in their order.

RFC 7766, RFC 9210. Messages may come in any crumbs; who is idle, or does not read, is disconnected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

IDLE = 10.0
"""Seconds a connection may stay without a whole query, or without reading our answers."""
PENDING = 100
"""Queries of a connection that wait for an answer; then no more are read."""
CONNECTIONS = 500
"""At the limit the connection that has been quiet for longest makes room."""

Answers = Callable[[bytes, str], "bytes | Deferred[bytes] | Deferred[list[bytes]] | None"]
"""From a message and the client's address to a response (or several messages), now or soon; None: hang up."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class DnsStream(Protocol):
    """One connection."""

    transport: Any

    def __init__(self, reactor: Any, answers: Answers, among: DnsStreamFactory) -> None:
        self._among = among
        self._reactor = reactor
        self._answers = answers
        self._buffer = bytearray()
        self._responses: deque[list[bytes]] = deque()
        """One slot for each query, in order; filled when its answer is there."""
        self._working = self._blocked = self._ended = False
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._timer = self._reactor.callLater(IDLE, self._idle)
        self._among.opened(self)

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def _work(self) -> None:
        """Answer what is there, but no more than may wait and than the client reads."""
        if self._working:
            return
        self._working = True
        while not self._blocked and len(self._responses) < PENDING:
            message = self._next()
            if message is None:
                break
            if not self._take(message):
                # Nothing more is taken from this client: _working stays set.
                self.transport.abortConnection()
                return
            self._alive()
            self._flush()
        self._working = False
        self._steer()

    def _next(self) -> bytes | None:
        end = 2 + int.from_bytes(self._buffer[:2], "big")
        if len(self._buffer) < max(end, 2):
            return None
        message = bytes(self._buffer[2:end])
        del self._buffer[:end]
        return message

    def _take(self, message: bytes) -> bool:
        response = self._answers(message, self.transport.getPeer().host)
        if response is None:
            return False
        slot: list[bytes] = []
        self._responses.append(slot)
        if isinstance(response, Deferred):
            response.addCallback(self._fill, slot)
        else:
            slot.append(response)
        return True

    def _fill(self, response: bytes | list[bytes], slot: list[bytes]) -> None:
        slot.extend(response if isinstance(response, list) else [response])
        if self.connected and not self._working:
            self._alive()
            self._flush()
            self._work()

    def _flush(self) -> None:
        while self._responses and self._responses[0]:
            for response in self._responses.popleft():
                self.transport.write(len(response).to_bytes(2, "big") + response)

    def _alive(self) -> None:
        if self._timer is not None and not self._blocked:
            self._timer.reset(IDLE)
            self._among.used(self)

    def _idle(self) -> None:
        self._timer = None
        self.transport.abortConnection()

    def _steer(self) -> None:
        """Read on only while there is room for another query and the client takes its answers."""
        if self._ended:
            if not self._responses and not self._blocked:
                self.transport.unregisterProducer()
                self.transport.loseConnection()
        elif self._blocked or len(self._responses) >= PENDING:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def pauseProducing(self) -> None:
        """The client does not read."""
        self._blocked = True
        self._steer()

    def resumeProducing(self) -> None:
        """It reads again."""
        self._blocked = False
        self._alive()
        self._work()

    def stopProducing(self) -> None:
        """The connection ends."""

    def readConnectionLost(self) -> None:
        """The client has asked all it wants; it still gets its answers."""
        self._ended = True
        self._steer()

    def writeConnectionLost(self) -> None:
        """Never: we do not close one half."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._among.closed(self)


class DnsStreamFactory(ServerFactory):
    """Holds the open connections, the one that has been quiet for longest first."""

    noisy = False

    def __init__(self, reactor: Any, answers: Answers, most: int = CONNECTIONS) -> None:
        self._reactor = reactor
        self._answers = answers
        self._most = most
        self._open: dict[DnsStream, None] = {}
        self._waiting: list[Deferred[None]] = []

    def buildProtocol(self, addr: object) -> DnsStream:
        stream = DnsStream(self._reactor, self._answers, self)
        stream.factory = self
        return stream

    def opened(self, stream: DnsStream) -> None:
        """Count a new connection and make room for it."""
        self._open[stream] = None
        if len(self._open) > self._most:
            quiet = next(iter(self._open))
            del self._open[quiet]
            quiet.transport.abortConnection()

    def used(self, stream: DnsStream) -> None:
        """A query came or was answered."""
        if stream in self._open:
            self._open[stream] = self._open.pop(stream)

    def closed(self, stream: DnsStream) -> None:
        """The connection has ended."""
        self._open.pop(stream, None)
        if not self._open:
            waiting, self._waiting = self._waiting, []
            for turn in waiting:
                turn.callback(None)

    def close(self) -> Deferred[None]:
        """End all connections; fires when they have ended."""
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        for stream in list(self._open):
            stream.transport.abortConnection()
        if not self._open:
            self._waiting.remove(turn)
            turn.callback(None)
        return turn
