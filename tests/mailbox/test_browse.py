"""Reading mail: lists, conversations, bodies, parts."""

from __future__ import annotations

from base64 import b64encode, encodebytes
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailbox.browse import QUOTED_CHARACTERS, ROWS, SHOWN_CHARACTERS, SOURCE_OCTETS, Browser, Shown
from mailsuite.mime.describe import describe
from mailsuite.mime.dsn import Action
from mailsuite.mime.dsn_write import Report, Reported, write_notice
from mailsuite.mime.sanitize import Sanitized
from mailsuite.model.errors import NotThere, StoreUnavailable
from mailsuite.model.folder import INBOX
from mailsuite.model.message import Cursor, Filing, Part
from mailsuite.model.status import Status
from mailsuite.testing.builders import NOW, envelope
from mailsuite.testing.fake_store import FakeStore
from tests.mime import tnef_files
from tests.mime.live_html import LiveHtml
from tests.mime.tnef_files import DOCX, USUAL

T = TypeVar("T")
PICTURE = bytes(range(256))

HEAD = b"From: bob@beta.example\r\nMIME-Version: 1.0\r\n"
PLAIN = HEAD + b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe <b>\r\n"
RELATED = (
    HEAD + b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b'--m\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain\r\n\r\nplain words\r\n"
    b'--a\r\nContent-Type: multipart/related; boundary="r"\r\n\r\n'
    b"--r\r\nContent-Type: text/html\r\n\r\n"
    b'<p onclick="x()">rich <img src="cid:pic@x"><img src="https://spy.example/1.png"></p><script>x</script>\r\n'
    b"--r\r\nContent-Type: image/png\r\nContent-ID: <pic@x>\r\nContent-Disposition: inline\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + b64encode(PICTURE) + b"\r\n--r--\r\n"
    b"--a--\r\n"
    b"--m\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
    b"PDF\r\n--m--\r\n"
)
FORWARDED = (
    HEAD + b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b"--m\r\nContent-Type: text/plain\r\n\r\nsee below\r\n"
    b"--m\r\nContent-Type: message/rfc822\r\n\r\n"
    b'From: carl@beta.example\r\nContent-Type: multipart/mixed; boundary="i"\r\n\r\n'
    b"--i\r\nContent-Type: image/png; name=inner.png\r\nContent-ID: <pic@x>\r\n\r\nPNG\r\n--i--\r\n"
    b"--m--\r\n"
)


class BrowserCase(SynchronousTestCase):
    """Ann's mailbox."""

    def setUp(self) -> None:
        self.now = NOW
        self.store = FakeStore(lambda: self.now)
        self.offloaded = 0
        self.browser = Browser(self.store.messages, self.store.blobs, self.in_thread)

    def in_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        """Work at once, and count it."""
        self.offloaded += 1
        return succeed(work())

    def result(self, awaitable: Awaitable[T]) -> T:
        """What an operation that need not wait gives."""

        async def wait() -> T:
            return await awaitable

        return self.successResultOf(Deferred.fromCoroutine(wait()))

    def file(self, raw: bytes, account: str = "ann", reverse_path: str = "bob@beta.example") -> str:
        """The id of a message filed a millisecond after the last one."""
        self.now += 1
        blob = self.result(self.store.blobs.put(raw))
        filing = Filing(account, INBOX, f"{self.now}", blob, len(raw), self.now, describe(raw), reverse_path)
        return self.result(self.store.messages.file(filing)).message

    def shown(self, message: str) -> Shown:
        """A message as its conversation shows it."""
        stored = self.result(self.store.messages.message("ann", message))
        assert stored is not None
        thread = self.result(self.browser.thread("ann", stored.conversation))
        assert thread is not None
        (shown,) = (one for one in thread.messages if one.message.id == message)
        return shown

    def body(self, message: str) -> Sanitized:
        """The body as HTML; parts are addressed by their paths."""
        clean = self.result(self.browser.body("ann", message, lambda part: f"/part/{part.path}"))
        assert clean is not None
        return clean


class ListTests(BrowserCase):
    """page, newer, counters, seq."""

    def test_pages(self) -> None:
        """50 rows a page, newest first, each conversation once."""
        messages = [self.file(PLAIN) for _ in range(ROWS + 10)]
        first = self.result(self.browser.page("ann", INBOX, None))
        second = self.result(self.browser.page("ann", INBOX, Cursor(first[-1].last_at, first[-1].id)))
        self.assertEqual((len(first), len(second)), (ROWS, 10))
        stored = [self.result(self.store.messages.message("ann", message)) for message in reversed(messages)]
        self.assertEqual([row.id for row in (*first, *second)], [one.conversation for one in stored if one])

    def test_news(self) -> None:
        """What came after a seq, and the counters."""
        self.file(PLAIN)
        seq = self.result(self.browser.seq("ann"))
        self.assertEqual(self.result(self.browser.newer("ann", INBOX, seq)).rows, ())
        self.file(PLAIN)
        changes = self.result(self.browser.newer("ann", INBOX, seq))
        self.assertEqual((len(changes.rows), changes.seq), (1, self.result(self.browser.seq("ann"))))
        self.assertEqual(self.result(self.browser.counters("ann"))[INBOX].unread, 2)


class ThreadTests(BrowserCase):
    """thread."""

    def test_order(self) -> None:
        """Oldest first, with the conversation's row."""
        first = self.file(b"Message-ID: <1@x.example>\r\nSubject: a\r\n\r\none\r\n")
        second = self.file(b"Message-ID: <2@x.example>\r\nIn-Reply-To: <1@x.example>\r\nSubject: Re: a\r\n\r\ntwo\r\n")
        stored = self.result(self.store.messages.message("ann", first))
        assert stored is not None
        thread = self.result(self.browser.thread("ann", stored.conversation))
        assert thread is not None
        self.assertEqual([(s.message.id, s.snippet) for s in thread.messages], [(first, "one"), (second, "two")])
        self.assertEqual((thread.conversation.id, thread.conversation.count), (stored.conversation, 2))

    def test_same_subject_is_no_thread(self) -> None:
        """Field case F087: three strangers with one subject are three conversations, a reply joins its parent."""
        for name in ("a", "b", "c"):
            self.file(
                f"From: {name}@x.example\r\nMessage-ID: <{name}@x.example>\r\nSubject: Hello\r\n\r\n.\r\n".encode()
            )
        self.file(b"In-Reply-To: <b@x.example>\r\nSubject: Re: Hello\r\n\r\n.\r\n")
        rows = self.result(self.browser.page("ann", INBOX, None))
        self.assertEqual([row.count for row in rows], [2, 1, 1])

    def test_foreign(self) -> None:
        """Other accounts' conversations are not there."""
        message = self.file(PLAIN, account="eve")
        stored = self.result(self.store.messages.message("eve", message))
        assert stored is not None
        self.assertIsNone(self.result(self.browser.thread("ann", stored.conversation)))
        self.assertIsNone(self.result(self.browser.thread("ann", "nonsense")))

    def test_attachments(self) -> None:
        """Files are listed, pictures of the text are not."""
        self.assertEqual([part.filename for part in self.shown(self.file(RELATED)).attachments], ["a.pdf"])

    def test_attached_message(self) -> None:
        """A message that is attached is one file; what is in it is not listed."""
        (part,) = self.shown(self.file(FORWARDED)).attachments
        self.assertEqual((part.content_type, part.path), ("message/rfc822", "2"))

    def test_no_blob_is_read(self) -> None:
        """Opening a conversation needs the rows only."""
        message = self.file(RELATED)
        self.store.blobs.content.clear()
        self.assertIsNone(self.shown(message).notice)


class NoticeTests(BrowserCase):
    """Reports of failed delivery."""

    def report(self) -> bytes:
        """A notice that mail to Bob failed."""
        report = Report(
            action=Action.FAILED,
            reporting_mta="mx.alpha.example",
            original=PLAIN,
            envelope=envelope(),
            recipients=[Reported("bob@beta.example", Status(550, "5.1.1", "no such user here"), "mx.beta.example")],
            arrived=NOW,
            date=NOW,
            message_id="<n@mx.alpha.example>",
            boundary="boundary",
        )
        return write_notice(report)

    def test_notice(self) -> None:
        """Who, what the host said, what to do; the returned message is a file, the part for programs is none."""
        shown = self.shown(self.file(self.report(), reverse_path=""))
        assert shown.notice is not None
        (recipient,) = shown.notice.recipients
        self.assertEqual((recipient.address, recipient.status), ("bob@beta.example", "5.1.1"))
        self.assertIn("no such user here", recipient.text)
        self.assertTrue(recipient.advice)
        self.assertEqual([part.content_type for part in shown.attachments], ["message/rfc822"])
        self.assertEqual(self.offloaded, 1)

    def test_imitation(self) -> None:
        """What looks like a report but has a reverse-path is somebody's mail (RFC 3464 section 2)."""
        shown = self.shown(self.file(self.report(), reverse_path="eve@evil.example"))
        self.assertIsNone(shown.notice)
        self.assertEqual(
            [part.content_type for part in shown.attachments], ["message/delivery-status", "message/rfc822"]
        )

    def test_broken_report(self) -> None:
        """A report without its status part is shown as mail."""
        raw = HEAD + b'Content-Type: multipart/report; boundary="r"\r\n\r\n--r\r\n\r\nsorry\r\n--r--\r\n'
        message = self.file(raw, reverse_path="")
        self.assertIsNone(self.shown(message).notice)
        self.assertIn("sorry", self.body(message).html)


class BodyTests(BrowserCase):
    """body."""

    def test_html(self) -> None:
        """Script and handlers go, inline pictures get our address, remote ones are counted."""
        clean = self.body(self.file(RELATED))
        self.assertIn("rich", clean.html)
        self.assertIn('src="/part/1.2.2"', clean.html)
        for bad in ("script", "onclick", "spy.example", "plain words"):
            self.assertNotIn(bad, clean.html)
        self.assertEqual(clean.blocked, 1)
        self.assertEqual(self.offloaded, 1)

    def test_plain(self) -> None:
        """Text in its charset, escaped."""
        self.assertIn("Grüße &lt;b&gt;", self.body(self.file(PLAIN)).html)

    def test_pictures_of_attached_messages_are_theirs(self) -> None:
        """A Content-ID within an attached message does not count in the outer text."""
        raw = FORWARDED.replace(b"text/plain\r\n\r\nsee below", b"text/html\r\n\r\n<img src='cid:pic@x'>below")
        self.assertNotIn("/part/", self.body(self.file(raw)).html)

    def test_attachment_only(self) -> None:
        """A message that is a file has an empty body."""
        raw = HEAD + b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nPDF\r\n"
        self.assertEqual(self.body(self.file(raw)), Sanitized("", 0))

    def test_empty(self) -> None:
        """No octets are no text, and no fault."""
        for raw in (b"", b"\r\n", HEAD + b"\r\n"):
            self.assertNotIn("source", self.body(self.file(raw)).html)

    def test_unreadable(self) -> None:
        """What has nothing to show is shown in its source, marked and escaped, up to a limit."""
        raw = HEAD + b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m--\r\n<script>' + b"x" * 2 * SOURCE_OCTETS
        root = Part("", "multipart/mixed", "", "7bit", "", "", "", 0, 0)
        self.patch(self.store.messages, "message", self.without_parts(root))
        clean = self.body(self.file(raw))
        self.assertIn("cannot be read", clean.html)
        self.assertIn("&lt;script&gt;", clean.html)
        self.assertLess(len(clean.html), SOURCE_OCTETS + 1000)

    def without_parts(self, root: Part) -> Callable[[str, str], Awaitable[object]]:
        """The store's message with another structure."""
        original = self.store.messages.message

        async def message(account: str, message_id: str) -> object:
            found = await original(account, message_id)
            assert found is not None
            return replace(found, description=replace(found.description, structure=root))

        return message

    def test_long_text(self) -> None:
        """A text beyond all reading is cut, and says so."""
        clean = self.body(self.file(HEAD + b"\r\n" + b"word word\r\n" * (SHOWN_CHARACTERS // 5)))
        self.assertLess(len(clean.html), SHOWN_CHARACTERS + 1000)
        self.assertIn("longer than can be shown", clean.html)

    def test_only_the_part_is_read(self) -> None:
        """A small text beside a large attachment costs a small read."""
        message = self.file(RELATED.replace(b"PDF\r\n", b"x" * 100_000 + b"\r\n"))
        read = self.store.blobs.read
        lengths = []

        async def spy(blob: str, start: int = 0, length: int | None = None) -> bytes:
            octets = await read(blob, start, length)
            lengths.append(len(octets))
            return octets

        self.patch(self.store.blobs, "read", spy)
        self.body(message)
        self.assertEqual(len(lengths), 1)
        self.assertLess(lengths[0], 300)

    def test_foreign(self) -> None:
        """Other accounts' messages are not there."""
        message = self.file(PLAIN, account="eve")
        self.assertIsNone(self.result(self.browser.body("ann", message, lambda part: "")))

    def test_store_away(self) -> None:
        """It is not "no such message"."""
        message = self.file(PLAIN)
        self.store.fault = "gone"
        body = self.browser.body("ann", message, lambda part: "")
        self.failureResultOf(Deferred.fromCoroutine(body), StoreUnavailable)


class TextTests(BrowserCase):
    """text."""

    def text(self, raw: bytes) -> str:
        """A message's text for quoting."""
        return self.result(self.browser.text("ann", self.file(raw)))

    def test_plain(self) -> None:
        """The plain part, in its charset, lines ended by LF."""
        self.assertEqual(self.text(PLAIN), "Grüße <b>\n")
        self.assertEqual(self.text(RELATED).strip(), "plain words")

    def test_html_only(self) -> None:
        """HTML as text."""
        text = self.text(HEAD + b"Content-Type: text/html\r\n\r\n<p>one &amp; two</p><script>x</script>\r\n")
        self.assertEqual(text.strip(), "one & two")

    def test_none(self) -> None:
        """A file has no text."""
        self.assertEqual(self.text(HEAD + b"Content-Type: image/png\r\n\r\nPNG\r\n"), "")

    def test_long(self) -> None:
        """A novel is not quoted whole, and the quote says so."""
        text = self.text(HEAD + b"\r\n" + b"x" * (QUOTED_CHARACTERS + 1))
        self.assertEqual(text, "x" * QUOTED_CHARACTERS + "\n[the rest is not quoted]")

    def test_foreign(self) -> None:
        """Other accounts' messages are not there."""
        text = self.browser.text("ann", self.file(PLAIN, account="eve"))
        self.failureResultOf(Deferred.fromCoroutine(text), NotThere)


class PartTests(BrowserCase):
    """part and raw."""

    def part(self, message: str, path: str) -> tuple[Part, bytes] | None:
        """A part of Ann's message."""
        return self.result(self.browser.part("ann", message, path))

    def test_decoded(self) -> None:
        """Octets behind their transfer encoding, with the part as the message has it."""
        message = self.file(RELATED)
        found = self.part(message, "1.2.2")
        assert found is not None
        part, octets = found
        self.assertEqual((part.content_type, octets), ("image/png", PICTURE))
        self.assertIn(part, list(self.shown(message).message.description.structure.walk()))

    def test_attached_message(self) -> None:
        """The whole of it; and what is in it by its own path."""
        message = self.file(FORWARDED)
        found = self.part(message, "2")
        assert found is not None
        self.assertTrue(found[1].startswith(b"From: carl@beta.example\r\n"))
        inner = self.part(message, "2.1")
        assert inner is not None
        self.assertEqual(inner[1], b"PNG")

    def test_names_of_parts_without_names(self) -> None:
        """An attached message is named by its subject; a slash in that divides no path."""
        for fields, name in (
            (b"Subject: Plan\r\n", "Plan.eml"),
            (b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n", "Grüße.eml"),
            (b"Subject: up/../down\\x\r\n", "up-..-down-x.eml"),
            (b"From: x@y.example\r\n", "message.eml"),
        ):
            message = self.file(
                HEAD + b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n\r\nsee\r\n'
                b"--m\r\nContent-Type: message/rfc822\r\n\r\n" + fields + b"\r\ntext\r\n--m--\r\n"
            )
            self.assertEqual([part.filename for part in self.shown(message).attachments], [name])

    def test_no_such_part(self) -> None:
        """Other paths, containers and other accounts' parts are not there."""
        message = self.file(RELATED)
        for path in ("", "1", "1.2", "9", "1.2.2.1", "x", "2.TEXT"):
            self.assertIsNone(self.part(message, path), path)
        self.assertIsNone(self.part(self.file(RELATED, account="eve"), "2"))

    def test_raw(self) -> None:
        """The message as it came in, to its owner."""
        message = self.file(RELATED)
        self.assertEqual(self.result(self.browser.raw("ann", message)), RELATED)
        self.assertIsNone(self.result(self.browser.raw("eve", message)))

    def test_blob_gone(self) -> None:
        """A blob that is missing is an error of its own, not an empty message."""
        message = self.file(RELATED)
        self.store.blobs.content.clear()
        self.failureResultOf(Deferred.fromCoroutine(self.browser.raw("ann", message)), NotThere)


class WinmailTests(BrowserCase):
    """F030: what Outlook packs up is offered beside the original."""

    def winmail(self, content: bytes, text: bytes = b"") -> str:
        """A message with a winmail.dat."""
        plain = b"--m\r\nContent-Type: text/plain\r\n\r\n" + text + b"\r\n" if text else b""
        return self.file(
            HEAD + b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n' + plain + b"--m\r\n"
            b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + encodebytes(content).replace(b"\n", b"\r\n")
            + b"--m--\r\n"
        )

    def part(self, message: str, path: str) -> tuple[str, bytes] | None:
        """Name and octets of a part."""
        found = self.result(self.browser.part("ann", message, path))
        return None if found is None else (found[0].filename, found[1])

    def test_f030_files_and_body_are_beside_it(self) -> None:
        """The original first, then the body and the files, each with its own octets; HTML is harmless."""
        message = self.winmail(USUAL, b"see attachment")
        attachments = self.shown(message).attachments
        self.assertEqual([a.filename for a in attachments], ["winmail.dat", "message.html", "Brief äöü.docx"])
        outer, html, docx = (a.path for a in attachments)
        self.assertEqual(self.part(message, outer), ("winmail.dat", USUAL))
        self.assertEqual(self.part(message, docx), ("Brief äöü.docx", DOCX))
        found = self.part(message, html)
        assert found is not None
        self.assertIn("<p>Grüße <b>bold</b></p>", found[1].decode())
        self.assertEqual(LiveHtml(found[1].decode().partition('">')[2]).faults, [])
        for path in (f"{outer}~0", f"{outer}~3", f"{outer}~x", f"{outer}~", "1~1", "~", "~1"):
            self.assertIsNone(self.part(message, path), path)
        self.assertIn("see attachment", self.body(message).html)

    def test_f030_the_only_body_is_shown(self) -> None:
        """Through the sanitiser, and the picture elsewhere is counted; plain text too."""
        clean = self.body(self.winmail(USUAL))
        self.assertIn("<p>Grüße <b>bold</b></p>", clean.html)
        self.assertEqual((LiveHtml(clean.html).faults, clean.blocked), ([], 1))
        plain = tnef_files.tnef(tnef_files.attribute(1, tnef_files.BODY, b"just <text>\0"))
        self.assertIn("just &lt;text&gt;", self.body(self.winmail(plain)).html)

    def test_f030_a_broken_one_can_be_kept(self) -> None:
        """It is listed alone, and comes as it was."""
        for content in (b"\x78\x9f\x3e\x22", bytes(range(256)), USUAL[:20]):
            message = self.winmail(content)
            (only,) = self.shown(message).attachments
            self.assertEqual(self.part(message, only.path), ("winmail.dat", content))
            self.assertEqual(self.body(message), Sanitized("", 0))
