"""Whose mailbox an address is."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mda.accounts import REMEMBERED, Accounts
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.testing import builders
from mailsuite.testing.fake_store import FakeStore


class AccountsTests(SynchronousTestCase):
    """RFC 5321 section 4.5.1 on postmaster; a memory that forgets."""

    def setUp(self) -> None:
        """A store with two domains."""
        self.time = builders.NOW
        self.directory = FakeStore(lambda: self.time).directory
        for name in ("alpha.example", "beta.example"):
            self.successResultOf(Deferred.fromCoroutine(self.directory.add_domain(builders.domain(name))))

    def add(self, address: str, created: int = builders.NOW) -> Account:
        """An account."""
        account = Account(f"id of {address}", address, address, "", created)
        self.successResultOf(Deferred.fromCoroutine(self.directory.add_account(account)))
        return account

    def find(self, accounts: Accounts, address: str) -> Account | None:
        """Whose address it is."""
        return self.successResultOf(Deferred.fromCoroutine(accounts.find(Address.parse(address))))

    def accounts(self, postmaster: str = "") -> Accounts:
        """The finder."""
        return Accounts(self.directory, lambda: self.time, postmaster)

    def test_letter_case_does_not_count(self) -> None:
        """Ann@ is ann@; an unknown name is nobody."""
        ann = self.add("ann@alpha.example")
        self.assertEqual(self.find(self.accounts(), "Ann@Alpha.Example"), ann)
        self.assertIsNone(self.find(self.accounts(), "bob@alpha.example"))

    def test_postmaster_always_reaches_somebody(self) -> None:
        """The account of that name, else the configured one, else the oldest of the domain, else the oldest of all."""
        young = self.add("young@alpha.example", builders.NOW + 5)
        self.assertEqual(self.find(self.accounts(), "postmaster@beta.example"), young)
        old = self.add("old@alpha.example", builders.NOW + 1)
        self.assertEqual(self.find(self.accounts(), "Postmaster@alpha.example"), old)
        chief = self.add("chief@beta.example", builders.NOW + 9)
        self.assertEqual(self.find(self.accounts("chief@beta.example"), "postmaster@alpha.example"), chief)
        real = self.add("postmaster@alpha.example", builders.NOW + 10)
        self.assertEqual(self.find(self.accounts("chief@beta.example"), "postmaster@alpha.example"), real)

    def test_a_no_is_asked_anew(self) -> None:
        """A domain or an account works as soon as it is added."""
        accounts = self.accounts()
        self.assertIsNone(self.find(accounts, "ann@alpha.example"))
        ann = self.add("ann@alpha.example")
        self.assertEqual(self.find(accounts, "ann@alpha.example"), ann)
        self.assertFalse(self.successResultOf(Deferred.fromCoroutine(accounts.hosts("gamma.example"))))
        self.successResultOf(Deferred.fromCoroutine(self.directory.add_domain(builders.domain("gamma.example"))))
        self.assertTrue(self.successResultOf(Deferred.fromCoroutine(accounts.hosts("gamma.example"))))

    def test_a_yes_is_remembered_for_a_while(self) -> None:
        """A change of the account is seen after the time is over."""
        accounts = self.accounts()
        ann = self.add("ann@alpha.example")
        self.assertEqual(self.find(accounts, "ann@alpha.example"), ann)
        self.successResultOf(Deferred.fromCoroutine(self.directory.set_password(ann.id, "new")))
        self.time += REMEMBERED - 1
        self.assertEqual(self.find(accounts, "ann@alpha.example"), ann)
        self.time += 1
        found = self.find(accounts, "ann@alpha.example")
        assert found is not None
        self.assertEqual(found.password, "new")


class LiteralTests(AccountsTests):
    """F014: u@[our address] is local, as RFC 5321 section 4.1.3 has it; the tests above hold all the same."""

    def accounts(self, postmaster: str = "") -> Accounts:
        """The finder of a host with two addresses."""
        addresses = ("198.51.100.2", "2001:DB8:5::2")
        return Accounts(self.directory, lambda: self.time, postmaster, "mx.mail.alpha.example", addresses)

    def hosts(self, domain: str) -> bool:
        """Is it ours?"""
        return self.successResultOf(Deferred.fromCoroutine(self.accounts().hosts(domain)))

    def test_f014_own_literals(self) -> None:
        """In any spelling; those of others, of no address, and the same text without brackets are not."""
        for own in ("[198.51.100.2]", "[ipv6:2001:db8:5::2]", "[ipv6:2001:db8:5:0::2]", "[ipv6:::ffff:198.51.100.2]"):
            self.assertTrue(self.hosts(own), own)
        for foreign in ("[198.51.100.3]", "[ipv6:2001:db8:5::3]", "[127.0.0.1]", "[x]", "[", "198.51.100.2"):
            self.assertFalse(self.hosts(foreign), foreign)

    def test_f014_names_at_an_own_literal(self) -> None:
        """They are those of the nearest hosted domain above the host's name; postmaster is always somebody."""
        self.add("bob@beta.example")
        ann = self.add("ann@alpha.example")
        self.assertEqual(self.find(self.accounts(), "Ann@[198.51.100.2]"), ann)
        self.assertEqual(self.find(self.accounts(), "ann@[IPv6:2001:db8:5::2]"), ann)
        self.assertIsNone(self.find(self.accounts(), "bob@[198.51.100.2]"))
        self.assertIsNone(self.find(self.accounts(), "ann@[198.51.100.3]"))
        self.assertEqual(self.find(self.accounts(), "postmaster@[198.51.100.2]"), ann)
        homeless = Accounts(self.directory, lambda: self.time, "", "mx.other.example", ("198.51.100.2",))
        self.assertIsNone(self.find(homeless, "ann@[198.51.100.2]"))
        self.assertIsNotNone(self.find(homeless, "postmaster@[198.51.100.2]"))
