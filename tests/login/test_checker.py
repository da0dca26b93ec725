"""Names, passwords, and guessing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import argon2
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsuite.interfaces.credentials import ICredentialChecker
from mailsuite.login.checker import ACCOUNT_FAILURES, NETWORK_FAILURES, CredentialChecker, network_of
from mailsuite.login.passwords import Passwords
from mailsuite.model.account import Account
from mailsuite.model.errors import Deferral, StoreUnavailable
from mailsuite.testing.builders import ANN, account, domain
from mailsuite.testing.fake_counter import FakeCounter
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")
PASSWORD = "correct horse battery"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class CheapPasswords(Passwords):
    """The real thing at a price that lets tests guess many times."""

    def __init__(self) -> None:
        super().__init__()
        self._hasher = CHEAP
        self.wasted = 0

    def waste(self, password: str) -> None:
        self.wasted += 1


class CheckerCase(SynchronousTestCase):
    """Ann has an account at alpha.example."""

    def setUp(self) -> None:
        self.now = 1_800_000_000_000
        self.store = FakeStore(self.clock)
        self.counter = FakeCounter(self.clock)
        self.passwords = CheapPasswords()
        self.offloaded = 0
        self.checker = CredentialChecker(self.store.directory, self.counter, self.in_thread, self.passwords)
        self.ann = replace(account(ANN), password=CHEAP.hash(PASSWORD))
        self.result(self.store.directory.add_domain(domain("alpha.example")))
        self.result(self.store.directory.add_account(self.ann))

    def clock(self) -> int:
        """Turned by the tests."""
        return self.now

    def in_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        """Work at once, and count it."""
        self.offloaded += 1
        return succeed(work())

    def result(self, awaitable: Awaitable[T]) -> T:
        """What an operation that need not wait gives."""

        async def wait() -> T:
            return await awaitable

        return self.successResultOf(Deferred.fromCoroutine(wait()))

    def check(self, address: str = ANN, password: str = PASSWORD, client: str = "192.0.2.1") -> Account | None:
        """The checker's answer."""
        return self.result(self.checker.check(address, password, client))

    def guess(self, times: int, address: str = ANN, client: str = "192.0.2.1") -> None:
        """Wrong passwords."""
        for _ in range(times):
            self.assertIsNone(self.check(address, "wrong password", client))

    def assert_throttled(self, address: str = ANN, password: str = PASSWORD, client: str = "192.0.2.1") -> None:
        """Not even the right password is looked at."""
        before = self.offloaded
        error = self.failureResultOf(Deferred.fromCoroutine(self.checker.check(address, password, client)), Deferral)
        self.assertEqual((error.value.status.code, error.value.status.enhanced), (421, "4.7.0"))
        self.assertEqual(self.offloaded, before)


class CheckTests(CheckerCase):
    """check."""

    def test_interface(self) -> None:
        """It is an ICredentialChecker."""
        verifyObject(ICredentialChecker, self.checker)

    def test_right(self) -> None:
        """Address and password give the account, whatever the letter case of the address."""
        self.assertEqual(self.check(), self.ann)
        self.assertEqual(self.check(" ANN@Alpha.Example "), self.ann)

    def test_wrong(self) -> None:
        """A wrong password is None."""
        self.assertIsNone(self.check(password=PASSWORD + "!"))

    def test_unknown(self) -> None:
        """An unknown account, and what is no address, take the work of a verification in a thread too."""
        for address in ("bob@alpha.example", "ann@beta.example", "ann", "", "\ud800@x", "@"):
            self.passwords.wasted = self.offloaded = 0
            self.assertIsNone(self.check(address))
            self.assertEqual((self.passwords.wasted, self.offloaded), (1, 1), address)

    def test_u_label(self) -> None:
        """An account at an internationalised domain logs in with either form (field case F094)."""
        self.result(self.store.directory.add_domain(domain("xn--bcher-kva.example")))
        bob = replace(self.ann, id="b", address="bob@xn--bcher-kva.example")
        self.result(self.store.directory.add_account(bob))
        self.assertEqual(self.check("bob@bücher.example"), bob)
        self.assertEqual(self.check("bob@xn--bcher-kva.example"), bob)

    def test_store_away(self) -> None:
        """Without the directory nobody is told that the password is wrong, and nothing counts."""
        self.store.fault = "gone"
        for _ in range(NETWORK_FAILURES):
            self.failureResultOf(
                Deferred.fromCoroutine(self.checker.check(ANN, PASSWORD, "192.0.2.1")), StoreUnavailable
            )
        self.store.fault = ""
        self.assertEqual(self.check(), self.ann)


class ThrottleTests(CheckerCase):
    """Guessing."""

    def test_account(self) -> None:
        """After ten failures from anywhere the account is closed for ten minutes, for ten minutes only."""
        for n in range(ACCOUNT_FAILURES):
            self.guess(1, client=f"198.51.{n}.1")
        self.assert_throttled()
        self.now += 599_999
        self.assert_throttled()
        self.now += 1
        self.assertEqual(self.check(), self.ann)

    def test_spelling_does_not_help(self) -> None:
        """Other letter cases of an address are the same account."""
        for n in range(ACCOUNT_FAILURES):
            self.guess(1, address="ANN@alpha.example" if n % 2 else "ann@ALPHA.example")
        self.assert_throttled()

    def test_unknown_account_is_throttled_alike(self) -> None:
        """So nobody learns from the throttle which accounts exist."""
        self.guess(ACCOUNT_FAILURES, "bob@alpha.example")
        self.assert_throttled("bob@alpha.example")

    def test_network(self) -> None:
        """Thirty failures for any names close the /24 and nothing else."""
        for n in range(NETWORK_FAILURES):
            self.guess(1, f"user{n}@alpha.example", f"192.0.2.{n}")
        self.assert_throttled(client="192.0.2.200")
        self.assertEqual(self.check(client="192.0.3.1"), self.ann)

    def test_malformed_names_count_for_the_network(self) -> None:
        """What is no address locks nobody's account but counts as a guess."""
        self.guess(NETWORK_FAILURES, "no address")
        self.assert_throttled()

    def test_network_does_not_lock_accounts(self) -> None:
        """Guesses from a closed network do not count for the account."""
        self.guess(NETWORK_FAILURES, "no address")
        for _ in range(ACCOUNT_FAILURES):
            self.assert_throttled()
        self.assertEqual(self.check(client="203.0.113.1"), self.ann)

    def test_account_does_not_lock_networks(self) -> None:
        """A program that repeats an old password does not lock its neighbours out."""
        self.guess(ACCOUNT_FAILURES, "bob@alpha.example")
        for _ in range(NETWORK_FAILURES):
            self.assert_throttled("bob@alpha.example")
        self.assertEqual(self.check(), self.ann)

    def test_success_clears_the_account(self) -> None:
        """Who at last remembers starts afresh."""
        self.guess(ACCOUNT_FAILURES - 1)
        self.assertEqual(self.check(), self.ann)
        self.guess(ACCOUNT_FAILURES)
        self.assert_throttled()

    def test_success_does_not_clear_the_network(self) -> None:
        """An own account is no licence to guess at others from the same place."""
        for n in range(NETWORK_FAILURES):
            self.guess(1, f"user{n}@alpha.example")
            if n < NETWORK_FAILURES - 1:
                self.assertEqual(self.check(), self.ann)
        self.assert_throttled()

    def test_success_is_free(self) -> None:
        """Any number of good logins from one place is well."""
        for _ in range(NETWORK_FAILURES * 2):
            self.assertEqual(self.check(), self.ann)

    def test_guesses_side_by_side(self) -> None:
        """Attempts that run at the same time count before they end."""
        waiting: list[Deferred[None]] = []

        async def slow(work: Callable[[], T]) -> T:
            done: Deferred[None] = Deferred()
            waiting.append(done)
            await done
            return work()

        checker = CredentialChecker(self.store.directory, self.counter, slow, self.passwords)
        tries = [Deferred.fromCoroutine(checker.check(ANN, f"guess {n}", "::1")) for n in range(50)]
        self.assertEqual(len(waiting), ACCOUNT_FAILURES)
        for done in waiting:
            done.callback(None)
        self.assertEqual([self.successResultOf(d) for d in tries[:ACCOUNT_FAILURES]], [None] * ACCOUNT_FAILURES)
        for d in tries[ACCOUNT_FAILURES:]:
            self.failureResultOf(d, Deferral)

    def test_guesses_by_several_processes(self) -> None:
        """The count that an attempt itself makes decides, when others were counted since it looked."""

        async def stale(key: str) -> int:
            return 0

        self.guess(ACCOUNT_FAILURES)
        self.patch(self.counter, "value", stale)
        counted = {f"login:account:{ANN}": ACCOUNT_FAILURES}

        async def hit(key: str, window: int, amount: int = 1) -> int:
            counted[key] = counted.get(key, 0) + amount
            return counted[key]

        self.patch(self.counter, "hit", hit)
        self.assert_throttled()

    def test_counter_down(self) -> None:
        """While Redis is away people log in, and wrong passwords are still wrong."""
        self.counter.down = True
        self.assertEqual(self.check(), self.ann)
        self.guess(ACCOUNT_FAILURES * 2)
        self.assertEqual(self.check(), self.ann)


class RehashTests(CheckerCase):
    """Hashes of yesterday's parameters."""

    def setUp(self) -> None:
        super().setUp()
        self.passwords = CheapPasswords()
        self.passwords._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
        self.checker = CredentialChecker(self.store.directory, self.counter, self.in_thread, self.passwords)

    def stored(self) -> str:
        """Ann's hash as the directory has it."""
        ann = self.result(self.store.directory.account(self.ann.id))
        assert ann is not None
        return ann.password

    def test_login_renews_the_hash(self) -> None:
        """After a good login the hash has today's parameters and knows the same password."""
        self.assertIsNotNone(self.check())
        self.assertIn("m=16,", self.stored())
        self.assertIsNotNone(self.check())

    def test_failure_renews_nothing(self) -> None:
        """A wrong password leaves the hash."""
        self.guess(1)
        self.assertEqual(self.stored(), self.ann.password)

    def test_password_changed_meanwhile(self) -> None:
        """A password that was changed while the old one was hashed stays changed."""
        changed = CHEAP.hash("another password")

        async def slow(work: Callable[[], T]) -> T:
            await self.store.directory.set_password(self.ann.id, changed)
            return work()

        checker = CredentialChecker(self.store.directory, self.counter, slow, self.passwords)
        self.assertIsNotNone(self.result(checker.check(ANN, PASSWORD, "::1")))
        self.assertEqual(self.stored(), changed)

    def test_store_full(self) -> None:
        """A hash that cannot be written keeps nobody out."""

        async def failing(work: Callable[[], T]) -> T:
            result = work()
            if isinstance(result, str):
                self.store.fault = "disk full"
            return result

        checker = CredentialChecker(self.store.directory, self.counter, failing, self.passwords)
        self.assertEqual(self.result(checker.check(ANN, PASSWORD, "::1")), self.ann)


class NetworkOfTests(SynchronousTestCase):
    """network_of."""

    def test_networks(self) -> None:
        """/24 for IPv4, also when mapped into IPv6; /64 for IPv6."""
        for client, network in (
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("", ""),
            ("unix", "unix"),
        ):
            self.assertEqual(network_of(client), network)
