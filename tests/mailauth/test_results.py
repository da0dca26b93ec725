"""The Authentication-Results field: written, read back by authres and by us, taken away."""

from __future__ import annotations

import re

import authres
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.results import MethodResult, read_results, strip_results, write_results

OURS = "mx.alpha.example"
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
WORD = st.text("abcxyz0129", min_size=1, max_size=8)
PTYPE = st.sampled_from(["smtp", "header", "policy"])
# authres keeps one property of each name, and takes a quoted value only where the result ends.
PROPERTIES = st.builds(
    lambda bare, last: (*(one for one in bare if one[:2] != last[:2]), last),
    st.lists(st.tuples(PTYPE, WORD, WORD), max_size=3, unique_by=lambda one: one[:2]),
    st.tuples(PTYPE, WORD, TEXT.filter(bool)),
)
RESULTS = st.lists(
    st.builds(
        MethodResult,
        st.sampled_from(["spf", "dkim", "dmarc", "iprev", "arc"]),
        st.sampled_from(["pass", "fail", "none", "temperror"]),
        TEXT,
        PROPERTIES | st.just(()),
    ),
    min_size=1,
    max_size=5,
)


def unescaped(text: str) -> str:
    """authres leaves quoted pairs as they are."""
    return re.sub(r"\\(.)", r"\1", text)


class WriteTests(SynchronousTestCase):
    """write_results."""

    @given(RESULTS)
    def test_authres_reads_what_we_write(self, results: list[MethodResult]) -> None:
        """An independent parser finds the id, the methods, the results, the reasons and the properties."""
        field = read_header(write_results(OURS, results) + b"\r\n").fields[0]
        found = authres.AuthenticationResultsHeader.parse("Authentication-Results: " + field.text.replace("\t", " "))
        self.assertEqual(found.authserv_id, OURS)
        theirs = [
            MethodResult(
                one.method,
                one.result,
                unescaped(one.reason or ""),
                tuple((prop.type, prop.name, unescaped(prop.value)) for prop in one.properties),
            )
            for one in found.results
        ]
        self.assertEqual(theirs, results)

    @given(RESULTS)
    def test_we_read_what_we_write(self, results: list[MethodResult]) -> None:
        """Nothing is lost."""
        field = read_header(write_results(OURS, results) + b"\r\n").fields[0]
        self.assertEqual(read_results(field.text), (OURS, tuple(results)))

    def test_no_result(self) -> None:
        """RFC 8601 section 2.2: none."""
        self.assertEqual(write_results(OURS, []), b"Authentication-Results: mx.alpha.example; none\r\n")

    @given(st.text(max_size=2000) | st.just("\\" * 2000))
    def test_values_cannot_break_out(self, text: str) -> None:
        """Whatever a peer said, the field is one field in ASCII, and its lines are not too long."""
        field = write_results(OURS, [MethodResult("spf", "fail", text, (("smtp", "mailfrom", text),))])
        self.assertEqual(read_header(field + b"\r\n").body_start, len(field) + 2)
        self.assertEqual(len(read_header(field + b"\r\n").fields), 1)
        self.assertTrue(field.isascii())
        self.assertLessEqual(max(map(len, field.split(b"\r\n"))), 998)


class ReadTests(SynchronousTestCase):
    """read_results, on the examples of RFC 8601 appendix B and on worse."""

    def test_examples(self) -> None:
        """Comments, versions, quoting and odd spaces."""
        value = (
            "example.com 1; auth=pass (cram-md5) smtp.auth=sender@example.net; spf=fail smtp.mailfrom=example.net;"
            ' dkim/1 = pass reason="good; really" header.i=@example.org header.b=abc/d==; none; (x; dkim=pass'
        )
        expected = (
            MethodResult("auth", "pass", "", (("smtp", "auth", "sender@example.net"),)),
            MethodResult("spf", "fail", "", (("smtp", "mailfrom", "example.net"),)),
            MethodResult("dkim", "pass", "good; really", (("header", "i", "@example.org"), ("header", "b", "abc/d=="))),
        )
        self.assertEqual(read_results(value), ("example.com", expected))

    def test_the_id_behind_comments(self) -> None:
        """A comment, quotes, letter case and a final dot hide no id."""
        for value in (
            "(c) mx.alpha.example; none",
            '"MX.alpha.EXAMPLE"',
            "mx.alpha.example.;spf=pass",
            " mx.alpha.example 1",
        ):
            self.assertEqual(read_results(value)[0], OURS, value)

    @given(st.text(max_size=300) | st.text('"\\();=. ax', max_size=300))
    def test_anything_is_read(self, value: str) -> None:
        """No text raises."""
        read_results(value)


class StripTests(SynchronousTestCase):
    """strip_results."""

    def test_only_ours_goes(self) -> None:
        """Fields with our id go, with all their lines; every other octet stays."""
        kept = b"Received: x\r\nAuthentication-Results: other.example; spf=pass\r\nFrom: a@alpha.example\r\n"
        forged = (
            b"Authentication-Results: mx.alpha.example;\r\n\tdmarc=pass\r\n",
            b'AUTHENTICATION-RESULTS : (x)\r\n "MX.ALPHA.example" 1; dmarc=pass\r\n',
        )
        body = b"\r\nAuthentication-Results: mx.alpha.example; spf=pass\r\n"
        for one in forged:
            for content in (one + kept + body, kept + one + body, kept.replace(b"From", one + b"From") + body):
                self.assertEqual(strip_results(content, OURS), kept + body)
        self.assertEqual(strip_results(kept + body, OURS), kept + body)
        self.assertEqual(strip_results(forged[0] + forged[1] + kept + body, "MX.alpha.example."), kept + body)
