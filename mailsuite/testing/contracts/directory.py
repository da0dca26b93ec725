"""AccountDirectoryContract: what every IAccountDirectory must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.alias import Alias, Forward
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.testing.builders import NOW, account, domain, session
from mailsuite.testing.contracts.stores import StoreContract


class AccountDirectoryContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def directory(self) -> IAccountDirectory:
        return self.stores.directory

    async def test_domains(self) -> None:
        """Domains come back with their keys in order, sorted by name."""
        beta, alpha = domain("beta.example"), domain("alpha.example", keys=3)
        for each in (beta, alpha):
            await self.directory.add_domain(each)
        self.assertEqual([alpha, beta], list(await self.directory.domains()))
        self.assertEqual(alpha, await self.directory.domain("alpha.example"))
        self.assertIsNone(await self.directory.domain("gamma.example"))

    async def test_domain_twice(self) -> None:
        """A hosted domain cannot be added again; it stays as it was."""
        await self.directory.add_domain(domain("alpha.example", keys=1))
        await self.raises(Conflict, self.directory.add_domain(domain("alpha.example", keys=2)))
        self.assertEqual([domain("alpha.example", keys=1)], list(await self.directory.domains()))

    async def test_keys(self) -> None:
        """Keys are added behind the others and removed by selector; both raise the zones' generation."""
        await self.directory.add_domain(domain("alpha.example", keys=2))
        old = domain("alpha.example", keys=2).keys
        new = DkimKey("n", "rsa", "private", "public", NOW)
        before = await self.stores.zones.generation()
        await self.directory.add_keys("alpha.example", [new])
        self.assertEqual(Domain("alpha.example", NOW, (*old, new)), await self.directory.domain("alpha.example"))
        self.assertGreater(between := await self.stores.zones.generation(), before)
        await self.directory.remove_key("alpha.example", old[0].selector)
        self.assertGreater(await self.stores.zones.generation(), between)
        another = replace(new, selector="m")
        await self.directory.add_keys("alpha.example", [another])
        self.assertEqual(
            Domain("alpha.example", NOW, (old[1], new, another)), await self.directory.domain("alpha.example")
        )
        await self.raises(Conflict, self.directory.add_keys("alpha.example", [replace(new, selector="x"), new]))
        await self.raises(NotThere, self.directory.add_keys("beta.example", [new]))
        for name, selector in (("alpha.example", "x"), ("beta.example", "n")):
            await self.raises(NotThere, self.directory.remove_key(name, selector))
        self.assertEqual((old[1], new, another), (await self.directory.domains())[0].keys)

    async def test_accounts(self) -> None:
        """Accounts are found by id and address, listed by address, all or of one domain."""
        for name in ("alpha.example", "beta.example"):
            await self.directory.add_domain(domain(name))
        bob, ann, carl = account("bob@alpha.example", "1"), account("ann@beta.example", "2"), account("c@alpha.example")
        for each in (bob, ann, carl):
            await self.directory.add_account(each)
        self.assertEqual([ann, bob, carl], list(await self.directory.accounts()))
        self.assertEqual([bob, carl], list(await self.directory.accounts("alpha.example")))
        self.assertEqual([], list(await self.directory.accounts("gamma.example")))
        self.assertEqual(bob, await self.directory.account("1"))
        self.assertEqual(ann, await self.directory.account_at("ann@beta.example"))
        self.assertIsNone(await self.directory.account("9"))
        self.assertIsNone(await self.directory.account_at("nobody@beta.example"))

    async def test_account_conflicts(self) -> None:
        """An address is given once, also when many ask at the same time, and only in a hosted domain."""
        await self.directory.add_domain(domain("alpha.example"))

        async def added(account_id: str) -> bool:
            try:
                await self.directory.add_account(account("ann@alpha.example", account_id))
            except Conflict:
                return False
            return True

        results = await self.together(added(str(n)) for n in range(8))
        self.assertEqual(1, results.count(True))
        self.assertFalse(await added("later"))
        await self.raises(NotThere, self.directory.add_account(account("ann@beta.example", "3")))
        self.assertEqual([str(results.index(True))], [each.id for each in await self.directory.accounts()])

    async def test_set_password(self) -> None:
        """A password is replaced; an unknown account is an error."""
        ann = account()
        await self.directory.add_domain(domain())
        await self.directory.add_account(ann)
        new = "$argon2id$new"
        await self.directory.set_password(ann.id, new)
        self.assertEqual(replace(ann, password=new), await self.directory.account(ann.id))
        await self.raises(NotThere, self.directory.set_password("nobody", "x"))

    async def test_alias_domain(self) -> None:
        """It is hosted, with keys of its own, and bears no addresses; what it is an alias of is hosted and no alias."""
        await self.directory.add_domain(domain("alpha.example"))
        other = replace(domain("other.example", keys=1), alias_of="alpha.example")
        before = await self.stores.zones.generation()
        await self.directory.add_domain(other)
        self.assertGreater(await self.stores.zones.generation(), before)
        self.assertEqual(other, await self.directory.domain("other.example"))
        self.assertEqual([domain("alpha.example"), other], list(await self.stores.zones.domains()))
        third = domain("third.example")
        await self.raises(NotThere, self.directory.add_domain(replace(third, alias_of="gone.example")))
        await self.raises(NotThere, self.directory.add_domain(replace(third, alias_of="third.example")))
        await self.raises(Conflict, self.directory.add_domain(replace(third, alias_of="other.example")))
        await self.raises(Conflict, self.directory.add_account(account("ann@other.example")))
        await self.raises(Conflict, self.directory.add_alias(Alias("info@other.example", ("x@y.example",), NOW)))
        self.assertIsNone(await self.directory.domain("third.example"))

    async def test_aliases(self) -> None:
        """They are found by address and listed by address; an address is an alias or an account, never both."""
        for name in ("alpha.example", "beta.example"):
            await self.directory.add_domain(domain(name))
        ann = account("ann@alpha.example")
        await self.directory.add_account(ann)
        sales = Alias("sales@alpha.example", ("ann@alpha.example", "ü@remote.example"), NOW)
        rest = Alias("@alpha.example", ("ann@alpha.example",), NOW + 1)
        info = Alias("info@beta.example", ("sales@alpha.example",), NOW)
        for each in (sales, rest, info):
            await self.directory.add_alias(each)
        self.assertEqual([rest, info, sales], list(await self.directory.aliases()))
        self.assertEqual([rest, sales], list(await self.directory.aliases("alpha.example")))
        self.assertEqual(sales, await self.directory.alias_at("sales@alpha.example"))
        self.assertEqual(rest, await self.directory.alias_at("@alpha.example"))
        self.assertIsNone(await self.directory.alias_at("ann@alpha.example"))
        await self.raises(Conflict, self.directory.add_alias(replace(sales, targets=("x@y.example",))))
        await self.raises(Conflict, self.directory.add_alias(replace(sales, address=ann.address)))
        await self.raises(Conflict, self.directory.add_account(account("sales@alpha.example", "2")))
        await self.raises(NotThere, self.directory.add_alias(replace(sales, address="a@gone.example")))
        await self.directory.remove_alias("sales@alpha.example")
        await self.raises(NotThere, self.directory.remove_alias("sales@alpha.example"))
        self.assertEqual([rest, info], list(await self.directory.aliases()))

    async def test_forward(self) -> None:
        """It is part of the account, replaced as a whole, and can be taken away."""
        await self.directory.add_domain(domain("alpha.example"))
        ann, bob = account("ann@alpha.example"), account("bob@alpha.example")
        for each in (ann, bob):
            await self.directory.add_account(each)
        self.assertEqual([], list(await self.directory.forwarding()))
        for forward in (Forward(("a@x.example", "ü@y.example"), keep=True), Forward(("b@x.example",), keep=False)):
            await self.directory.set_forward(ann.id, forward)
            for found in (
                await self.directory.account(ann.id),
                await self.directory.account_at(ann.address),
                next(iter(await self.directory.accounts())),
                next(iter(await self.directory.forwarding())),
            ):
                self.assertEqual(replace(ann, forward=forward), found)
        self.assertEqual(1, len(await self.directory.forwarding()))
        await self.directory.set_forward(ann.id, None)
        self.assertEqual(ann, await self.directory.account(ann.id))
        self.assertEqual([], list(await self.directory.forwarding()))
        await self.raises(NotThere, self.directory.set_forward("nobody", None))

    async def test_secret(self) -> None:
        """The first proposal stays, also when many propose at the same time; each name has its own."""
        found = await self.together(self.directory.secret("a", bytes([n])) for n in range(8))
        self.assertEqual(1, len(set(found)))
        self.assertEqual(found[0], await self.directory.secret("a", b"later"))
        self.assertEqual(b"other\0", await self.directory.secret("b", b"other\0"))

    async def test_sessions(self) -> None:
        """A login is found by its token, notes its last use, never an earlier one, and can be ended twice."""
        login = session("t1", account="ann")
        await self.directory.add_session(login)
        await self.directory.add_session(session("t2"))
        self.assertEqual(login, await self.directory.session("t1"))
        await self.directory.touch_session("t1", NOW + 5)
        await self.directory.touch_session("t1", NOW + 4)
        await self.directory.touch_session("unknown", NOW)
        self.assertEqual(replace(login, seen=NOW + 5), await self.directory.session("t1"))
        for _ in range(2):
            await self.directory.end_session("t1")
        self.assertIsNone(await self.directory.session("t1"))
        self.assertIsNotNone(await self.directory.session("t2"))

    async def test_expire_sessions(self) -> None:
        """Logins that were idle for too long or are too old go, others stay."""
        await self.directory.add_session(session("idle", created=NOW, seen=NOW + 9))
        await self.directory.add_session(session("old", created=NOW - 1, seen=NOW + 99))
        await self.directory.add_session(session("fresh", created=NOW, seen=NOW + 10))
        self.assertEqual(2, await self.directory.expire_sessions(NOW + 10, NOW))
        self.assertIsNotNone(await self.directory.session("fresh"))
        for gone in ("idle", "old"):
            self.assertIsNone(await self.directory.session(gone))
        self.assertEqual(0, await self.directory.expire_sessions(NOW + 10, NOW))
