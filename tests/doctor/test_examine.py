"""Whole examinations: right, half right, hosted elsewhere, and DNS that misbehaves (F079, F080)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailsuite.dns.mta_sts import policy_text
from mailsuite.dns.records import MailHost, hosted_zones, text_of
from mailsuite.dns.resolve import Delegation
from mailsuite.dns.zonefile import read_zone_file, write_zone_file
from mailsuite.doctor.examine import Doctor, Probe
from mailsuite.doctor.seek import Seeker
from mailsuite.interfaces.resolver import Answer, INameResolver
from mailsuite.login.keys import new_dkim_keys
from mailsuite.model.account import Domain
from mailsuite.model.diagnosis import Diagnosis, Finding, State
from mailsuite.model.errors import LookupFailed, PolicyUnavailable, ProbeUnavailable
from mailsuite.model.reach import Outcome, Reach
from mailsuite.model.zone import Record, Zone
from mailsuite.testing.fake_resolver import FakeResolver

ADDRESS, SIX = "192.0.2.25", "2001:db8::25"
ALPHA = Domain("alpha.example", 1_700_000_000_000, new_dkim_keys("202611"))
HOST = MailHost("mail.alpha.example", (ADDRESS, SIX), sts="enforce")
OURS, FOREIGN, REGISTRY = "192.0.2.25", "198.51.100.53", "198.51.100.1"


@implementer(INameResolver)
class Silent:
    """A server that never answers."""

    def lookup(self, name: str, type: str) -> Any:
        """Pending for ever."""
        return Deferred()


class DoctorCase(TestCase):
    """The world is two resolvers: the domain's own servers and the configured one; by default they agree."""

    timeout = 40

    def setUp(self) -> None:
        self.world = FakeResolver()
        self.at: dict[str, Any] = {}
        self.said: Delegation | None = None
        self.own = False
        self.probes: dict[str, Probe] = {"probe.test:2510": self.probe}
        self.policy: Callable[[], str] = lambda: policy_text(HOST.name, "enforce")

    async def within(self, seconds: float, work: Any) -> Any:
        """As Wiring.within, twenty times as fast."""
        pending = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
        return await pending.addTimeout(seconds / 20, reactor)

    async def fetch(self, domain: str) -> str:
        """The policy."""
        return self.policy()

    def publish(self, zone: Zone, leave_out: tuple[tuple[str, str], ...] = ()) -> None:
        """Let the world have the records of a zone."""
        sets: dict[tuple[str, str], list[str]] = {}
        for r in zone.records:
            sets.setdefault((r.name, r.type), []).append(text_of(r.data) if r.type == "TXT" else r.data)
        for (name, kind), data in sets.items():
            if (name.rstrip("."), kind) not in leave_out:
                self.world.add(name, kind, data)

    def zones(self, custom: tuple[Record, ...] = (), host: MailHost = HOST) -> Zone:
        """The zone that the suite serves for alpha.example."""
        zones, _ = hosted_zones([ALPHA], custom, host, generation=1)
        return zones[0]

    def pointers(self) -> None:
        """The reverse names of our addresses, right."""
        self.world.add("25.2.0.192.in-addr.arpa", "PTR", ["mail.alpha.example."])
        nibbles = ".".join(reversed("20010db8000000000000000000000025"))
        self.world.add(f"{nibbles}.ip6.arpa", "PTR", ["mail.alpha.example."])

    async def examine(self, host: MailHost = HOST, domain: Domain = ALPHA) -> Diagnosis:
        """Examine alpha.example."""
        seeker = Seeker(self.world, lambda ip: self.at.get(ip, self.world), self.above, self.within)
        return await Doctor(seeker, host, self.fetch, self.own, self.probes).examine(domain)

    async def probe(self) -> Reach:
        """Somebody outside reaches us."""
        return Reach(Outcome.REACHABLE, ADDRESS, True, "220 mail.alpha.example ESMTP")

    async def above(self, ip: str, domain: str) -> Delegation:
        """The server of example says what a test wants."""
        if self.said is None or ip != REGISTRY:
            raise LookupFailed(domain, "REFUSED")
        return self.said

    def finding(self, diagnosis: Diagnosis, kind: str, name: str) -> Finding:
        """The one finding on a record."""
        (found,) = [f for f in diagnosis.findings if (f.type, f.name) == (kind, name)]
        return found

    def registry(self, said: Delegation) -> None:
        """Let the zone above say this."""
        self.said = said
        self.world.add("example", "NS", ["a.registry.test."])
        self.world.add("a.registry.test", "A", [REGISTRY])

    def states(self, diagnosis: Diagnosis, state: State) -> list[tuple[str, str, str]]:
        """What is in a state."""
        return [(f.type, f.name, f.text) for f in diagnosis.findings if f.state is state]


class RightTests(DoctorCase):
    """What we publish is right by our own judgement."""

    async def test_hosted_here(self) -> None:
        """Hosted here."""
        self.publish(self.zones())
        self.pointers()
        diagnosis = await self.examine()
        self.assertTrue(diagnosis.hosted_here)
        self.assertEqual([(f.type, f.name, f.text) for f in diagnosis.findings if f.state is not State.RIGHT], [])
        self.assertEqual(diagnosis.bad, 0)

    async def test_F080_advice_published_elsewhere_is_right(self) -> None:
        """The zone file that we print, served by another provider, has no red and no yellow but the delegation."""
        text = write_zone_file(self.zones())
        printed = read_zone_file(Path("alpha.example.zone"), lambda _: text)
        others = [r for r in printed.records if r.type not in ("SOA", "NS")]
        self.publish(Zone("alpha.example.", tuple(others)))
        self.world.add("alpha.example", "NS", ["ns1.hoster.example.", "ns2.hoster.example."])
        self.world.add("ns1.hoster.example", "A", [FOREIGN])
        self.pointers()
        diagnosis = await self.examine()
        self.assertFalse(diagnosis.hosted_here)
        (choice,) = [f for f in diagnosis.findings if f.state is not State.RIGHT]
        self.assertEqual((choice.type, choice.state), ("NS", State.CHOICE))
        self.assertIn("ns1.hoster.example", choice.text)

    async def test_F080_no_red_for_what_is_a_choice(self) -> None:
        """No SRV, no MTA-STS, no TLS-RPT, no autoconfig, another SPF text that works, p=none: nothing is red."""
        zone = self.zones()
        kept = [r for r in zone.records if r.type in ("SOA", "NS", "MX", "A", "AAAA") or "_domainkey" in r.name]
        kept = [r for r in kept if "auto" not in r.name and "mta-sts" not in r.name]
        self.publish(Zone(zone.origin, tuple(kept)))
        self.world.add("alpha.example", "TXT", ["v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all", "other=1"])
        self.world.add("_dmarc.alpha.example", "TXT", ["v=DMARC1; p=none"])
        self.pointers()
        diagnosis = await self.examine()
        self.assertEqual(self.states(diagnosis, State.WRONG) + self.states(diagnosis, State.MISSING), [])
        self.assertIn("lets this host send", self.finding(diagnosis, "TXT", "alpha.example").text)

    async def test_tlsa_counts_only_with_dnssec(self) -> None:
        """Tlsa counts only with dnssec."""
        host = dataclasses.replace(HOST, tlsa="3 1 1 " + "ab" * 32)
        self.publish(self.zones())
        name = "_25._tcp.mail.alpha.example"
        self.assertEqual(self.finding(await self.examine(host), "TLSA", name).state, State.CHOICE)
        self.world.add(name, "TLSA", ["3 1 1 " + "cd" * 32])
        self.assertEqual(self.finding(await self.examine(host), "TLSA", name).state, State.CHOICE)
        self.world.add(name, "TLSA", ["3 1 1 " + "cd" * 32], authenticated=True)
        self.assertEqual(self.finding(await self.examine(host), "TLSA", name).state, State.WRONG)
        self.world.add(name, "TLSA", ["3 1 1 " + "AB" * 32], authenticated=True)
        self.assertEqual(self.finding(await self.examine(host), "TLSA", name).state, State.RIGHT)


class WrongTests(DoctorCase):
    """Each fault is named, with what to do."""

    async def fault(self, kind: str, name: str, data: list[str], *words: str, state: State = State.WRONG) -> None:
        """With this record in place of the right one, the finding on it is bad and says these words."""
        self.publish(self.zones())
        self.pointers()
        self.world.add(name, kind, data)
        diagnosis = await self.examine()
        found = self.finding(diagnosis, kind, name)
        self.assertEqual(found.state, state, found)
        for word in words:
            self.assertIn(word, found.text)
        ranks = [f.state.bad for f in diagnosis.findings]
        self.assertEqual(ranks, sorted(ranks, reverse=True))

    async def test_mx(self) -> None:
        """Mx."""
        await self.fault("MX", "alpha.example", [], "publish it", state=State.MISSING)
        await self.fault("MX", "alpha.example", ["10 mx.else.example."], "mx.else.example", "not to this host")
        await self.fault("MX", "alpha.example", ["0 ."], "null MX")
        self.world = FakeResolver()
        self.publish(self.zones(), leave_out=(("mail.alpha.example", "A"), ("mail.alpha.example", "AAAA")))
        self.world.add("mail.alpha.example", "CNAME", ["other.example."])
        self.world.add("other.example", "A", [ADDRESS])
        self.assertIn("CNAME", self.finding(await self.examine(), "MX", "alpha.example").text)

    async def test_spf(self) -> None:
        """Spf."""
        name = "alpha.example"
        await self.fault("TXT", name, [], "anybody may send", state=State.MISSING)
        await self.fault("TXT", name, ["v=spf1 -all"], "does not let this host send", "fail")
        await self.fault("TXT", name, ["v=spf1 mx -all", "v=spf1 a -all"], "there must be one")
        await self.fault("TXT", name, ["v=spf1 ipv4:1.2.3.4 -all"], "cannot be evaluated")
        includes = " ".join(f"include:i{n}.example" for n in range(11))
        for n in range(11):
            self.world.add(f"i{n}.example", "TXT", ["v=spf1 ?all"])
        await self.fault("TXT", name, [f"v=spf1 {includes} -all"], "more than 10")

    async def test_dkim(self) -> None:
        """Dkim."""
        name = f"{ALPHA.keys[0].selector}._domainkey.alpha.example"
        key = ALPHA.keys[0]
        right = f"v=DKIM1; k={key.algorithm}; p={key.public}"
        await self.fault("TXT", name, [], "cannot be verified", state=State.MISSING)
        await self.fault("TXT", name, [right, right + ";"], "there must be one")
        await self.fault("TXT", name, ["v=DKIM1; p="], "revoked")
        await self.fault("TXT", name, [right.replace(";", "\\;")], "backslashes")
        await self.fault("TXT", name, [right[:-20]], "p=")
        other = new_dkim_keys("x")[0]
        await self.fault("TXT", name, [f"v=DKIM1; k={other.algorithm}; p={other.public}"], "another key")
        await self.fault("TXT", name, [f"v=DKIM1; t=y; k={key.algorithm}; p={key.public}"], state=State.CHOICE)

    async def test_a_key_with_spaces_is_the_same_key(self) -> None:
        """F045: what a provider's form breaks up by spaces is still right."""
        self.publish(self.zones())
        key = ALPHA.keys[0]
        name = f"{key.selector}._domainkey.alpha.example"
        self.world.add(name, "TXT", [f"v=DKIM1; k={key.algorithm}; p={key.public[:30]} {key.public[30:]}"])
        self.assertEqual(self.finding(await self.examine(), "TXT", name).state, State.RIGHT)

    async def test_dmarc(self) -> None:
        """Dmarc."""
        name = "_dmarc.alpha.example"
        await self.fault("TXT", name, [], "big providers", state=State.MISSING)
        await self.fault("TXT", name, ["v=dmarc1; p=none"], "what is there is not one", state=State.MISSING)
        await self.fault("TXT", name, ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "then none counts")
        await self.fault("TXT", name, ["v=DMARC1; p=rejekt"], "cannot be read")

    async def test_addresses_and_pointers(self) -> None:
        """Addresses and pointers."""
        await self.fault("A", "mail.alpha.example", ["203.0.113.1"], "203.0.113.1")
        pointer = "25.2.0.192.in-addr.arpa"
        await self.fault("PTR", pointer, [], "who gave you the address", state=State.MISSING)
        await self.fault("PTR", pointer, ["host-25.isp.example."], "does not lead back")
        self.world.add("host-25.isp.example", "A", [ADDRESS])
        await self.fault("PTR", pointer, ["host-25.isp.example."], "leads back", state=State.CHOICE)

    async def test_sts(self) -> None:
        """Sts."""

        def unreachable() -> str:
            raise PolicyUnavailable("the certificate of mta-sts.alpha.example has expired")

        name = "_mta-sts.alpha.example"
        self.publish(self.zones())
        self.pointers()
        for policy, word in (
            (unreachable, "expired"),
            (lambda: "version: STSv1\nmode: enforce\nmx: other.example\nmax_age: 1\n", "does not name"),
            (lambda: "<html>", "no version"),
            (lambda: "version: STSv1\nmode: enforce\nmx: mail.alpha.example\n", "max_age"),
        ):
            self.policy = policy
            found = self.finding(await self.examine(), "TXT", name)
            self.assertEqual(found.state, State.WRONG)
            self.assertIn(word, found.text)
        await self.fault("TXT", name, ["v=STSv1; id=not-so;"], "1 to 32 letters and digits")

    async def test_a_stale_resolver_is_told(self) -> None:
        """The domain's own servers decide; what the resolver still says is told with its time."""
        self.publish(self.zones())
        fresh, self.world = self.world, FakeResolver()
        self.publish(self.zones())
        self.world.add("alpha.example", "MX", ["10 old.example."])
        self.at[ADDRESS] = fresh
        found = self.finding(await self.examine(), "MX", "alpha.example")
        self.assertEqual(found.state, State.RIGHT)
        self.assertIn("still says 10 old.example.", found.text)
        self.assertIn("300 s", found.text)


class OwnResolverTests(DoctorCase):
    """The resolver is this suite's own service: it says of hosted domains what we would like to hear."""

    def setUp(self) -> None:
        super().setUp()
        self.own = True
        self.publish(self.zones())
        self.pointers()

    async def test_hosted_here(self) -> None:
        """Right when the zone above says so, with the right glue."""
        self.registry(Delegation(("mail.alpha.example",), {"mail.alpha.example": (ADDRESS, SIX)}))
        self.assertEqual({f.state for f in (await self.examine()).findings}, {State.RIGHT})
        self.said = Delegation(("mail.alpha.example",), {"mail.alpha.example": ("203.0.113.9",)})
        found = self.finding(await self.examine(), "NS", "alpha.example")
        self.assertEqual(found.state, State.WRONG)
        self.assertIn("203.0.113.9", found.text)

    async def test_nobody_above_answers(self) -> None:
        """Then it is not known whether the world asks us."""
        diagnosis = await self.examine()
        self.assertEqual(self.finding(diagnosis, "NS", "alpha.example").state, State.UNKNOWN)
        self.assertEqual(diagnosis.bad, 0)

    async def test_hosted_elsewhere_with_nothing(self) -> None:
        """What our own service says does not hide that the other provider has no record at all."""
        self.at[FOREIGN] = FakeResolver()
        self.registry(Delegation(("ns1.hoster.example",), {"ns1.hoster.example": (FOREIGN,)}))
        diagnosis = await self.examine()
        self.assertFalse(diagnosis.hosted_here)
        missing = {(f.type, f.name) for f in diagnosis.findings if f.state is State.MISSING}
        self.assertLessEqual(
            {("MX", "alpha.example"), ("TXT", "alpha.example"), ("TXT", "_dmarc.alpha.example")}, missing
        )

    async def test_hosted_elsewhere_with_another_spf(self) -> None:
        """SPF is evaluated by what the other provider says, not by our own zone."""
        other = self.at[FOREIGN] = FakeResolver()
        other.add("alpha.example", "TXT", ["v=spf1 a:www.alpha.example -all"])
        other.add("www.alpha.example", "A", ["203.0.113.80"])
        self.registry(Delegation(("ns1.hoster.example",), {"ns1.hoster.example": (FOREIGN,)}))
        found = self.finding(await self.examine(), "TXT", "alpha.example")
        self.assertEqual(found.state, State.WRONG)
        self.assertIn("does not let this host send", found.text)

    async def test_hosted_elsewhere_and_dead(self) -> None:
        """Unknown is said to be unknown."""
        self.at[FOREIGN] = Silent()
        self.registry(Delegation(("ns1.hoster.example",), {"ns1.hoster.example": (FOREIGN,)}))
        diagnosis = await self.examine()
        for kind, name in (("MX", "alpha.example"), ("TXT", "alpha.example"), ("TXT", "_dmarc.alpha.example")):
            self.assertEqual(self.finding(diagnosis, kind, name).state, State.UNKNOWN)


class BrokenTests(DoctorCase):
    """F079: rows say what was seen; nothing raises; it is over in time."""

    async def test_F079_nothing_answers(self) -> None:
        """F079: nothing answers."""
        self.world = Silent()  # type: ignore[assignment]
        began = reactor.seconds()
        diagnosis = await self.examine()
        self.assertLess((reactor.seconds() - began) * 20, 15)
        unknown = {f.type for f in diagnosis.findings if f.state is State.UNKNOWN}
        self.assertLessEqual({"MX", "TXT", "A", "PTR"}, unknown)
        self.assertEqual(self.states(diagnosis, State.WRONG), [])

    async def test_F079_its_servers_are_dead_but_the_resolver_answers(self) -> None:
        """F079: its servers are dead but the resolver answers."""
        self.publish(self.zones())
        self.pointers()
        self.at[ADDRESS] = self.at[SIX] = Silent()
        diagnosis = await self.examine()
        self.assertEqual(diagnosis.bad, 0)
        self.assertIn("no answer", self.finding(diagnosis, "MX", "alpha.example").authority.fault)

    async def test_F079_servfail_and_odd_text(self) -> None:
        """F079: servfail and odd text."""
        self.publish(self.zones())
        self.pointers()
        self.world.fail("alpha.example", "MX", "SERVFAIL")
        self.world.add("_dmarc.alpha.example", "TXT", ["\u200b;;;= v\x00=DMARC1"])
        diagnosis = await self.examine()
        found = self.finding(diagnosis, "MX", "alpha.example")
        self.assertEqual(found.state, State.UNKNOWN)
        self.assertIn("SERVFAIL", found.text)
        self.assertTrue(self.finding(diagnosis, "TXT", "_dmarc.alpha.example").state.bad)

    async def test_not_delegated(self) -> None:
        """Not delegated."""
        self.assertEqual(self.finding(await self.examine(), "NS", "alpha.example").state, State.UNKNOWN)
        self.registry(Delegation())
        diagnosis = await self.examine()
        self.assertEqual(self.finding(diagnosis, "NS", "alpha.example").state, State.MISSING)
        self.assertIn("not delegated", self.finding(diagnosis, "NS", "alpha.example").text)

    async def test_a_host_of_another_domain(self) -> None:
        """The domain's mail host is elsewhere: its address is examined all the same."""
        host = MailHost("mail.beta.example", (ADDRESS,))
        self.publish(self.zones(host=host))
        self.world.add("25.2.0.192.in-addr.arpa", "PTR", ["mail.beta.example."])
        self.assertEqual(self.finding(await self.examine(host), "A", "mail.beta.example").state, State.MISSING)
        self.world.add("mail.beta.example", "A", [ADDRESS])
        self.assertEqual((await self.examine(host)).bad, 0)


class SlowTests(DoctorCase):
    """A look-up that is slow holds up its own row only."""

    async def test_one_slow_name(self) -> None:
        """One slow name."""
        world = self.world

        @implementer(INameResolver)
        class Slow:
            async def lookup(self, name: str, type: str) -> Answer:
                if name.startswith("_dmarc"):
                    await Deferred()
                return await world.lookup(name, type)

        self.publish(self.zones())
        self.pointers()
        self.world = Slow()  # type: ignore[assignment]
        diagnosis = await self.examine()
        self.assertEqual([f.name for f in diagnosis.findings if f.state is State.UNKNOWN], ["_dmarc.alpha.example"])
        self.assertEqual(diagnosis.bad, 0)


class PortTests(DoctorCase):
    """Port 25 as a probe outside sees it."""

    async def port(self, probe: Probe | None) -> Finding:
        """The one finding on it; all others are right."""
        self.publish(self.zones())
        self.pointers()
        self.probes = {"probe.test:2510": probe} if probe else {}
        diagnosis = await self.examine()
        rest = [f for f in diagnosis.findings if f.type != "SMTP"]
        self.assertEqual({State.RIGHT}, {f.state for f in rest})
        return self.finding(diagnosis, "SMTP", "mail.alpha.example:25")

    async def test_what_it_sees(self) -> None:
        """Only what it saw for certain is a fault; the words say what to do."""
        for reach, state, part in (
            (Reach(Outcome.REACHABLE, ADDRESS, True, "220 m ESMTP"), State.RIGHT, ""),
            (Reach(Outcome.REACHABLE, ADDRESS), State.RIGHT, ""),
            (Reach(Outcome.REACHABLE, SIX, False, "220 m ESMTP"), State.CHOICE, "tls.certificate"),
            (Reach(Outcome.REACHABLE, ADDRESS, False, "554 no"), State.WRONG, "554 no"),
            (Reach(Outcome.REFUSED, ADDRESS), State.WRONG, "mailsuite-mx"),
            (Reach(Outcome.TIMEOUT, ADDRESS), State.WRONG, "provider"),
            (Reach(Outcome.UNREACHABLE, ADDRESS), State.WRONG, "no way"),
            (Reach(Outcome.BUSY, ADDRESS), State.UNKNOWN, "again"),
            (Reach(Outcome.TIMEOUT, "203.0.113.9"), State.UNKNOWN, "203.0.113.9"),
        ):

            async def probe(reach: Reach = reach) -> Reach:
                return reach

            found = await self.port(probe)
            self.assertEqual(state, found.state, reach)
            self.assertIn(part, found.text)
            self.assertIn(reach.address, found.authority.data[0])

    async def test_none_is_configured(self) -> None:
        """It is said, and is no fault."""
        found = await self.port(None)
        self.assertEqual(State.CHOICE, found.state)
        self.assertIn("mx.probes", found.text)

    async def test_the_probe_itself_is_away(self) -> None:
        """Unknown: that it says nothing says nothing of us."""

        async def away() -> Reach:
            raise ProbeUnavailable("it cannot be reached: refused")

        async def silent() -> Reach:
            return await Deferred()

        for probe, part in ((away, "refused"), (silent, "in time")):
            found = await self.port(probe)
            self.assertEqual(State.UNKNOWN, found.state)
            self.assertIn(part, found.text)
