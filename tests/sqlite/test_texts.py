"""Mail that was filed before there was a search gets its text from its content."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from mailsuite.mailbox.upkeep import Upkeep
from mailsuite.mime.describe import describe
from mailsuite.model.query import Query, Text
from mailsuite.sqlite import indexing
from mailsuite.sqlite import search as search_module
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.testing.builders import NOW, filing
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.temporary import temporary_directory

T = TypeVar("T")


async def at_once(work: Callable[[], T]) -> T:
    """Instead of a thread."""
    return work()


class TextsTests(TestCase):
    """Upkeep.give_texts on SQLite."""

    async def test_give_texts(self) -> None:
        """Afterwards it is found by its words; what has lost its content is not asked for for ever."""
        data = temporary_directory(self)
        store = Store(data / "store", reactor, lambda: NOW)
        store.start()
        self.addCleanup(store.stop)
        keeper = BlobKeeper(store, data / "blobs")
        blobs, search = BlobStore(store, keeper), MailSearch(store)
        messages = MessageStore(store, os.urandom)
        raw = b"From: a@x.example\r\nSubject: s\r\n\r\nneedle in here\r\n"
        blob = await blobs.put(raw)
        filed = await messages.file(filing("a", blob=blob, about=describe(raw)))
        await messages.file(filing("lost"))
        await search.index()

        def as_before(c: object) -> None:
            for statement in (
                "INSERT INTO textless SELECT number FROM message",
                "DELETE FROM message_text",
                "INSERT INTO message_index (message_index) VALUES ('delete-all')",
            ):
                c.execute(statement)  # type: ignore[attr-defined]

        await store.write(as_before)
        query = Query(((Text("needle"),),))
        self.assertEqual([], list(await search.search("bob", query, None, 9)))
        upkeep = MailboxUpkeep(store, keeper.files.exists)
        await Upkeep(upkeep, search, blobs, FakeEvents(), at_once, lambda: NOW).give_texts()
        hits = await search.search("bob", query, None, 9)
        self.assertEqual([filed.message], [hit.message for hit in hits])
        self.assertEqual([], list(await search.textless(9)))

    async def test_a_rush_goes_first(self) -> None:
        """While mail comes in a rush nothing is indexed, until too much waits; afterwards it is, some at a time."""
        store = Store(temporary_directory(self) / "store", reactor, lambda: NOW)
        store.start()
        self.addCleanup(store.stop)
        search = MailSearch(store)
        messages = MessageStore(store, os.urandom)
        named = 0

        async def come(count: int) -> None:
            nonlocal named
            await gatherResults([Deferred.fromCoroutine(messages.file(filing(f"m{named + n}"))) for n in range(count)])
            named += count

        async def waiting() -> int:
            return await store.read(lambda c: indexing.waiting(c, 9999))

        self.patch(search_module, "AT_A_TIME", 2)
        self.patch(search_module, "BEHIND", 300)
        await come(60)
        await search.keep_up()
        await come(51)
        await search.keep_up()
        self.assertEqual(await waiting(), 111)
        await come(50)
        await search.keep_up()
        self.assertEqual(await waiting(), 161 - 2 * indexing.TOGETHER)
        await come(210)
        await search.keep_up()
        self.assertEqual(await waiting(), 307 - 2 * indexing.TOGETHER)
        for _ in range(4):
            await search.keep_up()
        self.assertEqual(await waiting(), 0)
