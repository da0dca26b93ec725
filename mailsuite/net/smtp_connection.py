"""A client's connection with awaitable input, output and handshake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from typing import Protocol as Shape

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.net.prompt_writes import PromptWrites
from mailsuite.net.tls import in_words

_FAREWELL = 5.0

UNREAD = 65_536
"""Octets that a host may say while nobody listens; one that says more is cut off."""


class Broken(Exception):
    """The connection is gone or too slow; the text says how."""


class HandshakeFailed(Exception):
    """TLS could not be agreed on; the text says why."""


class Handshake(Shape):
    """An IOpenSSLClientConnectionCreator that judges afterwards."""

    def clientConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The connection that is to shake hands."""

    def check(self, connection: SSL.Connection) -> None:
        """Raises DestinationDown when the host did not show what it must."""


@implementer(IHandshakeListener, IPushProducer)
class SmtpConnection(Protocol):
    """``gone`` fires when the connection is closed, whoever closed it. One coroutine at a time may wait."""

    transport: Any
    _writes: PromptWrites

    def __init__(self, reactor: Any) -> None:
        self.gone: Deferred[None] = Deferred()
        self.on_noise: Callable[[], None] | None = None
        """Called when the host says or does something while nobody waits for it."""
        self._reactor = reactor
        self._input: list[bytes] = []
        self._lost = ""
        self._waiting: Deferred[None] | None = None
        self._paused = False
        self._secured = False

    def connectionMade(self) -> None:
        """What is written is whole groups of commands."""
        self.transport.setTcpNoDelay(True)
        self._writes = PromptWrites(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Keep it for ``read``."""
        self._input.append(data)
        if len(self._input) > 1 and sum(map(len, self._input)) > UNREAD:
            self.abort()
        self._wake()

    def handshakeCompleted(self) -> None:
        """TLS is on."""
        self._secured = True
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever waits is told."""
        clean = reason.check(ConnectionDone)
        self._lost = "the host closed the connection" if clean else repr(reason.value)
        self._wake()
        self.gone.callback(None)

    def pauseProducing(self) -> None:
        """The transport has enough."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It takes more."""
        self._paused = False
        self._wake()

    def stopProducing(self) -> None:
        """connectionLost follows."""

    @property
    def quiet(self) -> bool:
        """Is the link up, and nothing unread on it?"""
        return not self._lost and not self._input

    def write(self, data: bytes) -> None:
        """Send it; a link that is gone takes it to nowhere."""
        if data and not self._lost:
            self._writes.write(data)

    async def read(self, seconds: float, what: str) -> bytes:
        """The next octets. Raises Broken; ``what`` says in words what they are waited for."""
        if not self._input and not self._lost:
            await self._wait(seconds, what)
        if not self._input:
            raise Broken(f"{self._lost} {what}")
        data = b"".join(self._input)
        self._input.clear()
        return data

    async def send(self, octets: Iterator[bytes], seconds: float, what: str) -> bool:
        """Write block after block as fast as the host takes them; False when it says something meanwhile.

        ``seconds`` is the time for one block. Raises Broken.
        """
        self.transport.registerProducer(self, True)
        try:
            for block in octets:
                self._writes.write(block)
                while self._paused and not self._input and not self._lost:
                    await self._wait(seconds, what)
                if self._input:
                    return False
                if self._lost:
                    raise Broken(f"{self._lost} {what}")
        finally:
            self._paused = False
            self.transport.unregisterProducer()
        return True

    async def start_tls(self, handshake: Handshake, seconds: float) -> str:
        """Shake hands; what was agreed on, in words. Raises HandshakeFailed, and what ``handshake.check`` raises."""
        try:
            if not self._lost:
                self._writes.stop()
                self.transport.startTLS(handshake)
                await self._wait(seconds, "during the TLS handshake")
        except Broken as error:
            raise HandshakeFailed(str(error)) from None
        if not self._secured:
            raise HandshakeFailed(self._lost)
        handshake.check(self.transport.getHandle())
        return in_words(self.transport)

    def close(self) -> None:
        """Send what was written, then close; in vain after a few seconds, abort."""
        if not self._lost:
            self.transport.loseConnection()
            late = self._reactor.callLater(_FAREWELL, self.abort)
            self.gone.addCallback(lambda _: late.cancel() if late.active() else None)

    def abort(self) -> None:
        """Close now; what was written may be lost."""
        self.transport.abortConnection()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
        elif self.on_noise is not None:
            self.on_noise()

    async def _wait(self, seconds: float, what: str) -> None:
        self._waiting = Deferred()
        try:
            await self._waiting.addTimeout(seconds, self._reactor)
        except TimedOut:
            raise Broken(f"timed out after {seconds:g} s {what}") from None
        finally:
            self._waiting = None
