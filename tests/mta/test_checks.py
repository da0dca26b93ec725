"""The rules of port 25, each by itself and in a chain."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailsuite.interfaces.checks import PASS, Decision, IMessageCheck
from mailsuite.interfaces.reception import Client, Visit
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Deferral
from mailsuite.model.status import Status
from mailsuite.model.trace import Step
from mailsuite.mta.checks import (
    BaseCheck,
    Checks,
    HeloCheck,
    OwnDomainCheck,
    ReverseNameCheck,
    SenderDomainCheck,
)
from mailsuite.mta.greylist import FORGERIES, GREY, KNOWN, PATIENCE, GreylistCheck
from mailsuite.mta.limits import GUESSING, GuessingCheck, RateCheck
from mailsuite.runtime.lenient_counter import LenientCounter
from mailsuite.testing.builders import NOW
from mailsuite.testing.fake_counter import FakeCounter
from mailsuite.testing.fake_resolver import FakeResolver

T = TypeVar("T")


def client(address: str = "203.0.113.10", helo: str = "out.remote.example") -> Client:
    """A stranger."""
    return Client(address, 4711, helo, True, visit=Visit())


def from_(path: str) -> Envelope:
    """MAIL with a reverse-path, "" for the null one."""
    return Envelope(Address.parse(path) if path else None, ())


class CheckCase(SynchronousTestCase):
    """A clock, a counter, a resolver."""

    def setUp(self) -> None:
        self.time = NOW
        self.counter = FakeCounter(lambda: self.time)
        self.rates = LenientCounter(self.counter, lambda: self.time)
        self.resolver = FakeResolver()

    def now(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def mail(self, check: IMessageCheck, who: Client, path: str = "a@remote.example") -> str:
        """Reply code and enhanced code that a check gives to MAIL, "" when it lets pass."""
        verifyObject(IMessageCheck, check)
        return said(self.now(check.mail(who, from_(path), 0)))


def said(decision: Decision) -> str:
    """Code and enhanced code."""
    return f"{decision.status.code} {decision.status.enhanced}" if decision.status else ""


class RateTests(CheckCase):
    """Connections and messages a minute, unknown recipients in ten."""

    def test_connections(self) -> None:
        """The fourth of a /24 in a minute gets 421 4.7.0, a neighbour none; a minute later it may come again."""
        check = RateCheck(self.rates, 3, 100)
        found = [said(self.now(check.connect(client(f"203.0.113.{n}")))) for n in range(1, 6)]
        self.assertEqual(found, ["", "", "", "421 4.7.0", "421 4.7.0"])
        self.assertEqual(said(self.now(check.connect(client("203.0.114.1")))), "")
        self.time += 60_000
        self.assertEqual(said(self.now(check.connect(client()))), "")

    def test_messages(self) -> None:
        """The same of messages, and of a /64: 450 4.7.0, which is no end of the session."""
        check = RateCheck(self.rates, 100, 2)
        found = [self.mail(check, client(f"2001:db8:0:1::{n}")) for n in range(1, 4)]
        self.assertEqual(found, ["", "", "450 4.7.0"])
        self.assertEqual(self.mail(check, client("2001:db8:0:2::1")), "")

    def test_guessing(self) -> None:
        """After three misses in ten minutes it is 421, also at MAIL; known recipients are free."""
        check = GuessingCheck(self.rates, 3)

        def rcpt(known: bool) -> str:
            recipient = Recipient(Address.parse("x@alpha.example"))
            return said(self.now(check.rcpt(client(), from_("a@b.example"), recipient, known)))

        self.assertEqual([rcpt(True) for _ in range(10)], [""] * 10)
        self.assertEqual([rcpt(False) for _ in range(4)], ["", "", "", "421 4.7.0"])
        self.assertEqual(self.mail(check, client()), "421 4.7.0")
        self.assertEqual(self.mail(check, client("198.51.100.1")), "")
        self.time += GUESSING * 1000
        self.assertEqual(self.mail(check, client()), "")

    def test_redis_down(self) -> None:
        """Nobody is limited while nothing can be counted."""
        self.counter.down = True
        check = RateCheck(self.rates, 1, 1)
        self.assertEqual([said(self.now(check.connect(client()))) for _ in range(5)], [""] * 5)
        self.assertEqual([self.mail(check, client()) for _ in range(5)], [""] * 5)


class ReverseNameTests(CheckCase):
    """iprev."""

    def look(self, who: Client, required: bool = False) -> tuple[str, str, str]:
        """Result, name, and reply."""
        reply = self.mail(ReverseNameCheck(self.resolver, required), who)
        return who.visit.iprev, who.visit.reverse_name, reply

    def test_confirmed(self) -> None:
        """A name that leads back is recorded, of IPv4 and IPv6, and asked for once in a session."""
        self.resolver.add("10.113.0.203.in-addr.arpa", "PTR", ["elsewhere.example.", "Out.Remote.Example."])
        self.resolver.add("elsewhere.example", "A", ["192.0.2.1"])
        self.resolver.add("out.remote.example", "A", ["192.0.2.2", "203.0.113.10"])
        pointer = "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"
        self.resolver.add(pointer, "PTR", ["six.remote.example."])
        self.resolver.add("six.remote.example", "AAAA", ["2001:DB8::1"])
        who = client()
        self.assertEqual(self.look(who, True), ("pass", "out.remote.example", ""))
        asked = len(self.resolver.asked)
        self.look(who, True)
        self.assertEqual(len(self.resolver.asked), asked)
        self.assertEqual(self.look(client("2001:db8::1"), True), ("pass", "six.remote.example", ""))

    def test_not_confirmed(self) -> None:
        """No name, or one that leads elsewhere: a recorded fail, and 550 5.7.25 where it is required (RFC 7372)."""
        self.resolver.add("11.113.0.203.in-addr.arpa", "PTR", ["elsewhere.example."])
        self.resolver.add("elsewhere.example", "A", ["192.0.2.1"])
        for address in ("203.0.113.10", "203.0.113.11"):
            self.assertEqual(self.look(client(address)), ("fail", "", ""))
            self.assertEqual(self.look(client(address), True), ("fail", "", "550 5.7.25"))

    def test_no_answer(self) -> None:
        """A DNS that does not answer is a temperror, 451 4.7.25 where the name is required, and asked again."""
        self.resolver.fail("10.113.0.203.in-addr.arpa", "PTR")
        self.assertEqual(self.look(client()), ("temperror", "", ""))
        who = client()
        self.assertEqual(self.look(who, True)[2], "451 4.7.25")
        self.resolver.heal("10.113.0.203.in-addr.arpa", "PTR")
        self.assertEqual(self.look(who, True)[2], "550 5.7.25")


class HeloTests(CheckCase):
    """What a client calls itself."""

    def test_names(self) -> None:
        """Names and the own literal pass, nonsense and what is ours do not."""
        check = HeloCheck("mail.alpha.example", ["192.0.2.1", "2001:db8::25"])
        v6 = "2001:db8:9::9"
        for helo, address, reply in (
            ("out.remote.example", "203.0.113.10", ""),
            ("out.remote.example.", "203.0.113.10", ""),
            ("WORKSTATION_7", "203.0.113.10", ""),
            ("xn--bcher-kva.example", "203.0.113.10", ""),
            ("[203.0.113.10]", "203.0.113.10", ""),
            (f"[IPv6:{v6}]", v6, ""),
            ("[ipv6:2001:DB8:9:0::9]", v6, ""),
            ("[203.0.113.99]", "203.0.113.10", "550 5.7.1"),
            ("[IPv6:2001:db8:9::8]", v6, "550 5.7.1"),
            ("[203.0.113.10", "203.0.113.10", "550 5.7.1"),
            ("[x]", "203.0.113.10", "550 5.7.1"),
            ("203.0.113.10", "203.0.113.10", "550 5.7.1"),
            ("Mail.Alpha.Example", "203.0.113.10", "550 5.7.1"),
            ("mail.alpha.example.", "203.0.113.10", "550 5.7.1"),
            ("[192.0.2.1]", "192.0.2.1", "550 5.7.1"),
            ("-x.example", "203.0.113.10", "550 5.7.1"),
            ("a..example", "203.0.113.10", "550 5.7.1"),
            ("user@remote.example", "203.0.113.10", "550 5.7.1"),
            ("x" * 64 + ".example", "203.0.113.10", "550 5.7.1"),
        ):
            self.assertEqual(self.mail(check, client(address, helo)), reply, helo)


class SenderTests(CheckCase):
    """The domain of the reverse-path."""

    def test_domains(self) -> None:
        """MX or address: pass; neither, or no such domain: 5.1.8; null MX: 5.7.27 (RFC 7505 section 4.2)."""
        self.resolver.add("mx.example", "MX", ["10 in.mx.example."])
        self.resolver.add("four.example", "A", ["192.0.2.1"])
        self.resolver.add("six.example", "AAAA", ["2001:db8::1"])
        self.resolver.add("text.example", "TXT", ["x"])
        self.resolver.add("null.example", "MX", ["0 ."])
        check = SenderDomainCheck(self.resolver)
        for path, reply in (
            ("a@mx.example", ""),
            ("a@four.example", ""),
            ("a@six.example", ""),
            ("", ""),
            ("a@[203.0.113.10]", ""),
            ("a@text.example", "550 5.1.8"),
            ("a@nowhere.example", "550 5.1.8"),
            ("a@null.example", "550 5.7.27"),
        ):
            self.assertEqual(self.mail(check, client(), path), reply, path)

    def test_no_answer(self) -> None:
        """A DNS that does not answer defers, whatever is asked first."""
        check = SenderDomainCheck(self.resolver)
        self.resolver.add("remote.example", "TXT", ["x"])
        for kind in ("AAAA", "MX"):
            self.resolver.fail("remote.example", kind)
            self.assertEqual(self.mail(check, client()), "451 4.1.8", kind)

    def test_own_domains(self) -> None:
        """A hosted domain is nobody else's, unless SPF passes for it."""

        async def hosts(domain: str) -> bool:
            return domain == "alpha.example"

        check = OwnDomainCheck(hosts)
        self.assertEqual(self.mail(check, client(), "ann@alpha.example"), "550 5.7.1")
        self.assertEqual(self.mail(check, client(), "ann@remote.example"), "")
        self.assertEqual(self.mail(check, client(), ""), "")
        for result, reply in (("fail", "550 5.7.1"), ("none", "550 5.7.1"), ("pass", "")):
            who = client()
            who.visit.spf, who.visit.spf_domain = result, "alpha.example"
            self.assertEqual(self.mail(check, who, "ann@alpha.example"), reply)


class GreylistTests(CheckCase):
    """RFC 6647."""

    def setUp(self) -> None:
        super().setUp()
        self.check = GreylistCheck(self.rates)

    def forge(self, address: str = "203.0.113.10", times: int = FORGERIES) -> None:
        """Messages that do not prove their origin."""
        for _ in range(times):
            self.now(self.check.forged(client(address)))

    def attempt(self, address: str = "203.0.113.10", spf: str = "") -> str:
        """The reply to MAIL; ``spf`` is the domain that SPF passes for."""
        who = client(address)
        if spf:
            who.visit.spf, who.visit.spf_domain = "pass", spf
        return self.mail(self.check, who)

    def test_nobody_is_greylisted_without_cause(self) -> None:
        """Four failures are not five, nor are five in more than ten minutes; a network is not its neighbour."""
        self.assertEqual(self.attempt(), "")
        self.forge(times=4)
        self.assertEqual(self.attempt(), "")
        self.time += 601_000
        self.forge(times=4)
        self.assertEqual(self.attempt(), "")
        self.forge(times=1)
        self.assertEqual(self.attempt(), "451 4.7.1")
        self.assertEqual(self.attempt("203.0.114.10"), "")

    def test_f060_pool(self) -> None:
        """F060: one retry is enough, from another host of the /24, and from another network of the same SPF record."""
        self.forge()
        self.forge("198.51.100.1")
        self.assertEqual(self.attempt("203.0.113.10", "pool.example"), "451 4.7.1")
        self.time += 300_000
        self.assertEqual(self.attempt("203.0.113.77", "pool.example"), "")
        self.assertEqual(self.attempt("198.51.100.9", "pool.example"), "")
        self.assertEqual(self.attempt("198.51.100.9"), "451 4.7.1")
        self.time += 300_000
        self.assertEqual(self.attempt("198.51.100.77"), "")

    def test_known_for_thirty_days(self) -> None:
        """Who came again is not delayed when the network is greylisted anew, for 30 days."""
        self.forge()
        self.attempt()
        self.time += PATIENCE * 1000
        self.assertEqual(self.attempt(), "")
        self.time += KNOWN * 1000 - GREY * 1000
        self.forge()
        self.assertEqual(self.attempt(), "")
        self.time += GREY * 1000
        self.forge()
        self.assertEqual(self.attempt(), "451 4.7.1")

    def test_hammering_is_no_retry(self) -> None:
        """Attempts within the first minute do not count, and do not move it."""
        self.forge()
        for _ in range(5):
            self.assertEqual(self.attempt(), "451 4.7.1")
            self.time += 11_000
        self.time += 5_000
        self.assertEqual(self.attempt(), "")

    def test_it_ends(self) -> None:
        """After an hour the network is like any other."""
        self.forge()
        self.assertEqual(self.attempt(), "451 4.7.1")
        self.time += GREY * 1000
        self.assertEqual(self.attempt(), "")

    def test_redis_down(self) -> None:
        """Nobody is greylisted while nothing can be counted."""
        self.forge()
        self.counter.down = True
        self.assertEqual(self.attempt(), "")


@implementer(IMessageCheck)
class Says(BaseCheck):
    """Says the same to all."""

    def __init__(self, decision: Decision | Exception = PASS) -> None:
        self.decision = decision
        self.asked = 0
        self.content = b""

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        self.asked += 1
        if isinstance(self.decision, Exception):
            raise self.decision
        return self.decision

    async def body(self, client: Client, envelope: Envelope, content: bytes) -> Decision:
        self.content = content
        return await self.mail(client, envelope, 0)


class ChecksTests(CheckCase):
    """The chain."""

    def test_first_status_wins(self) -> None:
        """Later checks are not asked; steps of all that were asked are in the trace; forgery is told all the same."""
        forged: list[Client] = []

        async def note(who: Client) -> None:
            forged.append(who)

        last = Says()
        refusal = Decision(
            Status(550, "5.7.26", "no"), (Step("dmarc", "fail"), Step("dkim", "none", took=3)), forged=True
        )
        who = client()
        chain = Checks([Says(Decision(steps=(Step("spf", "pass"),))), Says(refusal), last], forged=note)
        self.assertEqual(self.mail(chain, who), "550 5.7.26")
        self.assertEqual((last.asked, forged), (0, [who]))
        steps = [(step.name, step.text, step.took) for step in who.visit.take_steps()]
        self.assertEqual(steps, [("spf", "pass", 0), ("dmarc", "fail", 0), ("dkim", "none", 3)])

    def test_the_time_of_a_step(self) -> None:
        """The only step of a check has the time that the check took, at the time when it ended."""
        seconds = 100.0
        visit = Visit(lambda: seconds)

        class Slow(Says):
            async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
                nonlocal seconds
                seconds += 0.25
                return Decision(steps=(Step("slow", "done"),))

        seconds += 1
        self.mail(Checks([Slow()]), replace(client(), visit=visit))
        self.assertEqual(visit.take_steps(), (Step("slow", "done", 1250, 250),))

    def test_what_a_check_raises(self) -> None:
        """A MailError is its status; anything else is not swallowed."""
        self.assertEqual(self.mail(Checks([Says(Deferral(451, "4.4.3", "later"))]), client()), "451 4.4.3")
        work = Deferred.fromCoroutine(Checks([Says(ZeroDivisionError())]).mail(client(), from_(""), 0))
        self.failureResultOf(work, ZeroDivisionError)

    def test_content(self) -> None:
        """Each check sees what the one before made of the message."""
        first, second, third = Says(Decision(content=b"1")), Says(), Says(Decision(content=b"3"))
        decision = self.now(Checks([first, second, third]).body(client(), from_(""), b"0"))
        self.assertEqual((first.content, second.content, third.content), (b"0", b"1", b"1"))
        self.assertEqual((decision.status, decision.content), (None, b"3"))

    def test_exempt(self) -> None:
        """Hosts of exempt networks are not judged."""
        chain = Checks([Says(Decision(Status(550, "5.7.1", "no")))], [ip_network("127.0.0.0/8"), ip_network("::1/128")])
        self.assertEqual(self.mail(chain, client("127.0.0.5")), "")
        self.assertEqual(self.mail(chain, client("::1")), "")
        self.assertEqual(self.mail(chain, client()), "550 5.7.1")

    def test_nested(self) -> None:
        """A chain in a chain spares its own networks and leaves what was found out before it."""
        inner = Checks([Says(Decision(Status(550, "5.7.1", "no")))], [ip_network("127.0.0.0/8")])

        class Spf(Says):
            async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
                client.visit.spf = "pass"
                return PASS

        who = client("127.0.0.5")
        self.assertEqual(self.mail(Checks([Spf(), inner]), who), "")
        self.assertEqual(who.visit.spf, "pass")
        self.assertEqual(self.mail(Checks([Spf(), inner]), client()), "550 5.7.1")
