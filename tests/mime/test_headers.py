"""The header block."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.headers import FIELDS, HEADER_OCTETS, Headers
from mailsuite.mime.words import decode_words

LINES = (
    b"Received: from a\r\n\tby b;\r\n date\r\n"
    b"Subject: =?utf-8?q?H=C3=A4?=\r\n =?utf-8?b?bGxv?= world\r\n"
    b"received: second\r\n"
    b"X-Empty:\r\n"
    b"X-Spaced  : value \r\n"
)


class HeadersTests(SynchronousTestCase):
    """RFC 5322 section 2.2."""

    def test_fields(self) -> None:
        """Names have no case, folding goes, encoded words are decoded, order stays."""
        headers = Headers.parse(LINES + b"\r\nbody")
        self.assertEqual(headers.names(), ("received", "subject", "received", "x-empty", "x-spaced"))
        self.assertEqual(headers.first("SUBJECT"), "Hällo world")
        self.assertEqual(headers.all("Received"), ("from a by b; date", "second"))
        self.assertEqual(headers.first("x-empty"), "")
        self.assertEqual(headers.first("x-spaced"), "value")
        self.assertIsNone(headers.first("x-none"))
        self.assertEqual(headers.all("x-none"), ())
        self.assertEqual(headers.raw("subject"), (b" =?utf-8?q?H=C3=A4?=\r\n =?utf-8?b?bGxv?= world",))
        self.assertEqual(headers.unfolded("subject"), ("=?utf-8?q?H=C3=A4?= =?utf-8?b?bGxv?= world",))
        self.assertEqual(headers.defects, ())

    def test_where_the_body_begins(self) -> None:
        """Behind the empty line; at the first line that is no field; at the end when there is no body."""
        for raw, start, defects in (
            (b"A: b\r\n\r\nbody", 8, 0),
            (b"A: b\n\nbody", 6, 0),
            (b"A: b\r\n", 6, 0),
            (b"A: b", 4, 0),
            (b"", 0, 0),
            (b"\r\nA: b", 2, 0),
            (b"A: b\r\nno field\r\nC: d\r\n\r\n", 6, 1),
            (b"no field", 0, 1),
            (b" continued\r\nA: b\r\n", 0, 1),
            (b"From ann@a.example Tue Nov  3 2026\r\nA: b\r\n\r\nbody", 44, 0),
        ):
            headers = Headers.parse(raw)
            self.assertEqual((headers.body_start, len(headers.defects)), (start, defects), raw)

    def test_a_block_within_octets(self) -> None:
        """Offsets count from the beginning of the octets, and nothing outside is looked at."""
        raw = b"XXXXA: b\r\n\r\nbodyC: d"
        headers = Headers.parse(raw, 4, 16)
        self.assertEqual((headers.names(), headers.body_start), (("a",), 12))
        self.assertEqual(Headers.parse(raw, 4, 8).body_start, 8)

    def test_caps(self) -> None:
        """What exceeds 1000 fields or 256 kB is not read, but the body begins behind it."""
        many = b"A: b\r\n" * (FIELDS + 5) + b"\r\nbody"
        headers = Headers.parse(many)
        self.assertEqual((len(headers.names()), many[headers.body_start :], len(headers.defects)), (FIELDS, b"body", 1))
        for large in (
            b"A: " + b"x" * HEADER_OCTETS + b"\r\nB: c\r\n\r\nbody",
            (b"A: " + b"x" * 10_000 + b"\r\n") * 30 + b"\r\nbody",
            b"A: b\r\n" + b" folded\r\n" * HEADER_OCTETS + b"\r\nbody",
            *(b"A: " + b"x" * (HEADER_OCTETS - less) + b"\r\nB: c\r\n\r\nbody" for less in range(8)),
        ):
            headers = Headers.parse(large)
            self.assertEqual((large[headers.body_start :], len(headers.defects)), (b"body", 1), large[-20:])
            self.assertLessEqual(sum(map(len, headers.raw("a"))), HEADER_OCTETS)
        self.assertEqual(Headers.parse(b"A: b\r\n" * FIELDS + b"\r\nbody").defects, ())

    def test_address_fields_still_parse(self) -> None:
        """A decoded name cannot add an address: it is quoted when it has specials."""
        raw = b"From: =?utf-8?q?evil=40x=2Eexample=2C?= <ann@a.example>\r\n\r\n"
        self.assertEqual(Headers.parse(raw).first("from"), '"evil@x.example," <ann@a.example>')
        raw = b"From: =?utf-8?q?=C3=84nn?= <ann@a.example>\r\n\r\n"
        self.assertEqual(Headers.parse(raw).first("from"), "Änn <ann@a.example>")

    def test_language(self) -> None:
        """By the charset or language that the block names; without any hint raw octets are windows-1252."""
        for field, text in (
            (b"Content-Type: text/plain; charset=windows-1251", "привет"),
            (b"Content-Language: ru", "привет"),
            (b"Content-Language: xx", "ïðèâåò"),
            (b"X: y", "ïðèâåò"),
        ):
            headers = Headers.parse(b"Subject: " + "привет".encode("cp1251") + b"\r\n" + field + b"\r\n")
            self.assertEqual(headers.first("subject"), text)

    def test_controls_are_removed(self) -> None:
        """CR, LF and NUL, raw or encoded; a tab is a space."""
        raw = b"Subject: a\x00b\rc\td =?utf-8?q?=0D=0Ae?=\r\n\r\n"
        self.assertEqual(Headers.parse(raw).first("subject"), "abc d e")


class WordTests(SynchronousTestCase):
    """RFC 2047."""

    def test_examples_of_the_standard(self) -> None:
        """Section 8."""
        for encoded, decoded in (
            ("=?ISO-8859-1?Q?a?=", "a"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            ("=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
            ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
            ("=?iso-8859-8?b?7eXs+SDv4SDo7Oj08A==?=", "םולש ןב טלטפנ"),
        ):
            self.assertEqual(decode_words(encoded), decoded)

    def test_what_is_against_the_standard_and_common(self) -> None:
        """Spaces and question marks within words, words without space between, unknown charsets."""
        for encoded, decoded in (
            ("=?utf-8?Q?Are you there??=", "Are you there?"),
            ("=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
            ("=?utf-8?q?a?=b", "ab"),
            ("=?x-unknown?q?caf=C3=A9?=", "café"),
            ("=?utf-8?q?caf=E9?=", "café"),
            ("=?utf-8?b?!!w6Q?=", "ä"),
            ("=?utf-8?b??= x", " x"),
            ("=?iso-2022-jp?B?GyRCJDMkcxsoQg==?=", "こん"),
        ):
            self.assertEqual(decode_words(encoded), decoded, encoded)

    def test_what_is_no_word(self) -> None:
        """It stays as it is."""
        for text in ("=?", "?=", "=?utf-8?x?a?=", "=?utf-8?q?a", "=??q?a?=", "a =? b ?= c", "=?a b?q?c?="):
            self.assertEqual(decode_words(text), text)
