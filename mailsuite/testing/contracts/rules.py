"""RuleStoreContract: what every IRuleStore must do."""

from __future__ import annotations

from mailsuite.interfaces.rules import IRuleStore
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.folder import INBOX
from mailsuite.model.rule import By, Do, On, Rule, Ruleset, Then, When
from mailsuite.model.vacation import ANSWERED, Vacation
from mailsuite.testing.builders import ANN, DAY, NOW, account, domain, filing
from mailsuite.testing.contracts.stores import StoreContract

LISTS = Rule(
    "Listen für Ämter",
    (When(On.LIST, By.PRESENT), When(On.SIZE, By.SMALLER, "5000", negated=True)),
    (Then(Do.FILE, "f1"), Then(Do.STAR)),
    any=True,
    enabled=False,
)
AWAY = Vacation("Ich bin weg.\nBis bald 👋", "weg", NOW, NOW + DAY, 3)


class RuleStoreContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def rules(self) -> IRuleStore:
        return self.stores.rules

    async def setUp(self) -> None:  # type: ignore[override]
        """Ann has an account."""
        await super().setUp()
        await self.stores.directory.add_domain(domain())
        await self.stores.directory.add_account(account())

    async def generation(self) -> int:
        """As the directory gives it, by each way."""
        by_id = await self.stores.directory.account(ANN)
        by_address = await self.stores.directory.account_at(ANN)
        (listed,) = await self.stores.directory.accounts()
        assert by_id is not None
        self.assertEqual(by_id, by_address)
        self.assertEqual(by_id, listed)
        return by_id.rules

    async def test_rules_and_vacation(self) -> None:
        """What was set comes back whole, each beside the other."""
        self.assertEqual(Ruleset(), await self.rules.ruleset(ANN))
        one = await self.rules.set_rules(ANN, [LISTS], 0)
        self.assertEqual((LISTS,), one.rules)
        two = await self.rules.set_vacation(ANN, AWAY)
        self.assertEqual(two, await self.rules.ruleset(ANN))
        self.assertEqual(((LISTS,), AWAY), (two.rules, two.vacation))
        three = await self.rules.set_vacation(ANN, None)
        self.assertEqual(((LISTS,), None), (three.rules, three.vacation))

    async def test_the_generation_comes_with_the_account(self) -> None:
        """It is 0 for who has nothing, and never one that was there before."""
        self.assertEqual(0, await self.generation())
        seen = []
        for _ in range(2):
            now = await self.rules.ruleset(ANN)
            seen.append((await self.rules.set_rules(ANN, [LISTS], now.generation)).generation)
            self.assertEqual(seen[-1], await self.generation())
            seen.append((await self.rules.set_vacation(ANN, AWAY)).generation)
            self.assertEqual(seen[-1], await self.generation())
            await self.rules.set_rules(ANN, [], seen[-1])
            self.assertNotEqual(0, await self.generation())
            await self.rules.set_vacation(ANN, None)
            self.assertEqual(0, await self.generation())
        self.assertEqual(sorted(set(seen)), seen)

    async def test_changed_meanwhile(self) -> None:
        """Of two who start from the same rules one is told; nobody's change is lost unseen."""
        first = await self.rules.set_rules(ANN, [LISTS], 0)
        await self.raises(Conflict, self.rules.set_rules(ANN, [], 0))
        self.assertEqual(first, await self.rules.ruleset(ANN))

    async def test_nobody(self) -> None:
        """An account that is none has no rules."""
        await self.raises(NotThere, self.rules.set_rules("nobody", [], 0))
        await self.raises(NotThere, self.rules.set_vacation("nobody", AWAY))
        self.assertEqual(Ruleset(), await self.rules.ruleset("nobody"))

    async def answer(self, sender: str, message: str, now: int = NOW, account: str = ANN) -> bool:
        """With seven days between answers."""
        return await self.rules.begin_answer(account, sender, message, now, 7)

    async def test_one_answer_in_a_period(self) -> None:
        """To each sender, for each account."""
        self.assertTrue(await self.answer("s@x.example", "m1"))
        await self.rules.end_answer(ANN, "s@x.example", "m1")
        self.assertFalse(await self.answer("s@x.example", "m2", NOW + 7 * DAY - 1))
        self.assertTrue(await self.answer("t@x.example", "m3"))
        self.assertTrue(await self.answer("s@x.example", "m4", account="bob"))
        self.assertTrue(await self.answer("s@x.example", "m5", NOW + 7 * DAY))

    async def test_what_was_begun_is_ended(self) -> None:
        """The same message again is answered until it is known to be, and no other one meanwhile."""
        self.assertTrue(await self.answer("s@x.example", "m1"))
        self.assertFalse(await self.answer("s@x.example", "m2"))
        self.assertTrue(await self.answer("s@x.example", "m1", NOW + 1))
        await self.rules.end_answer(ANN, "s@x.example", "m0")
        self.assertTrue(await self.answer("s@x.example", "m1", NOW + 2))
        await self.rules.end_answer(ANN, "s@x.example", "m1")
        self.assertFalse(await self.answer("s@x.example", "m1", NOW + 3))

    async def test_many_at_once(self) -> None:
        """Of messages that are filed at the same time one is answered."""
        found = await self.together(self.answer("s@x.example", f"m{n}") for n in range(20))
        self.assertEqual(1, sum(found))

    async def test_another_vacation(self) -> None:
        """Who was answered in the last one hears of the new one."""
        await self.answer("s@x.example", "m1")
        await self.rules.set_vacation(ANN, AWAY)
        self.assertTrue(await self.answer("s@x.example", "m2"))

    async def test_the_memory_is_bounded(self) -> None:
        """A flood of senders is not answered without end; when its period is over, others are."""
        found = await self.together(self.answer(f"s{n}@x.example", f"m{n}") for n in range(ANSWERED + 3))
        self.assertEqual([True] * ANSWERED + [False] * 3, found)
        self.assertFalse(await self.answer("late@x.example", "m", NOW + DAY))
        self.assertTrue(await self.answer("late@x.example", "m", NOW + 7 * DAY))

    async def test_a_folder_that_is_gone(self) -> None:
        """A filing goes to the first of its folders that there is."""
        folder = await self.stores.folders.create_folder(ANN, "Work")
        places = ((folder.id, (INBOX,), folder.id), ("f999", (folder.id, INBOX), folder.id), ("f9", (INBOX,), INBOX))
        for n, (first, otherwise, expected) in enumerate(places):
            new = filing(f"k{n}", account=ANN, folder=first, otherwise=otherwise)
            filed = await self.stores.messages.file(new)
            self.assertEqual((expected, True), (filed.folder, filed.new))
            message = await self.stores.messages.message(ANN, filed.message)
            assert message is not None
            self.assertEqual(expected, message.folder)
            again = await self.stores.messages.file(new)
            self.assertEqual((expected, False), (again.folder, again.new))
        await self.raises(NotThere, self.stores.messages.file(filing("k", account=ANN, folder="f8", otherwise=("f9",))))
