"""DMARC: the tree walk, alignment, policy; expected values are from RFC 9989."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsuite.mailauth.dmarc import Discovery, evaluate, steps
from mailsuite.mailauth.dmarcrecord import is_record, read_record
from mailsuite.model.verdict import DkimResult, DmarcResult, SpfResult
from mailsuite.testing.fake_resolver import FakeResolver

NOBODY = SpfResult("none", "mailfrom", "", "")


def spf(domain: str, result: str = "pass") -> SpfResult:
    """An SPF result for MAIL FROM."""
    return SpfResult(result, "mailfrom", domain, "")


def dkim(domain: str, result: str = "pass") -> DkimResult:
    """A signature's result."""
    return DkimResult(result, "", domain, "s", "rsa-sha256")


class DmarcCase(TestCase):
    """A DNS that knows what a test says."""

    def setUp(self) -> None:
        self.resolver = FakeResolver()

    def policy(self, domain: str, *texts: str) -> None:
        """Publish DMARC records."""
        self.resolver.add(f"_dmarc.{domain}", "TXT", texts)

    async def judged(self, domain: str, *signatures: DkimResult, sender: SpfResult = NOBODY) -> DmarcResult:
        """The result for an author domain."""
        return await evaluate(domain, sender, signatures, Discovery(self.resolver.lookup))


class WalkTests(DmarcCase):
    """F048 and section 4.10."""

    def test_at_most_eight_questions(self) -> None:
        """Section 4.10.1, the example of a long name: itself, then its last seven labels and up to the top."""
        self.assertEqual(
            steps("a.b.c.d.e.f.g.h.i.j.mail.example.com"),
            (
                "a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "g.h.i.j.mail.example.com",
                "h.i.j.mail.example.com",
                "i.j.mail.example.com",
                "j.mail.example.com",
                "mail.example.com",
                "example.com",
                "com",
            ),
        )

    def test_short_names_go_up_one_by_one(self) -> None:
        """Fewer than eight labels: one label is taken off at a time; the top level is asked too."""
        self.assertEqual(steps("a.mail.example.com"), ("a.mail.example.com", "mail.example.com", "example.com", "com"))
        self.assertEqual(len(steps("1.2.3.4.5.6.7")), 7)
        self.assertEqual(len(steps("1.2.3.4.5.6.7.8")), 8)
        self.assertEqual(len(steps("1.2.3.4.5.6.7.8.9")), 8)

    async def test_f048_a_deep_author_finds_its_organization(self) -> None:
        """F048: eight questions at most, and the record at the shortest name is the organization's."""
        self.policy("g.h.i.example", "v=DMARC1; p=none")
        self.policy("i.example", "v=DMARC1; p=reject; sp=quarantine")
        found = await self.judged("a.b.c.d.e.f.g.h.i.example")
        self.assertEqual((found.result, found.policy_domain, found.policy), ("fail", "i.example", "quarantine"))
        self.assertEqual(len([name for name, type in self.resolver.asked if type == "TXT"]), 8)

    async def test_f048_order_author_organization_suffix(self) -> None:
        """F048: the author's own record, else the organization's, else the public suffix's."""
        self.policy("example", "v=DMARC1; p=reject; psd=y")
        self.assertEqual((await self.judged("www.alpha.example")).policy_domain, "example")
        self.policy("alpha.example", "v=DMARC1; p=quarantine")
        self.assertEqual((await self.judged("www.alpha.example")).policy_domain, "alpha.example")
        self.policy("www.alpha.example", "v=DMARC1; p=none")
        self.assertEqual((await self.judged("www.alpha.example")).policy_domain, "www.alpha.example")

    async def test_f048_below_a_public_suffix(self) -> None:
        """F048: psd=y makes the name one label below the organization, whether or not it has a record."""
        self.policy("uk.example", "v=DMARC1; p=none; psd=y")
        discovery = Discovery(self.resolver.lookup)
        self.assertEqual(await discovery.organizational("a.b.alpha.uk.example"), "alpha.uk.example")
        self.assertEqual(self.resolver.asked[-1], ("_dmarc.uk.example", "TXT"))
        self.assertEqual(await discovery.organizational("uk.example"), "uk.example")

    async def test_psd_n_ends_the_walk(self) -> None:
        """psd=n: this is the organization, whatever stands above."""
        self.policy("example", "v=DMARC1; p=reject")
        self.policy("lab.alpha.example", "v=DMARC1; p=none; psd=n")
        self.assertEqual(
            await Discovery(self.resolver.lookup).organizational("x.lab.alpha.example"), "lab.alpha.example"
        )

    async def test_f048_two_records_are_none(self) -> None:
        """F048: several records at one name are all discarded, and the walk goes on."""
        self.policy("www.alpha.example", "v=DMARC1; p=reject", "v=DMARC1; p=none")
        self.policy("alpha.example", "v=DMARC1; p=quarantine", "other text")
        self.assertEqual((await self.judged("www.alpha.example")).policy, "quarantine")
        self.policy("alpha.example", "v=DMARC1; p=reject", "v=DMARC1; p=reject")
        self.assertEqual((await self.judged("alpha.example")).result, "none")

    async def test_a_failed_look_up_is_temporary(self) -> None:
        """The author's record cannot be asked for: temperror."""
        self.resolver.fail("_dmarc.alpha.example", "TXT")
        self.assertEqual((await self.judged("alpha.example", dkim("alpha.example"))).result, "temperror")


class RecordTests(SynchronousTestCase):
    """Sections 4.7, 4.8 and 4.10.1."""

    def test_f048_the_version_is_exact(self) -> None:
        """F048: letter case of the value counts, and it is the first tag."""
        for text in ("v=DMARC1; p=none", "v = DMARC1;p=none", "v=DMARC1"):
            self.assertTrue(is_record(text), text)
        for text in (
            "V=dmarc1; p=none",
            "v=dmarc1; p=none",
            "p=none; v=DMARC1",
            "v=DMARC10; p=none",
            "v=DMARC1 p=none",
        ):
            self.assertFalse(is_record(text), text)

    def test_policy(self) -> None:
        """p for the name itself, sp below it, np for what does not exist; t=y is one step milder."""
        table = {
            "p=reject": ("reject", "reject", "reject"),
            "p=reject; sp=none": ("reject", "none", "none"),
            "p=none; sp=quarantine; np=reject": ("none", "quarantine", "reject"),
            "p=reject; np=none": ("reject", "reject", "none"),
            "p=reject; t=y": ("quarantine", "quarantine", "quarantine"),
            "p=quarantine; t=y; np=reject": ("none", "none", "quarantine"),
            "p=QUARANTINE; pct=0; rf=x; ri=y; unknown=z": ("quarantine", "quarantine", "quarantine"),
        }
        for text, expected in table.items():
            record = read_record(f"v=DMARC1; {text}")
            assert record is not None
            found = (record.policy(True, True), record.policy(False, True), record.policy(False, False))
            self.assertEqual(found, expected, text)

    def test_a_wrong_policy(self) -> None:
        """Section 4.10.1: p=none when reports are wanted, otherwise no DMARC at all."""
        for tags in ("p=maybe", "", "p=reject; sp=maybe", "p=reject; np=maybe"):
            record = read_record(f"v=DMARC1; {tags}; rua=mailto:d@alpha.example".replace("; ;", ";"))
            assert record is not None
            self.assertEqual((record.p, record.sp, record.np), ("none", "", ""), tags)
            record = read_record(f"v=DMARC1; {tags}; rua=d@alpha.example".replace("; ;", ";"))
            assert record is not None
            self.assertEqual(record.p, "", tags)

    def test_no_tag_list(self) -> None:
        """What cannot be parsed, or has a tag twice, is no record."""
        self.assertIsNone(read_record("v=DMARC1; p=none; p=reject"))
        self.assertIsNone(read_record("v=DMARC1; reject"))


class AlignmentTests(DmarcCase):
    """Section 4.4."""

    def setUp(self) -> None:
        super().setUp()
        self.policy("alpha.example", "v=DMARC1; p=reject")

    async def test_relaxed(self) -> None:
        """One organization is enough, up or down; another is not."""
        self.assertEqual((await self.judged("alpha.example", dkim("mail.alpha.example"))).result, "pass")
        self.assertEqual((await self.judged("www.alpha.example", sender=spf("bounce.alpha.example"))).result, "pass")
        for other in ("beta.example", "xalpha.example", "example", "alpha.example.net"):
            self.assertEqual((await self.judged("alpha.example", dkim(other), sender=spf(other))).result, "fail", other)

    async def test_strict(self) -> None:
        """adkim=s and aspf=s ask for the same name."""
        self.policy("alpha.example", "v=DMARC1; p=reject; adkim=s; aspf=s")
        below = await self.judged("alpha.example", dkim("mail.alpha.example"), sender=spf("mail.alpha.example"))
        self.assertEqual(below.result, "fail")
        self.assertEqual((await self.judged("alpha.example", sender=spf("alpha.example"))).result, "pass")

    async def test_only_pass_counts(self) -> None:
        """Fail, softfail, neutral and l= (policy) prove nothing."""
        for result in ("fail", "neutral", "policy", "permerror", "none"):
            self.assertEqual((await self.judged("alpha.example", dkim("alpha.example", result))).result, "fail", result)
        self.assertEqual((await self.judged("alpha.example", sender=spf("alpha.example", "softfail"))).result, "fail")

    async def test_a_temporary_fault_of_what_is_aligned(self) -> None:
        """The key cannot be asked for: temperror, unless SPF proves it; of a stranger's key nothing follows."""
        fault = dkim("alpha.example", "temperror")
        self.assertEqual((await self.judged("alpha.example", fault)).result, "temperror")
        self.assertEqual((await self.judged("alpha.example", fault, sender=spf("alpha.example"))).result, "pass")
        self.assertEqual((await self.judged("alpha.example", dkim("beta.example", "temperror"))).result, "fail")

    async def test_names_that_do_not_exist(self) -> None:
        """np is for NXDOMAIN only; no answer about it is not that."""
        self.policy("alpha.example", "v=DMARC1; p=none; sp=quarantine; np=reject")
        self.resolver.add("here.alpha.example", "MX", ["0 ."])
        self.assertEqual((await self.judged("here.alpha.example")).policy, "quarantine")
        self.assertEqual((await self.judged("nowhere.alpha.example")).policy, "reject")
        self.resolver.fail("nowhere.alpha.example", "A")
        self.assertEqual((await self.judged("nowhere.alpha.example")).policy, "quarantine")

    async def test_an_equal_name_needs_no_walk(self) -> None:
        """One question is enough for the common case."""
        await self.judged("alpha.example", dkim("beta.example"), dkim("alpha.example"))
        self.assertEqual(self.resolver.asked, [("_dmarc.alpha.example", "TXT")])
