"""MTA-STS as text: records, policies, names (RFC 8461)."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.mta_sts import MAX_AGE, MAX_SIZE, announcement, covers, parse_policy, policy_text, record_id
from mailsuite.model.sts import StsMode, StsPolicy

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"

_ids = st.text(string.ascii_letters + string.digits, min_size=1, max_size=32)
_space = st.text(" \t", max_size=2)


class RecordTests(SynchronousTestCase):
    """Section 3.1."""

    def test_good(self) -> None:
        """The RFC's example, no final semicolon, white space, unknown fields, other records beside it."""
        for texts in (
            ["v=STSv1; id=20160831085700Z;"],
            ["v=STSv1;id=20160831085700Z"],
            ["v=STSv1 ;\tid=20160831085700Z ; "],
            ["v=STSv1; x-y.z=:/?<>; id=20160831085700Z"],
            ["v=spf1 -all", "v=STSv1; id=20160831085700Z;", "v=STSv11; id=1"],
        ):
            self.assertEqual("20160831085700Z", record_id(texts), texts)

    def test_bad(self) -> None:
        """None, two, without an id, with one that is too long or of other signs, of another form or case."""
        for texts in (
            [],
            ["v=spf1 -all"],
            ["v=STSv1; id=1", "v=STSv1; id=1"],
            ["v=STSv1; id=1", "v=STSv1"],
            ["v=STSv1"],
            ["v=STSv1;"],
            ["v=STSv1; id="],
            ["v=STSv1; id=" + "1" * 33],
            ["v=STSv1; id=a-b"],
            ["v=STSv1; xid=1"],
            ["v=STSv1 id=1"],
            ["v=STSv1;; id=1"],
            [" v=STSv1; id=1"],
            ["v=stsv1; id=1"],
            ["v=STSv1; ID=1"],
            ["id=1; v=STSv1"],
        ):
            self.assertIsNone(record_id(texts), texts)

    @given(_ids, _space, _space, st.booleans())
    def test_every_id(self, id: str, before: str, after: str, final: bool) -> None:
        """What the grammar allows is read."""
        self.assertEqual(id, record_id([f"v=STSv1{before};{after}id={id}" + (f"{before};{after}" if final else "")]))

    @given(st.lists(st.one_of(st.text(), st.text().map("v=STSv1;{}".format)), max_size=3))
    def test_any_text(self, texts: list[str]) -> None:
        """Nothing raises, and an id is one."""
        id = record_id(texts)
        self.assertTrue(id is None or (id.isascii() and id.isalnum() and len(id) <= 32))


class PolicyTests(SynchronousTestCase):
    """Section 3.2."""

    def fault(self, text: str) -> str:
        with self.assertRaises(ValueError) as caught:
            parse_policy(text)
        return str(caught.exception)

    def test_good(self) -> None:
        """The RFC's form; bare line feeds, no last line end, any order, white space, unknown keys."""
        right = StsPolicy(StsMode.ENFORCE, ("mail.example.com", "*.example.net"), 604800)
        lines = POLICY.split("\r\n")
        for text in (
            POLICY,
            POLICY.replace("\r\n", "\n"),
            POLICY.rstrip(),
            "\n".join((lines[4], lines[2], lines[1], lines[3], lines[0])),
            POLICY.replace(": ", ":\t ").replace("\r\n", " \r\n"),
            POLICY + "future: thing: with colons\n\n",
            POLICY.replace("mail.example.com", "MAIL.Example.com."),
        ):
            self.assertEqual(right, parse_policy(text), text)

    def test_first_of_a_key(self) -> None:
        """Of all but mx the first one counts (section 3.2)."""
        policy = parse_policy(POLICY + "mode: none\nmax_age: 1\nversion: STSv2\n")
        self.assertEqual((StsMode.ENFORCE, 604800), (policy.mode, policy.max_age))

    def test_mode_none(self) -> None:
        """Needs no mx."""
        policy = parse_policy("version: STSv1\nmode: none\nmax_age: 0\n")
        self.assertEqual(StsPolicy(StsMode.NONE, (), 0), policy)

    def test_longest_life(self) -> None:
        """About a year at most."""
        self.assertEqual(MAX_AGE, parse_policy(POLICY.replace("604800", "9999999999")).max_age)

    def test_bad(self) -> None:
        """What is wrong, in words."""
        for old, new, fault in (
            ("STSv1", "STSv2", "version is not STSv1"),
            ("version: STSv1\r\n", "", "version is not STSv1"),
            ("enforce", "Enforce", "mode is none of"),
            ("mode: enforce\r\n", "", "mode is none of"),
            ("604800", "-1", "max_age is not"),
            ("604800", "1" * 11, "max_age is not"),
            ("604800", "٣", "max_age is not"),
            ("max_age: 604800\r\n", "", "max_age is not"),
            ("*.example.net", "*", "'*' is not the name of a host"),
            ("*.example.net", "a.*.example.net", "is not the name of a host"),
            ("*.example.net", "exa mple.net", "is not the name of a host"),
            ("*.example.net", "bücher.example", "is not the name of a host"),
            ("*.example.net", "", "is not the name of a host"),
            ("mode: enforce", "<html>", "is not a key and a value"),
        ):
            self.assertIn(fault, self.fault(POLICY.replace(old, new)), new)
        self.assertIn("names no mx", self.fault("version: STSv1\nmode: testing\nmax_age: 60\n"))

    def test_size(self) -> None:
        """64 kB are read, an octet more is not."""
        room = MAX_SIZE - len(POLICY) - len("x:\n")
        self.assertEqual(604800, parse_policy(POLICY + "x:" + "y" * room + "\n").max_age)
        self.assertIn("longer than 65536", self.fault(POLICY + "x:" + "y" * (room + 1) + "\n"))

    @given(
        st.one_of(
            st.text(), st.lists(st.sampled_from([*POLICY.split("\r\n"), "x", "mx:", "mode: none"])).map("\n".join)
        )
    )
    def test_any_text(self, text: str) -> None:
        """A text is a policy with all that belongs to it, or a ValueError."""
        try:
            policy = parse_policy(text)
        except ValueError:
            return
        self.assertTrue(policy.mx or policy.mode is StsMode.NONE)
        self.assertTrue(0 <= policy.max_age <= MAX_AGE)


class NameTests(SynchronousTestCase):
    """Section 4.1."""

    def test_covers(self) -> None:
        """A name is itself; a wildcard is one label, no more and no less."""
        policy = StsPolicy(StsMode.ENFORCE, ("mail.example.com", "*.example.net"), 60)
        for host in ("mail.example.com", "MAIL.example.com.", "mx1.example.net"):
            self.assertTrue(covers(policy, host), host)
        for host in ("x.mail.example.com", "example.com", "example.net", "a.b.example.net", "net", "", "*.example.com"):
            self.assertFalse(covers(policy, host), host)


class OurOwnTests(SynchronousTestCase):
    """What we publish."""

    def test_it_can_be_read(self) -> None:
        """By our own reader; the mode is tried out for a day, then kept for two weeks."""
        for mode, seconds in (("testing", 86_400), ("enforce", 1_209_600)):
            policy = parse_policy(policy_text("mail.example.com", mode))
            self.assertEqual(policy, StsPolicy(StsMode(mode), ("mail.example.com",), seconds))
            self.assertIsNotNone(record_id([announcement("mail.example.com", mode)]))
