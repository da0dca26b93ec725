"""The header block in octets."""

import email
import email.policy

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.msa.fields import Field, split_fields

MESSAGE = (
    b"Subject: a\r\n b\r\n\tc\r\nX-Odd \t: spaced\r\nFROM:ann@alpha.example\r\n\r\nBcc: not a field\r\n\r\nbody\r\n"
)


class SplitFieldsTests(SynchronousTestCase):
    """split_fields."""

    def test_fields(self) -> None:
        """Names in lower case, octets as they were, folded lines together."""
        fields, rest = split_fields(MESSAGE)
        self.assertEqual(
            fields,
            (
                Field("subject", b"Subject: a\r\n b\r\n\tc\r\n"),
                Field("x-odd", b"X-Odd \t: spaced\r\n"),
                Field("from", b"FROM:ann@alpha.example\r\n"),
            ),
        )
        self.assertEqual(MESSAGE[rest:], b"\r\nBcc: not a field\r\n\r\nbody\r\n")

    def test_value(self) -> None:
        """Unfolding takes the CRLF away and leaves the white space (RFC 5322 section 2.2.3)."""
        self.assertEqual([f.value for f in split_fields(MESSAGE)[0]], [b"a b\tc", b"spaced", b"ann@alpha.example"])

    def test_no_body(self) -> None:
        """A header without an empty line, or none at all."""
        self.assertEqual(split_fields(b"A: 1\r\n"), ((Field("a", b"A: 1\r\n"),), 6))
        self.assertEqual(split_fields(b"A: 1"), ((Field("a", b"A: 1"),), 4))
        self.assertEqual(split_fields(b"\r\nbody"), ((), 0))
        self.assertEqual(split_fields(b""), ((), 0))

    def test_lines_that_are_no_fields(self) -> None:
        """The number of the bad line is told."""
        for header, line in (
            (b"A: 1\r\nno colon here\r\nFrom: x\r\n", 2),
            (b"From ann Mon Jan 1\r\nA: 1\r\n", 1),
            (b" folded at the top\r\nA: 1\r\n", 1),
            (b"A: 1\r\n: nameless\r\n", 2),
            (b"A: 1\r\n\xc3\xa4: 8-bit name\r\n", 2),
            (b"A: 1\r\nB: x\nBcc: y\r\n", 2),
            (b"A: 1\r\nB: x\rBcc: y\r\n", 2),
            (b"A: 1\r\n\tfolded\r\nB: \0\r\n", 3),
        ):
            error = self.assertRaises(ValueError, split_fields, header + b"\r\nbody")
            self.assertIn(f"line {line} ", str(error))

    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1),
                st.text(st.characters(min_codepoint=32, max_codepoint=126)),
            ),
            min_size=1,
        )
    )
    @settings(max_examples=200, deadline=None)
    def test_agrees_with_the_standard_library(self, pairs: list[tuple[str, str]]) -> None:
        """Names and values of well-formed headers are those that email.message sees."""
        raw = "".join(f"{name}: {value}\r\n" for name, value in pairs).encode() + b"\r\nbody\r\n"
        fields, rest = split_fields(raw)
        theirs = email.message_from_bytes(raw, policy=email.policy.compat32)
        self.assertEqual([f.name for f in fields], [name.lower() for name in theirs])
        self.assertEqual([f.value for f in fields], [str(v).encode().strip() for v in theirs.values()])
        self.assertEqual(b"".join(f.raw for f in fields), raw[:rest])

    @given(st.binary(max_size=300))
    @settings(max_examples=200, deadline=None)
    def test_any_octets(self, raw: bytes) -> None:
        """Fields that join to the octets before the rest, or a ValueError."""
        try:
            fields, rest = split_fields(raw)
        except ValueError:
            return
        self.assertEqual(b"".join(f.raw for f in fields), raw[:rest])
