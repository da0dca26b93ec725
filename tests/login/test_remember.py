"""Logins that are remembered for five minutes, and what ends them."""

from __future__ import annotations

from dataclasses import replace

from zope.interface.verify import verifyObject

from mailsuite.interfaces.credentials import ICredentialChecker
from mailsuite.login.checker import CredentialChecker
from mailsuite.login.remember import REMEMBERED, RememberingChecker
from mailsuite.model.account import Account
from mailsuite.testing.builders import ANN
from tests.login.test_checker import CHEAP, PASSWORD, CheckerCase


class RememberingCheckerTests(CheckerCase):
    """Over the real checker; ``offloaded`` counts what was hashed."""

    def setUp(self) -> None:
        super().setUp()
        self.remembering = RememberingChecker(self.checker, self.store.directory, self.clock, b"k" * 32)

    def login(self, address: str = ANN, password: str = PASSWORD) -> Account | None:
        """One AUTH."""
        return self.result(self.remembering.check(address, password, "192.0.2.1"))

    def test_interface(self) -> None:
        """It is an ICredentialChecker."""
        verifyObject(ICredentialChecker, self.remembering)

    def test_once_in_five_minutes(self) -> None:
        """The second login hashes nothing, in any form of the address; after five minutes it does again."""
        self.assertEqual([self.login(), self.login(), self.login(" ANN@Alpha.Example ")], [self.ann] * 3)
        self.assertEqual(self.offloaded, 1)
        self.now += REMEMBERED
        self.assertEqual(self.login(), self.ann)
        self.assertEqual(self.offloaded, 2)

    def test_wrong_password(self) -> None:
        """It is checked each time, counted by the throttle, and helped by no login of another."""
        self.login()
        before = self.offloaded
        for password in ("wrong password", PASSWORD + "x", ""):
            self.assertIsNone(self.login(password=password))
        self.assertEqual(self.offloaded, before + 3)
        self.assertIsNone(self.login("bob@alpha.example"))
        self.assertIsNone(self.login("no address"))

    def test_changed_password(self) -> None:
        """From the change on the old password is wrong and the new one right."""
        self.login()
        self.result(self.store.directory.set_password(self.ann.id, CHEAP.hash("another horse battery")))
        self.assertIsNone(self.login())
        self.assertIsNotNone(self.login(password="another horse battery"))

    def test_a_better_hash_is_remembered(self) -> None:
        """When the login itself renewed the stored hash the next one is remembered all the same."""
        weak = CHEAP.hash(PASSWORD)
        self.result(self.store.directory.set_password(self.ann.id, weak))

        class Rehashes(CredentialChecker):
            async def check(checker, address: str, password: str, client: str) -> Account | None:
                found = await super().check(address, password, client)
                await self.store.directory.set_password(self.ann.id, CHEAP.hash(password))
                return found

        rehashing = Rehashes(self.store.directory, self.counter, self.in_thread, self.passwords)
        self.remembering = RememberingChecker(rehashing, self.store.directory, self.clock, b"k" * 32)
        self.login()
        before = self.offloaded
        found = self.login()
        assert found is not None
        self.assertEqual((self.offloaded, replace(found, password="")), (before, replace(self.ann, password="")))

    def test_nothing_of_the_password_is_kept(self) -> None:
        """Only digests under the key of the process: another key, another digest."""
        self.login()
        other = RememberingChecker(self.checker, self.store.directory, self.clock, b"o" * 32)
        self.result(other.check(ANN, PASSWORD, "192.0.2.1"))
        kept = [*self.remembering._known, *other._known]
        self.assertEqual((len(set(kept)), {len(proof) for proof in kept}), (2, {32}))
