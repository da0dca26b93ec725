"""What the link to each host of a domain must be: settings, DANE, MTA-STS, and who wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.transfer import Host
from mailsuite.model.errors import DestinationDown, LookupFailed
from mailsuite.model.sts import StsMode, StsPolicy
from mailsuite.model.tls_policy import OPPORTUNISTIC, Tlsa, TlsLevel, TlsPolicy
from mailsuite.mta.dane import Dane
from mailsuite.mta.sts_policies import StsPolicies
from mailsuite.mta.tls_policies import TlsPolicies
from mailsuite.testing.builders import NOW
from mailsuite.testing.fake_resolver import FakeResolver
from mailsuite.testing.fake_store import FakeStore
from mailsuite.testing.fake_sts import FakeFetcher
from tests.mta.test_sts_policies import ENFORCE, text

DOMAIN, MX, MX2 = "beta.example", "mx.beta.example", "mx2.beta.example"
HOST, HOST2 = Host(MX, ("192.0.2.1",)), Host(MX2, ("192.0.2.2",))
DIGEST = "ab" * 32
BOUND = TlsPolicy(TlsLevel.DANE, (MX, DOMAIN), (Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),), f"DANE for {MX}")
STS = TlsPolicy(TlsLevel.VERIFY, (MX,), source=f"the MTA-STS policy of {DOMAIN}")


class TlsPoliciesTests(SynchronousTestCase):
    """A domain with two hosts, unsigned and without a policy at first."""

    def setUp(self) -> None:
        self.dns = FakeResolver()
        self.web = FakeFetcher()
        self.routes: dict[str, str] = {}
        self.own: dict[str, TlsLevel] = {}
        self.usual = TlsLevel.OPPORTUNISTIC
        self.sts = StsPolicies(self.dns, FakeStore(lambda: NOW).sts, self.web, lambda: NOW)

    def of(self, domain: str = DOMAIN, hosts: Sequence[Host] = (HOST, HOST2)) -> Deferred[Sequence[Host]]:
        policies = TlsPolicies(Dane(self.dns), self.sts, self.routes, self.own, self.usual)
        return Deferred.fromCoroutine(policies.of(domain, hosts))

    def links(self, domain: str = DOMAIN, hosts: Sequence[Host] = (HOST, HOST2)) -> dict[str, TlsPolicy]:
        """The hosts that are left, in order, and what they must be."""
        found = self.successResultOf(self.of(domain, hosts))
        bare = [replace(host, tls=OPPORTUNISTIC) for host in found]
        self.assertEqual([host for host in hosts if host in bare], bare)
        return {host.name: host.tls for host in found}

    def refused(self) -> str:
        """Why no host is left."""
        return str(self.failureResultOf(self.of(), DestinationDown).value)

    def sign(self, *hosts: str) -> None:
        """Sign the domain's MX and the hosts' addresses."""
        self.dns.add(DOMAIN, "MX", [f"10 {MX}.", f"20 {MX2}."], authenticated=True)
        for host in hosts:
            self.dns.add(host, "A", ["192.0.2.1"], authenticated=True)

    def tlsa(self, host: str, *records: str) -> None:
        """Publish validated records of a host."""
        self.dns.add(f"_25._tcp.{host}", "TLSA", records or [f"3 1 1 {DIGEST}"], authenticated=True)

    def publish(self, policy: StsPolicy) -> None:
        """Publish an MTA-STS policy."""
        self.dns.add(f"_mta-sts.{DOMAIN}", "TXT", ["v=STSv1; id=1"])
        self.web.texts[DOMAIN] = text(policy)

    def test_nobody_asks(self) -> None:
        """Opportunistic, or what the settings say."""
        self.assertEqual({MX: OPPORTUNISTIC, MX2: OPPORTUNISTIC}, self.links())
        self.usual = TlsLevel.ENCRYPT
        self.assertEqual(TlsPolicy(TlsLevel.ENCRYPT, source="our TLS setting"), self.links()[MX])
        self.usual = TlsLevel.VERIFY
        self.assertEqual(TlsPolicy(TlsLevel.VERIFY, (MX2,), source="our TLS setting"), self.links()[MX2])

    def test_own_setting(self) -> None:
        """A level of ours holds alone: nothing else is looked up."""
        self.publish(ENFORCE)
        for level, names in ((TlsLevel.OPPORTUNISTIC, ()), (TlsLevel.ENCRYPT, ()), (TlsLevel.VERIFY, (MX,))):
            self.own[DOMAIN] = level
            source = "our TLS setting for beta.example" if level is not TlsLevel.OPPORTUNISTIC else ""
            self.assertEqual(TlsPolicy(level, names, source=source), self.links()[MX])
        self.assertEqual([], self.dns.asked)

    def test_own_dane(self) -> None:
        """Ours is DANE: hosts with usable records only."""
        self.own[DOMAIN] = TlsLevel.DANE
        self.publish(ENFORCE)
        self.assertEqual(
            "451 4.7.5 mx.beta.example has no validated TLSA records of use, "
            "which our TLS setting for beta.example requires",
            self.refused(),
        )
        self.sign(MX, MX2)
        self.tlsa(MX)
        self.tlsa(MX2, f"1 1 1 {DIGEST}")
        self.assertEqual({MX: BOUND}, self.links())

    def test_dane(self) -> None:
        """Each host by its own records."""
        self.sign(MX, MX2)
        self.tlsa(MX)
        self.assertEqual({MX: BOUND, MX2: OPPORTUNISTIC}, self.links())

    def test_dane_needs_signed_mx(self) -> None:
        """Who can forge the MX can name a host with records of his own."""
        self.sign(MX, MX2)
        self.tlsa(MX)
        self.dns = FakeResolver()
        self.dns.add(DOMAIN, "MX", [f"10 {MX}."])
        self.dns.add(MX, "A", ["192.0.2.1"], authenticated=True)
        self.tlsa(MX)
        self.assertEqual(OPPORTUNISTIC, self.links()[MX])

    def test_dane_unusable(self) -> None:
        """Records of no use ask for encryption; a stronger level of anyone else wins over that."""
        self.sign(MX)
        self.tlsa(MX, f"1 1 1 {DIGEST}")
        self.assertEqual(TlsPolicy(TlsLevel.ENCRYPT, source=f"DANE for {MX}"), self.links()[MX])
        self.usual = TlsLevel.VERIFY
        self.assertEqual(TlsLevel.VERIFY, self.links()[MX].level)
        self.usual = TlsLevel.OPPORTUNISTIC
        self.publish(ENFORCE)
        self.assertEqual({MX: STS}, self.links())

    def test_f057_dane_lookup_fails(self) -> None:
        """Records that cannot be had: that host is left out, others are not; nothing is sent in the clear."""
        self.sign(MX, MX2)
        self.dns.fail(f"_25._tcp.{MX}", "TLSA")
        self.assertEqual({MX2: OPPORTUNISTIC}, self.links())
        self.dns.fail(f"_25._tcp.{MX2}", "TLSA")
        self.assertEqual(
            "451 4.7.5 it is not known whether DANE for mx.beta.example requires TLS: "
            "DNS look-up of _25._tcp.mx.beta.example failed: SERVFAIL",
            self.refused(),
        )

    def test_mx_lookup_fails(self) -> None:
        """Without the MX nothing is known."""
        self.dns.fail(DOMAIN, "MX")
        self.failureResultOf(self.of(), LookupFailed)

    def test_f059_enforce(self) -> None:
        """Hosts that the policy names must prove their name; others are left out, in words when none is left."""
        self.publish(ENFORCE)
        self.assertEqual({MX: STS}, self.links())
        self.sts = StsPolicies(self.dns, FakeStore(lambda: NOW).sts, self.web, lambda: NOW)
        self.publish(StsPolicy(StsMode.ENFORCE, ("*.gamma.example",), 60))
        self.assertEqual(
            "451 4.7.5 mx.beta.example is none of the mail hosts that the MTA-STS policy of beta.example names",
            self.refused(),
        )

    def test_testing_and_none(self) -> None:
        """Neither mode changes how mail goes."""
        for mode in (StsMode.TESTING, StsMode.NONE):
            self.sts = StsPolicies(self.dns, FakeStore(lambda: NOW).sts, self.web, lambda: NOW)
            self.publish(StsPolicy(mode, (MX,), 60))
            self.assertEqual({MX: OPPORTUNISTIC, MX2: OPPORTUNISTIC}, self.links())

    def test_f059_dane_and_sts(self) -> None:
        """DANE decides where it is present, also for a host that the MTA-STS policy does not name."""
        self.sign(MX, MX2)
        self.tlsa(MX)
        self.publish(StsPolicy(StsMode.ENFORCE, (MX2,), 60))
        policy = TlsPolicy(TlsLevel.VERIFY, (MX2,), source=f"the MTA-STS policy of {DOMAIN}")
        self.assertEqual({MX: BOUND, MX2: policy}, self.links())

    def test_dane_alone_saves_the_fetch(self) -> None:
        """When all hosts are bound by DANE, nobody asks for MTA-STS."""
        self.sign(MX)
        self.tlsa(MX)
        self.publish(ENFORCE)
        self.links(hosts=[HOST])
        self.assertEqual([], self.web.asked)

    def test_route(self) -> None:
        """Where a route leads DANE counts for the host that it names, on its port; MTA-STS is about the MX."""
        relay = Host("relay.gamma.example", ("192.0.2.5",), 587)
        self.publish(ENFORCE)
        self.dns.add("relay.gamma.example", "A", ["192.0.2.5"], authenticated=True)
        self.dns.add("_587._tcp.relay.gamma.example", "TLSA", [f"3 1 1 {DIGEST}"], authenticated=True)
        for route in (DOMAIN, "*"):
            self.routes = {route: "relay.gamma.example:587"}
            self.assertEqual(TlsLevel.DANE, self.links(hosts=[relay])["relay.gamma.example"].level)
            other = Host("192.0.2.6", ("192.0.2.6",), 587)
            self.assertEqual({"192.0.2.6": OPPORTUNISTIC}, self.links(hosts=[other]))
        self.assertEqual([], self.web.asked)

    def test_address_literal(self) -> None:
        """An address has no policies, and is not looked up."""
        host = Host("[192.0.2.1]", ("192.0.2.1",))
        self.assertEqual({"[192.0.2.1]": OPPORTUNISTIC}, self.links("[192.0.2.1]", [host]))
        self.assertEqual([], self.dns.asked)
