"""The words of a search, in any script, and where a text shows them."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.marks import LENGTH, around, marks
from mailsuite.model.query import Text
from mailsuite.model.terms import TERM_LENGTH, fold, is_paired, parts, runs, terms

ANY = st.text(max_size=80)


class TermsTests(SynchronousTestCase):
    """terms, fold, parts."""

    def test_words(self) -> None:
        """Runs of letters and digits, folded."""
        for text, want in (
            ("Hello, World! 2x", ["hello", "world", "2x"]),
            ("don't_stop", ["don", "t", "stop"]),
            ("naïve Café ÅNGSTRÖM", ["naive", "cafe", "angstrom"]),
            ("Straße Ærø Łódź", ["strasse", "aero", "lodz"]),
            ("İstanbul ısı", ["istanbul", "isi"]),
            ("Tiếng Việt Đà Nẵng", ["tieng", "viet", "da", "nang"]),
            ("ΣΊΣΥΦΟΣ σίσυφος", ["σισυφοσ", "σισυφοσ"]),
            ("ёлка Йод", ["елка", "иод"]),
            ("שָׁלוֹם", ["שלום"]),
            ("مُحَمَّد", ["محمد"]),
            ("हिन्दी", ["हिन्दी"]),
            ("ｆｕｌｌ ｗｉｄｔｈ", ["full", "width"]),
            ("a" * 99, ["a" * TERM_LENGTH]),
            ("… — «»", []),
        ):
            self.assertEqual(want, terms(text), text)

    def test_pairs(self) -> None:
        """Scripts without spaces are cut into pairs, and a run's last character stands alone too."""
        for text, want in (
            ("新年快乐", ["新年", "年快", "快乐", "乐"]),
            ("新", ["新"]),
            ("ﾃｽﾄ", ["テス", "スト", "ト"]),
            ("デ", ["デ"]),
            ("a新年b", ["a", "新年", "年", "b"]),
            ("회의", ["회의", "의"]),
        ):
            self.assertEqual(want, terms(text), text)

    def test_parts(self) -> None:
        """Long words have ends that a search for a part of them finds; short ones and numbers have none."""
        self.assertIn("versicherung", parts(["krankenversicherung"]))
        self.assertEqual(set(), parts(["versichern", "12345678901234567890"]))

    @given(ANY)
    def test_any_text(self, text: str) -> None:
        """Terms are folded, without spaces and quotes, bounded; folding twice changes nothing."""
        for term in terms(text):
            self.assertTrue(0 < len(term) <= TERM_LENGTH)
            self.assertFalse(any(c.isspace() or c in "\"'*:^.+-()" for c in term))
        self.assertEqual(fold(text), fold(unicodedata.normalize("NFD", text)))

    @given(st.lists(st.sampled_from(["word", "Über", "新年快", "テスト", "x1"]), min_size=1, max_size=6))
    def test_runs_are_the_terms(self, words: list[str]) -> None:
        """Where the text is cut for marking is where it is cut for the index."""
        text = " ".join(words)
        pieces = [fold(text[start:end]) for start, end in runs(text)]
        self.assertEqual([fold(word) for word in words], pieces)
        self.assertEqual(terms(text), [term for piece in pieces for term in terms(piece)])

    def test_is_paired(self) -> None:
        """By the first character."""
        self.assertEqual([True, True, False], [is_paired(t) for t in ("新年", "ト", "a新")])


class MarksTests(SynchronousTestCase):
    """marks and around."""

    def shown(self, text: str, *wanted: Text) -> list[str]:
        """The marked pieces of a text."""
        return [text[start:end] for start, end in marks(text, wanted)]

    def test_marks(self) -> None:
        """Words, beginnings, phrases, parts, in the spelling of the text; what touches is one."""
        for text, wanted, want in (
            ("the Fox, a foxtrot", Text("fox"), ["Fox"]),
            ("the Fox, a foxtrot", Text("fox", prefix=True), ["Fox", "fox"]),
            ("ÜBUNG übung", Text("ubung"), ["ÜBUNG", "übung"]),
            ("first.last@x.example", Text("last@x"), ["last@x"]),
            ("祝新年快乐", Text("新年"), ["新年"]),
            ("Krankenversicherung", Text("versich", prefix=True), ["versich"]),
            ("Straße", Text("strasse"), ["Straße"]),
            ("nothing", Text("fox"), []),
            ("", Text("fox"), []),
        ):
            self.assertEqual(want, self.shown(text, wanted), text)
        self.assertEqual(["年快"], self.shown("新年快乐", Text("年快")))
        self.assertEqual(["新年快乐"], self.shown("新年快乐", Text("新年"), Text("快乐")))

    def test_around(self) -> None:
        """A line around the first match; nothing when there is none."""
        text = "x " * 300 + "needle\nin " + "y " * 300
        line = around(text, [Text("needle")])
        self.assertTrue(line.startswith("…x") and "needle in y" in line and line.endswith("…"), line)
        self.assertEqual("", around(text, [Text("absent")]))
        self.assertEqual("short needle", around("short\n needle", [Text("needle")]))
        self.assertIn("Nadel", around("Heu " * 100 + "Nadel", [Text("nadel")]))
        self.assertIn("nädel", around("Heu " * 100 + "nädel", [Text("nadel")]))

    @given(ANY, st.lists(st.text(max_size=6), max_size=3))
    def test_any_text(self, text: str, typed: list[str]) -> None:
        """Marks lie within the text, in order, apart; a line is one, and short."""
        wanted = [Text(each, prefix=True) for each in typed]
        spans = marks(text, wanted)
        edges = [edge for span in spans for edge in span]
        self.assertEqual(sorted(edges), edges)
        self.assertTrue(all(0 <= start < end <= len(text) for start, end in spans))
        line = around(text, wanted)
        self.assertLessEqual(len(line), LENGTH + 1)
        self.assertEqual(line, " ".join(line.split()))
