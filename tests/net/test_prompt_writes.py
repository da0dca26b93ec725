"""PromptWrites on real connections: at once, in order, and left to the transport when the other side is slow."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsuite.net.prompt_writes import PromptWrites

PATIENCE = 20


class Server(Protocol):
    """Says when it is connected, and when no more."""

    transport: Any

    def __init__(self) -> None:
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


def read_all(client: socket.socket) -> bytes:
    """To the end; blocks."""
    found = bytearray()
    while octets := client.recv(65536):
        found += octets
    return bytes(found)


class ConnectionTests(TestCase):
    """A connection of the reactor's with a plain socket as its other side."""

    async def connect(self) -> tuple[Server, socket.socket]:
        """Both sides."""
        server = Server()
        factory = ServerFactory.forProtocol(lambda: server)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(port.stopListening)
        client = socket.create_connection(("127.0.0.1", port.getHost().port), PATIENCE)
        self.addCleanup(client.close)
        await server.made
        return server, client

    async def test_at_once(self) -> None:
        """What is written can be read before the reactor has its next turn."""
        server, client = await self.connect()
        writes = PromptWrites(server.transport)
        for word in (b"one", b"two"):
            writes.write(word)
            self.assertEqual(word, client.recv(100))
        server.transport.loseConnection()
        await server.lost

    async def test_in_order_to_a_slow_reader(self) -> None:
        """Of what does not fit into the socket's buffers nothing is lost or out of order."""
        server, client = await self.connect()
        writes = PromptWrites(server.transport)
        pieces = [f"{n:07},".encode() * 1000 for n in range(2000)]
        for piece in pieces:
            writes.write(piece)
        server.transport.loseConnection()
        self.assertEqual(b"".join(pieces), await deferToThread(read_all, client))
        await server.lost

    async def test_what_follows_the_transports_own(self) -> None:
        """Once stopped (STARTTLS), octets take their turn behind what the transport holds."""
        server, client = await self.connect()
        writes = PromptWrites(server.transport)
        writes.write(b"1")
        writes.stop()
        server.transport.write(b"2")
        writes.write(b"3")
        server.transport.loseConnection()
        self.assertEqual(b"123", await deferToThread(read_all, client))
        await server.lost

    async def test_a_connection_that_is_gone(self) -> None:
        """Writing to it is no error."""
        server, client = await self.connect()
        writes = PromptWrites(server.transport)
        client.close()
        await server.lost
        writes.write(b"anybody?")


class OtherTransportTests(SynchronousTestCase):
    """What is no socket."""

    def test_the_transport_gets_it(self) -> None:
        """A transport that has no socket to give is written to."""
        transport = StringTransport()
        PromptWrites(transport).write(b"hello")
        self.assertEqual(b"hello", transport.value())
