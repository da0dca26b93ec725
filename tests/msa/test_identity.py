"""As whom an account may write."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.reception import Client
from mailsuite.login.checker import CredentialChecker
from mailsuite.login.passwords import Passwords
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.alias import Alias
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Refusal
from mailsuite.msa.identity import Identities
from mailsuite.msa.reception import SubmissionReception
from mailsuite.testing.builders import domain
from mailsuite.testing.fake_counter import FakeCounter
from tests.msa.case import NOW, QueueCase, generous


class IdentityTests(QueueCase):
    """Ann and Bob; aliases of one, of both, of the catch-all; an alias domain."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.store.directory
        self.result(directory.add_domain(replace(domain("other.example"), alias_of="alpha.example")))
        self.result(directory.add_account(Account("bob", "bob@alpha.example", "Bob", "", NOW)))
        self.result(directory.add_account(Account("ann+x", "ann+x@alpha.example", "Another", "", NOW)))
        for address, *targets in (
            ("sales@alpha.example", "ann@alpha.example"),
            ("info@alpha.example", "sales@other.example"),
            ("both@alpha.example", "ann@alpha.example", "bob@alpha.example"),
            ("loop@alpha.example", "loop@alpha.example"),
            ("out@alpha.example", "ann@remote.example"),
            ("@alpha.example", "ann@alpha.example"),
        ):
            self.result(directory.add_alias(Alias(address, tuple(targets), NOW)))

    def owns(self, address: str, separator: str = "+") -> bool:
        """May Ann write as this address?"""
        identities = Identities(self.store.directory, separator)
        return self.result(identities.owns(self.ann, Address.parse(address)))

    def test_hers(self) -> None:
        """Her address, with details, in the alias domain, and aliases that lead to her alone."""
        for address in (
            "Ann@Alpha.example",
            "ann+shop@alpha.example",
            "ann@other.example",
            "ann+shop@other.example",
            "sales@alpha.example",
            "sales+q@alpha.example",
            "sales@other.example",
            "info@alpha.example",
        ):
            self.assertTrue(self.owns(address), address)

    def test_not_hers(self) -> None:
        """Others' addresses, shared aliases, what a catch-all catches, circles, and what is elsewhere."""
        for address in (
            "bob@alpha.example",
            "ann+x@alpha.example",
            "both@alpha.example",
            "whoever@alpha.example",
            "loop@alpha.example",
            "out@alpha.example",
            "postmaster@alpha.example",
            "ann@remote.example",
            "ann+shop@remote.example",
            "ann@xalpha.example",
        ):
            self.assertFalse(self.owns(address), address)
        self.assertFalse(self.owns("ann+shop@alpha.example", ""))

    def test_in_a_session(self) -> None:
        """Reverse-path and author may be an alias; both are judged."""
        checker = CredentialChecker(self.store.directory, FakeCounter(self.clock), self.in_thread, Passwords())
        identities = Identities(self.store.directory, "+")
        reception = SubmissionReception(
            checker, self.queue, generous(), identities, self.in_thread, self.clock, self.random, "mx.alpha.example"
        )
        client = Client("192.0.2.7", 1, "pc", True, "TLS", self.ann)

        def envelope(sender: str) -> Envelope:
            return Envelope(Address.parse(sender), (Recipient(Address.parse("u@remote.example")),))

        sales = envelope("sales@alpha.example")
        self.assertEqual(self.result(reception.mail(client, sales, 0)).code, 250)
        self.assertEqual(self.result(reception.mail(client, envelope("both@alpha.example"), 0)).enhanced, "5.7.1")
        good = b"From: info@alpha.example\r\n\r\nhi\r\n"
        self.assertEqual(self.result(reception.message(client, sales, good)).code, 250)
        bad = b"From: both@alpha.example\r\n\r\nhi\r\n"
        error = self.failureResultOf(self.deferred(reception.message(client, sales, bad)), Refusal).value
        assert isinstance(error, Refusal)
        self.assertEqual((error.status.code, error.status.enhanced), (550, "5.7.1"))
        self.assertIn("From: both@alpha.example", error.status.text)
