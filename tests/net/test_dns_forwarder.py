"""The forwarder against upstream servers that follow a script."""

from __future__ import annotations

import socket
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from mailsuite.dns import wire
from mailsuite.dns.cache import ReplyCache
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.testing.ports import free_port
from tests.net.dns_peers import Script, ScriptedUpstream, answer, reactor

SOA = "far.test. 3600 SOA ns.far.test. postmaster.far.test. 1 2 3 4 300"


def good(query: dns.message.Message) -> bytes:
    """The right answer."""
    return answer(query, f"{query.question[0].name} 60 A 192.0.2.80").to_wire()


def negative(rcode: str) -> Script:
    """Answers with an rcode and an SOA."""
    return lambda query: answer(query, SOA, rcode=rcode).to_wire()


class ForwarderCase(TestCase):
    """Upstreams on free ports of loopback."""

    timeout = 30

    def upstream(self, udp: Script, tcp: Script | None = None) -> ScriptedUpstream:
        """A running one."""
        upstream = ScriptedUpstream(udp, tcp).start()
        self.addCleanup(upstream.stop)
        return upstream

    def forwarder(self, *upstreams: ScriptedUpstream, **options: Any) -> Forwarder:
        """One that loses patience after 0.3 s."""
        return Forwarder(reactor, [upstream.address for upstream in upstreams], **{"timeout": 0.3, **options})

    async def resolve(
        self, forwarder: Forwarder, name: str = "www.far.test", kind: str = "A", **options: Any
    ) -> dns.message.Message:
        """What a client gets."""
        client = dns.message.make_query(name, kind, **options)
        query = wire.parse_query(client.to_wire())
        assert query is not None
        response = dns.message.from_wire(await forwarder.resolve(query, query.name, query.udp_limit))
        self.assertTrue(client.is_response(response))
        return response

    def addresses(self, response: dns.message.Message) -> list[str]:
        """The data of the last RRset."""
        self.assertEqual(response.rcode(), dns.rcode.NOERROR)
        return [rdata.to_text() for rdata in response.answer[-1]]


class SpoofingTests(ForwarderCase):
    """Replies that are none (RFC 5452)."""

    async def test_wrong_question(self) -> None:
        """A reply to another question, or with another id, is passed over; the right one still counts."""

        def script(query: dns.message.Message) -> bytes:
            evil = dns.message.make_query("evil.test", "A", id=query.id)
            send(upstream, answer(evil, "evil.test. 60 A 192.0.2.66").to_wire())
            send(
                upstream,
                (query.id ^ 1).to_bytes(2, "big") + answer(query, "www.far.test. 60 A 192.0.2.66").to_wire()[2:],
            )
            unasked = answer(query, "www.far.test. 60 A 192.0.2.66")
            unasked.question = []
            send(upstream, unasked.to_wire())
            return good(query)

        upstream = self.upstream(script)
        self.assertEqual(self.addresses(await self.resolve(self.forwarder(upstream))), ["192.0.2.80"])

    async def test_wrong_source(self) -> None:
        """A reply from another port is not seen at all."""

        def script(query: dns.message.Message) -> bytes:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(answer(query, "www.far.test. 60 A 192.0.2.66").to_wire(), upstream.sources[-1])
            return good(query)

        upstream = self.upstream(script)
        self.assertEqual(self.addresses(await self.resolve(self.forwarder(upstream))), ["192.0.2.80"])

    async def test_ids_and_ports_vary(self) -> None:
        """Each query has its own random id and source port."""
        upstream = self.upstream(good)
        forwarder = self.forwarder(upstream)
        for n in range(30):
            await self.resolve(forwarder, f"w{n}.far.test")
        self.assertGreater(len({query.id for _, query in upstream.asked}), 25)
        self.assertGreater(len({port for _, port in upstream.sources}), 20)


class FailoverTests(ForwarderCase):
    """Dead, failing and truncating upstreams."""

    async def test_dead_first_upstream(self) -> None:
        """Silence of the first leads to the second, and the first is not asked for a while; one line in the log."""
        dead, alive = self.upstream(lambda query: None), self.upstream(good)
        forwarder = self.forwarder(dead, alive)
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for name in ("a.far.test", "b.far.test", "c.far.test"):
            self.assertEqual(self.addresses(await self.resolve(forwarder, name)), ["192.0.2.80"])
        self.assertEqual((len(dead.asked), len(alive.asked)), (1, 3))
        told = [event for event in events if "does not answer" in (event["log_format"] or "")]
        self.assertEqual([event["server"] for event in told], [dead.address])

    async def test_closed_port(self) -> None:
        """A port that nobody listens at costs no time-out."""
        alive = self.upstream(good)
        forwarder = Forwarder(reactor, [("127.0.0.1", free_port()), alive.address], timeout=20)
        self.assertEqual(self.addresses(await self.resolve(forwarder)), ["192.0.2.80"])

    async def test_failing_upstream(self) -> None:
        """SERVFAIL, REFUSED and FORMERR lead to the next one; from the last one to SERVFAIL."""
        for rcode in ("SERVFAIL", "REFUSED", "FORMERR"):
            failing = self.upstream(negative(rcode))
            self.assertEqual(
                self.addresses(await self.resolve(self.forwarder(failing, self.upstream(good)))), ["192.0.2.80"]
            )
            self.assertEqual((await self.resolve(self.forwarder(failing))).rcode(), dns.rcode.SERVFAIL)

    async def test_lost_datagram(self) -> None:
        """A single upstream that missed the first query is asked again."""
        lost: list[dns.message.Message] = []

        def script(query: dns.message.Message) -> bytes | None:
            if lost:
                return good(query)
            lost.append(query)
            return None

        upstream = self.upstream(script)
        self.assertEqual(self.addresses(await self.resolve(self.forwarder(upstream))), ["192.0.2.80"])

    async def test_all_dead(self) -> None:
        """SERVFAIL, and again when an upstream is back, an answer."""
        upstream = self.upstream(lambda query: None)
        forwarder = self.forwarder(upstream, timeout=0.05)
        self.assertEqual((await self.resolve(forwarder)).rcode(), dns.rcode.SERVFAIL)
        upstream.udp = good
        self.assertEqual(self.addresses(await self.resolve(forwarder, "other.far.test")), ["192.0.2.80"])

    async def test_f077_truncated(self) -> None:
        """F077: TC with a cut inside a record goes to TCP, and the client gets what fits."""

        def many(query: dns.message.Message) -> bytes:
            records = (f"www.far.test. 60 A 192.0.2.{n}" for n in range(1, 61))
            return answer(query, *records).to_wire(max_size=65535)

        def cut(query: dns.message.Message) -> bytes:
            whole = many(query)
            return (whole[:2] + bytes((whole[2] | 0x02,)) + whole[3:])[:180]

        upstream = self.upstream(cut, many)
        response = await self.resolve(self.forwarder(upstream), payload=1232)
        self.assertEqual(len(self.addresses(response)), 60)
        short = await self.resolve(self.forwarder(upstream), use_edns=False)
        self.assertTrue(short.flags & dns.flags.TC)
        self.assertEqual([transport for transport, _ in upstream.asked], ["udp", "tcp"] * 2)

    async def test_f077_cut_without_saying_so(self) -> None:
        """F077: a reply that ends inside a record is asked for over TCP, and bad there too, at the next upstream."""
        broken = self.upstream(lambda query: good(query)[:-3])
        response = await self.resolve(self.forwarder(broken, self.upstream(good)))
        self.assertEqual(self.addresses(response), ["192.0.2.80"])
        self.assertEqual([transport for transport, _ in broken.asked], ["udp", "tcp"])

    async def test_a_server_that_does_not_know_edns(self) -> None:
        """FORMERR or NOTIMP to EDNS, with the question or the header alone: it is asked again without."""

        def old(query: dns.message.Message) -> bytes:
            return answer(query, rcode="FORMERR").to_wire() if query.edns >= 0 else good(query)

        def bare(query: dns.message.Message) -> bytes:
            refused = answer(query, rcode="NOTIMP").to_wire()
            return refused[:4] + bytes(8) if query.edns >= 0 else good(query)

        for script in (old, bare):
            upstream = self.upstream(script)
            response = await self.resolve(self.forwarder(upstream), payload=1232)
            self.assertEqual(self.addresses(response), ["192.0.2.80"])
            self.assertEqual([query.edns for _, query in upstream.asked], [0, -1])

    async def test_a_server_that_refuses_everything(self) -> None:
        """FORMERR without EDNS too: the next upstream is asked."""
        bad = self.upstream(lambda query: answer(query, rcode="FORMERR").to_wire())
        self.assertEqual(self.addresses(await self.resolve(self.forwarder(bad, self.upstream(good)))), ["192.0.2.80"])

    async def test_truncated_and_no_tcp(self) -> None:
        """An upstream that truncates but does not serve TCP is as good as silent."""
        bad = self.upstream(lambda query: answer(query, flags=dns.flags.TC).to_wire(), lambda query: None)
        self.assertEqual(self.addresses(await self.resolve(self.forwarder(bad, self.upstream(good)))), ["192.0.2.80"])

    async def test_f069_loops_in_a_reply(self) -> None:
        """F069: pointer loops from an upstream harm nobody."""

        def loop(query: dns.message.Message) -> bytes:
            head = answer(query, rcode="NOERROR").to_wire()
            at = len(head)
            return (
                head[:6]
                + b"\0\1\0\0\0\0"
                + head[12:]
                + (0xC000 | at).to_bytes(2, "big")
                + b"\0\1\0\1\0\0\0\x3c\0\4abcd"
            )

        response = await self.resolve(self.forwarder(self.upstream(loop)))
        self.assertEqual(response.rcode(), dns.rcode.SERVFAIL)


class CachingTests(ForwarderCase):
    """What is asked again and what is not."""

    async def test_kept(self) -> None:
        """An answer, NXDOMAIN and NODATA are asked for once; another type and the DO bit are other questions."""
        upstream = self.upstream(good)
        forwarder = self.forwarder(upstream)
        for name in ("www.far.test", "WWW.far.TEST", "www.far.test"):
            self.assertEqual(self.addresses(await self.resolve(forwarder, name)), ["192.0.2.80"])
        self.assertEqual(len(upstream.asked), 1)
        await self.resolve(forwarder, want_dnssec=True)
        self.assertEqual(len(upstream.asked), 2)
        for rcode in ("NXDOMAIN", "NOERROR"):
            upstream.udp = negative(rcode)
            for _ in range(3):
                response = await self.resolve(forwarder, f"{rcode}.far.test")
                self.assertEqual((dns.rcode.to_text(response.rcode()), len(response.authority)), (rcode, 1))
        self.assertEqual(len(upstream.asked), 4)

    async def test_f076_nodata_through_the_forwarder(self) -> None:
        """F076: a name with an A only: AAAA and MX are NODATA with the SOA, then the A is still found."""

        def script(query: dns.message.Message) -> bytes:
            return good(query) if query.question[0].rdtype == 1 else answer(query, SOA).to_wire()

        forwarder = self.forwarder(self.upstream(script))
        for kind in ("AAAA", "MX", "TXT"):
            response = await self.resolve(forwarder, "Host.FAR.test", kind)
            self.assertEqual((response.rcode(), response.answer, len(response.authority)), (dns.rcode.NOERROR, [], 1))
        self.assertEqual(self.addresses(await self.resolve(forwarder, "Host.FAR.test")), ["192.0.2.80"])

    async def test_same_question_under_way(self) -> None:
        """Twenty clients at once, one query upstream."""
        upstream = self.upstream(good)
        forwarder = self.forwarder(upstream)
        asked = [Deferred.fromCoroutine(self.resolve(forwarder)) for _ in range(20)]
        responses = await gatherResults(asked)
        self.assertEqual([self.addresses(response) for response in responses], [["192.0.2.80"]] * 20)
        self.assertEqual(len(upstream.asked), 1)

    async def test_too_many_under_way(self) -> None:
        """Beyond the limit a new question is told SERVFAIL at once."""
        upstream = self.upstream(lambda query: None)
        forwarder = self.forwarder(upstream, flights=2, timeout=0.1)
        asked = [Deferred.fromCoroutine(self.resolve(forwarder, f"w{n}.far.test")) for n in range(5)]
        self.assertEqual([d.called for d in asked], [False, False, True, True, True])
        self.assertEqual({response.rcode() for response in await gatherResults(asked)}, {dns.rcode.SERVFAIL})

    async def test_stale(self) -> None:
        """When all upstreams fail, an answer whose time is over is better than none (RFC 8767)."""
        upstream = self.upstream(lambda query: answer(query, "www.far.test. 1 A 192.0.2.80").to_wire())
        cache = ReplyCache()
        forwarder = self.forwarder(upstream, cache=cache, timeout=0.05)
        await self.resolve(forwarder)
        (asked,) = cache._kept
        cache._kept[asked] = cache._kept[asked]._replace(expires=reactor.seconds() - 1)
        upstream.udp = lambda query: None
        response = await self.resolve(forwarder)
        self.assertEqual((self.addresses(response), response.answer[0].ttl), (["192.0.2.80"], 30))
        before = len(upstream.asked)
        await self.resolve(forwarder)
        self.assertEqual(len(upstream.asked), before)


def send(upstream: ScriptedUpstream, reply: bytes) -> None:
    """Send a datagram more, to who asked last."""
    upstream.transport.write(reply, upstream.sources[-1])
