"""Blocklists and limits on the running server."""

from __future__ import annotations

import socket
import time
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
from twisted.internet.task import LoopingCall, deferLater

from mailsuite.dns.blocklist import Blocklist
from mailsuite.net.dns_blocklist import BlocklistFiles
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.net.dns_server import DnsServer
from mailsuite.runtime.threads import Threads
from mailsuite.testing.temporary import temporary_directory
from tests.net.dns_peers import ScriptedUpstream, answer, ask, in_thread, query_tcp, query_udp, reactor
from tests.net.test_dns_server import ServerCase


class BlockingCase(ServerCase):
    """A forwarding server and its lists."""

    def block(self, *allowed: str, **options: object) -> DnsServer:
        """Start with the lists ``one`` and ``two``, neither of which is there."""
        self.upstream = ScriptedUpstream(
            lambda query: answer(query, f"{query.question[0].name} 60 A 192.0.2.80").to_wire()
        ).start()
        self.addCleanup(self.upstream.stop)
        server = self.serve(forwarder=Forwarder(reactor, [self.upstream.address]), **options)
        self.folder = temporary_directory(self)
        threads = Threads(reactor, "test", 1)
        threads.start()
        self.addCleanup(threads.stop)

        def swap(blocklist: Any) -> None:
            server.blocklist = blocklist

        self.lists = BlocklistFiles(reactor, threads, swap, [self.folder / "one", self.folder / "two"], allowed)
        return server

    async def said(self, name: str, kind: str = "A") -> str:
        """The address, or the rcode."""
        response = await ask(name, kind, self.port)
        return response.answer[-1][0].to_text() if response.answer else dns.rcode.to_text(response.rcode())


class BlocklistTests(BlockingCase):
    """Names that clients are kept from."""

    async def test_live(self) -> None:
        """A list takes effect when it is there, changes, and ends with its file; nobody is asked upstream."""
        self.block()
        self.lists.startService()
        self.addCleanup(self.lists.stopService)
        self.assertEqual(await self.said("ads.far.test"), "192.0.2.80")

        async def until(expected: str) -> None:
            ends = time.monotonic() + 15
            while (said := await self.said("ads.far.test")) != expected:
                self.assertLess(time.monotonic(), ends, said)
                await deferLater(reactor, 0.1)

        (self.folder / "one").write_text("0.0.0.0 ads.far.test\n")
        await until("0.0.0.0")
        asked = len(self.upstream.asked)
        self.assertEqual(await self.said("ads.far.test", "AAAA"), "::")
        self.assertEqual(len(self.upstream.asked), asked)
        (self.folder / "one").unlink()
        await until("192.0.2.80")

    async def test_reach_and_exceptions(self) -> None:
        """Exact, suffix, exceptions of lists and of the settings."""
        self.block("good.far.test")
        (self.folder / "one").write_text("exact.far.test\n||bad.far.test^\n*.good.far.test\n")
        (self.folder / "two").write_text("@@||fine.bad.far.test^\n")
        await self.lists.look()
        for name, expected in (
            ("EXACT.far.test", "0.0.0.0"),
            ("x.exact.far.test", "192.0.2.80"),
            ("bad.far.test", "0.0.0.0"),
            ("x.bad.far.test", "0.0.0.0"),
            ("x.fine.bad.far.test", "192.0.2.80"),
            ("x.good.far.test", "192.0.2.80"),
        ):
            self.assertEqual(await self.said(name), expected, name)

    async def test_nxdomain(self) -> None:
        """The other kind of answer, over UDP and TCP."""
        self.block(nxdomain=True)
        (self.folder / "one").write_text("ads.far.test\n")
        await self.lists.look()
        for ask_by in (query_udp, query_tcp):
            response = await ask_by(dns.message.make_query("ads.far.test", "A"), self.port)
            self.assertEqual(response.rcode(), dns.rcode.NXDOMAIN)
            self.assertTrue(response.flags & dns.flags.RA)

    async def test_own_zones_are_never_blocked(self) -> None:
        """Whatever a list says."""
        self.block()
        (self.folder / "one").write_text("||alpha.example^\n||example^\n")
        await self.lists.look()
        self.assertEqual(await self.said("mail.alpha.example"), "127.0.0.1")
        self.assertEqual(await self.said("alpha.example", "MX"), "10 mail.alpha.example.")
        self.assertEqual(await self.said("elsewhere.example"), "0.0.0.0")

    async def test_a_list_that_cannot_be_read(self) -> None:
        """A folder in its place: told, and the other list holds."""
        self.block()
        (self.folder / "one").mkdir()
        (self.folder / "two").write_text("ads.far.test\n\xff\n")
        await self.lists.look()
        self.assertEqual(await self.said("ads.far.test"), "0.0.0.0")

    async def test_a_list_that_comes_and_goes_while_it_is_read(self) -> None:
        """What a look found is not taken for what it saw before: when the file is gone again, so are its names."""
        self.block()
        served: list[Blocklist] = []
        one, two = self.folder / "one", self.folder / "two"

        class Slow(type(one)):  # type: ignore[misc]
            def open(self, *arguments: Any, **options: Any) -> Any:
                if not served:
                    two.write_text("ads.far.test\n")
                return super().open(*arguments, **options)

        threads = Threads(reactor, "test", 1)
        threads.start()
        self.addCleanup(threads.stop)
        lists = BlocklistFiles(reactor, threads, served.append, [Slow(one), two])
        await lists.look()
        self.assertEqual(len(served[-1]), 1)
        two.unlink()
        await lists.look()
        self.assertEqual(len(served[-1]), 0)

    async def test_building_does_not_hold_up_the_reactor(self) -> None:
        """200,000 names are read in a thread; the loop never stands still for 50 ms of this process's own time."""
        self.block()
        (self.folder / "one").write_text("\n".join(f"n{n}.ads.test" for n in range(200_000)))
        gaps: list[float] = []
        last = time.thread_time(), time.perf_counter()

        def tick() -> None:
            nonlocal last
            now = time.thread_time(), time.perf_counter()
            gaps.append(now[1] - last[1])
            last = now

        ticking = LoopingCall(tick)
        ticking.start(0.001)
        await self.lists.look()
        ticking.stop()
        self.assertEqual(await self.said("n199999.ads.test"), "0.0.0.0")
        self.assertGreater(len(gaps), 100)
        # Others use the machine too: a few gaps may be theirs, not one in fifty.
        self.assertLess(sorted(gaps)[-len(gaps) // 50], 0.05)


class LimitTests(ServerCase):
    """Rates."""

    def burst(self, count: int, name: str = "alpha.example", kind: str = "TXT") -> list[dns.message.Message]:
        """The responses to ``count`` queries at once from 127.0.0.2."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.2", 0))
            sock.connect(("127.0.0.1", self.port))
            query = dns.message.make_query(name, kind).to_wire()[2:]
            for n in range(count):
                sock.send(n.to_bytes(2, "big") + query)
            sock.settimeout(1)
            responses: list[dns.message.Message] = []
            while len(responses) < count:
                try:
                    responses.append(dns.message.from_wire(sock.recv(4096)))
                except TimeoutError:
                    break
            return responses

    async def test_strangers(self) -> None:
        """Beyond the rate some responses say only "come by TCP", as many are left out; TCP works."""
        self.serve(rate=20, networks=("127.0.0.1/32",))
        responses = await in_thread(self.burst, 100)
        whole = [r for r in responses if r.answer]
        cut = [r for r in responses if r.flags & dns.flags.TC]
        self.assertEqual(len(whole) + len(cut), len(responses))
        self.assertTrue(20 <= len(whole) <= 60, len(whole))
        # Half of the rest, one more when it is odd.
        self.assertEqual(len(cut), (100 - len(whole) + 1) // 2)
        query = dns.message.make_query("alpha.example", "TXT")
        found = await in_thread(
            lambda: dns.query.udp_with_fallback(query, "127.0.0.1", port=self.port, timeout=10, source="127.0.0.2")
        )
        self.assertTrue(found[0].answer)

    async def test_own_clients(self) -> None:
        """No limit for them."""
        self.serve(rate=20, networks=("127.0.0.0/8",))
        self.assertEqual(len([r for r in await in_thread(self.burst, 100) if r.answer]), 100)

    async def test_client_rate(self) -> None:
        """What is forwarded for one client is limited, what is ours is not; other clients go on."""
        upstream = ScriptedUpstream(
            lambda query: answer(query, f"{query.question[0].name} 60 A 192.0.2.80").to_wire()
        ).start()
        self.addCleanup(upstream.stop)
        self.serve(client_rate=10, forwarder=Forwarder(reactor, [upstream.address]))
        rcodes = [r.rcode() for r in await in_thread(self.burst, 50, "www.far.test", "A")]
        self.assertEqual(len(rcodes), 50)
        self.assertTrue(10 <= rcodes.count(dns.rcode.NOERROR) <= 30, rcodes)
        self.assertEqual(rcodes.count(dns.rcode.NOERROR) + rcodes.count(dns.rcode.REFUSED), 50)
        self.assertEqual(len([r for r in await in_thread(self.burst, 50) if r.answer]), 50)
        self.assertEqual((await ask("www.far.test", "A", self.port)).rcode(), dns.rcode.NOERROR)
