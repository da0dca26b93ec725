"""The search field: operators, phrases, and that nothing typed is an error."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailbox.query import CONDITIONS, parse_query
from mailsuite.model.folder import DELETED
from mailsuite.model.query import Condition, Field, In, Is, Query, Text
from mailsuite.model.terms import terms

PLACES = {"arbeit/über": "f1", "label:wichtig": "label/7", "label:two words": "label/8"}

PIECES = st.sampled_from(
    [
        "-",
        '"',
        ":",
        "OR",
        "from:",
        "to:",
        "is:unread",
        "in:",
        "before:",
        "larger:",
        "2024-02-30",
        "5m",
        " ",
        "word",
        "新年",
    ]
)
WORDS = st.text(st.characters(whitelist_categories=("Ll", "Lo", "Nd")), min_size=1, max_size=8)
LINES = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map("".join))


def day(year: int, month: int = 1, day_: int = 1) -> int:
    """Midnight UTC in ms."""
    return int(datetime(year, month, day_, tzinfo=UTC).timestamp() * 1000)


class QueryTests(SynchronousTestCase):
    """parse_query."""

    def parse(self, line: str) -> Query:
        return parse_query(line, PLACES, UTC)

    def assert_groups(self, line: str, *groups: tuple[Condition, ...]) -> None:
        """The line is these conditions and no bounds."""
        self.assertEqual(Query(groups), self.parse(line), line)

    def test_words(self) -> None:
        """Each word is a condition; the last one, unless it is a phrase, may go on."""
        self.assert_groups("one  two", (Text("one"),), (Text("two", prefix=True),))
        self.assert_groups('one "two three"', (Text("one"),), (Text("two three"),))
        self.assert_groups('"one two', (Text("one two"),))
        self.assert_groups("-one two -", (Text("one", negated=True),), (Text("two", prefix=True),))
        self.assert_groups('-"one two" x@y.z', (Text("one two", negated=True),), (Text("x@y.z", prefix=True),))
        self.assert_groups('-- "" ...')

    def test_operators(self) -> None:
        """Fields, states, places; names of folders and labels whatever their case."""
        self.assert_groups("from:ann x", (Text("ann", Field.AUTHOR),), (Text("x", prefix=True),))
        self.assert_groups('TO:"Bob B" cc:c', (Text("Bob B", Field.RECIPIENT),), (Text("c", Field.RECIPIENT, True),))
        self.assert_groups("subject:新年", (Text("新年", Field.SUBJECT, True),))
        self.assert_groups(
            "is:unread -is:starred has:attachment", (Is("unread"),), (Is("starred", True),), (Is("attachment"),)
        )
        self.assert_groups(
            "in:inbox -in:Arbeit/Über label:WICHTIG", (In("inbox"),), (In("f1", True),), (In("label/7"),)
        )
        self.assert_groups('label:"two words"', (In("label/8"),))
        self.assertTrue(self.parse("in:anywhere").everywhere)

    def test_places_that_are_not_there(self) -> None:
        """They hold nothing, rather than everything."""
        self.assert_groups("in:nowhere label:none", (In(DELETED),), (In(""),))

    def test_either(self) -> None:
        """OR in capitals joins its neighbours."""
        self.assert_groups("a OR b c", (Text("a"), Text("b")), (Text("c", prefix=True),))
        self.assert_groups("OR a OR is:unread OR", (Text("a"), Is("unread")))
        self.assert_groups("a or b", (Text("a"),), (Text("or"),), (Text("b", prefix=True),))

    def test_bounds(self) -> None:
        """Days, months and years begin at midnight where the person is; sizes have units; turned round they swap."""
        for line, query in (
            ("before:2024-01-31", Query(before=day(2024, 1, 31))),
            ("after:2024/2", Query(after=day(2024, 2))),
            ("-before:2024", Query(after=day(2024))),
            ("after:2024 after:2023", Query(after=day(2024))),
            ("before:2024 before:2023", Query(before=day(2023))),
            ("larger:5M", Query(larger=5 * 1024 * 1024)),
            ("smaller:10kb -larger:3", Query(smaller=3)),
        ):
            self.assertEqual(query, self.parse(line), line)
        tokyo = parse_query("after:2024-01-01", {}, ZoneInfo("Asia/Tokyo"))
        self.assertEqual(day(2024) - 9 * 3_600_000, tokyo.after)

    def test_no_operators(self) -> None:
        """What is none, or has no value that makes sense, is text."""
        for line in ("foo:bar", "before:soon", "before:2024-13-01", "larger:much", "is:nice", "https://x.example"):
            self.assert_groups(line, (Text(line, prefix=True),))

    @given(LINES)
    def test_anything(self, line: str) -> None:
        """Any line is a query; its words are words, and there is an end to their number."""
        query = self.parse(line)
        conditions = [condition for group in query.groups for condition in group]
        self.assertLessEqual(len(conditions), CONDITIONS)
        self.assertTrue(all(query.groups))
        for condition in conditions:
            if isinstance(condition, Text):
                self.assertTrue(terms(condition.text))
        self.assertLessEqual(sum(isinstance(c, Text) and c.prefix for c in conditions), 1)

    @given(
        st.lists(st.text(st.characters(whitelist_categories=("Ll", "Lo", "Nd")), min_size=1, max_size=8), max_size=9)
    )
    def test_plain_words(self, words: list[str]) -> None:
        """Words without an operator come through as they are."""
        found = [group[0] for group in self.parse(" ".join(words)).groups]
        self.assertEqual(
            [word for word in words if terms(word)], [each.text for each in found if isinstance(each, Text)]
        )
