"""DNS over TCP with a clock that is turned by hand: idle clients, slow readers, too many connections."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.net.dns_stream import IDLE, PENDING, DnsStream, DnsStreamFactory
from tests.net.dns_peers import framed


class Transport(StringTransport):
    """Remembers whether it was aborted."""

    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to set."""

    def abortConnection(self) -> None:
        """As the real one: the protocol learns of it afterwards."""
        self.aborted = True


class DnsStreamTests(SynchronousTestCase):
    """One or a few connections."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pending: list[Deferred[bytes]] = []
        self.factory = DnsStreamFactory(self.clock, self.answer, most=3)

    def answer(self, message: bytes, client: str) -> bytes | Deferred[bytes] | None:
        """Messages that begin with "later" wait, others are echoed."""
        if message.startswith(b"later"):
            self.pending.append(Deferred())
            return self.pending[-1]
        return message

    def connect(self) -> tuple[DnsStream, Transport]:
        """A new connection."""
        stream, transport = self.factory.buildProtocol(None), Transport()
        stream.makeConnection(transport)
        return stream, transport

    def test_silence(self) -> None:
        """A connection without a query ends after ten seconds."""
        _, transport = self.connect()
        self.clock.advance(IDLE - 0.1)
        self.assertFalse(transport.aborted)
        self.clock.advance(0.2)
        self.assertTrue(transport.aborted)

    def test_f071_crumbs_do_not_keep_alive(self) -> None:
        """F071: length 65535 and an octet now and then: only whole queries count as life."""
        stream, transport = self.connect()
        stream.dataReceived(b"\xff\xff")
        for _ in range(int(IDLE)):
            self.clock.advance(1)
            stream.dataReceived(b"x")
        self.assertTrue(transport.aborted)

    def test_queries_keep_alive(self) -> None:
        """Each query begins the ten seconds anew, and so does its late answer."""
        stream, transport = self.connect()
        for _ in range(5):
            self.clock.advance(IDLE - 1)
            stream.dataReceived(framed([b"query"]))
        stream.dataReceived(framed([b"later"]))
        self.clock.advance(IDLE - 1)
        self.pending[0].callback(b"answer")
        self.clock.advance(IDLE - 1)
        self.assertFalse(transport.aborted)
        self.assertEqual(transport.value(), framed([b"query"] * 5 + [b"answer"]))

    def test_order(self) -> None:
        """Answers go out in the order of the queries, whichever is known first."""
        stream, transport = self.connect()
        stream.dataReceived(framed([b"later 0", b"one", b"later 2", b"three"]))
        self.pending[1].callback(b"two")
        self.assertEqual(transport.value(), b"")
        self.pending[0].callback(b"zero")
        self.assertEqual(transport.value(), framed([b"zero", b"one", b"two", b"three"]))

    def test_too_many_under_way(self) -> None:
        """Beyond a hundred unanswered queries nothing is read; each answer makes room."""
        stream, transport = self.connect()
        stream.dataReceived(framed([b"later"] * (PENDING + 5)))
        self.assertEqual((len(self.pending), transport.producerState), (PENDING, "paused"))
        self.pending[0].callback(b"answer")
        self.assertEqual(len(self.pending), PENDING + 1)
        for late in self.pending[1:10]:
            late.callback(b"answer")
        self.assertEqual((len(self.pending), transport.producerState), (PENDING + 5, "producing"))

    def test_answers_known_at_once(self) -> None:
        """Thousands of queries in one segment whose Deferreds have fired already go neither wrong nor too deep."""
        factory = DnsStreamFactory(self.clock, lambda message, client: succeeded(message))
        stream, transport = factory.buildProtocol(None), Transport()
        stream.makeConnection(transport)
        stream.dataReceived(framed([b"x"] * 5000))
        self.assertEqual(transport.value(), framed([b"x"] * 5000))

    def test_slow_reader(self) -> None:
        """Nothing more is answered for a client that does not read, and it is cut off after ten seconds."""
        stream, transport = self.connect()
        stream.pauseProducing()
        stream.dataReceived(framed([b"one"]))
        self.assertEqual((transport.value(), transport.producerState), (b"", "paused"))
        stream.resumeProducing()
        self.assertEqual((transport.value(), transport.producerState), (framed([b"one"]), "producing"))
        stream.pauseProducing()
        self.clock.advance(IDLE)
        self.assertTrue(transport.aborted)

    def test_room_for_new_connections(self) -> None:
        """At the limit the connection that was quiet for longest goes."""
        streams = [self.connect() for _ in range(3)]
        streams[0][0].dataReceived(framed([b"query"]))
        self.connect()
        self.assertEqual([transport.aborted for _, transport in streams], [False, True, False])

    def test_late_answer_for_a_closed_connection(self) -> None:
        """It goes nowhere, and the timer has ended."""
        stream, transport = self.connect()
        stream.dataReceived(framed([b"later"]))
        stream.connectionLost()
        stream.connected = 0
        self.pending[0].callback(b"answer")
        self.assertEqual((transport.value(), self.clock.getDelayedCalls()), (b"", []))


def succeeded(message: bytes) -> Deferred[bytes]:
    """A Deferred that has fired."""
    done: Deferred[bytes] = Deferred()
    done.callback(message)
    return done
