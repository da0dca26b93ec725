"""A search that looks through a small list finds what one finds that walks all messages."""

from __future__ import annotations

import os
import random

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.folder import ARCHIVE, INBOX, SPAM, STARRED, TRASH, label_view
from mailsuite.model.message import Cursor
from mailsuite.model.query import In, Is, Query, Text
from mailsuite.sqlite import searching
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.folders import FolderStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.testing.builders import NOW, description, filing
from mailsuite.testing.temporary import temporary_directory

ACCOUNT = "bob"
PLACES = (INBOX, ARCHIVE, SPAM, TRASH)


class SmallListTests(TestCase):
    """On a mailbox of 120 messages, in conversations over all folders, made by chance."""

    async def fill(self) -> str:
        """File them; the view of the label."""
        self.store = Store(temporary_directory(self) / "store", reactor, lambda: NOW)
        self.store.start()
        self.addCleanup(self.store.stop)
        messages, actions = MessageStore(self.store, os.urandom), MailActions(self.store, os.urandom)
        chance = random.Random(7)
        label = await FolderStore(self.store, os.urandom).create_label(ACCOUNT, "L", "red")
        for n in range(120):
            about = description(f"<{n}@x>", references=[f"<{chance.randrange(n + 1)}@x>"], subject="word")
            place = chance.choice(PLACES)
            filed = await messages.file(filing(f"k{n}", folder=place, at=NOW + 700 * n, about=about))
            for verb, target, odds in ((Verb.STAR, "", 0.2), (Verb.LABEL, label.id, 0.2), (Verb.READ, "", 0.5)):
                if chance.random() < odds:
                    await actions.act(ACCOUNT, Action(verb, target), Chosen(messages=(filed.message,)))
        return label_view(label.id)

    async def pages(self, query: Query) -> list[str]:
        """The messages of all pages."""
        search = MailSearch(self.store)
        found: list[str] = []
        before: Cursor | None = None
        while hits := await search.search(ACCOUNT, query, before, 4):
            found += [hit.message for hit in hits]
            before = hits[-1].at
        return found

    async def test_same(self) -> None:
        """Whatever else is asked for, page by page."""
        view = await self.fill()
        queries = [
            Query(groups, after=after, before=NOW + 80_000, everywhere=everywhere)
            for place in (In(INBOX), In(ARCHIVE), In(SPAM), In(TRASH), In(STARRED), In(view), Is("starred"))
            for rest in ((), (Is("unread"),), (Is("read"), Is("starred")), (In(TRASH), Text("nowhere")))
            for groups in ([((place,), rest)] if rest else [((place,),)])
            for after in (0, NOW + 5000)
            for everywhere in (False, True)
        ]
        looked = [await self.pages(query) for query in queries]
        self.patch(searching, "SMALL", 0)
        for query, found in zip(queries, looked, strict=True):
            self.assertEqual(await self.pages(query), found, query)
        self.assertGreater(len(set(map(tuple, looked))), 10)
