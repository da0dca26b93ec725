"""The HTTP edge on a clock that the test turns."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from mailsuite.testing.fake_events import FakeEvents
from mailsuite.web.site import WHOLE_REQUEST, WebSite
from mailsuite.web.stream import Streams


class Plain(Resource):
    """Answers with a word."""

    isLeaf = True  # noqa: N815

    def render(self, request: object) -> bytes:
        return b"here"


class SlowClientTests(SynchronousTestCase):
    """A client may not hold a connection with a request that never ends."""

    def setUp(self) -> None:
        self.clock = Clock()
        site = WebSite(cast(Any, Plain()), Streams(FakeEvents(), self.clock), self.clock)
        address = IPv4Address("TCP", "127.0.0.1", 1)
        self.transport = StringTransport(address)
        self.protocol: Any = site.buildProtocol(address)
        self.protocol.makeConnection(self.transport)

    def trickle(self, first: bytes, step: bytes) -> float:
        """Begin, then add a little every ten seconds; after how many seconds the connection is cut."""
        self.protocol.dataReceived(first)
        for _ in range(30):
            self.clock.advance(10)
            if self.transport.disconnected or self.transport.disconnecting:
                break
            self.protocol.dataReceived(step)
        return self.clock.seconds()

    def test_header(self) -> None:
        """A header that trickles in is cut off in time, though it never rests."""
        self.assertEqual(self.trickle(b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n"), WHOLE_REQUEST)

    def test_content(self) -> None:
        """So is a body."""
        self.assertEqual(self.trickle(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n", b"a"), WHOLE_REQUEST)

    def test_whole_request(self) -> None:
        """A request that is there is answered, and nothing waits for it any more."""
        idle = len(self.clock.getDelayedCalls())
        self.protocol.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        self.assertIn(b"here", self.transport.value())
        self.assertEqual(len(self.clock.getDelayedCalls()), idle)
