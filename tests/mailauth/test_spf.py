"""SPF: the field cases, the bounds and the faults that the suite does not have."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.spf import QUESTIONS, check_host
from mailsuite.model.verdict import SpfResult
from mailsuite.testing.fake_resolver import FakeResolver

V4, V6 = "192.0.2.1", "2001:db8::1"


class SpfTests(TestCase):
    """check_host."""

    def setUp(self) -> None:
        self.resolver = FakeResolver()

    def publish(self, domain: str, text: str) -> None:
        """Let a domain have an SPF record."""
        self.resolver.add(domain, "TXT", [text])

    async def check(
        self, ip: str = V4, mail_from: str = "ann@alpha.example", helo: str = "mx.alpha.example"
    ) -> SpfResult:
        """The result."""
        return await check_host(ip, helo, mail_from, self.resolver.lookup)

    async def test_f037_hosts_of_an_mx_set_are_not_void(self) -> None:
        """F037: an IPv6 client, four MX hosts of which three have only A: softfail or pass, never permerror."""
        self.publish("alpha.example", "v=spf1 mx ~all")
        self.resolver.add("alpha.example", "MX", [f"10 mx{n}.alpha.example." for n in range(4)])
        for n in range(4):
            self.resolver.add(f"mx{n}.alpha.example", "A", [f"192.0.2.{n + 10}"])
        self.resolver.add("mx3.alpha.example", "AAAA", ["2001:db8::3"])
        self.assertEqual((await self.check(V6)).result, "softfail")
        self.resolver.add("mx3.alpha.example", "AAAA", [V6])
        self.assertEqual((await self.check(V6)).result, "pass")

    async def test_f037_direct_misses_are_void(self) -> None:
        """F037: the third a:, exists: or mx that finds nothing is permerror, the second is not."""
        self.publish("alpha.example", "v=spf1 a:a.alpha.example exists:b.alpha.example ~all")
        self.assertEqual((await self.check()).result, "softfail")
        self.publish("alpha.example", "v=spf1 a:a.alpha.example exists:b.alpha.example mx:c.alpha.example ~all")
        self.assertEqual((await self.check()).result, "permerror")

    async def test_f038_includes_without_end(self) -> None:
        """F038: a record that includes itself by a macro, and two that include each other: permerror, bounded."""
        text = "v=spf1 include:%{ir}.%{d}._s.%{d} -all"

        async def wildcard(name: str, type: str) -> Answer:
            self.assertLessEqual(len(name), 253)
            asked.append(name)
            return Answer(name, type, True, (text,) if type == "TXT" else ())

        asked: list[str] = []
        found = await check_host(V4, "mx.alpha.example", "ann@alpha.example", wildcard)
        self.assertEqual(found.result, "permerror")
        self.assertLessEqual(len(asked), 11)
        self.publish("alpha.example", "v=spf1 include:beta.example -all")
        self.publish("beta.example", "v=spf1 include:alpha.example -all")
        found = await self.check()
        self.assertEqual((found.result, found.terms), ("permerror", 11))

    async def test_f038_long_names_are_cut_from_the_left(self) -> None:
        """F038: labels go from the left until the name has 253 octets (RFC 7208 section 7.3)."""
        domain = ".".join(["a" * 60] * 3 + ["alpha.example"])
        self.publish(domain, "v=spf1 exists:%{d}.%{d} -all")
        await self.check(mail_from=f"ann@{domain}")
        asked = [name for name, type in self.resolver.asked if type == "A"]
        self.assertEqual(asked, [f"alpha.example.{domain}"])  # 210 octets; with one label more it would be 271

    async def test_ten_terms_and_not_eleven(self) -> None:
        """Section 4.6.4."""
        for count, result in ((10, "fail"), (11, "permerror")):
            terms = " ".join(f"a:h{n}.alpha.example" for n in range(count))
            for n in range(count):
                self.resolver.add(f"h{n}.alpha.example", "A", ["192.0.2.99"])
            self.publish("alpha.example", f"v=spf1 {terms} -all")
            found = await self.check()
            self.assertEqual((found.result, found.terms), (result, count))

    async def test_look_ups_are_bounded(self) -> None:
        """The worst record that is allowed asks for 111 names; nothing asks for more than the bound."""
        self.publish("alpha.example", "v=spf1 " + " ".join(f"mx:m{n}.alpha.example" for n in range(10)) + " -all")
        for n in range(10):
            self.resolver.add(f"m{n}.alpha.example", "MX", [f"1 h{n}{k}.alpha.example." for k in range(10)])
        self.assertEqual((await self.check()).result, "fail")
        self.assertEqual(len(self.resolver.asked), 111)
        self.assertLess(111, QUESTIONS)

    async def test_a_failed_look_up_is_temporary(self) -> None:
        """temperror, for the record and for what it names."""
        self.resolver.fail("alpha.example", "TXT")
        self.assertEqual((await self.check()).result, "temperror")
        self.resolver.heal("alpha.example", "TXT")
        self.publish("alpha.example", "v=spf1 a -all")
        self.resolver.fail("alpha.example", "A")
        found = await self.check()
        self.assertEqual(found.result, "temperror")
        self.assertIn("alpha.example", found.reason)

    async def test_an_explanation_that_fails_changes_nothing(self) -> None:
        """exp= that cannot be asked for: still fail, without the text."""
        self.publish("alpha.example", "v=spf1 -all exp=why.alpha.example")
        self.resolver.fail("why.alpha.example", "TXT")
        found = await self.check()
        self.assertEqual((found.result, found.explanation), ("fail", ""))
        self.resolver.heal("why.alpha.example", "TXT")
        long = "word. " * 60 + "%{i} is not ours"
        self.publish("why.alpha.example", long)
        self.assertEqual((await self.check()).explanation, long.replace("%{i}", V4))

    async def test_a_quoted_local_part(self) -> None:
        """The domain is behind the last "@"."""
        self.publish("alpha.example", "v=spf1 +all")
        found = await self.check(mail_from='"a@beta.example"@alpha.example')
        self.assertEqual((found.result, found.domain), ("pass", "alpha.example"))

    async def test_the_null_reverse_path_checks_helo(self) -> None:
        """Section 2.4; a literal, a name of one label or nothing is none."""
        self.publish("mx.alpha.example", "v=spf1 +all")
        found = await self.check(mail_from="")
        self.assertEqual((found.result, found.identity, found.domain), ("pass", "helo", "mx.alpha.example"))
        for helo in ("[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost", "", "Grüße.example", "a..example"):
            self.assertEqual((await self.check(mail_from="", helo=helo)).result, "none", helo)

    async def test_a_mapped_address_is_ipv4(self) -> None:
        """Section 5: ::ffff:192.0.2.1 is 192.0.2.1."""
        self.publish("alpha.example", "v=spf1 ip4:192.0.2.1 -all")
        self.assertEqual((await self.check(f"::ffff:{V4}")).result, "pass")
        self.assertEqual((await self.check("not an address")).result, "none")

    async def test_what_decided(self) -> None:
        """The mechanism and the record it stands in, behind a redirect too."""
        self.publish("alpha.example", "v=spf1 redirect=beta.example")
        self.publish("beta.example", "v=spf1 ip4:192.0.2.0/24 -all")
        found = await self.check()
        self.assertEqual((found.mechanism, found.record), ("ip4:192.0.2.0/24", "v=spf1 ip4:192.0.2.0/24 -all"))
        self.assertIn("alpha.example", found.reason)
