"""Which replies of an upstream count, and what a client is told."""

from __future__ import annotations

import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns import wire
from mailsuite.dns.cache import Asked
from mailsuite.dns.forward import REST, Exchange, Upstreams, Verdict, failure, plain, respond

ASKED = Asked(b"\3www\4test\0", 1)


def made(exchange: Exchange, *addresses: str, rcode: str = "NOERROR") -> dns.message.Message:
    """A right response to an exchange."""
    message = dns.message.make_response(dns.message.from_wire(exchange.query), recursion_available=True)
    if addresses:
        message.answer.append(dns.rrset.from_text("www.test.", 60, "IN", "A", *addresses))
    message.set_rcode(dns.rcode.from_text(rcode))
    return message


class ExchangeTests(SynchronousTestCase):
    """The query, and judging."""

    def setUp(self) -> None:
        self.exchange = Exchange(ASKED, 0x1234)

    def test_query(self) -> None:
        """Recursion and AD are asked for, DO and CD as the client wants, EDNS with 1232 octets."""
        for do in (False, True):
            for cd in (False, True):
                query = dns.message.from_wire(Exchange(Asked(ASKED.name, 15, do, cd), 7).query)
                self.assertEqual(query.id, 7)
                self.assertEqual(query.question[0].to_text(), "www.test. IN MX")
                expected = dns.flags.RD | dns.flags.AD | (dns.flags.CD if cd else 0)
                self.assertEqual((query.flags, query.edns, query.payload), (expected, 0, 1232))
                self.assertEqual(bool(query.ednsflags & dns.flags.DO), do)

    def test_good(self) -> None:
        """NOERROR with or without data, and NXDOMAIN."""
        for message in (made(self.exchange, "192.0.2.1"), made(self.exchange), made(self.exchange, rcode="NXDOMAIN")):
            self.assertEqual(self.exchange.judge(message.to_wire()), Verdict.GOOD)

    def test_alien(self) -> None:
        """Another id, another question, no question, no response: none of it counts (RFC 5452)."""
        right = made(self.exchange, "192.0.2.1").to_wire()
        other = dns.message.make_response(dns.message.make_query("evil.test", "A", id=0x1234)).to_wire()
        kind = dns.message.make_response(dns.message.make_query("www.test", "MX", id=0x1234)).to_wire()
        empty = made(self.exchange, "192.0.2.1")
        empty.question = []
        for reply in (
            b"\x12\x35" + right[2:],
            right[:2] + b"\1" + right[3:],
            other,
            kind,
            empty.to_wire(),
            b"",
            right[:11],
        ):
            self.assertEqual(self.exchange.judge(reply), Verdict.ALIEN)

    def test_case_of_the_question(self) -> None:
        """Letters may come back in another case."""
        right = made(self.exchange, "192.0.2.1").to_wire()
        self.assertEqual(self.exchange.judge(right.replace(b"\3www", b"\3wWw", 1)), Verdict.GOOD)

    def test_fault(self) -> None:
        """Errors of the server, with or without a question, send us to the next one; or first to ask without EDNS."""
        for rcode in ("SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"):
            plain = Verdict.PLAIN if rcode in ("NOTIMP", "FORMERR") else Verdict.FAULT
            for edns, expected in ((True, plain), (False, Verdict.FAULT)):
                exchange = Exchange(ASKED, 0x1234, edns)
                message = made(exchange, rcode=rcode)
                self.assertEqual(exchange.judge(message.to_wire()), expected)
                message.question = []
                self.assertEqual(exchange.judge(message.to_wire()), expected)

    def test_f077_truncated(self) -> None:
        """F077: TC is looked at before anything is parsed; a reply that was cut silently is taken as truncated."""
        message = made(self.exchange, *(f"192.0.2.{n}" for n in range(1, 41)))
        right = message.to_wire()
        message.flags |= dns.flags.TC
        marked = message.to_wire()
        for at in range(12 + len(ASKED.name) + 4, len(right)):
            self.assertEqual(self.exchange.judge(marked[:at]), Verdict.TRUNCATED)
            self.assertEqual(self.exchange.judge(right[:at]), Verdict.TRUNCATED)

    def test_f069_loops_in_an_answer(self) -> None:
        """F069: pointer loops in owner names and in data are no answer, and cost microseconds."""
        head = made(self.exchange).to_wire()[:26]
        head = head[:6] + b"\0\1\0\0\0\0" + head[12:]
        fixed = b"\0\5\0\1\0\0\0\x3c"
        begun = time.process_time()
        for name in (b"\xc0\x1a", b"\xc0\x1c\xc0\x1a", b"\xff\xff", b"\x01a\xc0\x1a", b"\xc0\x1c"):
            self.assertEqual(self.exchange.judge(head + name + fixed + b"\0\2\xc0\x0c"), Verdict.TRUNCATED)
        for data in (b"\xc0\x26", b"\x01a\xc0\x26", b"\xc0\x30", b"\xc0", b"\x80a"):
            record = b"\xc0\x0c" + fixed + len(data).to_bytes(2, "big") + data
            self.assertEqual(self.exchange.judge(head + record), Verdict.TRUNCATED)
        self.assertLess(time.process_time() - begun, 0.5)

    def test_pointers_into_the_header(self) -> None:
        """No name stands there: what they find changes with the counts, e.g. when the client's OPT is added."""
        head = made(self.exchange).to_wire()[:26]
        head = head[:6] + b"\0\1\0\0\0\0" + head[12:]
        for at in range(12):
            pointer = bytes((0xC0, at))
            for record in (pointer + b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1", b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2" + pointer):
                self.assertEqual(self.exchange.judge(head + record), Verdict.TRUNCATED, at)

    def test_pointers_into_a_ttl(self) -> None:
        """Nor there: it grows less in the cache. A label that reaches into one is no name either."""
        question = made(self.exchange).to_wire()[:26]
        head = question[:6] + b"\0\2\0\0\0\0" + question[12:]
        for at, expected in (
            (38, Verdict.GOOD),  # the rdata, which stays
            (32, Verdict.TRUNCATED),
            (35, Verdict.TRUNCATED),
            (30, Verdict.TRUNCATED),  # from the class on: a label of one octet, whose end is in the TTL
        ):
            first = b"\xc0\x0c\0\x10\1\1\0\1\0\0\0\1\0"
            second = bytes((0xC0, at)) + b"\0\x63\0\1\0\0\0\x3c\0\0"
            self.assertEqual(self.exchange.judge(head + first + second), expected, at)

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200), st.booleans())
    def test_any_bytes(self, data: bytes, ours: bool) -> None:
        """Whatever follows the right beginning, nothing raises, and what is good can be read and answered."""
        reply = made(self.exchange).to_wire()[:26] + data if ours else data
        if self.exchange.judge(reply) is Verdict.GOOD:
            query = wire.parse_query(dns.message.make_query("www.test", "A").to_wire())
            assert query is not None
            dns.message.from_wire(respond(query, plain(reply, False), 512))


class ResponseTests(SynchronousTestCase):
    """From an upstream's reply to the client's response."""

    def exchange(
        self, client: dns.message.Message, upstream: dns.message.Message, *, trusted: bool = True
    ) -> dns.message.Message:
        """What the client gets."""
        query = wire.parse_query(client.to_wire())
        assert query is not None
        response = respond(query, plain(upstream.to_wire(max_size=65535), trusted), query.udp_limit)
        self.assertLessEqual(len(response), query.udp_limit)
        parsed = dns.message.from_wire(response)
        self.assertTrue(client.is_response(parsed))
        return parsed

    def test_flags(self) -> None:
        """RD and CD are the client's, RA is set, AA is not; AD only when it was asked for and can be trusted."""
        upstream = made(Exchange(ASKED, 1), "192.0.2.1")
        upstream.flags |= dns.flags.AD | dns.flags.AA
        for asked, do, trusted, expected in (
            (dns.flags.AD, False, True, dns.flags.AD),
            (0, True, True, dns.flags.AD),
            (0, False, True, 0),
            (dns.flags.AD, False, False, 0),
        ):
            client = dns.message.make_query("www.test", "A", use_edns=0 if do else -1, want_dnssec=do)
            client.flags |= asked | dns.flags.CD
            parsed = self.exchange(client, upstream, trusted=trusted)
            self.assertEqual(parsed.flags, dns.flags.QR | dns.flags.RD | dns.flags.RA | dns.flags.CD | expected)

    def test_edns_is_the_clients(self) -> None:
        """The upstream's OPT is taken out; ours is there when the client sent one; the question keeps its case."""
        upstream = made(Exchange(ASKED, 1), "192.0.2.1")
        for edns in (-1, 0):
            parsed = self.exchange(dns.message.make_query("wWw.test", "A", use_edns=edns), upstream)
            self.assertEqual((parsed.edns, parsed.question[0].name.to_text()), (edns, "wWw.test."))
            self.assertEqual(len(parsed.answer), 1)

    def test_long_answers(self) -> None:
        """What came over TCP is cut to what the client takes."""
        upstream = made(Exchange(ASKED, 1), *(f"192.0.2.{n}" for n in range(1, 101)))
        parsed = self.exchange(dns.message.make_query("www.test", "A", use_edns=False), upstream)
        self.assertTrue(parsed.flags & dns.flags.TC)

    def test_failure(self) -> None:
        """Nobody could tell: SERVFAIL."""
        query = wire.parse_query(dns.message.make_query("www.test", "A").to_wire())
        assert query is not None
        self.assertEqual(dns.message.from_wire(respond(query, failure(ASKED), 512)).rcode(), dns.rcode.SERVFAIL)


class UpstreamsTests(SynchronousTestCase):
    """The order of servers."""

    def test_silent_ones_rest(self) -> None:
        """A silent server is asked last for a while; it is told once when that is news."""
        first, second = ("192.0.2.1", 53), ("192.0.2.2", 53)
        upstreams = Upstreams([first, second])
        self.assertEqual(upstreams.order(100.0), [first, second])
        self.assertTrue(upstreams.silent(first, 100.0))
        self.assertFalse(upstreams.silent(first, 100.0))
        self.assertEqual(upstreams.order(101.0), [second, first])
        self.assertEqual(upstreams.order(100.1 + REST), [first, second])
        self.assertTrue(upstreams.worked(first))
        self.assertFalse(upstreams.worked(first))
