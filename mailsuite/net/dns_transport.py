"""One exchange with a DNS server: UDP from a socket of its own, then TCP when the reply is cut.

RFC 5452 section 4.5 (a random port for each query, chosen by the kernel), RFC 7766 section 5.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.dns.forward import Exchange, Server, Verdict

_DATAGRAM = 4096


class NoReplyError(Exception):
    """The server did not answer in time, or cannot be reached; the text says which."""


@implementer(IReadDescriptor)
class _Datagram:
    """A connected socket for one query: the kernel drops what comes from elsewhere."""

    def __init__(self, reactor: Any, server: Server, exchange: Exchange) -> None:
        self._reactor = reactor
        self._exchange = exchange
        self.reply: Deferred[tuple[Verdict, bytes]] = Deferred()
        self._socket = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(server)
            self._socket.send(exchange.query)
        except OSError:
            self._socket.close()
            raise
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "dns-query"

    def doRead(self) -> None:
        while not self.reply.called:
            try:
                data = self._socket.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                self.reply.errback(NoReplyError(str(error)))
                return
            verdict = self._exchange.judge(data)
            if verdict is not Verdict.ALIEN:
                self.reply.callback((verdict, data))

    def connectionLost(self, reason: Failure) -> None:
        """An ICMP error came, or the reactor stops; the socket is closed by who asked."""
        if not self.reply.called:
            self.reply.errback(NoReplyError("the port cannot be reached"))

    def close(self) -> None:
        self._reactor.removeReader(self)
        self._socket.close()


class _Stream(Int16StringReceiver):
    """One query over one connection."""

    MAX_LENGTH = 65535
    transport: Any

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.reply: Deferred[tuple[Verdict, bytes]] = Deferred()

    def connectionMade(self) -> None:
        self.sendString(self._exchange.query)

    def stringReceived(self, string: bytes) -> None:
        verdict = self._exchange.judge(string)
        if verdict is not Verdict.ALIEN and not self.reply.called:
            self.reply.callback((verdict, string))

    def connectionLost(self, reason: Failure = Failure(ConnectionClosed())) -> None:  # noqa: B008
        if not self.reply.called:
            self.reply.errback(NoReplyError("the connection was closed without a reply"))


async def ask(reactor: Any, server: Server, exchange: Exchange, patience: float) -> tuple[Verdict, bytes]:
    """Ask one server: GOOD and its message, or FAULT and what it said. Raises NoReplyError.

    ``patience`` in seconds, for UDP and again for TCP.
    """
    try:
        datagram = _Datagram(reactor, server, exchange)
    except OSError as error:
        raise NoReplyError(str(error)) from error
    try:
        verdict, message = await _within(patience, datagram.reply, reactor)
    finally:
        datagram.close()
    if verdict is not Verdict.TRUNCATED:
        return verdict, message
    verdict, message = await _ask_stream(reactor, server, exchange, patience)
    return (Verdict.FAULT if verdict is Verdict.TRUNCATED else verdict), message


async def _ask_stream(reactor: Any, server: Server, exchange: Exchange, patience: float) -> tuple[Verdict, bytes]:
    kind = TCP6ClientEndpoint if ":" in server[0] else TCP4ClientEndpoint
    stream = _Stream(exchange)
    begun = reactor.seconds()
    try:
        await kind(reactor, *server, timeout=patience).connect(Factory.forProtocol(lambda: stream))
    except ConnectError as error:
        raise NoReplyError(f"TCP: {error}") from error
    try:
        left = max(0.1, patience - (reactor.seconds() - begun))
        return await _within(left, stream.reply, reactor)
    finally:
        stream.transport.abortConnection()


async def _within(seconds: float, reply: Deferred[tuple[Verdict, bytes]], reactor: Any) -> tuple[Verdict, bytes]:
    reply.addTimeout(seconds, reactor)
    try:
        return await reply
    except TimeoutError:
        raise NoReplyError(f"no reply within {seconds:.3g} seconds") from None
