"""The service that listens."""

import socket
from typing import cast

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from mailsuite.runtime.listener import Listener
from mailsuite.runtime.network_values import Listen
from mailsuite.runtime.sockets import stream_endpoints

HERE = Listen("127.0.0.1", 0)


class Drained(Factory):
    """A factory that tells when it is asked to drain, and takes its time."""

    protocol = Protocol
    noisy = False

    def __init__(self, listener_ports: list[int]) -> None:
        self.ports = listener_ports
        self.asked: list[float] = []
        self.refused: list[bool] = []
        self.ended: Deferred[None] = Deferred()

    async def drain(self, seconds: float) -> None:
        self.asked.append(seconds)
        for port in self.ports:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                self.refused.append(False)
            except ConnectionRefusedError:
                self.refused.append(True)
        await self.ended


class ListenerTests(TestCase):
    """Real ports."""

    def ports(self, listener: Listener) -> list[int]:
        """The numbers of the ports that it opened."""
        return [cast(IPv4Address, port.getHost()).port for port in listener.ports]

    async def test_no_new_session_before_the_old_ones_drain(self) -> None:
        """All ports are closed when the factory is asked, once, to let its sessions end; the stop waits for them."""
        ports: list[int] = []
        factory = Drained(ports)
        listener = Listener(stream_endpoints(reactor, [HERE, HERE], {}), factory, grace=7.0)
        listener.privilegedStartService()
        listener.startService()
        ports += self.ports(listener)
        for port in ports:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        stopped = listener.stopService()
        while not factory.asked:
            await _turn()
        self.assertNoResult(stopped)
        factory.ended.callback(None)
        await stopped
        self.assertEqual((factory.asked, factory.refused), ([7.0], [True, True]))

    async def test_a_factory_without_sessions_to_drain(self) -> None:
        """Then the stop is the end of listening."""
        listener = Listener(stream_endpoints(reactor, [HERE], {}), Factory.forProtocol(Protocol))
        listener.privilegedStartService()
        (port,) = self.ports(listener)
        await listener.stopService()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)

    async def test_a_port_that_cannot_be_had(self) -> None:
        """The start raises, so that no daemon looks alive without its port."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = Listen("127.0.0.1", other.getsockname()[1])
            listener = Listener(stream_endpoints(reactor, [taken], {}), Factory.forProtocol(Protocol))
            with self.assertRaises(CannotListenError):
                listener.privilegedStartService()


def _turn() -> Deferred[None]:
    turned: Deferred[None] = Deferred()
    reactor.callLater(0, turned.callback, None)
    return turned
