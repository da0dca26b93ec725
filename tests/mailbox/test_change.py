"""What people do to conversations, and who hears of it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailbox.change import ACTIONS, Changer, action_named
from mailsuite.model.action import Chosen
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.event import Changed
from mailsuite.model.folder import ARCHIVE, FOLDERS, INBOX, SENT, SPAM, STARRED, TRASH
from mailsuite.model.message import Filing, Message
from mailsuite.testing.builders import NOW, description, filing, sent
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")


class ChangerTests(SynchronousTestCase):
    """Bob's mailbox: a question in the inbox that he answered, and a note in the inbox."""

    def setUp(self) -> None:
        self.store = FakeStore(lambda: NOW)
        self.events = FakeEvents()
        self.changer = Changer(self.store.mailbox, self.events)
        self.question = self.file(filing("question"))
        answer = description(
            "<answer@beta.example>", references=("<question@alpha.example>",), author="Bob <bob@beta.example>"
        )
        self.assertEqual(self.file(sent("answer", about=answer)), self.question)
        self.note = self.file(filing("note"))

    def result(self, awaitable: Awaitable[T]) -> T:
        """What an operation that need not wait gives."""

        async def wait() -> T:
            return await awaitable

        return self.successResultOf(Deferred.fromCoroutine(wait()))

    def file(self, item: Filing) -> str:
        """The conversation that a filed message is in."""
        return self.result(self.store.messages.file(item)).conversation

    def act(self, action: str, *conversations: str, folder: str = INBOX) -> set[str]:
        """The folders that an act told of; they are told once each, with the seq that it gave."""
        self.events.published.clear()
        seq = self.result(self.changer.act("bob", action, conversations, folder)).seq
        self.assertEqual(seq, self.result(self.store.messages.seq("bob")))
        folders = [event.folder for event in self.events.published if isinstance(event, Changed)]
        self.assertEqual(self.events.published, [Changed("bob", name, seq) for name in folders])
        self.assertEqual(len(folders), len(set(folders)))
        return set(folders)

    def messages(self, conversation: str) -> dict[str, Message]:
        """A conversation's messages by their Message-ID."""
        found = self.result(self.store.messages.messages("bob", conversation))
        return {message.description.message_id: message for message in found}

    def places(self, conversation: str) -> dict[str, str]:
        """In which folder each message is."""
        return {name: message.folder for name, message in self.messages(conversation).items()}

    def test_read_and_unread(self) -> None:
        """All messages of the conversations; every folder that shows one of them hears of it."""
        self.assertEqual(self.act("read", self.question, self.note), {INBOX, SENT})
        self.assertTrue(all(m.seen for m in self.messages(self.question).values()))
        self.assertTrue(all(m.seen for m in self.messages(self.note).values()))
        self.assertEqual(self.act("unread", self.note), {INBOX})
        self.assertFalse(any(m.seen for m in self.messages(self.note).values()))

    def test_star_and_unstar(self) -> None:
        """The starred view hears of it too, whichever way."""
        self.assertEqual(self.act("star", self.note), {INBOX, STARRED})
        self.assertTrue(any(m.flagged for m in self.messages(self.note).values()))
        self.assertEqual(self.act("unstar", self.note), {INBOX, STARRED})
        self.assertFalse(any(m.flagged for m in self.messages(self.note).values()))

    def test_starred_rows_change_with_their_conversation(self) -> None:
        """What is starred shows in the view: it hears of reading and moving."""
        self.act("star", self.note)
        self.assertEqual(self.act("read", self.note), {INBOX, STARRED})
        self.assertEqual(self.act("archive", self.note), {INBOX, ARCHIVE, STARRED})

    def test_moves(self) -> None:
        """Only the messages in the folder move; source, target and the other folders of the conversation hear of it."""
        for action, source, target in (
            ("archive", INBOX, ARCHIVE),
            ("trash", ARCHIVE, TRASH),
            ("inbox", TRASH, INBOX),
            ("spam", INBOX, SPAM),
        ):
            self.assertEqual(self.act(action, self.question, folder=source), {source, target, SENT})
            self.assertEqual(
                self.places(self.question), {"<question@alpha.example>": target, "<answer@beta.example>": SENT}
            )
            self.assertEqual(self.places(self.note), {"<note@alpha.example>": INBOX})

    def test_moves_out_of_the_starred_view(self) -> None:
        """The view holds nothing: archive empties the inbox, trash every folder; sent mail is never archived."""
        self.act("star", self.question)
        self.assertEqual(self.act("archive", self.question, folder=STARRED), {INBOX, ARCHIVE, SENT, STARRED})
        want = {"<question@alpha.example>": ARCHIVE, "<answer@beta.example>": SENT}
        self.assertEqual(self.places(self.question), want)
        self.act("trash", self.question, folder=STARRED)
        self.assertEqual(set(self.places(self.question).values()), {TRASH})
        self.act("inbox", self.question, folder=STARRED)
        self.assertEqual(set(self.places(self.question).values()), {INBOX})
        self.act("spam", self.question, folder=STARRED)
        self.assertEqual(set(self.places(self.question).values()), {SPAM})

    def test_foreign_conversations(self) -> None:
        """Ids of other accounts, and of none, change nothing and are told to nobody."""
        seq = self.result(self.store.messages.seq("bob"))
        self.result(self.changer.act("eve", "trash", (self.note, "nonsense"), INBOX))
        self.assertEqual(self.result(self.store.messages.seq("bob")), seq)
        self.assertEqual(self.places(self.note), {"<note@alpha.example>": INBOX})
        self.assertEqual(self.events.published, [])

    def test_unknown(self) -> None:
        """Other actions, and those that lack their target, are refused, and nothing happens."""
        for action, folder in (
            *((name, INBOX) for name in ("expunge", "", "move", "label", "snooze")),
            *(("read", name) for name in ("nowhere", "", "deleted", "label/")),
        ):
            self.failureResultOf(
                Deferred.fromCoroutine(self.changer.act("bob", action, (self.note,), folder)), ValueError
            )
        self.assertEqual(self.events.published, [])

    def test_store_away(self) -> None:
        """A change that could not be written is announced to nobody."""
        self.store.fault = "gone"
        for name in ACTIONS:
            doing = self.changer.do("bob", action_named(name, "7", NOW), Chosen((self.note,), place=INBOX))
            self.failureResultOf(Deferred.fromCoroutine(doing), StoreUnavailable)
        self.assertEqual(self.events.published, [])

    def test_every_folder_can_be_a_source(self) -> None:
        """All folders and the starred view are known."""
        for folder in (*FOLDERS, STARRED):
            self.act("trash", self.note, folder=folder)
