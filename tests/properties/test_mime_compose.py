"""What is composed is read back, by us and by the standard library."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.addresses import format_mailbox, parse_mailboxes
from mailsuite.mime.clean import clean_filename
from mailsuite.mime.compose import Outgoing, compose
from mailsuite.mime.dates import format_date, parse_date
from mailsuite.mime.describe import describe
from mailsuite.mime.dsn import Action, parse_notice
from mailsuite.mime.dsn_texts import LANGUAGES
from mailsuite.mime.dsn_write import Report, Reported, write_notice
from mailsuite.mime.emit import encode_body, text_header
from mailsuite.mime.entity import Attached
from mailsuite.mime.headers import Headers
from mailsuite.mime.text import decode_text
from mailsuite.mime.transfer import decode_transfer
from mailsuite.mime.words import decode_words, encode_words
from mailsuite.model.address import Address, Mailbox
from mailsuite.model.envelope import Envelope
from mailsuite.model.status import Status

PRINTABLE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
LINES = st.text(PRINTABLE, max_size=150) | st.text(st.sampled_from('ab =?_"\\,.<>@():;äž東😀'), max_size=150)
HIDDEN = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
NAMES = LINES.map(lambda text: "".join(c for c in text if c not in HIDDEN).strip()).filter(
    lambda name: "=?" not in name and "  " not in name and not (len(name) > 1 and name[0] == name[-1] == "'")
)
ADDRESSES = st.builds(
    lambda local, domain: str(Address(local, domain)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    st.from_regex(r"\A[a-z][a-z0-9]{0,10}\.[a-z]{2,5}\Z"),
)
MAILBOXES = st.builds(Mailbox, NAMES, ADDRESSES).filter(lambda box: box.name.lower() != box.address.lower())
BODIES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=400)
FILES = st.tuples(LINES.map(str.strip).filter(lambda name: "=?" not in name), st.binary(max_size=200))
DATES = st.integers(min_value=1, max_value=4_000_000_000).map(lambda seconds: seconds * 1000)


def widest(raw: bytes) -> int:
    return max(map(len, raw.split(b"\r\n")))


class RoundTripTests(SynchronousTestCase):
    """Emission and reading are inverse."""

    @settings(max_examples=200, deadline=None)
    @given(st.text(PRINTABLE, min_size=1, max_size=200))
    def test_encoded_words(self, text: str) -> None:
        """Words of at most 75 characters, each a whole number of characters, for us and the standard library."""
        encoded = encode_words(text)
        for word in encoded.split(" "):
            self.assertLessEqual(len(word), 75)
            ((octets, charset),) = decode_header(word)
            self.assertEqual(charset, "utf-8")
            assert isinstance(octets, bytes)
            octets.decode("utf-8")
        self.assertEqual(decode_words(encoded), text)
        self.assertEqual(str(make_header(decode_header(encoded))), text)

    @settings(max_examples=200, deadline=None)
    @given(LINES)
    def test_text_headers(self, text: str) -> None:
        """Folded to 78 columns, unfolded to what it was."""
        raw = text_header("Subject", text)
        self.assertTrue(raw.isascii())
        self.assertLessEqual(widest(raw), 78)
        self.assertEqual(Headers.parse(raw).first("subject"), text.strip())

    @settings(max_examples=300, deadline=None)
    @given(st.lists(MAILBOXES, max_size=5))
    def test_mailboxes(self, boxes: list[Mailbox]) -> None:
        """A list of mailboxes is the same list again."""
        self.assertEqual(parse_mailboxes(", ".join(map(format_mailbox, boxes))), tuple(boxes))

    @settings(max_examples=200, deadline=None)
    @given(BODIES)
    def test_bodies(self, text: str) -> None:
        """Any text, in lines that fit, decodes to itself and one line end."""
        encoding, body = encode_body(text.encode())
        self.assertLessEqual(widest(body), 78)
        expected = text if not text or text.endswith("\n") else text + "\n"
        self.assertEqual(decode_transfer(body, encoding).replace(b"\r\n", b"\n").decode(), expected)

    @settings(max_examples=200, deadline=None)
    @given(
        MAILBOXES, st.lists(MAILBOXES, min_size=1, max_size=4), st.lists(MAILBOXES, max_size=3), LINES, BODIES, DATES
    )
    def test_messages(
        self, author: Mailbox, to: list[Mailbox], cc: list[Mailbox], subject: str, text: str, date: int
    ) -> None:
        """Every field of a composed message is described as it was given; the standard library finds no defect."""
        raw = compose(Outgoing(author, tuple(to), tuple(cc), subject, text, date, "<1@a.example>", "<0@a.example>"))
        self.assertTrue(raw.isascii())
        self.assertEqual((raw.count(b"\r"), raw.count(b"\n")), (raw.count(b"\r\n"), raw.count(b"\r\n")))
        self.assertLessEqual(widest(raw), 998)
        found = describe(raw)
        self.assertEqual((found.author, found.to, found.cc), ((author,), tuple(to), tuple(cc)))
        self.assertEqual((found.subject, found.date, found.message_id), (subject.strip(), date, "<1@a.example>"))
        self.assertEqual((found.references, found.defects), (("<0@a.example>",), ()))
        expected = text if not text or text.endswith("\n") else text + "\n"
        self.assertEqual(decode_text(raw, found.structure), expected)
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.assertEqual(message.defects, [])
        self.assertEqual(message.get_content().replace("\r\n", "\n"), expected)

    @settings(max_examples=200, deadline=None)
    @given(BODIES, BODIES.filter(bool), st.lists(FILES, max_size=3), st.lists(FILES, max_size=3))
    def test_parts(
        self, text: str, html: str, pictures: list[tuple[str, bytes]], files: list[tuple[str, bytes]]
    ) -> None:
        """Texts, pictures and files come back octet by octet under their names, where a reader looks for them."""
        shown = tuple(
            Attached(name, "image/png", content, f"<{number}@a.example>")
            for number, (name, content) in enumerate(pictures)
        )
        kept = tuple(Attached(name, "application/pdf", content) for name, content in files)
        box = Mailbox("", "a@a.example")
        raw = compose(Outgoing(box, (box,), (), "", text, 1000, "<1@a.example>", "", (), html, shown, kept))
        self.assertTrue(raw.isascii())
        self.assertEqual((raw.count(b"\r"), raw.count(b"\n")), (raw.count(b"\r\n"), raw.count(b"\r\n")))
        self.assertLessEqual(widest(raw), 90)
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        leaves = [part for part in message.walk() if not part.is_multipart()]
        self.assertEqual([part.defects for part in message.walk() if part.defects], [])
        for part, given_text in zip(leaves, (text, html), strict=False):
            expected = given_text if not given_text or given_text.endswith("\n") else given_text + "\n"
            octets = part.get_payload(decode=True)
            assert isinstance(octets, bytes)
            self.assertEqual(octets.decode().replace("\r\n", "\n"), expected)
        for part, file in zip(leaves[2:], (*shown, *kept), strict=True):
            self.assertEqual(part.get_payload(decode=True), file.content)
            self.assertEqual(part["content-id"] or "", file.content_id)
            self.assertEqual(part.get_content_type(), file.content_type)
            # Not get_filename: it takes "<" and ">" off as if they were quotes.
            self.assertEqual(part["content-disposition"].params.get("filename", ""), file.name)
        described = describe(raw)
        found = [part for part in described.structure.walk() if not part.content_type.startswith("multipart/")]
        self.assertEqual([part.filename for part in found[2:]], [clean_filename(one.name) for one in (*shown, *kept)])
        self.assertEqual(described.has_attachments, bool(kept))
        self.assertEqual(described.defects, ())

    @settings(max_examples=150, deadline=None)
    @given(DATES)
    def test_dates(self, date: int) -> None:
        """To the second."""
        self.assertEqual(parse_date(format_date(date)), date)

    @settings(max_examples=150, deadline=None)
    @given(
        st.binary(max_size=300),
        st.lists(
            st.tuples(ADDRESSES, st.integers(400, 599), st.text(max_size=100), st.text(max_size=30)),
            min_size=1,
            max_size=4,
        ),
        st.text(max_size=40),
        st.sampled_from([Action.FAILED, Action.DELAYED, Action.DELIVERED, Action.RELAYED]),
        st.sampled_from(LANGUAGES),
        st.booleans(),
    )
    def test_notices(
        self,
        original: bytes,
        failures: list[tuple[str, int, str, str]],
        orcpt: str,
        action: Action,
        language: str,
        smtputf8: bool,
    ) -> None:
        """A notice of any answers about any message reads back; nothing in it becomes a field or a part."""
        report = Report(
            action=action,
            reporting_mta="mx.a.example",
            original=original,
            envelope=Envelope(Address.parse("ann@a.example"), (), envid=orcpt, smtputf8=smtputf8),
            recipients=[
                Reported(address, Status(code, f"{code // 100}.1.1", text), mx, orcpt)
                for address, code, text, mx in failures
            ],
            arrived=1793696887000,
            date=1793696887000,
            until=1793696887000,
            message_id="<n@a.example>",
            boundary="=_boundary-of-the-notice",
            language=language,
        )
        raw = write_notice(report)
        if not report.smtputf8:
            self.assertTrue(raw.partition(b"\r\n\r\n")[0].isascii())
        self.assertLessEqual(widest(raw), 998)
        self.assertEqual((raw.count(b"\r"), raw.count(b"\n")), (raw.count(b"\r\n"), raw.count(b"\r\n")))
        found = describe(raw)
        self.assertEqual(len(found.structure.children), 3)
        notice = parse_notice(raw, found.structure)
        assert notice is not None
        self.assertIs(notice.action, action)
        self.assertEqual([r.status for r in notice.recipients], [f"{code // 100}.1.1" for _, code, _, _ in failures])
        if ";" not in orcpt:
            self.assertEqual([r.address for r in notice.recipients], [address for address, *_ in failures])
