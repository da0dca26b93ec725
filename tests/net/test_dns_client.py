"""The stub resolver against our own service and scripted servers; the fake obeys the same contract."""

from __future__ import annotations

from typing import Any

import dns.flags
import dns.message
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailsuite.dns.builder import compile_table
from mailsuite.dns.records import text_data
from mailsuite.interfaces.resolver import Answer, INameResolver
from mailsuite.model.errors import LookupFailed
from mailsuite.net.dns_client import StubResolver
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.net.dns_server import DnsServer
from mailsuite.testing.contracts.resolver import KNOWN, ResolverContract
from mailsuite.testing.fake_resolver import FakeResolver
from tests.dns.building import zone
from tests.net.dns_peers import Script, ScriptedUpstream, answer, reactor


class FakeResolverTests(ResolverContract, TestCase):
    """The fake."""

    async def make_resolver(self) -> FakeResolver:
        resolver = FakeResolver()
        for (name, type), data in KNOWN.items():
            resolver.add(name, type, data)
        resolver.fail("broken.test", "MX")
        return resolver

    async def test_told(self) -> None:
        """It provides the interface, remembers what was asked, marks answers as authenticated, and heals."""
        resolver = await self.make_resolver()
        verifyObject(INameResolver, resolver)
        resolver.add("_25._tcp.mx1.beta.example", "TLSA", ["3 1 1 ab"], authenticated=True)
        found = await resolver.lookup("_25._tcp.mx1.beta.example", "TLSA")
        self.assertEqual((True, ("3 1 1 ab",)), (found.authenticated, found.data))
        self.assertEqual([("_25._tcp.mx1.beta.example", "TLSA")], resolver.asked)
        resolver.heal("broken.test", "MX")
        self.assertFalse((await resolver.lookup("broken.test", "MX")).exists)


class OwnServiceTests(ResolverContract, TestCase):
    """Through UDP and TCP to our own service, which forwards what it does not know to a server that fails."""

    timeout = 30

    async def make_resolver(self) -> StubResolver:
        upstream = ScriptedUpstream(lambda query: answer(query, rcode="SERVFAIL").to_wire()).start()
        self.addCleanup(upstream.stop)
        records = [
            f"{name}. 300 {type} {text_data(text) if type == 'TXT' else text}"
            for (name, type), data in KNOWN.items()
            for text in data
        ]
        table = compile_table([zone("beta.example.", *records)])
        server = DnsServer(reactor, [("127.0.0.1", 0)], table=table, forwarder=Forwarder(reactor, [upstream.address]))
        server.startService()
        self.addCleanup(server.stopService)
        return StubResolver(reactor, server.addresses)


class StubResolverTests(TestCase):
    """Against scripts."""

    timeout = 30

    def server(self, script: Script, tcp: Script | None = None) -> ScriptedUpstream:
        """A running one."""
        server = ScriptedUpstream(script, tcp).start()
        self.addCleanup(server.stop)
        return server

    def resolver(self, *servers: ScriptedUpstream, **options: Any) -> StubResolver:
        """One that loses patience after 0.3 s."""
        return StubResolver(reactor, [server.address for server in servers], **{"timeout": 0.3, **options})

    async def failure(self, resolver: StubResolver, name: str = "a.test") -> str:
        """The text of the LookupFailed."""
        try:
            await resolver.lookup(name, "A")
        except LookupFailed as error:
            return error.status.text
        raise AssertionError("LookupFailed was not raised")

    async def test_query(self) -> None:
        """Recursion and AD are asked for; EDNS with 1232 octets, without DO."""
        server = self.server(lambda query: answer(query, "a.test. 60 A 192.0.2.1").to_wire())
        await self.resolver(server).lookup("a.test", "A")
        query = server.asked[0][1]
        self.assertEqual((dns.flags.RD | dns.flags.AD, 0, 1232), (query.flags, query.edns, query.payload))
        self.assertFalse(query.ednsflags & dns.flags.DO)

    async def test_truncated(self) -> None:
        """Over TCP in full."""
        server = self.server(
            lambda query: answer(query, flags=dns.flags.TC).to_wire(),
            lambda query: answer(query, *(f"a.test. 60 A 192.0.2.{n}" for n in range(200))).to_wire(max_size=65535),
        )
        self.assertEqual(200, len((await self.resolver(server).lookup("a.test", "A")).data))

    async def test_authenticated(self) -> None:
        """AD from a server on loopback is believed; through an alias only when all of it bears it."""
        flags = {"a.test.": dns.flags.AD, "b.test.": dns.flags.AD, "c.test.": 0}
        data = {
            "a.test.": "a.test. 60 CNAME b.test.",
            "b.test.": "b.test. 60 A 192.0.2.1",
            "c.test.": "c.test. 60 CNAME b.test.",
        }

        def script(query: dns.message.Message) -> bytes:
            name = query.question[0].name.to_text()
            return answer(query, data[name], flags=flags[name]).to_wire()

        resolver = self.resolver(self.server(script))
        for name, authenticated in (("a.test", True), ("b.test", True), ("c.test", False)):
            self.assertEqual(
                Answer(name, "A", True, ("192.0.2.1",), authenticated, 60), await resolver.lookup(name, "A")
            )

    async def test_failures(self) -> None:
        """SERVFAIL, REFUSED, silence, a closed server and no server: the text says which."""
        for rcode in ("SERVFAIL", "REFUSED"):
            failing = self.server(lambda query, rcode=rcode: answer(query, rcode=rcode).to_wire())  # type: ignore[misc]
            self.assertIn(rcode, await self.failure(self.resolver(failing)))
        self.assertIn(
            "no reply within 0.1 seconds", await self.failure(self.resolver(self.server(lambda _: None), timeout=0.1))
        )
        self.assertIn("no DNS server", await self.failure(self.resolver()))
        self.assertIn("127.0.0.1: ", await self.failure(self.resolver(ScriptedUpstream(lambda _: None))))

    async def test_next_server(self) -> None:
        """What one server cannot tell the next one may."""
        working = self.server(lambda query: answer(query, "a.test. 60 A 192.0.2.1").to_wire())
        for script in (lambda query: None, lambda query: answer(query, rcode="SERVFAIL").to_wire()):
            resolver = self.resolver(self.server(script), working)
            self.assertEqual(("192.0.2.1",), (await resolver.lookup("a.test", "A")).data)

    async def test_remembered(self) -> None:
        """Answers and NXDOMAIN are asked for once within their TTL, failures and TTL 0 again; the number is bounded."""
        soa = "test. 300 SOA ns.test. postmaster.test. 1 2 3 4 300"

        def script(query: dns.message.Message) -> bytes:
            name = query.question[0].name.to_text()
            if name == "gone.test.":
                return answer(query, soa, rcode="NXDOMAIN").to_wire()
            if name == "bad.test.":
                return answer(query, rcode="SERVFAIL").to_wire()
            return answer(query, f"{name} {0 if name == 'zero.test.' else 60} A 192.0.2.1").to_wire()

        server = self.server(script)
        resolver = self.resolver(server, size=2)
        for name, queries in (("a.test", 1), ("gone.test", 1), ("zero.test", 3)):
            server.asked.clear()
            for _ in range(3):
                await resolver.lookup(name, "A")
            self.assertEqual(queries, len(server.asked), name)
        for _ in range(2):
            await self.failure(resolver, "bad.test")
        server.asked.clear()
        for name in ("a.test", "b.test", "a.test", "gone.test"):
            await resolver.lookup(name, "A")
        self.assertEqual(["b.test.", "gone.test."], [query.question[0].name.to_text() for _, query in server.asked])

    async def test_concurrency(self) -> None:
        """No more questions at a time than allowed; the others wait their turn."""
        under_way, most = 0, 0

        def script(query: dns.message.Message) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            reply = answer(query, f"{query.question[0].name} 60 A 192.0.2.1").to_wire()
            reactor.callLater(0.02, send, reply, server.sources[-1])

        def send(reply: bytes, address: tuple[str, int]) -> None:
            nonlocal under_way
            under_way -= 1
            server.transport.write(reply, address)

        server = self.server(script)
        resolver = self.resolver(server, concurrency=3, timeout=5)
        looking = [Deferred.fromCoroutine(resolver.lookup(f"w{n}.test", "A")) for n in range(12)]
        self.assertEqual(12, len(await gatherResults(looking)))
        self.assertEqual(3, most)
