"""Folders and labels as a person sees them, and who hears of their going."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailbox.change import Changer
from mailsuite.mailbox.find import HITS, Finder
from mailsuite.mailbox.folders import Folders
from mailsuite.mailbox.upkeep import Upkeep
from mailsuite.model.action import EMPTY_AFTER, Action, Chosen, Verb
from mailsuite.model.event import Changed
from mailsuite.model.folder import INBOX, LEVELS, NAME_LENGTH, SNOOZED, TRASH, folder_name, label_name
from mailsuite.model.message import Counter
from mailsuite.testing.builders import NOW, filing
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")


class _Mailbox(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = NOW
        self.store = FakeStore(lambda: self.now)
        self.events = FakeEvents()
        self.changer = Changer(self.store.mailbox, self.events)
        self.folders = Folders(self.store.mailbox, self.store.messages, self.changer)

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """What an operation that need not wait gives."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def told(self) -> set[str]:
        """The lists that were published as changed since the last time."""
        events, self.events.published[:] = list(self.events.published), []
        return {event.folder for event in events if isinstance(event, Changed)}


class NameTests(SynchronousTestCase):
    """folder_name and label_name."""

    def test_names(self) -> None:
        """Levels are trimmed and composed; a label may hold a slash."""
        self.assertEqual("Arbeit/Über", folder_name(" Arbeit / U\u0308ber "))
        self.assertEqual("新年/👩\u200d🚀", folder_name("新年/👩\u200d🚀"))
        self.assertEqual("a/b", label_name(" a/b "))

    def test_refused(self) -> None:
        """Empty, too long, too deep, reserved, or with what does not show as it is."""
        for name in (
            "",
            " ",
            "a//b",
            "/a",
            "Inbox",
            "TRASH/x",
            "x" * (NAME_LENGTH + 1),
            "/".join("a" * (LEVELS + 1)),
            "a\nb",
            "a\u202eb",
            "a\ud800",
        ):
            self.assertRaises(ValueError, folder_name, name)


class FoldersTests(_Mailbox):
    """Folders."""

    def test_places(self) -> None:
        """All lists with what is in them; own folders with their depth."""
        own = self.result(self.folders.create_folder("bob", "Work/Inner "))
        label = self.result(self.folders.create_label("bob", "Later", "red"))
        filed = self.result(self.store.messages.file(filing("a", folder=own.id)))
        self.result(self.changer.do("bob", Action(Verb.LABEL, label.id), Chosen((filed.conversation,))))
        self.assertEqual({own.id, f"label/{label.id}"}, self.told())
        places = self.result(self.folders.places("bob"))
        shown = [(folder.leaf, folder.depth, folder.counter.total) for folder in places.folders]
        self.assertEqual([("Work", 0, 0), ("Inner", 1, 1)], shown)
        labels = [(each.name, each.colour, each.counter) for each in places.labels]
        self.assertEqual([("Later", "red", Counter(1, 1))], labels)
        self.assertEqual(Counter(0, 0), places.standard[SNOOZED])
        known = [places.knows(place) for place in (INBOX, own.id, f"label/{label.id}", "f99")]
        self.assertEqual([True, True, True, False], known)
        refused = Deferred.fromCoroutine(self.folders.create_label("bob", "x", "ultraviolet"))
        self.failureResultOf(refused, ValueError)

    def test_delete(self) -> None:
        """Trash and the folder hear of it; undo brings it back."""
        own = self.result(self.folders.create_folder("bob", "Work"))
        self.result(self.store.messages.file(filing("a", folder=own.id)))
        done = self.result(self.folders.delete_folder("bob", own.id))
        self.assertEqual({own.id, TRASH}, self.told())
        self.result(self.changer.undo("bob", done.undo))
        self.assertEqual({own.id, TRASH}, self.told())
        self.assertEqual(["Work"], [folder.name for folder in self.result(self.folders.places("bob")).folders])


class FinderTests(_Mailbox):
    """Finder."""

    def test_find(self) -> None:
        """Names of the account's folders and labels; pages of 50; nothing asked is nothing found."""
        finder = Finder(self.store.mailbox, self.store.mailbox)
        own = self.result(self.folders.create_folder("bob", "Große Mappe"))
        for n in range(HITS + 3):
            self.result(self.store.messages.file(filing(f"k{n}", folder=own.id, at=NOW + n * 1000)))
        self.result(self.store.messages.file(filing("other")))
        query = self.result(finder.query("bob", 'in:"große mappe" hello', UTC))
        first = self.result(finder.find("bob", query, None))
        self.assertEqual(HITS, len(first.hits))
        second = self.result(finder.find("bob", query, first.next))
        self.assertEqual((3, None), (len(second.hits), second.next))
        for line in ("", "in:anywhere", "..."):
            query = self.result(finder.query("bob", line, UTC))
            self.assertEqual((), self.result(finder.find("bob", query, None)).hits, line)


class UpkeepTests(_Mailbox):
    """Upkeep."""

    def test_rounds(self) -> None:
        """What sleeps wakes, what is old goes, and pages hear of it."""

        async def now(work: Any) -> Any:
            return work()

        upkeep = Upkeep(self.store.mailbox, self.store.mailbox, self.store.blobs, self.events, now, lambda: self.now)
        a, b = [self.result(self.store.messages.file(filing(key))) for key in "ab"]
        snooze = Action(Verb.SNOOZE, until=NOW + 10)
        self.result(self.changer.do("bob", snooze, Chosen((a.conversation,), place=INBOX)))
        self.result(self.changer.act("bob", "trash", (b.conversation,), INBOX))
        self.told()
        self.result(upkeep.wake())
        self.result(upkeep.tidy())
        self.assertEqual(set(), self.told())
        self.now = NOW + 10
        self.result(upkeep.wake())
        self.assertEqual({INBOX, SNOOZED}, self.told())
        self.now = NOW + EMPTY_AFTER + 1
        self.result(upkeep.tidy())
        self.assertEqual({TRASH}, self.told())
        self.assertIsNone(self.result(self.store.messages.message("bob", b.message)))
