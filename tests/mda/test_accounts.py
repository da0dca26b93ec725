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
