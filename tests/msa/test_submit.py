"""What is written in the browser, up to the queue."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses

from hypothesis import given, settings
from hypothesis import strategies as st

from mailsuite.interfaces.queue import ISubmissionQueue
from mailsuite.mime.describe import describe
from mailsuite.model.alias import Alias
from mailsuite.model.errors import NotThere, StoreUnavailable
from mailsuite.model.folder import INBOX
from mailsuite.model.job import Priority, QueuedMessage
from mailsuite.model.message import Filing
from mailsuite.msa.identity import Identities
from mailsuite.msa.submit import Draft, FieldError, Submitter
from tests.msa.case import NOW, QueueCase, generous

QUESTION = (
    b"From: Bob Beta <bob@beta.example>\r\n"
    b"To: ann@alpha.example, Carl <carl@beta.example>\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <q@beta.example>\r\n"
    b"References: <p@beta.example>\r\n"
    b"\r\n"
    b"How are you?\r\n"
)
DRAFT = Draft(to="bob@beta.example", cc="", bcc="", subject="Hello", text="How are you?\n")


class SubmitterCase(QueueCase):
    """Ann writes; five recipients at most."""

    def setUp(self) -> None:
        super().setUp()
        self.submitter = self.submitter_to(self.queue)

    def submitter_to(self, queue: ISubmissionQueue) -> Submitter:
        """One that sends to this queue."""
        return Submitter(
            queue,
            generous(),
            self.store.messages,
            Identities(self.store.directory, "+"),
            self.clock,
            self.random,
            "mx.alpha.example",
            max_recipients=5,
        )

    def send(self, draft: Draft, key: str | None = None) -> QueuedMessage:
        """Hand it in."""
        return self.result(self.submitter.send(self.ann, draft, key))

    def parsed(self, message: QueuedMessage) -> EmailMessage:
        """The queued content as the standard library reads it."""
        parsed = message_from_bytes(self.content(message), policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def refused(self, draft: Draft) -> FieldError:
        """The error; nothing was queued."""
        failure = self.failureResultOf(self.deferred(self.submitter.send(self.ann, draft)), FieldError)
        self.assertEqual(self.store.blobs.content, {})
        assert isinstance(failure.value, FieldError)
        return failure.value

    def file(self, raw: bytes, account: str = "ann", own: bool = False) -> str:
        """The id of a message in a mailbox."""
        blob = self.result(self.store.blobs.put(raw))
        filed = Filing(account, INBOX, blob, blob, len(raw), NOW, describe(raw), "bob@beta.example", own=own)
        return self.result(self.store.messages.file(filed)).message


class SendTests(SubmitterCase):
    """send."""

    def test_content(self) -> None:
        """Author, recipients, subject, date, id and text are what was typed; Bcc is nowhere in it."""
        message = self.send(
            Draft(
                'Bob <bob@beta.example>, "Lee, Carl" <carl@beta.example>',
                "Dora <dora@bücher.example>",
                "eve@beta.example",
                "Grüße aus München",
                "Hällo\nBob\n",
            )
        )
        parsed = self.parsed(message)
        self.assertEqual(getaddresses([parsed["From"]]), [("Ann Ångström", "ann@alpha.example")])
        self.assertEqual(
            getaddresses([parsed["To"]]), [("Bob", "bob@beta.example"), ("Lee, Carl", "carl@beta.example")]
        )
        self.assertEqual(getaddresses([parsed["Cc"]]), [("Dora", "dora@xn--bcher-kva.example")])
        self.assertEqual(parsed["Subject"], "Grüße aus München")
        self.assertEqual(parsed["Date"].datetime.timestamp() * 1000, NOW)
        self.assertRegex(parsed["Message-ID"], r"\A<[0-9a-z]{20}@mx\.alpha\.example>\Z")
        self.assertEqual(parsed.get_content().replace("\r\n", "\n"), "Hällo\nBob\n")
        self.assertNotIn(b"eve", self.content(message))
        self.assertNotIn("Bcc", parsed)
        self.assertTrue(self.content(message).isascii())

    def test_envelope(self) -> None:
        """From the account to all three fields, each address once; queued as Ann's, at interactive priority."""
        message = self.send(replace(DRAFT, cc="Bob@BETA.example, carl@beta.example", bcc="eve@beta.example"))
        self.assertEqual(message.envelope.sender, "ann@alpha.example")
        self.assertEqual(
            [r.address.key for r in message.envelope.recipients],
            ["bob@beta.example", "carl@beta.example", "eve@beta.example"],
        )
        self.assertEqual((message.account, message.priority), ("ann", Priority.INTERACTIVE))
        self.assertFalse(message.envelope.smtputf8)
        self.assertEqual([(e.destination, e.eager) for e in message.plan], [("sent", True), ("beta.example", False)])

    def test_bcc_only(self) -> None:
        """Blind copies alone are enough, and nobody is named."""
        message = self.send(replace(DRAFT, to="", bcc="eve@beta.example"))
        self.assertEqual(len(message.envelope.recipients), 1)
        self.assertNotIn(b"eve", self.content(message))

    def test_to_oneself(self) -> None:
        """Mail to oneself is filed at once."""
        message = self.send(replace(DRAFT, to="Ann@alpha.example"))
        self.assertEqual([(e.destination, e.eager) for e in message.plan], [("sent", True), ("local", True)])

    def test_smtputf8(self) -> None:
        """A non-ASCII local part asks the next hop for SMTPUTF8 (RFC 6531 section 3.4)."""
        message = self.send(replace(DRAFT, to="jörg@beta.example"))
        self.assertTrue(message.envelope.smtputf8)
        self.assertEqual(message.envelope.body, "8BITMIME")
        self.assertIn("jörg@beta.example".encode(), self.content(message))

    def test_key(self) -> None:
        """The same key again gives the message that is queued; another key is another message."""
        first = self.send(DRAFT, "k1")
        self.assertEqual(self.send(DRAFT, "k1"), first)
        self.assertNotEqual(self.send(DRAFT, "k2").id, first.id)
        self.assertNotEqual(self.send(DRAFT).id, self.send(DRAFT).id)

    def test_reply_joins_its_thread(self) -> None:
        """In-Reply-To is the parent, References the thread with it (RFC 5322 section 3.6.4)."""
        parsed = self.parsed(self.send(replace(DRAFT, in_reply_to=self.file(QUESTION))))
        self.assertEqual(parsed["In-Reply-To"], "<q@beta.example>")
        self.assertEqual(parsed["References"], "<p@beta.example> <q@beta.example>")

    def test_reply_to_what_has_no_id(self) -> None:
        """It bears no such fields."""
        parsed = self.parsed(self.send(replace(DRAFT, in_reply_to=self.file(b"From: bob@beta.example\r\n\r\nhi\r\n"))))
        self.assertNotIn("In-Reply-To", parsed)
        self.assertNotIn("References", parsed)

    def test_no_recipient(self) -> None:
        """Somebody must get it."""
        self.assertEqual(self.refused(replace(DRAFT, to=" , ")).field, "to")

    def test_bad_recipients(self) -> None:
        """The field and the piece are named (field case F093)."""
        for field in ("to", "cc", "bcc"):
            error = self.refused(replace(DRAFT, **{field: "Ann <a@x.example, Bob <b@x.example>"}))
            self.assertEqual((error.field, error.piece), (field, "Ann <a@x.example"))

    def test_too_many_recipients(self) -> None:
        """Over all fields; the same address twice counts once."""
        self.send(
            replace(DRAFT, to="a@x.example,b@x.example", cc="c@x.example,d@x.example,A@x.example", bcc="e@x.example")
        )
        self.store.blobs.content.clear()
        error = self.refused(
            replace(DRAFT, to="a@x.example,b@x.example,c@x.example", bcc="d@x.example,e@x.example,f@x.example")
        )
        self.assertIn("6 recipients", str(error))

    def test_line_break_in_subject(self) -> None:
        """Field case F085: no header of the writer's own making."""
        for subject in ("Hi\nBcc: v@x.example", "Hi\rX: y", "Hi\r\n\r\nbody", "Hi\u2028X: y", "Hi\0", "\ud800"):
            self.assertEqual(self.refused(replace(DRAFT, subject=subject)).field, "subject", repr(subject))

    def test_text_that_cannot_be_sent(self) -> None:
        """NUL and halves of surrogate pairs are refused by name."""
        for text in ("a\0b", "a\ud800b"):
            self.assertEqual(self.refused(replace(DRAFT, text=text)).field, "text")

    def test_too_long(self) -> None:
        """Subject and text have an end."""
        self.assertEqual(self.refused(replace(DRAFT, subject="x" * 1001)).field, "subject")
        self.assertEqual(self.refused(replace(DRAFT, text="x" * 500_001)).field, "text")

    def test_foreign_parent(self) -> None:
        """A message of another account, or none, is no parent."""
        for parent in (self.file(QUESTION, account="eve"), "nonsense"):
            self.store.blobs.content.clear()
            self.assertEqual(self.refused(replace(DRAFT, in_reply_to=parent)).field, "in_reply_to")

    def test_store_away(self) -> None:
        """What cannot be made durable is not sent."""
        self.store.fault = "disk full"
        self.failureResultOf(self.deferred(self.submitter.send(self.ann, DRAFT)), StoreUnavailable)

    @given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=200))
    @settings(max_examples=150, deadline=None)
    def test_any_words(self, to: str, subject: str, text: str) -> None:
        """Any draft is queued with just the fields of a message, or refused by the name of a field."""
        sent = self.deferred(self.submitter.send(self.ann, Draft(f"{to},bob@beta.example", "", "", subject, text)))
        outcome = self.successResultOf(
            sent.addErrback(lambda failure: failure.value if failure.check(FieldError) else failure)
        )
        if isinstance(outcome, FieldError):
            self.assertIn(outcome.field, ("to", "subject", "text"))
            return
        assert isinstance(outcome, QueuedMessage)
        names = message_from_bytes(self.content(outcome), policy=policy.compat32).keys()
        self.assertEqual(
            sorted(names),
            [
                "Content-Transfer-Encoding",
                "Content-Type",
                "Date",
                "From",
                "MIME-Version",
                "Message-ID",
                "Subject",
                "To",
            ],
        )


class ReplyDraftTests(SubmitterCase):
    """reply_draft."""

    def draft(self, message: str, everyone: bool = False, quoted: str = "") -> Draft:
        """The reply that is suggested."""
        return self.result(self.submitter.reply_draft(self.ann, message, everyone, quoted))

    def test_reply(self) -> None:
        """To the author, about the same, above the quoted text."""
        message = self.file(QUESTION)
        self.assertEqual(
            self.draft(message, quoted="> How are you?\n"),
            Draft("Bob Beta <bob@beta.example>", "", "", "Re: Grüße", "\n\n> How are you?\n", message),
        )

    def test_reply_to_all(self) -> None:
        """The other recipients get a copy, Ann does not."""
        draft = self.draft(self.file(QUESTION), everyone=True)
        self.assertEqual((draft.to, draft.cc), ("Bob Beta <bob@beta.example>", "Carl <carl@beta.example>"))

    def test_reply_to_all_from_an_alias(self) -> None:
        """Ann's alias and her address with a detail are Ann; an alias of hers and Bob's is not."""
        for address, *targets in (
            ("sales@alpha.example", "ann@alpha.example"),
            ("both@alpha.example", "ann@alpha.example", "bob@beta.example"),
        ):
            self.result(self.store.directory.add_alias(Alias(address, tuple(targets), NOW)))
        raw = QUESTION.replace(b"Carl", b"Sales@Alpha.Example, both@alpha.example, ann+shop@alpha.example, Carl")
        draft = self.draft(self.file(raw), everyone=True)
        self.assertEqual(
            (draft.to, draft.cc), ("Bob Beta <bob@beta.example>", "both@alpha.example, Carl <carl@beta.example>")
        )

    def test_many_addresses(self) -> None:
        """Ann is left out however many there are; what is no address does no harm."""
        others = b", ".join(b"n%d@beta.example" % n for n in range(300))
        raw = QUESTION.replace(b"To: ", b"To: undisclosed, " + others + b", ")
        draft = self.draft(self.file(raw), everyone=True)
        self.assertNotIn("ann@alpha.example", draft.cc)
        self.assertIn("n299@beta.example", draft.cc)

    def test_nothing_quoted(self) -> None:
        """Without a quote the text is empty."""
        self.assertEqual(self.draft(self.file(QUESTION)).text, "")

    def test_draft_can_be_sent(self) -> None:
        """A suggested reply goes through as it is, hostile names and long subjects too, and joins the thread."""
        raw = (
            'From: "b, \\"o\\" <x@y>\u202e" <bob@beta.example>\r\n'
            "To: =?utf-8?q?a=0D=0ABcc:_v=40x?= <carl@beta.example>\r\n"
            f"Message-ID: <h@beta.example>\r\nSubject: =?utf-8?q?a=0D=0ABcc:_v=40x.example=00?= {'long ' * 500}\r\n\r\n"
        ).encode()
        sent = self.parsed(self.send(self.draft(self.file(raw), everyone=True)))
        self.assertEqual([address for _, address in getaddresses([str(sent["To"])])], ["bob@beta.example"])
        self.assertEqual([address for _, address in getaddresses([str(sent["Cc"])])], ["carl@beta.example"])
        self.assertEqual(sent["In-Reply-To"], "<h@beta.example>")
        self.assertNotIn("Bcc", sent)

    def test_unknown(self) -> None:
        """A message of another account is not there."""
        message = self.file(QUESTION, account="eve")
        self.failureResultOf(self.deferred(self.submitter.reply_draft(self.ann, message, False, "")), NotThere)

    def test_what_is_no_address_is_marked(self) -> None:
        """An author that cannot be answered is shown, and refused by name when sent."""
        draft = self.draft(self.file(b"From: nobody\r\n\r\n"))
        self.assertEqual(draft.to, "nobody")
        failure = self.failureResultOf(self.deferred(self.submitter.send(self.ann, draft)), FieldError)
        self.assertEqual(getattr(failure.value, "piece", ""), "nobody")
