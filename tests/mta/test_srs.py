"""Sender rewriting: there and back, by whatever forwarders, and nothing that is not ours."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address
from mailsuite.model.alias import rewritten
from mailsuite.mta.srs import NOBODY, VALID, Srs
from mailsuite.testing.builders import DAY, NOW

BOB = Address.parse("Bob.Baker@remote.example")
LOCALS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


class SrsTests(SynchronousTestCase):
    """Srs."""

    def setUp(self) -> None:
        self.now = NOW
        self.srs = Srs(b"k" * 32, lambda: self.now)
        self.tag = self.srs.tag("ann")

    def made(self, sender: Address = BOB, domain: str = "alpha.example") -> Address:
        """The rewritten address."""
        found = self.srs.rewrite(sender, domain, self.tag)
        assert found is not None
        return found

    def test_form(self) -> None:
        """Other forwarders and people recognise it: SRS0, four fields, the local part last and as it was."""
        address = self.made()
        self.assertEqual(address.domain, "alpha.example")
        self.assertRegex(address.local, r"\ASRS0=[a-z2-7]{6}=[a-z2-7]{2}[a-z2-7]{4}=remote\.example=Bob\.Baker\Z")
        self.assertTrue(rewritten(address))
        self.assertEqual(self.srs.reverse(address), (BOB, self.tag))

    def test_letter_case_on_the_way_does_not_count(self) -> None:
        """Hosts that change it lose nothing but the sender's own."""
        for change in (str.lower, str.upper):
            address = Address(change(self.made().local), "alpha.example")
            sender, tag = self.srs.reverse(address)
            self.assertEqual((sender.key, tag), (BOB.key, self.tag))

    def test_forged(self) -> None:
        """Each field is signed: another sender, domain, day or owner is not ours; nor is another installation's."""
        local = self.made().local
        other = Srs(b"l" * 32, lambda: NOW).rewrite(BOB, "alpha.example", self.tag)
        assert other is not None
        stamp = local.split("=")[2]
        for bad in (
            local.replace("Bob.Baker", "eve"),
            local.replace("remote", "evil"),
            local.replace(stamp, ("b" if stamp[0] == "a" else "a") + stamp[1:]),
            local.replace(stamp, stamp[:2] + NOBODY),
            re.sub("=.*?=", "=aaaaaa=", local, count=1),
            other.local,
            "SRS0=remote.example=bob",
            "SRS0=aaaaaa=aaaaaa=remote.example=",
            "SRS0",
            "SRS1=aaaaaaaaaaaa=remote.example==x",
        ):
            self.assertRaises(ValueError, self.srs.reverse, Address(bad, "alpha.example"))

    def test_age(self) -> None:
        """It is good for VALID days, also when the count of days begins anew, and not before it was made."""
        for start in (NOW, 1024 * DAY * 21 - DAY):
            self.now = start
            address = self.made()
            self.now = start + VALID * DAY
            self.srs.reverse(address)
            self.now += DAY
            self.assertRaises(ValueError, self.srs.reverse, address)
            self.now = start - DAY
            self.assertRaises(ValueError, self.srs.reverse, address)

    def test_what_was_forwarded_before(self) -> None:
        """SRS0 of another becomes SRS1, which names the first forwarder and keeps what that one signed; SRS1 stays."""
        for sign in "=+-":
            first = Address(f"SRS0{sign}HHHH=TT=remote.example=bob", "one.example")
            second = self.made(first)
            self.assertRegex(second.local, rf"\ASRS1=[a-z2-7]{{12}}=one\.example=\{sign}HHHH=TT=remote\.example=bob\Z")
            self.assertEqual(self.srs.reverse(second), (first, self.tag))
        third = self.made(Address("SRS1=XXXX=one.example==HHHH=TT=remote.example=bob", "two.example"))
        back = Address("SRS0=HHHH=TT=remote.example=bob", "one.example")
        self.assertEqual(self.srs.reverse(third), (back, self.tag))
        forged = Address(third.local.replace("one.example", "evil.example"), "alpha.example")
        self.assertRaises(ValueError, self.srs.reverse, forged)

    def test_too_long(self) -> None:
        """No local part of more than 64 octets is made (RFC 5321 section 4.5.3.1.1)."""
        self.assertIsNone(self.srs.rewrite(Address("b" * 40, "remote.example"), "alpha.example", self.tag))
        Address.parse(str(self.made(Address("b" * 29, "remote.example"))))

    def test_tags(self) -> None:
        """An account has always the same, which is not nobody's."""
        self.assertEqual(self.srs.tag("ann"), Srs(b"k" * 32, lambda: 0).tag("ann"))
        self.assertNotEqual(self.srs.tag("ann"), self.srs.tag("bob"))
        self.assertEqual(self.srs.tag(""), NOBODY)

    @given(LOCALS, st.sampled_from(["r.example", "a.b.example"]))
    def test_there_and_back(self, local: str, domain: str) -> None:
        """Every local part comes back as it was."""
        sender = Address(local, domain)
        assume(not rewritten(sender))
        self.assertEqual(self.srs.reverse(self.made(sender)), (sender, self.tag))

    @given(st.text(max_size=64))
    def test_any_text(self, local: str) -> None:
        """What is not ours is refused, and nothing else happens."""
        for text in (local, f"SRS0={local}", f"SRS1={local}"):
            self.assertRaises(ValueError, self.srs.reverse, Address(text, "alpha.example"))
