"""Drafts: kept as they are typed, sent once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mailsuite.interfaces.queue import Submission
from mailsuite.model.account import Account
from mailsuite.model.draft import Draft, DraftConflict
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.folder import DRAFTS
from mailsuite.model.job import QueuedMessage
from mailsuite.model.message import Message
from mailsuite.msa.drafts import Drafts
from mailsuite.msa.outgoing import TEXT_CHARACTERS
from mailsuite.msa.submit import FieldError
from mailsuite.testing.fake_events import FakeEvents
from tests.msa.test_submit import DRAFT, QUESTION, SubmitterCase

KEY = "0123456789abcdef"


class DyingQueue:
    """ISubmissionQueue of a process that is killed when the message is queued and before anything else happens."""

    def __init__(self, queue: object) -> None:
        self._queue = queue
        self.dies = False

    async def accept(self, submission: Submission) -> QueuedMessage:
        queued: QueuedMessage = await self._queue.accept(submission)  # type: ignore[attr-defined]
        if self.dies:
            raise StoreUnavailable("killed")
        return queued


class DraftsCase(SubmitterCase):
    """Ann's drafts."""

    def setUp(self) -> None:
        super().setUp()
        self.events = FakeEvents()
        self.door = DyingQueue(self.queue)
        self.drafts = Drafts(
            self.store.drafts,
            self.submitter_to(self.door),  # type: ignore[arg-type]
            self.store.messages,
            self.store.blobs,
            self.events,
            self.in_thread,
            self.clock,
            "mx.alpha.example",
        )

    def save(self, draft: Draft, base: int = 0, account: Account | None = None) -> Message:
        """The message in Drafts."""
        account = account or self.ann
        filed = self.result(self.drafts.save(account, draft, KEY, base))
        found = self.result(self.store.messages.message(account.id, filed.message))
        assert found is not None
        return found

    def there(self) -> int:
        """How many conversations are in Drafts."""
        return self.result(self.store.messages.counters("ann"))[DRAFTS].total

    def queued(self) -> int:
        """How many messages were queued."""
        return len(self.store.jobs.queued)

    def send_draft(self, draft: Draft, base: int = 0) -> QueuedMessage | None:
        """Send it under its key."""
        return self.result(self.drafts.send(self.ann, draft, KEY, base))

    def conflict(self, draft: Draft, base: int = 0) -> DraftConflict:
        """Sending is refused."""
        error = self.failureResultOf(self.deferred(self.drafts.send(self.ann, draft, KEY, base)), DraftConflict).value
        assert isinstance(error, DraftConflict)
        return error


class SaveTests(DraftsCase):
    """save."""

    def test_content(self) -> None:
        """A message like any other, in the thread that it answers; who shall get it blindly is in no octet of it."""
        parent = self.file(QUESTION)
        message = self.save(replace(DRAFT, cc="Carl <carl@beta.example>", bcc="eve@beta.example", in_reply_to=parent))
        described = message.description
        self.assertEqual((DRAFTS, True, True), (message.folder, message.seen, message.own))
        self.assertEqual(("Hello", "How are you?"), (described.subject, described.snippet))
        self.assertEqual(["bob@beta.example"], [box.address for box in described.to])
        self.assertEqual(["carl@beta.example"], [box.address for box in described.cc])
        self.assertEqual(["eve@beta.example"], [box.address for box in message.bcc])
        self.assertNotIn(b"eve@", self.result(self.store.blobs.read(message.blob)))
        answered = self.result(self.store.messages.message("ann", parent))
        assert answered is not None
        self.assertEqual(answered.conversation, message.conversation)
        self.assertEqual(1, self.there())

    def test_unfinished(self) -> None:
        """Whatever is typed so far comes back as it was typed; of the recipients those count that are whole."""
        draft = Draft(
            "bob@beta.example, Carl <carl@", 'x y, "', "dora@", "a\tb\nBcc: v@x.example", "\0 \x1b words", "gone"
        )
        message = self.save(draft)
        self.assertEqual(["bob@beta.example"], [box.address for box in message.description.to])
        self.assertEqual((), message.description.cc)
        self.assertNotIn(b"v@x.example\r\n\r\n", self.result(self.store.blobs.read(message.blob)))
        kept = self.result(self.drafts.of_message(self.ann, message.id))
        assert kept is not None
        self.assertEqual((draft, KEY, 1), (kept.draft, kept.key, kept.revision))

    @given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=200))
    @settings(max_examples=100, deadline=None)
    def test_any_words(self, to: str, subject: str, text: str) -> None:
        """Nothing that can be typed keeps a draft from being saved."""
        kept = self.result(self.drafts.find(self.ann, KEY))
        draft = Draft(to, to, to, subject, text)
        message = self.save(draft, kept.revision if kept else 0)
        found = self.result(self.drafts.of_message(self.ann, message.id))
        assert found is not None
        self.assertEqual(draft, found.draft)

    def test_too_long(self) -> None:
        """What is too long to be sent is not saved, and the error names the field."""
        failure = self.failureResultOf(
            self.deferred(self.drafts.save(self.ann, replace(DRAFT, text="x" * (TEXT_CHARACTERS + 1)), KEY, 0)),
            FieldError,
        )
        self.assertEqual("text", getattr(failure.value, "field", ""))
        self.assertEqual(0, self.there())

    def test_off_the_reactor(self) -> None:
        """Composing and describing are work for a thread."""
        self.save(DRAFT)
        self.assertEqual(1, self.offloaded)

    def test_others(self) -> None:
        """The same key of another account is another draft; nobody answers a message of somebody else's."""
        theirs = self.file(QUESTION, account="eve")
        message = self.save(replace(DRAFT, in_reply_to=theirs))
        self.assertEqual((), message.description.references)
        eve = replace(self.ann, id="eve", address="eve@alpha.example")
        self.assertIsNone(self.result(self.drafts.of_message(eve, message.id)))
        self.assertIsNone(self.result(self.drafts.find(eve, KEY)))


class SendDraftTests(DraftsCase):
    """send."""

    def test_once(self) -> None:
        """It is queued, and gone from Drafts; again changes nothing, and a revision that comes late is refused."""
        self.save(DRAFT)
        self.assertEqual(1, self.there())
        self.assertIsNotNone(self.send_draft(DRAFT, 1))
        self.assertEqual((0, 1), (self.there(), self.queued()))
        self.assertIsNone(self.send_draft(DRAFT, 1))
        late = self.failureResultOf(self.deferred(self.drafts.save(self.ann, DRAFT, KEY, 1)), DraftConflict)
        self.assertIsNone(getattr(late.value, "revision", 0))
        self.assertEqual((0, 1), (self.there(), self.queued()))

    def test_never_saved(self) -> None:
        """A message that was sent at once is not saved first, nor afterwards."""
        self.assertIsNotNone(self.send_draft(DRAFT))
        self.failureResultOf(self.deferred(self.drafts.save(self.ann, DRAFT, KEY, 0)), DraftConflict)
        self.assertEqual((0, 1), (self.there(), self.queued()))

    def test_latest_words(self) -> None:
        """What is sent is what the form says, not what was saved last."""
        self.save(DRAFT)
        queued = self.send_draft(replace(DRAFT, text="At noon?"), 1)
        assert queued is not None
        self.assertIn("At noon?", self.parsed(queued).get_content())
        self.assertEqual((0, 1), (self.there(), self.queued()))

    def test_other_words_afterwards(self) -> None:
        """What was changed after it had been sent is not silently dropped."""
        self.send_draft(DRAFT)
        self.assertIsNone(self.conflict(replace(DRAFT, text="No, at two.")).revision)
        self.assertEqual(1, self.queued())

    def test_old_page(self) -> None:
        """A page that was left open does not send over what another one saved since."""
        self.save(DRAFT)
        self.save(replace(DRAFT, text="newer"), 1)
        self.assertEqual(2, self.conflict(replace(DRAFT, text="older"), 0).revision)
        self.assertEqual((1, 0), (self.there(), self.queued()))

    def test_refused(self) -> None:
        """What cannot be sent stays, as it is now."""
        message = self.save(DRAFT)
        wrong = replace(DRAFT, to="nobody", text="more")
        self.failureResultOf(self.deferred(self.drafts.send(self.ann, wrong, KEY, 1)), FieldError)
        kept = self.result(self.drafts.of_message(self.ann, message.id))
        assert kept is not None
        self.assertEqual((wrong, 2, False), (kept.draft, kept.revision, kept.sent))

    def test_killed(self) -> None:
        """Killed between the queue and Drafts: sent again it is not sent twice, and is gone from Drafts then."""
        self.save(DRAFT)
        self.door.dies = True
        self.failureResultOf(self.deferred(self.drafts.send(self.ann, DRAFT, KEY, 1)), StoreUnavailable)
        self.assertEqual((1, 1), (self.there(), self.queued()))
        self.door.dies = False
        self.now += 1000
        self.assertIsNotNone(self.send_draft(DRAFT, 1))
        self.assertEqual((0, 1), (self.there(), self.queued()))

    def test_killed_and_changed(self) -> None:
        """Killed there, then written on: the writer hears that the earlier words are out, and has the new ones."""
        self.save(DRAFT)
        self.door.dies = True
        self.failureResultOf(self.deferred(self.drafts.send(self.ann, DRAFT, KEY, 1)), StoreUnavailable)
        self.door.dies = False
        self.now += 1000
        self.assertIsNone(self.conflict(replace(DRAFT, text="No, at two."), 1).revision)
        self.assertEqual((0, 1), (self.there(), self.queued()))

    def test_store_away(self) -> None:
        """Nothing is lost: it can be sent when the store is back."""
        self.save(DRAFT)
        self.store.fault = "disk full"
        self.failureResultOf(self.deferred(self.drafts.send(self.ann, DRAFT, KEY, 1)), StoreUnavailable)
        self.store.fault = ""
        self.assertIsNotNone(self.send_draft(DRAFT, 1))

    def test_told(self) -> None:
        """Open pages hear of Drafts when it is saved and when it is gone."""
        heard: list[object] = []
        self.events.subscribe("ann", heard.append)
        self.save(DRAFT)
        saved = len([event for event in heard if getattr(event, "folder", "") == DRAFTS])
        self.send_draft(DRAFT, 1)
        after = len([event for event in heard if getattr(event, "folder", "") == DRAFTS])
        self.assertEqual((1, 2), (saved, after))
