"""New accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.login.accounts import new_account
from mailsuite.login.passwords import Passwords
from mailsuite.model.account import Account
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.testing.builders import NOW, domain
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")
PASSWORD = "correct horse battery"


class NewAccountTests(SynchronousTestCase):
    """new_account; alpha.example and bücher.example are hosted."""

    def setUp(self) -> None:
        self.store = FakeStore(lambda: NOW)
        self.octets = 0
        for name in ("alpha.example", "xn--bcher-kva.example"):
            self.successResultOf(Deferred.fromCoroutine(self.store.directory.add_domain(domain(name))))

    def in_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        """At once."""
        return succeed(work())

    def random(self, count: int) -> bytes:
        """Different octets at each call."""
        self.octets += 1
        return self.octets.to_bytes(count, "big")

    def make(self, address: str, name: str = "Ann", password: str = PASSWORD) -> Deferred[Account]:
        """Ask for an account."""
        return Deferred.fromCoroutine(
            new_account(
                self.store.directory,
                self.in_thread,
                Passwords(),
                lambda: NOW,
                self.random,
                address=address,
                name=name,
                password=password,
            )
        )

    def test_good(self) -> None:
        """The account is in the directory in key form, its password hashed, made now."""
        ann = self.successResultOf(self.make(" Ann@Alpha.Example ", "  Ann Ångström "))
        self.assertEqual((ann.address, ann.name, ann.created), ("ann@alpha.example", "Ann Ångström", NOW))
        self.assertTrue(Passwords().verify(ann.password, PASSWORD))
        found = self.successResultOf(Deferred.fromCoroutine(self.store.directory.account_at("ann@alpha.example")))
        self.assertEqual(found, ann)

    def test_ids_differ(self) -> None:
        """Two accounts of the same moment have two ids."""
        first = self.successResultOf(self.make("a@alpha.example"))
        second = self.successResultOf(self.make("b@alpha.example"))
        self.assertNotEqual(first.id, second.id)

    def test_u_label(self) -> None:
        """The domain may be typed in its own script."""
        self.assertEqual(self.successResultOf(self.make("ann@bücher.example")).address, "ann@xn--bcher-kva.example")

    def test_bad_addresses(self) -> None:
        """An account needs a plain ASCII local part and a domain name."""
        for address in (
            "",
            "ann",
            "ann@",
            '"a b"@alpha.example',
            "ann@[192.0.2.1]",
            "änn@alpha.example",
            "a b@alpha.example",
        ):
            self.failureResultOf(self.make(address), ValueError)

    def test_bad_names(self) -> None:
        """No line break or change of direction gets into a From field (field cases F085 and F094)."""
        for name in ("", "  ", "Ann\nBcc: v@x.example", "Ann\rLee", "A\u2028B", "A\0", "moc\u202enna", "x" * 101):
            self.assertIn("name", str(self.failureResultOf(self.make("ann@alpha.example", name), ValueError).value))

    def test_weak_password(self) -> None:
        """The password's rules hold."""
        failure = self.failureResultOf(self.make("ann@alpha.example", password="short"), ValueError)
        self.assertIn("password", str(failure.value))

    def test_taken(self) -> None:
        """An address is given once, whatever its letter case."""
        self.successResultOf(self.make("ann@alpha.example"))
        self.failureResultOf(self.make("ANN@alpha.example"), Conflict)

    def test_foreign_domain(self) -> None:
        """Only hosted domains have accounts."""
        self.failureResultOf(self.make("ann@beta.example"), NotThere)
