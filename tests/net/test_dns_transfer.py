"""Zones for secondaries: who gets one, signed and not, and real BIND, NSD and Knot that follow a change."""

from __future__ import annotations

import socket
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.zone
import pytest
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from mailsuite.dns.notify import Notice
from mailsuite.dns.records import MailHost
from mailsuite.dns.transfer import Secondary, TransferKey
from mailsuite.login.keys import new_dkim_keys
from mailsuite.model.account import Domain
from mailsuite.model.zone import Record, Zone
from mailsuite.net.dns_authority import DnsAuthority
from mailsuite.net.dns_server import DnsServer
from mailsuite.net.dns_transfer import ZoneTransfers
from mailsuite.runtime.threads import Threads
from mailsuite.testing.bind import BindSecondary, bind_available
from mailsuite.testing.fake_zones import FakeZoneSource
from mailsuite.testing.knot import Knot, knot_available
from mailsuite.testing.nsd import NsdSecondary, nsd_available
from mailsuite.testing.ports import free_port
from tests.dns.building import lines
from tests.net.dns_peers import ask, dig, framed, in_thread, query_tcp, query_udp, reactor, receive_message

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0ISE="
KEY = ("transfer.alpha.example", "hmac-sha256", SECRET)
KEYRING = {dns.name.from_text(KEY[0]): dns.tsig.Key(KEY[0], SECRET, KEY[1])}
WRONG = {dns.name.from_text(KEY[0]): dns.tsig.Key(KEY[0], "d3Jvbmctd3Jvbmctd3JvbmctISE=", KEY[1])}
ALPHA = Domain("alpha.example", 1_700_000_000_000, new_dkim_keys("202611"))
ZONE = Zone("alpha.example.", ())
"""Only its name matters to a secondary."""


class TransferCase(TestCase):
    """A server, and the authority behind it."""

    timeout = 60

    async def serve(self, *secondaries: tuple[str, int], key: bool = False) -> None:
        """Start; ``secondaries`` may transfer, by a signature if ``key``."""
        self.threads = Threads(reactor, "test", 1)
        self.threads.start()
        self.addCleanup(self.threads.stop)
        self.source = FakeZoneSource(lambda: None)
        self.source.host(ALPHA)
        self.server = DnsServer(reactor, [("127.0.0.1", 0)])
        self.authority = DnsAuthority(
            reactor, self.threads, self.source, self.server.reload, MailHost("mail.alpha.example", ("127.0.0.1",))
        )
        shared = TransferKey.parse(":".join(KEY)) if key else None
        self.transfers = ZoneTransfers(
            reactor,
            self.threads,
            self.authority.zone,
            [Secondary(server, shared) for server in secondaries or [("127.0.0.1", 9)]],
        )
        self.server.transfers = self.transfers
        self.authority.changed = self.transfers.serve
        await self.authority.refresh()
        self.server.privilegedStartService()
        for service in (self.server, self.transfers, self.authority):
            service.startService()
            self.addCleanup(service.stopService)
        self.port = self.server.addresses[0][1]

    async def add(self, name: str, address: str) -> None:
        """A custom A record, as mailctl adds it."""
        await self.source.add_record(Record(f"{name}.alpha.example.", "A", 60, address))
        self.authority.poke()

    async def until(self, done: Any, describe: str, seconds: float = 15.0) -> None:
        """Poll with a deadline."""
        ends = reactor.seconds() + seconds
        while not await done():
            if reactor.seconds() > ends:
                raise AssertionError(f"not within {seconds} s: {describe}")
            await deferLater(reactor, 0.05)

    async def transfer(self, keyring: Any = None, kind: str = "AXFR") -> dns.zone.Zone:
        """The zone as dnspython takes it over. Raises what it raises."""
        options: dict[str, Any] = {"keyring": keyring, "keyname": KEY[0], "algorithm": KEY[1]} if keyring else {}

        def work() -> dns.zone.Zone:
            zone = dns.zone.Zone("alpha.example")
            query = dns.message.make_query("alpha.example", kind)
            if kind == "IXFR":
                query.find_rrset(
                    query.authority,
                    dns.name.from_text("alpha.example"),
                    dns.rdataclass.IN,
                    dns.rdatatype.SOA,
                    create=True,
                ).add(dns.rdata.from_text("IN", "SOA", "a.example. b.example. 1 2 3 4 5"))
            if keyring:
                query.use_tsig(**options)
            dns.query.inbound_xfr("127.0.0.1", zone, query, port=self.port, timeout=10)
            return zone

        zone: dns.zone.Zone = await in_thread(work)
        return zone

    async def refused(self, **options: Any) -> str:
        """The rcode of an AXFR that is not given."""
        query = dns.message.make_query("alpha.example", "AXFR")
        if options:
            query.use_tsig(options["keyring"], keyname=KEY[0], algorithm=KEY[1])
        wire = query.to_wire()

        def work() -> bytes:
            with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
                connection.sendall(framed([wire]))
                return receive_message(connection)

        response = await in_thread(work)
        return dns.rcode.to_text(dns.rcode.Rcode(response[3] & 15))


class TransferTests(TransferCase):
    """AXFR and IXFR."""

    async def test_all_records(self) -> None:
        """Every record that is served, by AXFR and by IXFR, without a signature when there are no keys."""
        await self.serve()
        for kind in ("AXFR", "IXFR"):
            zone = await self.transfer(kind=kind)
            self.assertEqual(zone.get_rdataset("@", "MX")[0].to_text(), "10 mail")  # type: ignore[index]
            for name, node in zone.nodes.items():
                for rdataset in node:
                    owner = name.derelativize(dns.name.from_text("alpha.example"))
                    served = await query_tcp(dns.message.make_query(owner, rdataset.rdtype), self.port)
                    whole = [r.to_text(dns.name.from_text("alpha.example"), relativize=False) for r in rdataset]
                    given = dns.rrset.from_text(owner, rdataset.ttl, "IN", rdataset.rdtype, *whole)
                    self.assertEqual(lines(served.answer), lines([given]))

    async def test_ixfr_of_one_who_is_up_to_date(self) -> None:
        """The SOA alone (RFC 1995 section 2)."""
        await self.serve()
        soa = (await ask("alpha.example", "SOA", self.port)).answer[0]
        query = dns.message.make_query("alpha.example", "IXFR")
        query.authority.append(soa)
        response = await query_tcp(query, self.port)
        self.assertEqual([rrset.to_text() for rrset in response.answer], [soa.to_text()])

    async def test_signed(self) -> None:
        """With a key every message is signed; dig -y agrees."""
        await self.serve(key=True)
        self.assertGreater(len((await self.transfer(KEYRING)).nodes), 10)
        shown = await dig(self.port, "alpha.example", "AXFR", "-y", f"hmac-sha256:{KEY[0]}:{SECRET}")
        self.assertEqual(shown.count("\tSOA\t"), 2)
        self.assertNotIn("verify", shown)
        self.assertNotIn("Transfer failed", shown)

    async def test_a_large_zone_in_several_signed_messages(self) -> None:
        """Some thousand records."""
        await self.serve(key=True)
        for n in range(2000):
            await self.source.add_record(Record(f"h{n}.alpha.example.", "A", 60, str(ip_address(n + 3_232_235_776))))
        self.authority.poke()

        async def served() -> bool:
            return bool((await ask("h1999.alpha.example", "A", self.port)).answer)

        await self.until(served, "the records")
        zone = await self.transfer(KEYRING)
        self.assertEqual(zone.get_rdataset("h1999", "A")[0].to_text(), "192.168.8.207")  # type: ignore[index]

    async def test_refused(self) -> None:
        """Without a signature, with a wrong one, with an unknown key; for a zone that is not ours; over UDP."""
        await self.serve(key=True)
        self.assertEqual(await self.refused(), "REFUSED")
        self.assertEqual(await self.refused(keyring=WRONG), "NOTAUTH")
        shown = await dig(self.port, "alpha.example", "AXFR", "-y", f"hmac-sha256:other.key:{SECRET}")
        self.assertNotIn("SOA", shown)
        shown = await dig(self.port, "far.test", "AXFR", "-y", f"hmac-sha256:{KEY[0]}:{SECRET}")
        self.assertNotIn("SOA", shown)
        response = await query_udp(dns.message.make_query("alpha.example", "AXFR"), self.port)
        self.assertEqual(response.rcode(), dns.rcode.REFUSED)

    async def test_refused_by_address(self) -> None:
        """A right signature from another address helps nobody."""
        await self.serve(("127.0.0.9", 53), key=True)
        self.assertEqual(await self.refused(), "REFUSED")
        self.assertEqual(await self.refused(keyring=KEYRING), "REFUSED")

    async def test_a_signed_question_gets_a_signed_answer(self) -> None:
        """Knot and BIND sign their question for the SOA, and take only signed answers."""
        await self.serve(key=True)
        query = dns.message.make_query("alpha.example", "SOA")
        query.use_tsig(KEYRING, keyname=KEY[0], algorithm=KEY[1])
        for ask_by in (query_udp, query_tcp):
            self.assertTrue((await ask_by(query, self.port)).had_tsig)
        query.use_tsig(WRONG, keyname=KEY[0], algorithm=KEY[1])
        shown = await dig(self.port, "alpha.example", "SOA", "-y", f"hmac-sha256:{KEY[0]}:d3Jvbmctd3JvbmctISE=")
        self.assertIn("NOTAUTH", shown)


@pytest.mark.peers
class SecondaryTests(TransferCase):
    """Real secondaries."""

    def directory(self) -> Path:
        """For one of them."""
        directory = tempfile.TemporaryDirectory(prefix="mailsuite-")
        self.addCleanup(directory.cleanup)
        return Path(directory.name)

    async def follows(self, port: int) -> None:
        """The zone is there, and changes follow within seconds."""

        async def has(name: str, address: str) -> bool:
            response = await ask(name, "A", port)
            return address in "".join(lines(response.answer)) and bool(response.flags & dns.flags.AA)

        await self.until(lambda: has("mail.alpha.example", "127.0.0.1"), "the zone", 20)
        for n in (1, 2):
            await self.add(f"new{n}", f"192.0.2.{n}")
            await self.until(lambda n=n: has(f"new{n}.alpha.example", f"192.0.2.{n}"), "the change", 10)

    async def secondary(self, start: Any, available: bool, key: bool = True, theirs: tuple[str, str, str] = KEY) -> int:
        """Start one (``start`` as NsdSecondary) that has the key ``theirs``; its port."""
        if not available:
            self.skipTest("it is not installed")
        port = free_port()
        await self.serve(("127.0.0.1", port), key=key)
        server = await in_thread(lambda: start([ZONE], self.directory(), self.port, theirs if key else None, port))
        self.addCleanup(server.stop)
        return port

    async def test_nsd(self) -> None:
        """By address."""
        await self.follows(await self.secondary(NsdSecondary, nsd_available(), key=False))

    async def test_nsd_signed(self) -> None:
        """By TSIG, NOTIFY too."""
        await self.follows(await self.secondary(NsdSecondary, nsd_available()))

    async def test_knot_signed(self) -> None:
        """By TSIG, NOTIFY too; Knot signs all it asks."""
        await self.follows(await self.secondary(Knot, knot_available()))

    async def test_bind_signed(self) -> None:
        """By TSIG, NOTIFY too; BIND signs all it asks."""
        await self.follows(await self.secondary(BindSecondary, bind_available()))

    async def told(self, port: int, key: tuple[str, str, str] | None) -> str:
        """What the secondary says to a NOTIFY under the key."""
        notice = Notice("alpha.example.", 7, key and TransferKey.parse(":".join(key)))

        def work() -> str:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.settimeout(10)
                sender.sendto(notice.wire, ("127.0.0.1", port))
                said = notice.judge(sender.recv(4096))
            return "alien" if said is None else said

        said: str = await in_thread(work)
        return said

    async def test_each_refuses_a_notify_that_is_not_signed_with_its_key(self) -> None:
        """Ours is accepted; one under a wrong secret, an unknown key or none is not.

        BIND takes an unsigned one from the address of its primary.
        """
        wrong, unknown = (*KEY[:2], "d3Jvbmctd3Jvbmctd3JvbmctISE="), ("other.key", *KEY[1:])
        for start, available, unsigned in (
            (NsdSecondary, nsd_available(), {"NOTAUTH", "REFUSED"}),
            (Knot, knot_available(), {"NOTAUTH", "REFUSED"}),
            (BindSecondary, bind_available(), {""}),
        ):
            port = await self.secondary(start, available)
            self.assertEqual("", await self.told(port, KEY), start)
            self.assertIn(await self.told(port, wrong), {"NOTAUTH", "REFUSED"}, start)
            self.assertIn(await self.told(port, unknown), {"NOTAUTH", "REFUSED"}, start)
            self.assertIn(await self.told(port, None), unsigned, start)

    async def test_a_refused_notify_is_told(self) -> None:
        """In the log, once, with the secondary, the zone and what it said."""
        events: list[LogEvent] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        await self.secondary(NsdSecondary, nsd_available(), theirs=(*KEY[:2], "d3Jvbmctd3Jvbmctd3JvbmctISE="))
        await self.add("new", "192.0.2.1")

        async def refused() -> bool:
            return any("refuses NOTIFY" in (event.get("log_format") or "") for event in events)

        await self.until(refused, "the refusal")

    async def test_one_that_is_down_does_not_hold_up_the_others(self) -> None:
        """Many zones that a dead server is to be told of, and NSD follows all the same."""
        if not nsd_available():
            self.skipTest("nsd is not installed")
        port = free_port()
        await self.serve(("127.0.0.1", 9), ("127.0.0.1", port))
        for n in range(50):
            self.source.host(Domain(f"d{n}.example", 0))
        self.authority.poke()
        nsd = await in_thread(lambda: NsdSecondary([ZONE], self.directory(), self.port, None, port))
        self.addCleanup(nsd.stop)
        await self.follows(port)
