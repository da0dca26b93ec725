"""What a real validating resolver (Unbound) says of zones that we signed, and what follows for mail."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

import pytest
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsuite.interfaces.transfer import Host
from mailsuite.model.errors import DestinationDown, LookupFailed
from mailsuite.model.tls_policy import OPPORTUNISTIC, Tlsa, TlsLevel
from mailsuite.mta.dane import Dane
from mailsuite.mta.sts_policies import StsPolicies
from mailsuite.mta.tls_policies import TlsPolicies
from mailsuite.net.dns_client import StubResolver
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.net.dns_server import DnsServer
from mailsuite.testing.builders import NOW
from mailsuite.testing.fake_store import FakeStore
from mailsuite.testing.fake_sts import FakeFetcher
from mailsuite.testing.ports import free_port
from mailsuite.testing.unbound import Unbound, sign, unbound_available

pytestmark = pytest.mark.peers

DIGEST = "ab" * 32
ZONE = f"""\
$TTL 300
@ SOA ns hostmaster 1 3600 900 604800 300
@ NS ns
ns A 127.0.0.1
@ MX 10 mx
@ MX 20 plain
mx A 192.0.2.1
mx AAAA 2001:db8::1
plain A 192.0.2.2
alias CNAME mx
_25._tcp.mx TLSA 3 1 1 {DIGEST}
_mta-sts TXT "v=STSv1; " "id=1;"
"""


class DnssecTests(TestCase):
    """good: signed. stale: its signatures have expired. forged: signed by another key. open: not signed."""

    directory: ClassVar[Path]
    unbound: ClassVar[Unbound]

    @classmethod
    def setUpClass(cls) -> None:
        assert unbound_available(), "unbound and bind9-utils are not installed"
        cls.directory = Path(tempfile.mkdtemp(prefix="mailsuite-"))
        directory = cls.directory
        good, good_key = sign("good.example.", ZONE, directory / "good")
        stale, stale_key = sign("stale.example.", ZONE, directory / "stale", expired=True)
        forged, _ = sign("forged.example.", ZONE, directory / "forged")
        _, other_key = sign("forged.example.", ZONE, directory / "other")
        plain = directory / "open.zone"
        plain.write_text(ZONE)
        zones = {"good.example.": good, "stale.example.": stale, "forged.example.": forged, "open.example.": plain}
        cls.unbound = Unbound(zones, [good_key, stale_key, other_key], directory)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.unbound.stop()
        shutil.rmtree(cls.directory)

    def setUp(self) -> None:
        self.dns = StubResolver(reactor, [("127.0.0.1", self.unbound.port)])
        self.sts = StsPolicies(self.dns, FakeStore(lambda: NOW).sts, FakeFetcher(), lambda: NOW)
        self.policies = TlsPolicies(Dane(self.dns), self.sts, {}, {})

    async def test_validated(self) -> None:
        """What a signed zone has, and has not, is validated; what another has is not."""
        for name, kind, data in (
            ("good.example", "MX", ("10 mx.good.example.", "20 plain.good.example.")),
            ("_25._tcp.mx.good.example", "TLSA", (f"3 1 1 {DIGEST}",)),
            ("_mta-sts.good.example", "TXT", ("v=STSv1; id=1;",)),
            ("alias.good.example", "A", ("192.0.2.1",)),
            ("plain.good.example", "AAAA", ()),
            ("_25._tcp.plain.good.example", "TLSA", ()),
        ):
            answer = await self.dns.lookup(name, kind)
            self.assertEqual((data, True), (tuple(sorted(answer.data)), answer.authenticated), (name, kind))
        answer = await self.dns.lookup("_25._tcp.mx.open.example", "TLSA")
        self.assertEqual(((f"3 1 1 {DIGEST}",), False), (answer.data, answer.authenticated))

    async def test_bogus(self) -> None:
        """Expired and wrong signatures are no answer, for any type."""
        for zone in ("stale.example", "forged.example"):
            for name, kind in ((zone, "MX"), (f"_25._tcp.mx.{zone}", "TLSA"), (f"mx.{zone}", "A")):
                with self.assertRaisesRegex(LookupFailed, "SERVFAIL"):
                    await self.dns.lookup(name, kind)

    async def test_dane(self) -> None:
        """A host of a signed zone is bound by its records; one without records, and one that is not signed, are not."""
        mx, plain = Host("mx.good.example", ("192.0.2.1",)), Host("plain.good.example", ("192.0.2.2",))
        bound, free = await self.policies.of("good.example", [mx, plain])
        self.assertEqual((TlsLevel.DANE, (Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),)), (bound.tls.level, bound.tls.tlsa))
        self.assertEqual(OPPORTUNISTIC, free.tls)
        (unsigned,) = await self.policies.of("open.example", [Host("mx.open.example", ("192.0.2.1",))])
        self.assertEqual(OPPORTUNISTIC, unsigned.tls)

    async def test_dane_of_an_alias(self) -> None:
        """The records are where the alias leads."""
        (bound,) = await self.policies.of("good.example", [Host("alias.good.example", ("192.0.2.1",))])
        self.assertEqual("DANE for mx.good.example", bound.tls.source)

    async def test_dane_of_a_bogus_zone(self) -> None:
        """Hosts in a zone with expired or wrong signatures get nothing; the reason says whose records they are."""
        for zone in ("stale.example", "forged.example"):
            with self.assertRaisesRegex(
                DestinationDown, rf"451 4\.7\.5 it is not known whether DANE for mx\.{zone} requires TLS: .*SERVFAIL"
            ):
                await self.policies.of("good.example", [Host(f"mx.{zone}", ("192.0.2.1",))])

    async def test_through_our_own_service(self) -> None:
        """Our DNS service in between changes nothing, while the resolver that it forwards to is on this machine."""
        port = free_port()
        forwarder = Forwarder(reactor, [("127.0.0.1", self.unbound.port)])
        server = DnsServer(reactor, [("127.0.0.1", port)], forwarder=forwarder, networks=["127.0.0.0/8"])
        server.privilegedStartService()
        server.startService()
        self.addCleanup(server.stopService)
        dns = StubResolver(reactor, [("127.0.0.1", port)])
        for name, kind in (("good.example", "MX"), ("_25._tcp.mx.good.example", "TLSA"), ("alias.good.example", "A")):
            self.assertTrue((await dns.lookup(name, kind)).authenticated, name)
        self.assertFalse((await dns.lookup("open.example", "MX")).authenticated)
        with self.assertRaisesRegex(LookupFailed, "SERVFAIL"):
            await dns.lookup("_25._tcp.mx.stale.example", "TLSA")
