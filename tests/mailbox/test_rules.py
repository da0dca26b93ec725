"""Rules as people write, list and try them."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailbox.change import Changer
from mailsuite.mailbox.rule_form import Names, read_rule, show_rule
from mailsuite.mailbox.rules import Rules, RuleTrial, undo_applied
from mailsuite.mime.describe import describe
from mailsuite.model.action import Action, Done, Selection, Verb
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.folder import INBOX, TRASH, Folder, Label
from mailsuite.model.message import Message
from mailsuite.model.rule import RULES, By, Do, On, Rule, Then, When
from mailsuite.model.vacation import Vacation
from mailsuite.testing import builders
from mailsuite.testing.builders import ANN, NOW
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
NAMES = Names((Folder("f1", "Work/Bills"),), (Label("7", "Läter"),), ANN)


def data(**fields: Any) -> dict[str, Any]:
    """A rule that stars; ``fields`` are set over it."""
    return {
        "name": "Bills",
        "when": [{"on": "subject", "by": "word", "value": "bill"}],
        "then": [{"do": "star"}],
    } | fields


def condition(**fields: Any) -> dict[str, Any]:
    """A rule with one condition."""
    return data(when=[fields])


def action(**fields: Any) -> dict[str, Any]:
    """A rule with one action."""
    return data(then=[fields])


class FormTests(SynchronousTestCase):
    """read_rule and show_rule."""

    def refused(self, given_: dict[str, Any], *words: str) -> None:
        """With the rule, the field and these words."""
        with self.assertRaises(ValueError) as raised:
            read_rule(given_, NAMES)
        for word in words:
            self.assertIn(word, str(raised.exception))

    def test_all_of_it(self) -> None:
        """Values in the form in which they are compared, targets by id."""
        given_ = {
            "name": " Bücher ",
            "match": "any",
            "enabled": False,
            "when": [
                {"on": "from", "by": "domain", "value": "@Shop.Bücher.example"},
                {"on": "to", "by": "is", "value": "Ann@BÜCHER.example", "not": True},
                {"on": "size", "by": "larger", "value": 1000},
                {"on": "verdict", "by": "is", "value": "DMARC=fail"},
                {"on": "attachment", "by": "present"},
            ],
            "then": [
                {"do": "file", "target": "work/bills"},
                {"do": "label", "target": "läter"},
                {"do": "forward", "target": "X@Bücher.example"},
                {"do": "stop"},
            ],
        }
        rule = Rule(
            "Bücher",
            (
                When(On.AUTHOR, By.DOMAIN, "shop.xn--bcher-kva.example"),
                When(On.TO, By.IS, "ann@xn--bcher-kva.example", True),
                When(On.SIZE, By.LARGER, "1000"),
                When(On.VERDICT, By.IS, "dmarc=fail"),
                When(On.ATTACHMENT, By.PRESENT),
            ),
            (Then(Do.FILE, "f1"), Then(Do.LABEL, "7"), Then(Do.FORWARD, "x@xn--bcher-kva.example"), Then(Do.STOP)),
            any=True,
            enabled=False,
        )
        self.assertEqual(read_rule(given_, NAMES), rule)
        self.assertEqual(read_rule(show_rule(rule, NAMES), NAMES), rule)
        self.assertEqual(show_rule(rule, NAMES)["then"][0], {"do": "file", "target": "Work/Bills"})

    def test_the_rule_that_is_shipped(self) -> None:
        """Is one, and explains every word."""
        text = (ROOT / "etc" / "rule.toml").read_text()
        self.assertEqual(read_rule(tomllib.loads(text), NAMES).name, "Shop")
        for word in (*On, *By, *Do):
            self.assertIn(f'"{word}"', text)

    def test_standard_folders(self) -> None:
        """Those into which mail may come."""
        for name in ("Inbox", "archive", "SPAM", "trash"):
            self.assertEqual(read_rule(action(do="file", target=name), NAMES).then, (Then(Do.FILE, name.lower()),))
        for name in ("sent", "drafts", "starred", "snoozed", "deleted", "label/7", "", "Bills"):
            self.refused(action(do="file", target=name), "rule 'Bills': then[0].target: there is no folder")

    def test_errors_name_rule_and_field(self) -> None:
        """And say what would be right."""
        self.refused({}, "the rule: ", "`name`")
        self.refused(data(name=7), "the rule: name: ", "str")
        self.refused(data(extra=1), "rule 'Bills': ", "extra")
        self.refused(data(name=" "), "name: from 1 to 100 characters")
        self.refused(data(name="x" * 101), "name: ")
        self.refused(data(name="a\nb"), "name: ")
        self.refused(data(match="some"), "match: ")
        self.refused(data(when=[{}] * 21), "when[0]: ", "`on`")
        self.refused(data(when=data()["when"] * 21), "when: at most 20")
        self.refused(data(then=[]), "then: there must be an action")
        self.refused(data(then=[{"do": "star"}] * 11), "then: at most 10")
        self.refused(condition(on="colour", by="is"), "when[0].on: ", "colour")
        self.refused(condition(on="subject", by="larger", value="1"), "when[0].by: subject is compared by contains, is")
        self.refused(condition(on="subject", by="is", value=""), "when[0].value: from 1 to 200")
        self.refused(condition(on="subject", by="is", value="x" * 201), "when[0].value: from 1 to 200")
        self.refused(condition(on="subject", by="is", value="a\rb"), "when[0].value: ")
        self.refused(condition(on="subject", by="word", value="!?"), "when[0].value: there is no word")
        for value in ("much", "-1", "1.5", "²", "9" * 12):
            self.refused(condition(on="size", by="larger", value=value), "when[0].value: octets")
        self.refused(condition(on="verdict", by="is", value="dmarc"), "when[0].value: a method and its result")
        self.refused(condition(on="list", by="present", value="x"), "when[0].value: ")
        self.refused(condition(on="from", by="domain", value="a b"), "when[0].value: ")
        self.refused(data(then=[{"do": "star"}, {"do": "label", "target": "x"}]), "then[1].target: there is no label")
        self.refused(action(do="star", target="x"), "then[0].target: star has none")
        self.refused(action(do="forward", target="x"), "then[0].target: ", "not an address")
        self.refused(action(do="forward", target="Ann@alpha.example"), "then[0].target: ", "the account itself")

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["name", "when", "then", "on", "by", "value", "do", "target", "x"]), inner
                )
            ),
        )
    )
    def test_anything(self, given_: Any) -> None:
        """Is a rule or a ValueError."""
        for whole in (given_, data(when=given_), data(then=given_), condition(on="from", by="is", value=given_)):
            if isinstance(whole, dict):
                try:
                    rule = read_rule(whole, NAMES)
                except ValueError:
                    continue
                self.assertEqual(read_rule(show_rule(rule, NAMES), NAMES), rule)


class RulesCase(SynchronousTestCase):
    """Ann's mailbox on the fake."""

    def setUp(self) -> None:
        self.store = FakeStore(lambda: NOW)
        self.ann = builders.account()
        self.now(self.store.directory.add_domain(builders.domain()))
        self.now(self.store.directory.add_account(self.ann))
        self.rules = Rules(self.store.rules, self.store.mailbox)

    def now(self, work: Awaitable[T]) -> T:
        """The result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(work))  # type: ignore[arg-type]

    def fails(self, kind: type[Exception], work: Awaitable[Any]) -> str:
        """What the error says."""
        return str(self.failureResultOf(Deferred.fromCoroutine(work), kind).value)  # type: ignore[arg-type]

    def add(self, name: str, *then: Then) -> Rule:
        """Behind the others."""
        rule = Rule(name, (When(On.SUBJECT, By.WORD, "bill"),), then or (Then(Do.STAR),))
        self.now(self.rules.add(self.ann, rule))
        return rule

    def order(self) -> list[str]:
        """The names of the rules."""
        return [shown.rule.name for shown in self.now(self.rules.shown(self.ann))]


class RulesTests(RulesCase):
    """Keeping them."""

    def test_order(self) -> None:
        """Added, put first, moved, changed, removed; names are told apart as people do."""
        one, two = self.add("One"), self.add("Two")
        self.now(self.rules.add(self.ann, Rule("Three", (), (Then(Do.STAR),)), 0))
        self.assertEqual(self.order(), ["Three", "One", "Two"])
        self.now(self.rules.move(self.ann, "three", 2))
        self.assertEqual(self.order(), ["One", "Two", "Three"])
        self.fails(Conflict, self.rules.add(self.ann, Rule("ONE", (), ())))
        self.fails(Conflict, self.rules.change(self.ann, "Two", one))
        self.now(self.rules.change(self.ann, "two", Rule("TWO", two.when, two.then)))
        self.now(self.rules.remove(self.ann, "one"))
        self.assertEqual(self.order(), ["TWO", "Three"])
        for work in (self.rules.remove(self.ann, "one"), self.rules.move(self.ann, "x", 0)):
            self.assertIn("there is no rule", self.fails(NotThere, work))

    def test_limits(self) -> None:
        """Of their number, and of the addresses to which they forward."""
        for n in range(RULES):
            self.add(f"r{n}")
        self.assertIn("100", self.fails(ValueError, self.rules.add(self.ann, Rule("r", (), ()))))
        self.now(self.rules.remove(self.ann, "r0"))
        for n in range(1, 11):
            self.now(self.rules.change(self.ann, f"r{n}", Rule(f"r{n}", (), (Then(Do.FORWARD, f"x{n}@y.example"),))))
        more = Rule("r", (), (Then(Do.FORWARD, "x@y.example"),))
        self.assertIn("11 addresses", self.fails(ValueError, self.rules.add(self.ann, more)))

    def test_broken(self) -> None:
        """A rule whose folder or label was deleted says so, and is kept."""
        folder = self.now(self.store.mailbox.create_folder(self.ann.id, "Work"))
        label = self.now(self.store.mailbox.create_label(self.ann.id, "Later", "red"))
        self.add("r", Then(Do.STAR), Then(Do.FILE, folder.id), Then(Do.LABEL, label.id), Then(Do.FILE, INBOX))
        self.assertEqual(self.now(self.rules.shown(self.ann))[0].broken, ())
        self.now(self.store.mailbox.delete_folder(self.ann.id, folder.id))
        self.now(self.store.mailbox.delete_label(self.ann.id, label.id))
        broken = self.now(self.rules.shown(self.ann))[0].broken
        self.assertEqual(broken, ("then[1].target: the folder was deleted", "then[2].target: the label was deleted"))

    def test_vacation(self) -> None:
        """Checked before it is kept."""
        self.assertIn("text: ", self.fails(ValueError, self.rules.set_vacation(self.ann, Vacation(""))))
        self.assertIsNone(self.now(self.rules.vacation(self.ann)))
        self.now(self.rules.set_vacation(self.ann, Vacation("away")))
        self.assertEqual(self.now(self.rules.vacation(self.ann)), Vacation("away"))


class TrialTests(RulesCase):
    """On mail that is there."""

    def setUp(self) -> None:
        super().setUp()
        self.threaded = 0
        blobs = self.store.blobs
        self.trial = RuleTrial(self.store.messages, self.store.mailbox, blobs, self.thread)
        self.changer = Changer(self.store.mailbox, FakeEvents())
        for n in range(120):
            self.file(n, "bill" if n % 10 == 0 else "letter", "needle" if n == 7 else "hay")

    async def thread(self, work: Callable[[], T]) -> T:
        """At once."""
        return work()

    def file(self, n: int, subject: str, body: str) -> None:
        """A message into the Inbox."""
        text = f"From: {builders.BOB}\r\nTo: {ANN}\r\nSubject: {subject} {n}\r\nMessage-ID: <{n}@x>\r\n\r\n{body}\r\n"
        content = text.encode()
        blob = self.now(self.store.blobs.put(content))
        new = builders.filing(f"k{n}", account=ANN, at=NOW + n, blob=blob, about=describe(content))
        self.now(self.store.messages.file(new))

    def messages(self, folder: str) -> list[Message]:
        """What is in it."""
        return [m for m in self.store.messages.all.values() if m.folder == folder]

    def tried(self, rule: Rule, last: int) -> list[str]:
        """The subjects for which it holds."""
        return [each.message.description.subject for each in self.now(self.trial.test(self.ann, [rule], last))]

    def test_the_last_messages(self) -> None:
        """Newest first, so many and no more, and nothing is changed."""
        before = dict(self.store.messages.all)
        rule = Rule("r", (When(On.SUBJECT, By.WORD, "bill"),), (Then(Do.DISCARD),))
        self.assertEqual(self.tried(rule, 25), ["bill 110", "bill 100"])
        self.assertEqual(len(self.tried(rule, 1000)), 12)
        needle = Rule("r", (When(On.BODY, By.WORD, "needle"),), (Then(Do.STAR),))
        self.assertEqual(self.tried(needle, 1000), ["letter 7"])
        small = Rule("r", (When(On.SIZE, By.SMALLER, "100"),), (Then(Do.STAR),))
        self.assertEqual(self.tried(small, 1000), [])
        self.assertEqual(before, self.store.messages.all)

    def test_a_label_that_is_deleted_meanwhile(self) -> None:
        """Is skipped like one that was deleted before; the rest is done, and can be taken back."""
        label = self.now(self.store.mailbox.create_label(self.ann.id, "Later", "red"))
        when = (When(On.SUBJECT, By.WORD, "bill"),)
        rule = Rule("r", when, (Then(Do.LABEL, label.id), Then(Do.STAR)))
        changer = self.changer
        do = changer.do

        async def late(account: str, action: Action, selection: Selection) -> Done:
            if action.verb is Verb.LABEL:
                await self.store.mailbox.delete_label(account, label.id)
            return await do(account, action, selection)

        self.patch(changer, "do", late)
        applied = self.now(self.trial.apply(self.ann, rule, changer))
        self.assertEqual(applied.messages, 12)
        self.assertEqual(sum(m.flagged for m in self.messages(INBOX)), 12)
        self.now(undo_applied(self.ann, applied, changer))
        self.assertEqual(sum(m.flagged for m in self.messages(INBOX)), 0)

    def test_applied_and_taken_back(self) -> None:
        """All that the rule does but forwarding; undone, everything is as it was."""
        label = self.now(self.store.mailbox.create_label(self.ann.id, "Later", "red"))
        then = (
            *(Then(Do.FILE, "f99"), Then(Do.DISCARD), Then(Do.LABEL, label.id), Then(Do.LABEL, "99")),
            *(Then(Do.STAR), Then(Do.READ), Then(Do.FORWARD, "x@y.example")),
        )
        rule = Rule("r", (When(On.SUBJECT, By.WORD, "bill"),), then, enabled=False)
        applied = self.now(self.trial.apply(self.ann, rule, self.changer))
        self.assertEqual(applied.messages, 12)
        self.assertEqual((len(self.messages(TRASH)), len(self.messages(INBOX))), (12, 108))
        for message in self.messages(TRASH):
            self.assertEqual((message.flagged, message.seen, message.labels), (True, True, (label.id,)))
        self.assertFalse(any(m.flagged or m.seen or m.labels for m in self.messages(INBOX)))
        self.now(undo_applied(self.ann, applied, self.changer))
        self.assertEqual(len(self.messages(INBOX)), 120)
        self.assertFalse(any(m.flagged or m.seen or m.labels for m in self.messages(INBOX)))
