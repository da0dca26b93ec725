"""Inputs that broke other mail systems, by their number in the list of field cases."""

from __future__ import annotations

from base64 import encodebytes
from email.utils import collapse_rfc2231_value
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.addresses import parse_mailboxes
from mailsuite.mime.compose import Outgoing, compose
from mailsuite.mime.dates import parse_date
from mailsuite.mime.describe import describe
from mailsuite.mime.headers import Headers
from mailsuite.mime.structure import structure
from mailsuite.mime.text import best_text, decode_bytes, decode_text
from mailsuite.model.address import Mailbox
from mailsuite.model.message import Part
from tests.mime.cpu import cpu


def message(*fields: bytes, body: bytes = b"text\r\n") -> bytes:
    return b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def text_of(raw: bytes) -> str:
    part = best_text(structure(raw))
    assert part is not None
    return decode_text(raw, part)


def file_of(*fields: bytes) -> Part:
    return structure(message(*fields))


class CharsetCases(SynchronousTestCase):
    """Bodies and headers whose charset is wrong or missing."""

    def test_f016_unknown_charsets(self) -> None:
        """UTF-8 is read under any unknown label, else windows-1252; the description says so."""
        for label in (b"uft-8", b"1", b"x-unknown", b"viscii", b"idna", b"unicode_escape", b"rot13", b"zlib"):
            raw = message(b"Content-Type: text/plain; charset=" + label, body=b"caf\xc3\xa9")
            self.assertEqual(text_of(raw), "café", label)
            self.assertTrue(any("charset" in defect for defect in describe(raw).defects), label)
            raw = message(b"Content-Type: text/plain; charset=" + label, body=b"caf\xe9 \x93x\x94")
            self.assertEqual(text_of(raw), "café “x”", label)
        raw = message(b'Content-Type: text/plain; charset=""', body=b"caf\xc3\xa9")
        self.assertEqual(text_of(raw), "café")

    def test_f016_hebrew_in_logical_order(self) -> None:
        """iso-8859-8-i is iso-8859-8 with a note on direction (RFC 1556)."""
        body = "שלום".encode("iso8859_8")
        raw = message(b"Content-Type: text/plain; charset=iso-8859-8-i", body=body)
        self.assertEqual(text_of(raw), "שלום")
        self.assertEqual(describe(raw).defects, ("no usable date",))

    def test_f018_charset_in_extended_form(self) -> None:
        """``charset*=us-ascii''utf-8`` is utf-8 (RFC 2231 section 4)."""
        raw = message(b"Content-Type: text/plain; charset*=us-ascii''utf-8", body=b"caf\xc3\xa9")
        self.assertEqual(structure(raw).charset, "utf-8")
        self.assertEqual(text_of(raw), "café")

    def test_f027_raw_octets_in_headers(self) -> None:
        """UTF-8 as it is; else by the charset of the body, else by the language, else windows-1252."""
        cases: tuple[tuple[str, str, bytes, bytes], ...] = (
            ("新年快乐", "gb18030", b"Content-Type: text/plain; charset=gb18030", b""),
            ("新年快乐", "gb18030", b"Content-Type: text/plain; charset=GB2312", b""),
            ("привет мир", "koi8_r", b"Content-Type: text/plain; charset=koi8-r", b""),
            ("新年快乐", "gb18030", b"Content-Language: zh-CN", b""),
            ("привет", "cp1251", b"Content-Language: ru", b""),
            ("naïve café", "utf-8", b"Content-Type: text/plain; charset=koi8-r", b""),
            ("naïve café", "latin-1", b"X: y", b""),
            (
                "привет",
                "koi8_r",
                b"Content-Type: multipart/mixed; boundary=b",
                b"--b\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx\r\n--b--\r\n",
            ),
        )
        for text, codec, field, body in cases:
            raw = message(b"Subject: " + text.encode(codec), field, body=body)
            self.assertEqual(describe(raw).subject, text, (codec, field))
        raw = message(b"From: Andr\xe9 M\xfcller <andre@alpha.example>")
        self.assertEqual(describe(raw).author, (Mailbox("André Müller", "andre@alpha.example"),))

    def test_f028_characters_cut_between_encoded_words(self) -> None:
        """Octets are joined before they are decoded, in both encodings, and base64 cut at any digit."""
        for subject in (
            "=?utf-8?q?pasi=C5=BEad=C4?= =?utf-8?q?=97tas?=",
            "=?utf-8?b?cGFzacW+YWTE?= =?utf-8?b?l3Rhcw==?=",
            "=?utf-8?b?cGFzacW+YWT?= =?utf-8?b?El3Rhcw==?=",
            "=?utf-8?b?cGFzacW+YW?= =?utf-8?b?TEl3Rhcw==?=",
            "=?UTF-8?Q?pasi=C5?=\r\n =?utf-8*lt?q?=BEad=C4?=\r\n\t=?utf-8?b?l3Rhcw==?=",
        ):
            self.assertEqual(describe(message(b"Subject: " + subject.encode())).subject, "pasižadėtas", subject)


class FileNameCases(SynchronousTestCase):
    """Names of attachments."""

    def test_f019_split_file_name(self) -> None:
        """Segments, encoded and not, are one name, and win over ``name``."""
        part = file_of(
            b'Content-Type: application/pdf; name="other.exe"',
            b"Content-Disposition: attachment; filename*0*=utf-8''%C3%A4%20long%20; filename*1*=name.p; filename*2=df",
        )
        self.assertEqual(part.filename, "ä long name.pdf")
        # The segments in another order, and a character cut between two of them.
        part = file_of(b"Content-Disposition: attachment; filename*2=df; filename*1*=%A4.p; filename*0*=utf-8''%C3")
        self.assertEqual(part.filename, "ä.pdf")

    def test_f019_other_ways_to_write_a_name(self) -> None:
        """As the standard library reads it, and as programs write it against the standard."""
        self.assertEqual(
            file_of(b"Content-Disposition: attachment; filename*=iso-8859-1'de'%E4.txt").filename,
            collapse_rfc2231_value(("iso-8859-1", "de", "\xe4.txt")),
        )
        for value, name in (
            (b'filename="=?utf-8?q?=C3=A4?= =?utf-8?q?b.txt?="', "äb.txt"),
            (b"filename=my report (1).pdf; size=3", "my report (1).pdf"),
            (b'filename="a;b \\"c\\".txt"', 'a;b "c".txt'),
            (b'filename="unclosed.txt', "unclosed.txt"),
            (b'filename="C:\\Users\\ann\\letter.doc"', "letter.doc"),
            (b'filename="../../etc/passwd"', "passwd"),
            (b'filename=".."', ""),
            (b'filename="a\x00b\x07.txt"', "ab.txt"),
            (b"filename*=utf-8''a%0D%0Ab.txt", "ab.txt"),
        ):
            self.assertEqual(file_of(b"Content-Disposition: attachment; " + value).filename, name, value)

    def test_f021_thousands_of_segments(self) -> None:
        """8192 segments in one header take less than 0.2 s of CPU."""
        segments = b"; ".join(b"filename*%d*=a" % n for n in range(8192))
        raw = message(b"Content-Disposition: attachment; " + segments)
        self.assertLess(cpu(lambda: structure(raw)), 0.2)
        self.assertEqual(structure(raw).filename, "a" * 200)

    def test_f094_direction_controls_are_shown(self) -> None:
        """U+202E in a file name or a display name is an escape, so that "exe.fdp" cannot read as "pdf.exe"."""
        part = file_of(b"Content-Disposition: attachment; filename*=utf-8''%E2%80%AEfdp.exe")
        self.assertEqual(part.filename, "[U+202E]fdp.exe")
        author = describe(message("From: \u202eann\u2066 <x@evil.example>".encode())).author
        self.assertEqual(author, (Mailbox("[U+202E]ann[U+2066]", "x@evil.example"),))

    def test_f094_imitated_domains_are_shown_in_ascii(self) -> None:
        """A domain that mixes scripts, or imitates Latin letters as a whole, is xn--; honest ones stay."""
        for domain, shown in (
            ("аlpha.example", "xn--lpha-43d.example"),  # Cyrillic а
            ("аррӏе.example", "xn--80ak6aa92e.example"),  # Cyrillic as a whole
            ("gοogle.example", "xn--gogle-rce.example"),  # Greek ο
            ("bücher.example", "bücher.example"),
            ("пример.рф", "пример.рф"),
            ("日本テスト.example", "日本テスト.example"),
            ("한국어.example", "한국어.example"),
            ("ｂａｎｋ.example", "bank.example"),  # full-width letters are these letters
            ("x.example", "x.example"),
            ("a\u2044b.example", "xn--ab-c6t.example"),  # a slash that is none
        ):
            for field in (b"From", b"Reply-To", b"To"):
                raw = message(field + b": Ann <ann@" + domain.encode() + b">")
                about = describe(raw)
                (box,) = {b"From": about.author, b"Reply-To": about.reply_to, b"To": about.to}[field]
                self.assertEqual(box, Mailbox("Ann", f"ann@{shown}"), domain)

    def test_f030_winmail_dat(self) -> None:
        """It can be downloaded as it came, broken or not."""
        content = b"\x78\x9f\x3e\x22\x01\x00" + bytes(range(256))
        raw = message(
            b'Content-Type: application/ms-tnef; name="winmail.dat"',
            b"Content-Transfer-Encoding: base64",
            body=encodebytes(content),
        )
        description = describe(raw)
        self.assertTrue(description.has_attachments)
        self.assertEqual(description.structure.filename, "winmail.dat")
        self.assertEqual(decode_bytes(raw, description.structure), content)


class DateCases(SynchronousTestCase):
    """Dates that are none."""

    def test_f022_dates(self) -> None:
        """The time that is meant, or none: never 1970, never today."""
        sunday = 1777795200000  # 2026-05-03T08:00:00Z, by date(1)
        for value, expected in (
            ("Fri, 3 May 2026 08:00:00 Z", sunday),
            ("Fri, 3 May 2026 08:00:00 +0200 (GMT+02:00)", sunday - 2 * 3_600_000),
            ("Sun, 03 May 2026 08:00:00 GMT", sunday),
            ("Sun, 3 May 26 03:00 EST", sunday),
            ("Sun May  3 08:00:00 2026", sunday),
            ("Sun, 3 May 126 08:00:00 +0000", sunday),
            ("Sun, 3 Foo 2026 08:00:00 +0000", None),
            ("3 May , 2026", None),
            ("Fri, 3 May 2026 08:00:00 -0-100 -0700", None),
            ("Fri, 31 Feb 2026 08:00:00 +0000", None),
            ("Fri, 3 May 2026 25:00:00 +0000", None),
            ("Fri, 3 May 2026 08:00:00 +9900", None),
            ("Thu, 01 Jan 1970 00:00:00 +0000", None),
            ("Mon, 01 Jan 0001 00:00:00 +2359", None),
            ("3 May 99999 08:00:00", None),
            ("٣ May 2026 08:00:00 +0000", None),
            ("today", None),
            ("", None),
        ):
            self.assertEqual(parse_date(value), expected, value)
            described = describe(message(b"Date: " + value.encode()))
            self.assertEqual(described.date, expected, value)
        self.assertIsNone(parse_date(None))
        self.assertIsNone(describe(message(b"Subject: x")).date)

    def test_f022_two_dates(self) -> None:
        """The first counts, and it is said."""
        description = describe(message(b"Date: Sun, 03 May 2026 08:00:00 GMT", b"Date: Mon, 04 May 2026 08:00:00 GMT"))
        self.assertEqual(description.date, 1777795200000)
        self.assertIn("2 date fields", description.defects)


class AddressCases(SynchronousTestCase):
    """Address fields."""

    def test_f024_groups(self) -> None:
        """Empty groups are empty, members are found, nothing crashes."""
        for value, expected in (
            ("undisclosed-recipients:;", ()),
            ("a:", ()),
            (";", ()),
            ("", ()),
            ("Team: x@a.example, y@b.example;", (Mailbox("", "x@a.example"), Mailbox("", "y@b.example"))),
            ("A: x@a.example;, B: y@b.example;", (Mailbox("", "x@a.example"), Mailbox("", "y@b.example"))),
            ("undisclosed recipients", (Mailbox("", "undisclosed recipients"),)),
        ):
            self.assertEqual(parse_mailboxes(value), expected, value)
            self.assertEqual(describe(message(b"To: " + value.encode())).to, expected, value)
        self.assertEqual(describe(message(b"From: ")).author, ())
        self.assertEqual(describe(message(b"Subject: x")).author, ())

    def test_f025_half_a_from(self) -> None:
        """The first usable address is the author; never a blank sender."""

        def author(value: bytes) -> tuple[Mailbox, ...]:
            return describe(message(b"From: " + value)).author

        self.assertEqual(author(b'shop@a.example, "Reply-To:shop"@a.example')[0], Mailbox("", "shop@a.example"))
        self.assertEqual(author(b"a@b.example <a@b.example"), (Mailbox("", "a@b.example"),))
        self.assertEqual(author(b"<@b.example>"), (Mailbox("", "@b.example"),))
        self.assertEqual(author(b"nobody, a@b.example"), (Mailbox("", "a@b.example"),))
        self.assertEqual(author(b"Just A Name")[0].label, "Just A Name")
        self.assertEqual(author(b"Ann <>")[0].label, "Ann")
        raw = message(b"From: <@b.example>")
        self.assertEqual(Headers.parse(raw).raw("From"), (b" <@b.example>",))

    def test_f033_slow_headers(self) -> None:
        """A reactor that had to wait for any of these would wait less than 100 ms."""
        words = b" ".join(b"=?utf-8?q?=C3=A4?=" for _ in range(10_000))
        for field in (
            b"To: " + b"," * 20_000,
            b"To: " + b", ".join(b"a%d@b.example" % n for n in range(12_000)),
            b"Subject: " + words,
            b"From: " + words,
            b"To: " + b"(" * 900 + b")" * 900 + b" a@b.example",
            b"To: " + b"(" * 20_000,
            b"To: " + b'"\\' * 10_000,
            b"To: " + b"<" * 20_000,
            b"References: " + b"<a@b> " * 30_000,
            b"Content-Type: text/plain" + b"; a=b" * 30_000,
            b"Content-Type: text/plain; " + b";" * 100_000,
        ):
            raw = message(field)
            self.assertLess(cpu(lambda raw=raw: describe(raw)), 0.1, field[:40])  # type: ignore[misc]
        self.assertEqual(len(describe(message(b"Subject: " + words)).subject), 2000)
        self.assertEqual(parse_mailboxes("(" * 900 + ")" * 900 + " a@b.example")[0].address, "a@b.example")


class StructureCases(SynchronousTestCase):
    """Nesting."""

    def depth(self, part: Part) -> int:
        return 1 + max(map(self.depth, part.children), default=0)

    def test_f031_nesting_bombs(self) -> None:
        """Less than a second of CPU; 31 levels; the message is still described."""
        nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))
        for raw in (
            b"Subject: bomb\r\n" + b"Content-Type: message/rfc822\n\n" * 100_000,
            b"Subject: bomb\r\n" + nested + b"\r\ntext",
            b"Subject: bomb\r\n" + b"Content-Type: multipart/digest; boundary=b\n\n" + b"--b\n\n" * 100_000,
        ):
            self.assertLess(cpu(lambda raw=raw: describe(raw)), 1.0)  # type: ignore[misc]
            description = describe(raw)
            self.assertEqual(description.subject, "bomb")
            self.assertLessEqual(self.depth(description.structure), 31)
            self.assertLessEqual(len(list(description.structure.walk())), 1001)
            self.assertTrue(any("not divided" in defect for defect in description.defects))

    def test_f031_leading_blank_lines(self) -> None:
        """The header is over at the first of them."""
        raw = b"\n" * 50_000 + b"Subject: x\n\ntext"
        self.assertLess(cpu(lambda: describe(raw)), 1.0)
        self.assertEqual(describe(raw).subject, "")
        self.assertEqual((describe(raw).structure.start, describe(raw).structure.end), (1, len(raw)))

    def test_f031_part_bomb(self) -> None:
        """A thousand parts are told apart, no more."""
        raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 50_000
        self.assertLess(cpu(lambda: structure(raw)), 1.0)
        self.assertEqual(len(list(structure(raw).walk())), 1000)

    def test_f031_lines_like_boundaries(self) -> None:
        """Lines that only begin like the boundary cost little."""
        raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"--bb\n" * 1_000_000
        self.assertLess(cpu(lambda: structure(raw)), 1.0)


class IdentityCases(SynchronousTestCase):
    """Message ids, and who gets into a header."""

    def test_f035_message_ids(self) -> None:
        """The first of several counts; none, and one too long for a line, is none."""
        raw = message(b"Message-Id: <1@a.example>", b"Message-ID: <2@a.example>")
        self.assertEqual(describe(raw).message_id, "<1@a.example>")
        self.assertIn("2 message-id fields", describe(raw).defects)
        self.assertEqual(describe(message(b"Subject: x")).message_id, "")
        self.assertEqual(describe(message(b"Message-ID: <" + b"x" * 2000 + b"@a.example>")).message_id, "")
        self.assertEqual(describe(message(b"Message-ID: 1@a.example")).message_id, "<1@a.example>")
        self.assertEqual(describe(message(b"Message-ID: <x>")).message_id, "")

    def test_f085_line_breaks_are_refused(self) -> None:
        """No field of ours can be made two; the error names the field."""
        ann, bob = Mailbox("Ann", "ann@a.example"), Mailbox("Bob", "bob@b.example")
        good: dict[str, Any] = {
            "author": ann,
            "to": (bob,),
            "cc": (),
            "subject": "Hi",
            "text": "text",
            "date": 1777795200000,
            "message_id": "<1@a.example>",
        }
        compose(Outgoing(**good))
        for break_ in ("\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\0", "\x0b"):
            evil = f"Hi{break_}Bcc: v@x.example"
            for field, value in (
                ("subject", evil),
                ("author", Mailbox(evil, "ann@a.example")),
                ("author", Mailbox("Ann", f"ann@a.example{break_}Bcc: v@x.example")),
                ("to", (bob, Mailbox(evil, "x@b.example"))),
                ("cc", (Mailbox(evil, "x@b.example"),)),
                ("message_id", f"<1{break_}@a.example>"),
                ("in_reply_to", f"<1@a.example>{break_}Bcc: v@x.example"),
                ("references", ("<1@a.example>", f"<2@a.example>{break_}Bcc: v@x.example")),
            ):
                with self.assertRaises(ValueError) as raised:
                    compose(Outgoing(**(good | {field: value})))
                self.assertTrue(str(raised.exception).startswith(f"{field}: "), (field, str(raised.exception)))

    def test_f085_line_breaks_that_came_in(self) -> None:
        """An encoded line break in a received field is gone after decoding."""
        raw = message(
            b"Subject: =?utf-8?q?Hi=0D=0ABcc:_v=40x.example=00?=", b"From: =?utf-8?b?QQ0KQg==?= <a@b.example>"
        )
        self.assertEqual(describe(raw).subject, "HiBcc: v@x.example")
        self.assertEqual(describe(raw).author, (Mailbox("AB", "a@b.example"),))

    def test_f087_references_tell_threads_apart(self) -> None:
        """Equal subjects share nothing; a reply with In-Reply-To alone refers to its parent."""
        first, second = (
            describe(message(b"Subject: Hello", b"Message-ID: <%d@a.example>" % number)) for number in (1, 2)
        )
        reply = describe(message(b"Subject: Re: Hello", b"Message-ID: <3@a.example>", b"In-Reply-To: <2@a.example>"))
        self.assertEqual((first.references, second.references), ((), ()))
        self.assertEqual(reply.references, (second.message_id,))
