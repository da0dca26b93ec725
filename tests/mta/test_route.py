"""Which hosts take mail for a domain."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.transfer import Host
from mailsuite.model.errors import LookupFailed, MailError, Refusal
from mailsuite.model.status import Status
from mailsuite.mta.route import MOST_ADDRESSES, MOST_NAMES, Router, split_target
from mailsuite.testing.fake_resolver import FakeResolver


class RouteTests(SynchronousTestCase):
    """RFC 5321 section 5.1, RFC 7505; field cases F052, F053, F055."""

    def setUp(self) -> None:
        """A resolver to be filled."""
        self.dns = FakeResolver()
        self.routes: dict[str, str] = {}

    def router(self) -> Router:
        """Ours is mail.alpha.example at 198.51.100.1."""
        return Router(self.dns, self.routes, ["mail.alpha.example"], ["198.51.100.1"], lambda names: names.sort())

    def hosts(self, domain: str) -> Sequence[Host]:
        """The hosts found."""
        return self.successResultOf(Deferred.fromCoroutine(self.router().hosts(domain)))

    def refused(self, domain: str) -> MailError:
        """Why there are none."""
        error = self.failureResultOf(Deferred.fromCoroutine(self.router().hosts(domain))).value
        assert isinstance(error, MailError)
        return error

    def test_best_preference_first(self) -> None:
        """Hosts come by preference, each with its IPv6 and IPv4 addresses."""
        self.dns.add("beta.example", "MX", ["20 b.beta.example.", "10 a.beta.example.", "10 A2.beta.example."])
        self.dns.add("a.beta.example", "A", ["203.0.113.1"])
        self.dns.add("a.beta.example", "AAAA", ["2001:db8::1"])
        self.dns.add("a2.beta.example", "A", ["203.0.113.2"])
        self.dns.add("b.beta.example", "A", ["203.0.113.3"])
        # 2001:db8::/32 and 203.0.113.0/24 stand for public addresses here.
        self.assertEqual(
            self.hosts("beta.example"),
            [
                Host("a.beta.example", ("2001:db8::1", "203.0.113.1")),
                Host("a2.beta.example", ("203.0.113.2",)),
                Host("b.beta.example", ("203.0.113.3",)),
            ],
        )

    def test_implicit_mx(self) -> None:
        """No MX at all: the domain's own address."""
        self.dns.add("beta.example", "A", ["203.0.113.1"])
        self.assertEqual(self.hosts("beta.example"), [Host("beta.example", ("203.0.113.1",))])

    def test_f053_null_mx(self) -> None:
        """A null MX is 5.1.10 at once, even with an address; beside a real one it counts for nothing."""
        self.dns.add("beta.example", "MX", ["0 ."])
        self.dns.add("beta.example", "A", ["203.0.113.1"])
        error = self.refused("beta.example")
        self.assertIsInstance(error, Refusal)
        self.assertEqual(error.status.enhanced, "5.1.10")
        self.dns.add("mixed.example", "MX", ["0 .", "10 mx.mixed.example."])
        self.dns.add("mx.mixed.example", "A", ["203.0.113.9"])
        self.assertEqual(self.hosts("mixed.example"), [Host("mx.mixed.example", ("203.0.113.9",))])

    def test_f052_never_to_ourselves(self) -> None:
        """Loopback, link-local, unspecified, our own address or name: 5.4.6 in one step."""
        for name, kind, address in (
            ("localhost", "A", "127.0.0.1"),
            ("v6", "AAAA", "::1"),
            ("zero", "A", "0.0.0.0"),
            ("local", "A", "169.254.3.4"),
            ("us", "A", "198.51.100.1"),
        ):
            self.dns.add(f"{name}.example", "MX", [f"10 {name}."])
            self.dns.add(name, kind, [address])
            self.assertEqual(self.refused(f"{name}.example").status.enhanced, "5.4.6", name)
        self.dns.add("named.example", "MX", ["10 Mail.Alpha.Example."])
        self.assertEqual(self.refused("named.example").status.enhanced, "5.4.6")

    def test_f052_own_name_cuts_what_is_worse(self) -> None:
        """As a backup MX we hand on to better hosts only."""
        self.dns.add(
            "beta.example", "MX", ["10 main.beta.example.", "20 mail.alpha.example.", "30 third.beta.example."]
        )
        self.dns.add("main.beta.example", "A", ["203.0.113.1"])
        self.dns.add("third.beta.example", "A", ["203.0.113.3"])
        self.assertEqual([h.name for h in self.hosts("beta.example")], ["main.beta.example"])

    def test_f052_in_disguise(self) -> None:
        """F052: IPv4 within IPv6, mapped or through NAT64, is seen through; a legal NAT64 address is used."""
        for name, address in {
            "mapped": "::ffff:127.0.0.1",
            "nat64": "64:ff9b::7f00:1",
            "us": "::ffff:198.51.100.1",
            "link": "fe80::1",
            "none": "::",
        }.items():
            self.dns.add(f"{name}.example", "MX", [f"10 mx.{name}.example."])
            self.dns.add(f"mx.{name}.example", "AAAA", [address])
            self.assertEqual(self.refused(f"{name}.example").status.enhanced, "5.4.6", name)
        self.assertEqual(self.refused("[IPv6:::ffff:127.0.0.1]").status.enhanced, "5.4.6")
        self.dns.add("legal.example", "AAAA", ["64:ff9b::cb00:7101"])
        self.assertEqual(self.hosts("legal.example")[0].addresses, ("64:ff9b::cb00:7101",))

    def test_f052_beside_others(self) -> None:
        """F052: loopback beside real hosts is left out; our address ends the list, wherever it is in its preference."""
        self.dns.add("localhost", "A", ["127.0.0.1"])
        self.dns.add("us", "A", ["198.51.100.1"])
        for number in (1, 2):
            self.dns.add(f"mx{number}", "A", [f"203.0.113.{number}"])
        self.dns.add("a.example", "MX", ["10 localhost.", "20 mx1."])
        self.assertEqual([host.name for host in self.hosts("a.example")], ["mx1"])
        self.dns.add("b.example", "MX", ["10 mx1.", "20 mx2.", "20 us.", "30 mx2."])
        self.assertEqual([host.name for host in self.hosts("b.example")], ["mx1"])
        self.dns.add("c.example", "MX", ["10 mx1.", "10 us."])
        self.assertEqual(self.refused("c.example").status.enhanced, "5.4.6")

    def test_f052_a_route_may(self) -> None:
        """F052: a route leads to loopback when the settings say so."""
        self.routes["inside.example"] = "127.0.0.1:2525"
        self.assertEqual(self.hosts("inside.example"), [Host("127.0.0.1", ("127.0.0.1",), 2525)])

    def test_f053_null_mx_without_address(self) -> None:
        """F053: a null MX needs no address to be one, and its preference does not matter."""
        for record in ("0 .", "10 ."):
            self.dns.add("none.example", "MX", [record])
            self.assertEqual(
                self.refused("none.example").status, Status(556, "5.1.10", "none.example takes no mail (null MX)")
            )
        self.assertEqual(self.dns.asked, [("none.example", "MX")] * 2)

    def test_cname(self) -> None:
        """An MX host that is a CNAME is looked up to its end; its name stays that of the MX record."""
        self.dns.add("beta.example", "MX", ["10 alias.beta.example."])
        self.dns.add("alias.beta.example", "CNAME", ["real.example."])
        self.dns.add("real.example", "A", ["203.0.113.5"])
        self.assertEqual(self.hosts("beta.example"), [Host("alias.beta.example", ("203.0.113.5",))])

    def test_bounded(self) -> None:
        """Of very many hosts only some are looked up, and of their addresses the best few tried, of both families."""
        self.dns.add("big.example", "MX", [f"{n} mx{n}." for n in range(1, 60)])
        for number in range(1, 60):
            self.dns.add(f"mx{number}", "A", [f"203.0.113.{number}"])
        self.dns.add("mx1", "AAAA", [f"2001:db8::{n}" for n in range(1, 7)])
        addresses = [address for host in self.hosts("big.example") for address in host.addresses]
        self.assertEqual(addresses[:3], ["2001:db8::1", "203.0.113.1", "2001:db8::2"])
        self.assertEqual(len(addresses), MOST_ADDRESSES)
        self.dns.add("void.example", "MX", [f"{n} void{n}." for n in range(1, 60)])
        self.dns.asked.clear()
        self.assertEqual(self.refused("void.example").status.enhanced, "5.4.4")
        self.assertEqual(len(self.dns.asked), 1 + 2 * MOST_NAMES)

    def test_one_family_is_enough(self) -> None:
        """Where the AAAA look-up fails the A records are used."""
        self.dns.add("beta.example", "MX", ["10 mx.beta.example."])
        self.dns.add("mx.beta.example", "A", ["203.0.113.1"])
        self.dns.fail("mx.beta.example", "AAAA")
        self.assertEqual(self.hosts("beta.example")[0].addresses, ("203.0.113.1",))

    def test_shuffled(self) -> None:
        """Hosts of one preference come in any order, and so do the addresses of a host; a name counts once."""
        self.dns.add("beta.example", "MX", ["10 a.", "10 b.", "20 c.", "20 a."])
        for name, addresses in {
            "a": ["203.0.113.1", "203.0.113.2"],
            "b": ["203.0.113.3"],
            "c": ["203.0.113.4"],
        }.items():
            self.dns.add(name, "A", addresses)
        router = Router(self.dns, {}, [], [], lambda names: names.reverse())
        found = self.successResultOf(Deferred.fromCoroutine(router.hosts("beta.example")))
        self.assertEqual(
            found,
            [Host("b", ("203.0.113.3",)), Host("a", ("203.0.113.2", "203.0.113.1")), Host("c", ("203.0.113.4",))],
        )

    def test_f055_ipv6_only(self) -> None:
        """An MX with only an AAAA is a host."""
        self.dns.add("beta.example", "MX", ["10 mx.beta.example."])
        self.dns.add("mx.beta.example", "AAAA", ["2001:db8::25"])
        self.assertEqual(self.hosts("beta.example"), [Host("mx.beta.example", ("2001:db8::25",))])

    def test_a_failed_look_up_is_no_answer(self) -> None:
        """SERVFAIL for the MX is a deferral, never a guess at the address; for one host's address others are used."""
        self.dns.add("beta.example", "A", ["203.0.113.1"])
        self.dns.fail("beta.example", "MX")
        self.assertIsInstance(self.refused("beta.example"), LookupFailed)
        self.dns.add("two.example", "MX", ["10 bad.two.example.", "20 good.two.example."])
        self.dns.fail("bad.two.example", "AAAA")
        self.dns.add("good.two.example", "A", ["203.0.113.7"])
        self.assertEqual([h.name for h in self.hosts("two.example")], ["good.two.example"])

    def test_a_name_that_is_none(self) -> None:
        """An MX host that cannot be a name is passed over."""
        self.dns.add("beta.example", "MX", ["10 a..b.", "20 good.beta.example."])
        self.dns.add("good.beta.example", "A", ["203.0.113.7"])
        self.assertEqual([h.name for h in self.hosts("beta.example")], ["good.beta.example"])

    def test_no_such_domain(self) -> None:
        """NXDOMAIN is 5.1.2; an MX without any address 5.4.4."""
        self.assertEqual(self.refused("nowhere.example").status.enhanced, "5.1.2")
        self.dns.add("beta.example", "MX", ["10 gone.beta.example."])
        self.assertEqual(self.refused("beta.example").status.enhanced, "5.4.4")

    def test_a_route_wins(self) -> None:
        """A route may point anywhere, loopback too; "*" is for all others."""
        self.routes["remote.example"] = "127.0.0.1:2526"
        self.routes["*"] = "[2001:db8::9]:587"
        self.assertEqual(self.hosts("remote.example"), [Host("127.0.0.1", ("127.0.0.1",), 2526)])
        self.assertEqual(self.hosts("any.example"), [Host("2001:db8::9", ("2001:db8::9",), 587)])
        self.assertEqual(self.dns.asked, [])

    def test_a_route_by_name(self) -> None:
        """The host of a route is looked up; not finding it is no reason to bounce."""
        self.routes["remote.example"] = "relay.provider.example:25"
        self.assertIsInstance(self.refused("remote.example"), LookupFailed)
        self.dns.add("relay.provider.example", "A", ["203.0.113.5"])
        self.assertEqual(self.hosts("remote.example"), [Host("relay.provider.example", ("203.0.113.5",))])

    def test_address_literals(self) -> None:
        """The literal is the host; ours and nonsense are refused."""
        self.assertEqual(self.hosts("[203.0.113.4]"), [Host("[203.0.113.4]", ("203.0.113.4",))])
        self.assertEqual(self.hosts("[ipv6:2001:db8::4]"), [Host("[ipv6:2001:db8::4]", ("2001:db8::4",))])
        self.assertEqual(self.refused("[198.51.100.1]").status.enhanced, "5.4.6")
        self.assertEqual(self.refused("[ipv6:::ffff:198.51.100.1]").status.enhanced, "5.4.6")
        self.assertEqual(self.refused("[ipv6:::ffff:127.0.0.1]").status.enhanced, "5.4.6")
        self.assertEqual(self.refused("[nonsense]").status.enhanced, "5.1.3")

    def test_targets(self) -> None:
        """host:port, with brackets for IPv6."""
        self.assertEqual(split_target("mx.example:25"), ("mx.example", 25))
        self.assertEqual(split_target("[::1]:2525"), ("::1", 2525))
