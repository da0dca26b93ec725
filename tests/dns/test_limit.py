"""Response rate limiting: who shares, when it begins, and what becomes of a response."""

from __future__ import annotations

import dns.flags
import dns.message
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns import limit
from mailsuite.dns.limit import RateLimit, Turn, network_of, slipped


class RateLimitTests(SynchronousTestCase):
    """With a clock that is turned by hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = RateLimit(5, self.clock.seconds)

    def turns(self, address: str, count: int) -> list[Turn]:
        """The next ones."""
        return [self.limit.turn(address) for _ in range(count)]

    def test_beyond_the_rate(self) -> None:
        """A second's worth at once; then one is cut, the next left out, and so on."""
        self.assertEqual(self.turns("192.0.2.1", 5), [Turn.SEND] * 5)
        self.assertEqual(self.turns("192.0.2.1", 4), [Turn.SLIP, Turn.DROP, Turn.SLIP, Turn.DROP])

    def test_comes_back(self) -> None:
        """As time passes, at the rate, never more than a second's worth."""
        self.turns("192.0.2.1", 9)
        self.clock.advance(0.4)
        self.assertEqual(self.turns("192.0.2.1", 3)[:2], [Turn.SEND] * 2)
        self.assertNotEqual(self.limit.turn("192.0.2.1"), Turn.SEND)
        self.clock.advance(1000)
        self.assertEqual(self.turns("192.0.2.1", 6).count(Turn.SEND), 5)

    def test_who_shares(self) -> None:
        """A /24, a /56; others have their own; a mapped address is the IPv4 one."""
        self.turns("192.0.2.1", 5)
        self.assertNotEqual(self.limit.turn("192.0.2.200"), Turn.SEND)
        self.assertNotEqual(self.limit.turn("::ffff:192.0.2.3"), Turn.SEND)
        self.assertEqual(self.limit.turn("192.0.3.1"), Turn.SEND)
        self.turns("2001:db8:0:100::1", 5)
        self.assertNotEqual(self.limit.turn("2001:db8:0:1ff:1::"), Turn.SEND)
        self.assertEqual(self.limit.turn("2001:db8:0:200::1"), Turn.SEND)
        self.assertEqual(network_of("fe80::1%eth0"), network_of("fe80::2"))

    def test_bounded(self) -> None:
        """The oldest networks are forgotten."""
        self.patch(limit, "NETWORKS", 10)
        for n in range(100):
            self.limit.turn(f"192.0.{n}.1")
        self.assertEqual(len(self.limit._networks), 10)

    def test_by_client(self) -> None:
        """Each address for itself."""
        clients = RateLimit(1, self.clock.seconds, str)
        self.assertEqual([clients.turn(f"192.0.2.{n}") for n in (1, 2, 1)], [Turn.SEND, Turn.SEND, Turn.SLIP])


class SlippedTests(SynchronousTestCase):
    """Responses cut to their question."""

    def test_response(self) -> None:
        """Same id and question, TC, no records."""
        query = dns.message.make_query("a\\000b.example", "A")
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text("a\\000b.example.", 60, "IN", "A", "192.0.2.1"))
        cut = dns.message.from_wire(slipped(response.to_wire()))
        self.assertTrue(query.is_response(cut))
        self.assertTrue(cut.flags & dns.flags.TC)
        self.assertEqual((cut.answer, cut.edns), ([], -1))

    def test_response_without_a_question(self) -> None:
        """FORMERR to what could not be read: still a message."""
        cut = dns.message.from_wire(slipped(b"\x12\x34\x80\1" + bytes(8)))
        self.assertEqual((cut.question, cut.rcode()), ([], 1))

    @given(st.binary(min_size=12, max_size=60))
    def test_never_longer(self, response: bytes) -> None:
        """Whatever it is."""
        self.assertLessEqual(len(slipped(response)), len(response))
