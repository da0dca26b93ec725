"""Where mail for an address of ours goes."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mda.accounts import REMEMBERED, Accounts
from mailsuite.mda.expand import Route
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.alias import DEPTH, TARGETS, Alias, Forward
from mailsuite.model.envelope import Envelope
from mailsuite.mta.srs import Srs
from mailsuite.testing import builders
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")


class AccountsCase(SynchronousTestCase):
    """A store with two domains, and other.example, which is an alias of alpha.example."""

    def setUp(self) -> None:
        self.time = builders.NOW
        self.directory = FakeStore(lambda: self.time).directory
        self.srs = Srs(b"k" * 32, lambda: self.time)
        for name in ("alpha.example", "beta.example"):
            self.now(self.directory.add_domain(builders.domain(name)))
        self.now(self.directory.add_domain(replace(builders.domain("other.example"), alias_of="alpha.example")))

    def now(self, work: Awaitable[T]) -> T:
        """The result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(work))  # type: ignore[arg-type]

    async def rewriting(self) -> Srs:
        """The key."""
        return self.srs

    def add(self, address: str, created: int = builders.NOW, to: tuple[str, ...] = (), keep: bool = False) -> Account:
        """An account, forwarded when there is a ``to``."""
        forward = Forward(to, keep) if to else None
        account = Account(f"id of {address}", address, address, "", created, forward)
        self.now(self.directory.add_account(account))
        return account

    def alias(self, address: str, *targets: str) -> None:
        """An alias."""
        self.now(self.directory.add_alias(Alias(address, targets, builders.NOW)))

    def accounts(self, postmaster: str = "", separator: str = "+", hostname: str = "mx.mail.alpha.example") -> Accounts:
        """The finder of a host with two addresses."""
        addresses = ("198.51.100.2", "2001:DB8:5::2")
        return Accounts(self.directory, lambda: self.time, self.rewriting, postmaster, separator, hostname, addresses)

    def route(self, address: str, accounts: Accounts | None = None) -> Route:
        """Where it leads."""
        return self.now((accounts or self.accounts()).route(Address.parse(address)))

    def leads(self, address: str) -> tuple[list[str], list[str]]:
        """The addresses of the mailboxes, and those elsewhere."""
        route = self.route(address)
        return [account.address for account in route.filed], [str(onward.address) for onward in route.foreign]

    def problem(self, address: str) -> str:
        """The enhanced code of what is wrong, "" for nothing."""
        problem = self.route(address).problem
        return problem.enhanced if problem else ""


class AccountTests(AccountsCase):
    """RFC 5321 section 4.5.1 on postmaster; a memory that forgets."""

    def find(self, accounts: Accounts, address: str) -> Account | None:
        """The one mailbox."""
        filed = self.route(address, accounts).filed
        self.assertLessEqual(len(filed), 1)
        return filed[0] if filed else None

    def test_letter_case_does_not_count(self) -> None:
        """Ann@ is ann@; an unknown name is nobody."""
        ann = self.add("ann@alpha.example")
        self.assertEqual(self.find(self.accounts(), "Ann@Alpha.Example"), ann)
        self.assertEqual(self.route("ann@alpha.example"), Route(filed=(ann,), direct=(ann,)))
        self.assertEqual(self.problem("bob@alpha.example"), "5.1.1")

    def test_f014_postmaster_forms(self) -> None:
        """The account of that name, else the configured one, else the oldest of the domain, else the oldest of all.

        Abuse too (RFC 2142 section 4), in any case, at each hosted domain, at the host's name and at its own literals.
        """
        young = self.add("young@alpha.example", builders.NOW + 5)
        self.assertEqual(self.find(self.accounts(), "postmaster@beta.example"), young)
        old = self.add("old@alpha.example", builders.NOW + 1)
        for local in ("Postmaster", "ABUSE", "postmaster+x"):
            for domain in ("alpha.example", "other.example", "mx.alpha.example", "[198.51.100.2]"):
                self.assertEqual(self.find(self.accounts(), f"{local}@{domain}"), old)
        chief = self.add("chief@beta.example", builders.NOW + 9)
        self.assertEqual(self.find(self.accounts("chief@beta.example"), "postmaster@alpha.example"), chief)
        self.alias("@alpha.example", "young@alpha.example")
        self.assertEqual(self.find(self.accounts(), "abuse@alpha.example"), old)
        real = self.add("postmaster@alpha.example", builders.NOW + 10)
        self.assertEqual(self.find(self.accounts("chief@beta.example"), "postmaster@alpha.example"), real)

    def test_a_no_is_asked_anew(self) -> None:
        """A domain or an account works as soon as it is added."""
        accounts = self.accounts()
        self.assertIsNone(self.find(accounts, "ann@alpha.example"))
        ann = self.add("ann@alpha.example")
        self.assertEqual(self.find(accounts, "ann@alpha.example"), ann)
        self.assertFalse(self.now(accounts.hosts("gamma.example")))
        self.now(self.directory.add_domain(builders.domain("gamma.example")))
        self.assertTrue(self.now(accounts.hosts("gamma.example")))

    def test_a_yes_is_remembered_for_a_while(self) -> None:
        """A change of the account is seen after the time is over."""
        accounts = self.accounts()
        ann = self.add("ann@alpha.example")
        self.assertEqual(self.find(accounts, "ann@alpha.example"), ann)
        self.now(self.directory.set_password(ann.id, "new"))
        self.time += REMEMBERED - 1
        self.assertEqual(self.find(accounts, "ann@alpha.example"), ann)
        self.time += 1
        found = self.find(accounts, "ann@alpha.example")
        assert found is not None
        self.assertEqual(found.password, "new")

    def test_one_look_up_for_a_plain_account(self) -> None:
        """Aliases cost mail for accounts nothing: one question to the store, then memory."""
        ann = self.add("ann@alpha.example")
        asked: list[str] = []

        async def account_at(address: str) -> Account | None:
            asked.append(address)
            return ann

        self.patch(self.directory, "account_at", account_at)
        for other in ("alias_at", "domain", "accounts", "aliases"):
            self.patch(self.directory, other, None)
        accounts = self.accounts()
        for _ in range(3):
            self.assertEqual(self.find(accounts, "ann@alpha.example"), ann)
        self.assertEqual(asked, ["ann@alpha.example"])


class AliasTests(AccountsCase):
    """Aliases, catch-alls, details, alias domains."""

    def test_alias(self) -> None:
        """To one or several addresses, here and elsewhere, each once, however many ways lead there."""
        self.add("ann@alpha.example")
        self.add("bob@beta.example")
        self.alias("sales@alpha.example", "ann@alpha.example", "u@remote.example", "team@beta.example")
        self.alias("team@beta.example", "bob@beta.example", "ann@alpha.example", "U@remote.example")
        self.assertEqual(
            self.leads("Sales@alpha.example"), (["ann@alpha.example", "bob@beta.example"], ["u@remote.example"])
        )
        self.assertEqual(self.problem("sales@alpha.example"), "")

    def test_order(self) -> None:
        """An exact account or alias wins over the detail's base, a role over the catch-all, that over nothing."""
        for name in ("ann", "ann+shop", "rest"):
            self.add(f"{name}@alpha.example")
        self.alias("bob@alpha.example", "ann@alpha.example")
        self.alias("bob+x@alpha.example", "rest@alpha.example")
        self.assertEqual(self.problem("carl@alpha.example"), "5.1.1")
        self.alias("@alpha.example", "rest@alpha.example")
        for address, mailbox in (
            ("ann+shop", "ann+shop"),
            ("ann+Shop+2", "ann"),
            ("ann+", "ann"),
            ("bob", "ann"),
            ("bob+x", "rest"),
            ("bob+y", "ann"),
            ("carl+x", "rest"),
            ("+ann", "rest"),
        ):
            self.assertEqual(self.leads(f"{address}@alpha.example"), ([f"{mailbox}@alpha.example"], []), address)

    def test_separator(self) -> None:
        """Another character, or none."""
        self.add("ann@alpha.example")
        for separator, address, code in (("-", "ann-x", ""), ("-", "ann+x", "5.1.1"), ("", "ann+x", "5.1.1")):
            problem = self.route(f"{address}@alpha.example", self.accounts(separator=separator)).problem
            self.assertEqual(problem.enhanced if problem else "", code)

    def test_alias_domain(self) -> None:
        """All addresses of one domain are those of the other: accounts, aliases, details, catch-all, nobody."""
        self.add("ann@alpha.example")
        self.alias("sales@alpha.example", "u@remote.example")
        self.assertEqual(self.leads("ann@other.example"), (["ann@alpha.example"], []))
        self.assertEqual(self.leads("Ann+x@other.example"), (["ann@alpha.example"], []))
        self.assertEqual(self.leads("sales@other.example"), ([], ["u@remote.example"]))
        self.assertEqual(self.problem("carl@other.example"), "5.1.1")
        self.alias("@alpha.example", "ann@alpha.example")
        self.assertEqual(self.leads("carl@other.example"), (["ann@alpha.example"], []))

    def test_roles_elsewhere(self) -> None:
        """The postmaster of another host is not ours."""
        self.add("ann@alpha.example")
        self.alias("sales@alpha.example", "postmaster@remote.example")
        self.assertEqual(self.leads("sales@alpha.example"), ([], ["postmaster@remote.example"]))

    def test_loops_are_cut(self) -> None:
        """What leads only back is 5.4.6; what leads to a mailbox as well goes there."""
        self.alias("a@alpha.example", "b@beta.example")
        self.alias("b@beta.example", "a@alpha.example")
        self.alias("self@alpha.example", "self@alpha.example")
        for address in ("a@alpha.example", "b@beta.example", "a+x@other.example", "self@alpha.example"):
            self.assertEqual(self.problem(address), "5.4.6")
        self.add("ann@alpha.example")
        self.alias("c@alpha.example", "a@alpha.example", "ann@alpha.example")
        self.assertEqual(self.leads("c@alpha.example"), (["ann@alpha.example"], []))

    def test_targets_that_are_nobody(self) -> None:
        """They are left out; an alias to nobody at all is nobody."""
        self.add("ann@alpha.example")
        self.alias("a@alpha.example", "gone@alpha.example", "ann@alpha.example")
        self.alias("b@alpha.example", "gone@alpha.example")
        self.assertEqual(self.leads("a@alpha.example"), (["ann@alpha.example"], []))
        self.assertEqual(self.problem("b@alpha.example"), "5.1.1")

    def test_limits(self) -> None:
        """So many steps and targets, and no more."""
        self.add("ann@alpha.example")
        for n in range(DEPTH):
            self.alias(f"a{n}@alpha.example", f"a{n + 1}@alpha.example")
        self.alias(f"a{DEPTH}@alpha.example", "ann@alpha.example")
        self.assertEqual(self.problem("a0@alpha.example"), "5.4.6")
        self.assertEqual(self.leads("a1@alpha.example"), (["ann@alpha.example"], []))
        half = TARGETS // 2
        for name, count in (("x", half), ("y", TARGETS - half), ("z", 1)):
            self.alias(f"{name}@alpha.example", *(f"{name}{n}@remote.example" for n in range(count)))
        self.alias("two@alpha.example", "x@alpha.example", "y@alpha.example")
        self.alias("three@alpha.example", "two@alpha.example", "z@alpha.example")
        self.assertEqual(len(self.leads("two@alpha.example")[1]), TARGETS)
        self.assertEqual(self.problem("three@alpha.example"), "5.4.6")

    def test_answer(self) -> None:
        """Port 25 hears the same; a rewritten reverse-path of ours takes notices only, and only when we made it."""
        self.add("ann@alpha.example")
        self.alias("loop@alpha.example", "loop@alpha.example")
        good = self.srs.rewrite(Address.parse("bob@remote.example"), "alpha.example", "0000")
        assert good is not None
        bad = str(good).replace("bob", "eve")
        for sender, address, code in (
            (None, "ann@alpha.example", ""),
            (builders.ANN, "gone@alpha.example", "5.1.1"),
            (builders.ANN, "loop@alpha.example", "5.4.6"),
            (None, str(good), ""),
            (None, str(good).lower(), ""),
            (builders.ANN, str(good), "5.7.1"),
            (None, bad, "5.7.1"),
        ):
            envelope = Envelope(Address.parse(sender) if sender else None, ())
            status = self.now(self.accounts().answer(envelope, Address.parse(address)))
            self.assertEqual(status.enhanced if status else "", code, (sender, address))


class ForwardTests(AccountsCase):
    """Forwards of accounts."""

    def test_with_and_without_a_copy(self) -> None:
        """The mailbox keeps it or not; the account stays the one that it was for, and the owner of what goes on."""
        ann = self.add("ann@alpha.example", to=("u@remote.example", "bob@beta.example"), keep=True)
        bob = self.add("bob@beta.example", to=("v@remote.example",))
        route = self.route("ann@alpha.example")
        self.assertEqual((route.filed, route.direct), ((ann,), (ann,)))
        self.assertEqual(
            [(str(o.address), o.owner) for o in route.foreign], [("u@remote.example", ann), ("v@remote.example", bob)]
        )
        self.assertTrue(self.now(self.accounts().leaves(Address.parse("ann@alpha.example"))))

    def test_nothing_is_lost(self) -> None:
        """A forward to nobody, to itself or in a circle leaves the mail in a mailbox."""
        self.add("ann@alpha.example", to=("gone@alpha.example",))
        self.add("bob@alpha.example", to=("bob@alpha.example",))
        self.add("carl@alpha.example", to=("dora@alpha.example",))
        self.add("dora@alpha.example", to=("carl@alpha.example",))
        for name, mailbox in (("ann", "ann"), ("bob", "bob"), ("carl", "dora"), ("dora", "carl")):
            self.assertEqual(self.leads(f"{name}@alpha.example"), ([f"{mailbox}@alpha.example"], []))

    def test_direct_by_any_way(self) -> None:
        """An account that an alias names is direct, even when a forward has led to it before."""
        self.add("ann@alpha.example", to=("bob@alpha.example",))
        self.add("bob@alpha.example")
        self.alias("both@alpha.example", "ann@alpha.example", "bob@alpha.example")
        route = self.route("both@alpha.example")
        self.assertEqual([a.address for a in route.direct], ["ann@alpha.example", "bob@alpha.example"])
        self.assertEqual([a.address for a in route.filed], ["bob@alpha.example"])


class LiteralTests(AccountsCase):
    """F014: u@[our address] is local, as RFC 5321 section 4.1.3 has it."""

    def hosts(self, domain: str) -> bool:
        """Is it ours?"""
        return self.now(self.accounts().hosts(domain))

    def test_f014_own_literals(self) -> None:
        """In any spelling; those of others, of no address, and the same text without brackets are not."""
        for own in ("[198.51.100.2]", "[ipv6:2001:db8:5::2]", "[ipv6:2001:db8:5:0::2]", "[ipv6:::ffff:198.51.100.2]"):
            self.assertTrue(self.hosts(own), own)
        for foreign in ("[198.51.100.3]", "[ipv6:2001:db8:5::3]", "[127.0.0.1]", "[x]", "[", "198.51.100.2"):
            self.assertFalse(self.hosts(foreign), foreign)

    def test_f014_names_at_an_own_literal(self) -> None:
        """They are those of the nearest hosted domain above the host's name; postmaster is always somebody."""
        self.add("bob@beta.example")
        self.add("ann@alpha.example")
        for address in ("Ann@[198.51.100.2]", "ann@[IPv6:2001:db8:5::2]", "postmaster@[198.51.100.2]"):
            self.assertEqual(self.leads(address), (["ann@alpha.example"], []), address)
        self.assertEqual(self.problem("bob@[198.51.100.2]"), "5.1.1")
        homeless = self.accounts(hostname="mx.elsewhere.example")
        problem = self.route("ann@[198.51.100.2]", homeless).problem
        self.assertEqual(problem.enhanced if problem else "", "5.1.1")
        self.assertEqual(len(self.route("postmaster@[198.51.100.2]", homeless).filed), 1)
