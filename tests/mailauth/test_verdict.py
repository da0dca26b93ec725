"""The whole verdict: what is accepted, quarantined, refused, deferred, and why."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from mailsuite.mailauth.results import read_results, results_of, write_results
from mailsuite.mailauth.verdict import authenticate, examine_message
from mailsuite.model.verdict import Decision, IprevResult, Verdict
from mailsuite.testing.fake_resolver import FakeResolver
from tests.mailauth.support import MESSAGE, NOW, publish, rsa_key, signed

IP = "192.0.2.1"
HOST = "mx.beta.example"


class VerdictCase(TestCase):
    """alpha.example has SPF for 192.0.2.1, a key, and p=reject."""

    def setUp(self) -> None:
        self.resolver = FakeResolver()
        publish(self.resolver, rsa_key())
        self.resolver.add("alpha.example", "TXT", [f"v=spf1 ip4:{IP} -all"])
        self.policy("alpha.example", "v=DMARC1; p=reject")

    def policy(self, domain: str, text: str) -> None:
        """Publish a DMARC record."""
        self.resolver.add(f"_dmarc.{domain}", "TXT", [text])

    async def judged(self, content: bytes, ip: str = "198.51.100.7", mail_from: str = "ann@alpha.example") -> Verdict:
        """The verdict on a message, by default from a client that SPF forbids."""
        return await authenticate(
            content,
            ip=ip,
            helo="mx.alpha.example",
            mail_from=mail_from,
            hostname=HOST,
            lookup=self.resolver.lookup,
            now=NOW * 1000,
        )


class DecisionTests(VerdictCase):
    """What follows."""

    async def test_either_proof_is_enough(self) -> None:
        """SPF alone, DKIM alone: accepted, authentic."""
        for verdict in (await self.judged(MESSAGE, IP), await self.judged(signed(MESSAGE))):
            self.assertEqual((verdict.decision, verdict.status, verdict.authentic), (Decision.ACCEPT, None, True))

    async def test_policies(self) -> None:
        """No proof: reject is 550 5.7.26, quarantine files as spam, none and no policy accept without a mark."""
        verdict = await self.judged(MESSAGE)
        assert verdict.status is not None
        self.assertEqual(
            (verdict.decision, verdict.status.code, verdict.status.enhanced), (Decision.REJECT, 550, "5.7.26")
        )
        self.assertIn("alpha.example", verdict.reason)
        self.policy("alpha.example", "v=DMARC1; p=quarantine")
        self.assertEqual((await self.judged(MESSAGE)).decision, Decision.QUARANTINE)
        for text in ("v=DMARC1; p=none", "no record"):
            self.policy("alpha.example", text)
            verdict = await self.judged(MESSAGE)
            self.assertEqual((verdict.decision, verdict.authentic), (Decision.ACCEPT, False))

    async def test_temporary_faults_defer(self) -> None:
        """The policy, or what could still prove the author, cannot be asked for: 451; for p=none nothing waits."""
        self.resolver.fail("r1._domainkey.alpha.example", "TXT")
        verdict = await self.judged(signed(MESSAGE))
        assert verdict.status is not None
        self.assertEqual(
            (verdict.decision, verdict.status.code, verdict.status.enhanced[:3]), (Decision.DEFER, 451, "4.7")
        )
        self.assertEqual((await self.judged(signed(MESSAGE), IP)).decision, Decision.ACCEPT)
        self.policy("alpha.example", "v=DMARC1; p=none")
        self.assertEqual((await self.judged(signed(MESSAGE))).decision, Decision.ACCEPT)
        self.resolver.fail("_dmarc.alpha.example", "TXT")
        self.assertEqual((await self.judged(MESSAGE, IP)).decision, Decision.DEFER)

    async def test_f042_two_from_fields_or_none(self) -> None:
        """F042: refused 5.6.0, whatever is signed; no From, or a From without a domain, too."""
        for content in (
            b"From: ceo@alpha.example\r\n" + signed(MESSAGE),
            MESSAGE.replace(b"From:", b"X-From:"),
            MESSAGE.replace(b"<ann@alpha.example>", b"", 1),
            MESSAGE.replace(b"Ann <ann@alpha.example>", b"nobody:;"),
            MESSAGE.replace(b"Ann <ann@alpha.example>", b", ".join(b"a@%d.example" % n for n in range(9))),
            MESSAGE.replace(b"Ann <", b"Ann" * 7000 + b" <"),
        ):
            verdict = await self.judged(content, IP)
            assert verdict.status is not None
            self.assertEqual((verdict.decision, verdict.status.enhanced), (Decision.REJECT, "5.6.0"))
            self.assertFalse(verdict.authentic)

    async def test_f044_an_appended_body_proves_nothing(self) -> None:
        """F044: a signature with l= is right and yet does not count."""
        content = signed(MESSAGE).replace(b"d=alpha.example;", b"d=alpha.example; l=5;")
        self.assertEqual((await self.judged(content)).decision, Decision.REJECT)

    async def test_f047_several_mailboxes_in_from(self) -> None:
        """F047: each domain is judged, the strictest policy holds; one proof never stands for both."""
        content = signed(MESSAGE.replace(b"Ann <ann@alpha.example>", b"ann@alpha.example, b@other.example"))
        verdict = await self.judged(content)
        self.assertEqual([one.result for one in verdict.dmarc], ["pass", "none"])
        self.assertEqual((verdict.decision, verdict.authentic), (Decision.ACCEPT, False))
        self.policy("other.example", "v=DMARC1; p=quarantine")
        self.assertEqual((await self.judged(content)).decision, Decision.QUARANTINE)
        self.policy("other.example", "v=DMARC1; p=reject")
        self.assertEqual((await self.judged(content)).decision, Decision.REJECT)
        half = signed(MESSAGE.replace(b"Ann <ann@alpha.example>", b"ann@alpha.example, root"))
        verdict = await self.judged(half)
        self.assertEqual((verdict.decision, verdict.authentic), (Decision.QUARANTINE, False))

    async def test_an_international_author(self) -> None:
        """The domain is looked up by its A-label (RFC 8616)."""
        self.policy("xn--bcher-kva.example", "v=DMARC1; p=reject")
        verdict = await self.judged(MESSAGE.replace(b"ann@alpha.example", "ann@bücher.example".encode(), 1))
        self.assertEqual((verdict.decision, verdict.dmarc[0].domain), (Decision.REJECT, "xn--bcher-kva.example"))

    async def test_replies_fit_a_line(self) -> None:
        """RFC 5321 section 4.5.3.1.5: 512 octets, for the longest author domain too."""
        domain = ".".join(["a" * 60] * 4)
        self.policy("a" * 60, "v=DMARC1; p=reject; psd=n")
        verdict = await self.judged(MESSAGE.replace(b"ann@alpha.example", f"ann@{domain}".encode(), 1))
        self.assertEqual(verdict.decision, Decision.REJECT)
        self.assertLess(len(str(verdict.status)), 510)

    async def test_the_null_reverse_path(self) -> None:
        """A notice passes by HELO."""
        self.resolver.add("mx.alpha.example", "TXT", [f"v=spf1 ip4:{IP} -all"])
        self.assertTrue((await self.judged(MESSAGE, IP, "")).authentic)


class ShownTests(VerdictCase):
    """What a person or a field is told."""

    async def test_steps(self) -> None:
        """Each check is there with its result, its words and the record that decided."""
        verdict = await self.judged(signed(MESSAGE))
        steps = [(step.name, step.result, step.record) for step in verdict.steps]
        self.assertEqual(steps[0], ("iprev", "none", ""))
        self.assertEqual(steps[1], ("spf", "fail", f"v=spf1 ip4:{IP} -all"))
        self.assertEqual(steps[2][:2], ("dkim", "pass"))
        self.assertIn(rsa_key().public, steps[2][2])
        self.assertEqual(
            steps[3:], [("from", "pass", ""), ("dmarc", "pass", "v=DMARC1; p=reject"), ("arc", "none", "")]
        )

    async def test_f050_what_is_covered(self) -> None:
        """F050: one-click is safe only when a signature that passed covers both fields."""
        fields = b"List-Unsubscribe: <https://alpha.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        one_click = ("list-unsubscribe", "list-unsubscribe-post")
        self.assertTrue((await self.judged(signed(fields + MESSAGE))).covers(*one_click))
        self.assertFalse((await self.judged(fields + signed(MESSAGE))).covers(*one_click))
        self.assertFalse((await self.judged(signed(fields + MESSAGE) + b"more\r\n")).covers(*one_click))

    async def test_the_field(self) -> None:
        """Authentication-Results says what the verdict says."""
        verdict = await authenticate(
            signed(MESSAGE),
            ip=IP,
            helo="mx.alpha.example",
            mail_from="ann@alpha.example",
            hostname=HOST,
            lookup=self.resolver.lookup,
            now=NOW * 1000,
            iprev=IprevResult("pass", "mx.alpha.example"),
        )
        value = write_results(HOST, results_of(verdict, IP)).decode().partition(":")[2]
        name, results = read_results(value)
        self.assertEqual(name, HOST)
        self.assertEqual(
            [(one.method, one.result) for one in results], [(m, "pass") for m in ("iprev", "spf", "dkim", "dmarc")]
        )
        self.assertIn(("header", "d", "alpha.example"), results[2].properties)
        self.assertIn(("smtp", "mailfrom", "alpha.example"), results[1].properties)

    async def test_examined_before(self) -> None:
        """What a thread examined gives the same verdict."""
        content = signed(MESSAGE)
        before = examine_message(content, NOW * 1000)
        verdict = await authenticate(
            content,
            ip=IP,
            helo="mx.alpha.example",
            mail_from="ann@alpha.example",
            hostname=HOST,
            lookup=self.resolver.lookup,
            now=NOW * 1000,
            examined=before,
        )
        self.assertEqual(verdict, await self.judged(content, IP))
