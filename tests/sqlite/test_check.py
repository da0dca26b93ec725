"""What goes wrong in a mailbox is found, put right, and not found again."""

from __future__ import annotations

import os
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.upkeep import Problem
from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.folder import INBOX
from mailsuite.model.message import Filed
from mailsuite.model.query import Query, Text
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.folders import FolderStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.testing.builders import NOW, description, filing
from tests.sqlite.immediate import ImmediateStore, now_done

DAMAGES = (
    "UPDATE folder SET total = total + 1",
    "UPDATE folder SET unread = 0",
    "UPDATE change_seq SET octets = octets - 1",
    "UPDATE change_seq SET messages = 0",
    "DELETE FROM conversation",
    "UPDATE conversation SET unread = unread + 1",
    "UPDATE conversation SET labels = '[]'",
    "UPDATE conversation_folder SET last_at = last_at + 1",
    "DELETE FROM conversation_folder",
    "INSERT INTO conversation_folder SELECT account, 'ghost', folder, last_at, count, unread, seq"
    " FROM conversation_folder WHERE folder = 'inbox' LIMIT 1",
    "INSERT INTO conversation SELECT 'ghost', account, last_at, count, own, unread, flagged, has_attachments, folders,"
    " subject, snippet, authors, recipients, labels, snoozed_until FROM conversation LIMIT 1",
    "UPDATE message SET seen = NOT seen",
    "UPDATE message SET folder = 'f99' WHERE folder = 'inbox'",
    "DELETE FROM label",
    "UPDATE message SET labels = '[\"99\"]'",
    "INSERT INTO message_index (message_index) VALUES ('delete-all')",
    "DELETE FROM own_folder",
)


class CheckTests(SynchronousTestCase):
    """MailboxUpkeep.check and check_store on a mailbox with conversations, labels and an own folder."""

    def setUp(self) -> None:
        self.store = ImmediateStore(lambda: NOW)
        self.addCleanup(self.store.connection.close)
        store = self.store.as_store()
        self.messages, self.search = MessageStore(store, os.urandom), MailSearch(store)
        self.files: set[str] = set()
        self.upkeep = MailboxUpkeep(store, self.files.__contains__)
        folders, actions = FolderStore(store, os.urandom), MailActions(store, os.urandom)
        own = now_done(folders.create_folder("bob", "Own"))
        label = now_done(folders.create_label("bob", "L", "red"))
        for n in range(12):
            self.last = self.file(n, own.id if n % 5 == 0 else INBOX)
        action = Action(Verb.LABEL, label.id)
        now_done(actions.act("bob", action, Chosen((self.last.conversation,))))
        now_done(self.search.index())

    def file(self, n: int, folder: str) -> Filed:
        """A message with a content in the database."""
        references = [f"<{n - 1}@x>"] if n % 3 else []
        about = description(f"<{n}@x>", references=references)
        item = replace(filing(str(n), folder=folder, about=about, at=NOW + n, seen=n % 2 > 0), text=f"word{n}")
        blob = (item.blob, item.size, NOW, b"x")
        self.store.connection.execute("INSERT INTO blob (hash, size, put_at, content) VALUES (?, ?, ?, ?)", blob)
        return now_done(self.messages.file(item))

    def check(self, *, repair: bool = False) -> list[Problem]:
        """All problems of Bob's."""
        whole = now_done(self.upkeep.check_store(repair))
        found = [*whole, *now_done(self.upkeep.check("bob", repair))]
        now_done(self.search.index())
        return found

    def test_sound(self) -> None:
        """Nothing is wrong with what we wrote."""
        self.assertEqual([], self.check())

    def test_damages(self) -> None:
        """Each damage is found, a check alone changes nothing, a repair leaves none."""
        for damage in DAMAGES:
            self.store.connection.execute(damage)
            self.assertNotEqual([], self.check(), damage)
            self.assertNotEqual([], self.check(repair=True), damage)
            self.assertEqual([], self.check(), damage)
            hits = now_done(self.search.search("bob", Query(((Text("word7"),),)), None, 9))
            self.assertEqual(1, len(hits), damage)
            for conversation in {row.id for row in now_done(self.messages.page("bob", INBOX, None, 99))}:
                self.assertTrue(now_done(self.messages.messages("bob", conversation)))

    def test_damaged_index(self) -> None:
        """An index that contradicts itself is made anew from the texts."""
        self.store.connection.execute("DELETE FROM message_index_data WHERE id > 10")
        self.assertTrue(any("index" in problem.what for problem in self.check()))
        self.check(repair=True)
        self.assertEqual([], self.check())
        hits = now_done(self.search.search("bob", Query(((Text("word7"),),)), None, 9))
        self.assertEqual(1, len(hits))

    def test_lost_content(self) -> None:
        """A content that is gone is told each time: nothing can bring it back. The message stays."""
        self.store.connection.execute("UPDATE blob SET content = NULL WHERE hash = ?", (filing("3").blob,))
        self.store.connection.execute("DELETE FROM blob WHERE hash = ?", (filing("4").blob,))
        for repair in (False, True, False):
            found = self.check(repair=repair)
            self.assertEqual([(True, "bob")] * 2, [(problem.lost, problem.account) for problem in found])
        self.files.add(filing("3").blob)
        self.assertEqual(1, len(self.check()))
