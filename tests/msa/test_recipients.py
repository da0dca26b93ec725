"""Address lists as typed."""

import contextlib
from time import perf_counter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.addresses import parse_mailboxes, show_mailbox
from mailsuite.msa.draft import FieldError
from mailsuite.msa.recipients import read_recipients


class ReadRecipientsTests(SynchronousTestCase):
    """read_recipients."""

    def read(self, text: str) -> list[tuple[str, str]]:
        """Names and addresses."""
        return [(box.name, box.address) for box in read_recipients("to", text)]

    def refused(self, text: str) -> FieldError:
        """The error for a list of the field cc."""
        error = self.assertRaises(FieldError, read_recipients, "cc", text)
        assert isinstance(error, FieldError)
        return error

    def test_forms(self) -> None:
        """Bare, in angle brackets, with a name, with a quoted name."""
        for text, name, address in (
            ("ann@alpha.example", "", "ann@alpha.example"),
            ("<ann@alpha.example>", "", "ann@alpha.example"),
            ("Ann Lee <Ann@Alpha.Example>", "Ann Lee", "Ann@alpha.example"),
            ('"Lee, Ann" <ann@alpha.example>', "Lee, Ann", "ann@alpha.example"),
            (r'"Ann \"A\" Lee" <ann@alpha.example>', 'Ann "A" Lee', "ann@alpha.example"),
            ("Jörg 王 <joerg@bücher.example>", "Jörg 王", "joerg@xn--bcher-kva.example"),
            ('"a b"@alpha.example', "", '"a b"@alpha.example'),
        ):
            self.assertEqual(self.read(text), [(name, address)], text)

    def test_separators(self) -> None:
        """Commas, semicolons and line ends part a pasted list; superfluous ones are harmless."""
        want = [("", "a@x.example"), ("", "b@x.example"), ("C", "c@x.example")]
        for text in (
            "a@x.example,b@x.example,C <c@x.example>",
            "a@x.example; b@x.example; C <c@x.example>;",
            "a@x.example\r\nb@x.example\n\nC <c@x.example>\n",
            " ,a@x.example,, b@x.example , ;C <c@x.example>, ",
        ):
            self.assertEqual(self.read(text), want, text)

    def test_nothing(self) -> None:
        """An empty field has no recipients."""
        self.assertEqual(self.read(" \r\n,; "), [])

    def test_forgotten_bracket(self) -> None:
        """Field case F093: the piece without its bracket is named, nobody vanishes."""
        error = self.refused('Ann <a@x.example, Bob <b@x.example>, "C" <c@x.example>')
        self.assertEqual((error.field, error.piece), ("cc", "Ann <a@x.example"))
        self.assertIn("Ann <a@x.example", str(error))

    def test_bad_pieces(self) -> None:
        """Each is refused by name."""
        for piece in (
            "Lee",
            "ann@",
            "Ann ann@x.example",
            "a@x.example <b@x.example>",
            "a@x.example b@x.example",
            "<a@x.example> <b@x.example>",
            "a@x.example>",
            '"Ann <a@x.example>',
            '"A" "B" <a@x.example>',
            "Ann <>",
            "list: a@x.example",
            "a@x.example (Ann)",
            "An\u2028n <a@x.example>",
            '"An\nn" <a@x.example>',
            "bob@x\\.example",
            '"abc\\',
        ):
            error = self.refused(f"first@x.example, {piece}")
            self.assertEqual(error.piece, piece)

    def test_header_injection(self) -> None:
        """Field case F085: a line break makes a new piece, and that is no address."""
        self.assertEqual(self.refused("a@x.example\r\nBcc: v@x.example").piece, "Bcc: v@x.example")

    def test_long_input(self) -> None:
        """Time grows with the length only: half a megabyte of each nasty character is quick."""
        for piece in (",", '"', "<", '\\"', '"\\', "a", "a@", " "):
            began = perf_counter()
            with contextlib.suppress(FieldError):
                read_recipients("to", piece * 500_000)
            self.assertLess(perf_counter() - began, 2, piece)

    def test_error_text_is_short(self) -> None:
        """A pasted novel is named by its beginning."""
        self.assertLess(len(str(self.refused("novel " * 10_000))), 300)

    @given(st.text(alphabet='ab@.<>",;\\ \n\t\0é\u2028\u202e():'))
    @settings(max_examples=200, deadline=None)
    def test_nothing_vanishes(self, text: str) -> None:
        """Every @ outside quotes is in a recipient, or the list is refused."""
        try:
            boxes = read_recipients("to", text)
        except FieldError as error:
            self.assertIn(error.piece, text)
            return
        self.assertGreaterEqual(sum((box.name + box.address).count("@") for box in boxes), text.count("@"))

    @given(st.lists(st.text(max_size=40), max_size=5))
    @settings(max_examples=200, deadline=None)
    def test_reads_what_reply_drafts_hold(self, names: list[str]) -> None:
        """What mime.addresses makes of any From field, and shows, is understood with the same addresses."""
        for name in names:
            boxes = parse_mailboxes(f"{name} <ann@alpha.example>")
            valid = [box for box in boxes if box.address == "ann@alpha.example"]
            for box in valid:
                self.assertEqual(read_recipients("to", show_mailbox(box)), (box,))
