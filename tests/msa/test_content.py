"""The edits of submission, octet by octet."""

from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.errors import Refusal
from mailsuite.msa.content import submitted

ANN = Account("a1", "ann@alpha.example", "Ann", "", 0)
TRACE = b"Received: from x\r\n\tby y;\r\n\tnow\r\n"
NOW = 1_795_608_000_000
"""2026-11-25 12:00:00 UTC, by ``date -ud @1795608000``."""

COMPLETE = (
    b"From: Ann <ann@alpha.example>\r\n"
    b"To: bob@beta.example\r\n"
    b"Date: Wed, 25 Nov 2026 11:00:00 +0100\r\n"
    b"Message-ID: <1@pc.example>\r\n"
    b"subject:  odd   spacing \xff\r\n\tfolded\r\n"
    b"\r\n"
    b"Bcc: in the body\r\n\r\n\xff\x00 anything\r\n"
)


def submit(content: bytes) -> bytes:
    """The content as Ann hands it in."""
    return submitted(content, ANN, TRACE, NOW, "<made@mx.example>")[0]


class SubmittedTests(SynchronousTestCase):
    """submitted."""

    def refusal(self, content: bytes) -> str:
        """The status of the refusal, as text."""
        error = self.assertRaises(Refusal, submit, content)
        assert isinstance(error, Refusal)
        return str(error.status)

    def test_complete_message(self) -> None:
        """Only the trace is added on top; every other octet stays."""
        self.assertEqual(submit(COMPLETE), TRACE + COMPLETE)

    def test_bcc_is_removed(self) -> None:
        """Bcc fields go, folded, doubled, in any case, Resent ones too; the rest stays, the body as well."""
        content = (
            b"bcc: v@x.example,\r\n w@x.example\r\n" + COMPLETE.partition(b"\r\n\r\n")[0] + b"\r\n"
            b"BCC : u@x.example\r\nResent-Bcc: t@x.example\r\nX-Last: 1\r\n\r\nBcc: in the body\r\n"
        )
        want = COMPLETE.partition(b"\r\n\r\n")[0] + b"\r\nX-Last: 1\r\n\r\nBcc: in the body\r\n"
        self.assertEqual(submit(content), TRACE + want)

    def test_missing_date_and_id(self) -> None:
        """Date and Message-ID are added below the trace (RFC 6409 sections 8.2 and 8.3)."""
        content = b"From: ann@alpha.example\r\n\r\nhi\r\n"
        out = submit(content)
        self.assertTrue(out.startswith(TRACE))
        self.assertTrue(out.endswith(content))
        added = message_from_bytes(out, policy=policy.compat32)
        self.assertEqual(added["Message-ID"], "<made@mx.example>")
        self.assertEqual(parsedate_to_datetime(added["Date"]).timestamp() * 1000, NOW)
        self.assertEqual(sorted(added.keys()), ["Date", "From", "Message-ID", "Received"])

    def test_no_body(self) -> None:
        """A message may end with its header."""
        self.assertTrue(submit(b"From: ann@alpha.example\r\n").endswith(b"From: ann@alpha.example\r\n"))

    def test_the_author_is_told(self) -> None:
        """Whoever it is: others judge it."""
        content = COMPLETE.replace(b"ann@alpha.example", b"boss@alpha.example")
        author = submitted(content, ANN, TRACE, NOW, "<made@mx.example>")[1]
        self.assertEqual(author, Address.parse("boss@alpha.example"))

    def test_number_of_from_fields(self) -> None:
        """None or two are refused (RFC 5322 section 3.6: exactly one)."""
        for content in (
            b"To: x@y.example\r\n\r\n",
            b"\r\nFrom: ann@alpha.example\r\n",
            b"",
            b"From: ann@alpha.example\r\n" + COMPLETE,
        ):
            text = self.refusal(content)
            self.assertTrue(text.startswith("550 5.7.1 "), text)
            self.assertIn("From", text)

    def test_several_authors(self) -> None:
        """One mailbox only, even when the first is the account's."""
        text = self.refusal(b"From: ann@alpha.example, boss@alpha.example\r\n\r\n")
        self.assertTrue(text.startswith("550 5.7.1 "), text)

    def test_letter_case_of_the_author(self) -> None:
        """Ann may write herself as she likes."""
        content = COMPLETE.replace(b"ann@alpha.example", b"Ann@ALPHA.example")
        self.assertEqual(submit(content), TRACE + content)

    def test_line_that_is_no_field(self) -> None:
        """It is refused: other hosts may read the header's end there."""
        text = self.refusal(b"Subject: x\r\noops\r\nFrom: ann@alpha.example\r\n\r\n")
        self.assertEqual(text, "550 5.6.0 line 2 of the header is no header field")

    @given(st.binary(max_size=400))
    @settings(max_examples=200, deadline=None)
    def test_any_body(self, body: bytes) -> None:
        """The body is never looked at."""
        content = b"From: ann@alpha.example\r\nDate: x\r\nMessage-ID: y\r\nBcc: z\r\n\r\n" + body
        self.assertEqual(submit(content), TRACE + content.replace(b"Bcc: z\r\n", b"", 1))
