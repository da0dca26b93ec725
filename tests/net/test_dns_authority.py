"""From the directory of domains to what is served."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock, deferLater
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from mailsuite.dns.compile import EMPTY, Table
from mailsuite.dns.records import MailHost
from mailsuite.model.account import Domain
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.zone import Record
from mailsuite.net.dns_authority import INTERVAL, DnsAuthority
from mailsuite.net.dns_server import DnsServer
from mailsuite.runtime.threads import Threads
from mailsuite.testing.fake_zones import FakeZoneSource
from mailsuite.testing.temporary import temporary_directory
from tests.net.dns_peers import dig, reactor

MX = b"\5alpha\7example\0\0\x0f\0\1"


class Inline:
    """Threads that work at once; ``runs`` counts."""

    runs = 0

    async def run(self, work: Any, *args: Any) -> Any:
        """Here and now."""
        self.runs += 1
        return work(*args)


class DnsAuthorityTests(TestCase):
    """With a clock that is turned by hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.table: Table = EMPTY
        self.served = 0
        self.down = False
        self.events: list[LogEvent] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.source = FakeZoneSource(self.check)
        self.threads = Inline()
        threads: Any = self.threads
        self.authority = DnsAuthority(
            self.clock, threads, self.source, self.serve, MailHost("mail.alpha.example", ("127.0.0.1",))
        )
        self.addCleanup(self.authority.stopService)
        self.source.host(Domain("alpha.example", 0))
        self.authority.startService()

    def check(self) -> None:
        """The store is up or down."""
        if self.down:
            raise StoreUnavailable("database is locked")

    def serve(self, table: Table) -> None:
        """Take a table."""
        self.table = table
        self.served += 1

    def said(self) -> list[str]:
        """The texts of the log since the last call that tell of trouble or its end."""
        events, self.events[:] = self.events[:], []
        return [
            event["log_format"].format(**event)
            for event in events
            if event.get("log_namespace", "").endswith("DnsAuthority")
        ]

    def turn(self) -> None:
        """Let a second pass."""
        self.clock.advance(INTERVAL)

    async def test_changes(self) -> None:
        """At the start, and within a second of each change; nothing is built when nothing changed."""
        self.assertIn(MX, self.table.answers)
        self.turn()
        self.assertEqual((1, 1), (self.served, self.threads.runs))
        self.source.host(Domain("beta.example", 0))
        self.turn()
        self.assertIn(b"\4beta\7example\0\0\x0f\0\1", self.table.answers)
        await self.source.add_record(Record("www.beta.example.", "A", 60, "192.0.2.1"))
        self.turn()
        self.assertIn(b"\3www\4beta\7example\0\0\1\0\1", self.table.answers)
        self.assertEqual(3, self.served)

    async def test_poke(self) -> None:
        """Who knows of a change need not wait."""
        self.source.host(Domain("beta.example", 0))
        self.authority.poke()
        self.assertEqual(2, self.served)

    async def test_store_unavailable(self) -> None:
        """The old table stays, with one line in the log, and one when the store is back."""
        self.said()
        self.source.host(Domain("beta.example", 0))
        self.down = True
        for _ in range(3):
            self.turn()
        self.assertEqual(
            (1, ["the zones cannot be read (database is locked); the old ones are served"]), (self.served, self.said())
        )
        self.down = False
        self.turn()
        self.assertEqual((2, ["the zones can be read again"]), (self.served, self.said()))

    async def test_bad_zone(self) -> None:
        """It is told once and stays as it was; others change as they should; mended, it changes too."""
        self.said()
        bad = Record("mail.alpha.example.", "CNAME", 60, "www.elsewhere.test.")
        await self.source.add_record(bad)
        self.source.host(Domain("beta.example", 0))
        self.turn()
        (line,) = self.said()
        self.assertIn("alpha.example. is not served as it should be: ", line)
        self.assertIn("mail.alpha.example.", line)
        self.assertIn(MX, self.table.answers)
        self.assertIn(b"\4beta\7example\0", self.table.names)
        await self.source.add_record(Record("www.alpha.example.", "A", 60, "192.0.2.1"))
        self.turn()
        self.assertEqual([], self.said())
        self.assertNotIn(b"\3www\5alpha\7example\0", self.table.names)
        await self.source.remove_record(bad)
        self.turn()
        self.assertIn(b"\3www\5alpha\7example\0", self.table.names)

    async def test_record_without_a_zone(self) -> None:
        """It is told and harms nothing."""
        self.said()
        await self.source.add_record(Record("www.elsewhere.test.", "A", 60, "192.0.2.1"))
        self.turn()
        self.assertIn("lies in no hosted domain", self.said()[0])
        self.assertIn(MX, self.table.answers)

    async def test_our_own_fault(self) -> None:
        """Logged; the table stays and the next look is made."""
        self.source.host(Domain("beta.example", 0))
        self.source.records = None  # type: ignore[assignment, method-assign]
        self.turn()
        self.assertEqual(1, len(self.flushLoggedErrors(TypeError)))
        self.assertEqual(1, self.served)
        del self.source.records
        self.turn()
        self.assertEqual(2, self.served)


class ZoneFileTests(TestCase):
    """The directory of zone files."""

    timeout = 30

    def setUp(self) -> None:
        self.directory = temporary_directory(self)
        self.clock = Clock()
        self.table: Table = EMPTY
        threads: Any = Inline()
        source = FakeZoneSource(lambda: None)
        source.host(Domain("alpha.example", 0))
        host = MailHost("mail.alpha.example", ("127.0.0.1",))
        self.authority = DnsAuthority(self.clock, threads, source, self.serve, host, (), self.directory)
        self.addCleanup(self.authority.stopService)
        self.authority.startService()

    def serve(self, table: Table) -> None:
        """Take a table."""
        self.table = table

    def write(self, name: str, text: str) -> None:
        """Write a zone file of ``name`` with one more record, and let a second pass."""
        (self.directory / name).write_text(f"$TTL 60\n@ SOA ns.far.test. x 1 2 3 4 5\n@ NS ns.far.test.\n{text}\n")
        self.clock.advance(INTERVAL)

    def test_files_come_change_and_go(self) -> None:
        """Within a second each."""
        self.assertTrue(MX in self.table.answers)
        self.write("gamma.example.zone", "a A 192.0.2.1")
        self.assertTrue(b"\1a\5gamma\7example\0" in self.table.names)
        self.write("gamma.example.zone", "bc A 192.0.2.1")
        self.assertTrue(b"\2bc\5gamma\7example\0" in self.table.names)
        self.assertFalse(b"\1a\5gamma\7example\0" in self.table.names)
        (self.directory / "gamma.example.zone").unlink()
        self.clock.advance(INTERVAL)
        self.assertFalse(b"\5gamma\7example\0" in self.table.names)
        self.assertTrue(MX in self.table.answers)

    def test_a_changed_include_counts(self) -> None:
        """What a file includes is looked at too."""
        (self.directory / "more").write_text("a A 192.0.2.1\n")
        self.write("gamma.example.zone", "$INCLUDE more")
        self.assertTrue(b"\1a\5gamma\7example\0" in self.table.names)
        (self.directory / "more").write_text("other A 192.0.2.1\n")
        self.clock.advance(INTERVAL)
        self.assertTrue(b"\5other\5gamma\7example\0" in self.table.names)

    def test_a_broken_file_leaves_its_zone_as_it_was(self) -> None:
        """And a zone that is hosted already is not replaced by a file."""
        self.write("gamma.example.zone", "a A 192.0.2.1")
        self.write("gamma.example.zone", "a A 300.0.0.1")
        self.assertTrue(b"\1a\5gamma\7example\0" in self.table.names)
        self.write("alpha.example.zone", "a A 192.0.2.1")
        self.assertTrue(MX in self.table.answers)
        self.assertFalse(b"\1a\5alpha\7example\0" in self.table.names)


class ServedTests(TestCase):
    """With real threads and sockets."""

    timeout = 30

    async def test_new_domain(self) -> None:
        """dig sees a domain soon after it is hosted, without a restart."""
        threads = Threads(reactor, "zones", 1)
        threads.start()
        self.addCleanup(threads.stop)
        server = DnsServer(reactor, [("127.0.0.1", 0)])
        server.startService()
        self.addCleanup(server.stopService)
        source = FakeZoneSource(lambda: None)
        authority = DnsAuthority(
            reactor, threads, source, server.reload, MailHost("mail.alpha.example", ("127.0.0.1",))
        )
        authority.startService()
        self.addCleanup(authority.stopService)
        port = server.addresses[0][1]
        self.assertIn("status: REFUSED", await dig(port, "beta.example", "MX"))
        source.host(Domain("beta.example", 0))
        deadline = reactor.seconds() + 10
        while not (found := await dig(port, "beta.example", "MX", "+short")) and reactor.seconds() < deadline:
            await deferLater(reactor, 0.05)
        self.assertEqual("10 mail.alpha.example.", found)
