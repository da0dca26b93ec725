"""Rules: what their conditions mean, what several of them do together."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Mailbox
from mailsuite.model.folder import INBOX, SPAM, TRASH
from mailsuite.model.rule import COMPARES, TARGETED, By, Decision, Do, Facts, On, Rule, Then, When, decide, needs_text
from mailsuite.model.verdict import Authentication

FACTS = Facts(
    author=(Mailbox("Jörg Müller", "joerg@shop.xn--bcher-kva.example"),),
    to=(Mailbox("", "ann@alpha.example"), Mailbox("Team", "team@beta.example")),
    envelope=("ann+shop@alpha.example",),
    subject="Ihre RECHNUNG  vom 3. März",
    text="Guten Tag,\nanbei die Rechnung für die Straße 5.\n日本語の文章です\nrechnung.pdf",
    list_id="Neues vom Verein <news.verein.example>",
    size=5000,
    has_attachments=True,
    verdict=Authentication("softfail", "pass", "fail", "", ""),
)


def holds(on: On, by: By, value: str = "", facts: Facts = FACTS) -> bool:
    """Does the one condition hold, and its negation not?"""
    found = [bool(decide([Rule("r", (When(on, by, value, negated),), ())], facts).rules) for negated in (False, True)]
    assert found[0] is not found[1]
    return found[0]


class ConditionTests(SynchronousTestCase):
    """Each field with what compares it."""

    def test_contains(self) -> None:
        """A piece of the text, without regard to case, diacritics and the width of spaces."""
        self.assertTrue(holds(On.SUBJECT, By.CONTAINS, "rechnung vom"))
        self.assertTrue(holds(On.SUBJECT, By.CONTAINS, "MARZ"))
        self.assertTrue(holds(On.BODY, By.CONTAINS, "strasse"))
        self.assertTrue(holds(On.BODY, By.CONTAINS, "本語"))
        self.assertTrue(holds(On.AUTHOR, By.CONTAINS, "muller"))
        self.assertTrue(holds(On.AUTHOR, By.CONTAINS, "joerg@"))
        self.assertFalse(holds(On.SUBJECT, By.CONTAINS, "mahnung"))
        # Name and address are two things.
        self.assertFalse(holds(On.AUTHOR, By.CONTAINS, "Müller joerg"))

    def test_is(self) -> None:
        """The whole of it: the subject, a name, an address, a list id."""
        self.assertTrue(holds(On.SUBJECT, By.IS, "ihre Rechnung vom 3. märz"))
        self.assertFalse(holds(On.SUBJECT, By.IS, "rechnung"))
        self.assertTrue(holds(On.TO, By.IS, "ann@alpha.example"))
        self.assertTrue(holds(On.TO, By.IS, "Team"))
        self.assertFalse(holds(On.TO, By.IS, "nn@alpha.example"))
        self.assertTrue(holds(On.LIST, By.IS, "news.verein.example"))

    def test_domain(self) -> None:
        """The domain itself and those below it, none that only ends alike."""
        self.assertTrue(holds(On.AUTHOR, By.DOMAIN, "shop.xn--bcher-kva.example"))
        self.assertTrue(holds(On.AUTHOR, By.DOMAIN, "xn--bcher-kva.example"))
        self.assertFalse(holds(On.AUTHOR, By.DOMAIN, "op.xn--bcher-kva.example"))
        self.assertTrue(holds(On.LIST, By.DOMAIN, "verein.example"))
        self.assertFalse(holds(On.TO, By.DOMAIN, "gamma.example"))

    def test_word(self) -> None:
        """Whole words beside each other; scripts without spaces have none."""
        self.assertTrue(holds(On.BODY, By.WORD, "die rechnung"))
        self.assertTrue(holds(On.BODY, By.WORD, "rechnung.pdf"))
        self.assertFalse(holds(On.BODY, By.WORD, "rech"))
        self.assertFalse(holds(On.BODY, By.WORD, "rechnung die"))
        self.assertTrue(holds(On.BODY, By.WORD, "日本"))
        self.assertFalse(holds(On.BODY, By.WORD, "中国"))
        self.assertFalse(holds(On.BODY, By.WORD, "!"))

    def test_the_address_by_which_it_came(self) -> None:
        """Is a recipient, but not one of To and Cc."""
        self.assertTrue(holds(On.RECIPIENT, By.IS, "ann+shop@alpha.example"))
        self.assertTrue(holds(On.RECIPIENT, By.IS, "team@beta.example"))
        self.assertFalse(holds(On.TO, By.IS, "ann+shop@alpha.example"))

    def test_the_others(self) -> None:
        """Size without the limit itself, attachment, list, verdict."""
        self.assertTrue(holds(On.SIZE, By.LARGER, "4999"))
        self.assertFalse(holds(On.SIZE, By.LARGER, "5000"))
        self.assertFalse(holds(On.SIZE, By.SMALLER, "5000"))
        self.assertTrue(holds(On.SIZE, By.SMALLER, "5001"))
        self.assertTrue(holds(On.ATTACHMENT, By.PRESENT))
        self.assertFalse(holds(On.ATTACHMENT, By.PRESENT, facts=replace(FACTS, has_attachments=False)))
        self.assertTrue(holds(On.LIST, By.PRESENT))
        self.assertFalse(holds(On.LIST, By.PRESENT, facts=replace(FACTS, list_id="")))
        self.assertTrue(holds(On.VERDICT, By.IS, "dmarc=fail"))
        self.assertTrue(holds(On.VERDICT, By.IS, "spf=softfail"))
        self.assertFalse(holds(On.VERDICT, By.IS, "dmarc=pass"))
        self.assertFalse(holds(On.VERDICT, By.IS, "dmarc=fail", replace(FACTS, verdict=Authentication())))

    def test_nothing_to_look_at(self) -> None:
        """An empty message fulfils nothing but being small."""
        for on, compares in COMPARES.items():
            for by in compares:
                value = {On.SIZE: "1", On.VERDICT: "spf=pass"}.get(on, "x")
                self.assertEqual(holds(on, by, value, Facts()), by is By.SMALLER, (on, by))


YES, NO = When(On.SUBJECT, By.CONTAINS, "rechnung"), When(On.SUBJECT, By.CONTAINS, "mahnung")


def rule(name: str, *then: Then, when: tuple[When, ...] = (YES,), any_: bool = False) -> Rule:
    """It holds unless said otherwise."""
    return Rule(name, when, then, any_)


class DecisionTests(SynchronousTestCase):
    """Several conditions, several rules."""

    def test_all_and_any(self) -> None:
        """Without conditions a rule holds for everything."""
        for when, all_, any_ in (
            ((YES, YES), True, True),
            ((YES, NO), False, True),
            ((NO, NO), False, False),
            ((), True, True),
            ((replace(NO, negated=True), YES), True, True),
        ):
            found = [bool(decide([rule("r", when=when, any_=each)], FACTS).rules) for each in (False, True)]
            self.assertEqual(found, [all_, any_], when)

    def test_everything_at_once(self) -> None:
        """The actions of all rules that hold; of the folders the first is tried first."""
        rules = [
            rule("one", Then(Do.LABEL, "1"), Then(Do.STAR)),
            rule("two", Then(Do.FILE, "f2"), Then(Do.LABEL, "1"), Then(Do.LABEL, "2"), Then(Do.FORWARD, "x@y.example")),
            rule("not", Then(Do.DISCARD), when=(NO,)),
            replace(rule("off", Then(Do.DISCARD)), enabled=False),
            rule("three", Then(Do.FILE, "f3"), Then(Do.READ)),
        ]
        decision = decide(rules, FACTS)
        expected = Decision(("f2", "f3"), ("1", "2"), True, True, ("x@y.example",), ("one", "two", "three"))
        self.assertEqual(decision, expected)
        self.assertEqual(decision.places, ("f2", "f3", INBOX))

    def test_stop(self) -> None:
        """All of the rule itself is done, of the later ones nothing; one that does not hold stops nothing."""
        rules = [
            rule("not", Then(Do.STOP), when=(NO,)),
            rule("one", Then(Do.STOP), Then(Do.FILE, "f1")),
            rule("two", Then(Do.STAR)),
        ]
        self.assertEqual(decide(rules, FACTS), Decision(("f1",), rules=("one",)))

    def test_spam_is_not_forwarded(self) -> None:
        """Whichever rule says so; what is discarded is."""
        forward = rule("on", Then(Do.FORWARD, "x@y.example"))
        spam, bin_ = rule("spam", Then(Do.FILE, SPAM)), rule("bin", Then(Do.DISCARD))
        self.assertEqual(decide([forward, spam], FACTS).forwards, ())
        self.assertEqual(decide([spam, forward], FACTS).forwards, ())
        found = decide([bin_, forward], FACTS)
        self.assertEqual((found.forwards, found.places[0], found.unwanted), (("x@y.example",), TRASH, True))

    def test_needs_text(self) -> None:
        """Only a condition on the body does."""
        self.assertFalse(needs_text([rule("r")]))
        self.assertTrue(needs_text([rule("r"), rule("s", when=(YES, When(On.BODY, By.WORD, "x")))]))


_values = st.text(max_size=20) | st.sampled_from(["ann@alpha.example", "日本", "é", "straße", "İ", "ﬃ", "\ud800"])


@st.composite
def _whens(draw: st.DrawFn) -> When:
    on = draw(st.sampled_from(On))
    value = _values
    if on is On.SIZE:
        value = st.integers(0, 10**9).map(str)
    elif on is On.VERDICT:
        value = st.sampled_from(["dmarc=fail", "spf=none", "dkim=pass", "arc=fail"])
    return When(on, draw(st.sampled_from(COMPARES[on])), draw(value), draw(st.booleans()))


_targets = st.sampled_from(["f1", "f2", SPAM])
_thens = st.builds(Then, st.sampled_from(Do), _targets).map(lambda t: t if t.do in TARGETED else Then(t.do))
_rules = st.builds(
    Rule,
    st.text(min_size=1, max_size=5),
    st.lists(_whens(), max_size=4).map(tuple),
    st.lists(_thens, max_size=4).map(tuple),
    st.booleans(),
    st.booleans(),
)
_boxes = st.lists(st.builds(Mailbox, _values, _values), max_size=3).map(tuple)
_facts = st.builds(
    Facts,
    _boxes,
    _boxes,
    st.lists(_values, max_size=2).map(tuple),
    _values,
    _values,
    _values,
    st.integers(0, 10**8),
    st.booleans(),
    st.builds(Authentication, dmarc=st.sampled_from(["", "fail", "pass"])),
)


class RuleProperties(SynchronousTestCase):
    """Of any rules and any message."""

    @given(st.lists(_rules, max_size=6), _facts)
    def test_rules_one_by_one(self, rules: list[Rule], facts: Facts) -> None:
        """Together they do what each does alone, up to the first that holds and stops."""
        together = decide(rules, facts)
        alone: list[Decision] = []
        held: list[Rule] = []
        for each in rules:
            one = decide([each], facts)
            alone.append(one)
            held += [each] * bool(one.rules)
            if one.rules and any(then.do is Do.STOP for then in each.then):
                break
        self.assertEqual(together.rules, tuple(name for one in alone for name in one.rules))
        self.assertEqual(together.folders, tuple(dict.fromkeys(place for one in alone for place in one.folders)))
        self.assertEqual(together.labels, tuple(dict.fromkeys(label for one in alone for label in one.labels)))
        self.assertEqual(together.starred, any(one.starred for one in alone))
        self.assertEqual(together.read, any(one.read for one in alone))
        forwards = dict.fromkeys(then.target for each in held for then in each.then if then.do is Do.FORWARD)
        self.assertEqual(together.forwards, () if SPAM in together.folders else tuple(forwards))

    @given(st.lists(_whens(), min_size=1, max_size=4), _facts)
    def test_negation(self, whens: list[When], facts: Facts) -> None:
        """Not any is all not (De Morgan)."""
        inverse = tuple(replace(when, negated=not when.negated) for when in whens)
        any_ = decide([Rule("r", tuple(whens), (), any=True)], facts).rules
        all_not = decide([Rule("r", inverse, ())], facts).rules
        self.assertNotEqual(bool(any_), bool(all_not))
