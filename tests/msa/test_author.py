"""The From field, read strictly."""

import contextlib
from time import perf_counter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.msa.author import author_of


class AuthorOfTests(SynchronousTestCase):
    """author_of."""

    def test_valid_fields(self) -> None:
        """The forms of RFC 5322 appendix A that programs write."""
        for value in (
            b"ann@alpha.example",
            b"<ann@alpha.example>",
            b"Ann Q. Lee <ann@alpha.example>",
            b'"Lee, Ann <x@y>" <ann@alpha.example>',
            b"=?utf-8?B?QW5uIMOF?= <ann@alpha.example>",
            b'ann@alpha.example (Ann, or "A" <a@b.example>)',
            b'(c1) "Ann" (c2) <Ann@Alpha.Example> (c3)',
            "Ännchen <ann@alpha.example>".encode(),
            "Ännchen <ann@alpha.example>".encode("latin-1"),
        ):
            self.assertEqual(author_of(value).key, "ann@alpha.example", value)

    def test_u_label(self) -> None:
        """An internationalised domain counts as its A-label (RFC 6532 section 3.2)."""
        self.assertEqual(author_of("<ann@bücher.example>".encode()).key, "ann@xn--bcher-kva.example")

    def test_no_or_several_authors(self) -> None:
        """None, two, a group, a route: refused."""
        for value in (
            b"",
            b"Ann",
            b"<>",
            b"ann@alpha.example, boss@alpha.example",
            b"<ann@alpha.example> <boss@alpha.example>",
            b"boss@bank.example <ann@alpha.example>",
            b"team: ann@alpha.example;",
            b"<@relay.example:ann@alpha.example>",
            b"ann@alpha.example\0",
        ):
            with self.assertRaises(ValueError, msg=repr(value)):
                author_of(value)

    def test_another_author_behind_quotes_and_comments(self) -> None:
        """A quote in a comment, or a bracket in a string, hides no second author from us."""
        for value in (
            b'(") <boss@bank.example> (") <ann@alpha.example>',
            b'"(" <boss@bank.example> ")" <ann@alpha.example>',
            b"(a (b) <boss@bank.example>) <ann@alpha.example>",
            b'"a\\" <boss@bank.example> " "<ann@alpha.example>"',
            b"(\\) <boss@bank.example> ) <ann@alpha.example",
        ):
            with self.assertRaises(ValueError, msg=repr(value)):
                author_of(value)

    def test_encoded_words_are_no_addresses(self) -> None:
        """An address inside an encoded word is text (RFC 2047 section 5): the bare one counts."""
        value = b"=?utf-8?q?=22_=3Cann=40alpha.example=3E_=28?= <boss@bank.example>"
        self.assertEqual(author_of(value).key, "boss@bank.example")

    def test_nasty_input_is_quick(self) -> None:
        """A quarter of a megabyte of half-open quotes takes no time."""
        for unit in (b'\\"', b'"', b"(", b"(\\"):
            began = perf_counter()
            for length in (1990, 256_000):
                value = unit * (length // len(unit))
                with self.assertRaises(ValueError):
                    author_of(value)
            self.assertLess(perf_counter() - began, 1)

    @given(st.binary(max_size=200))
    @settings(max_examples=200, deadline=None)
    def test_any_octets(self, value: bytes) -> None:
        """An address or a ValueError, never another error."""
        with contextlib.suppress(ValueError):
            self.assertTrue(author_of(value).domain.isascii())
