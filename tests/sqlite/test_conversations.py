"""What is derived from messages is the same by the short ways and by recounting."""

from __future__ import annotations

import os
from sqlite3 import Connection, Row

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsuite.model.message import Filing
from mailsuite.sqlite import conversations
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.store import Store
from mailsuite.testing.builders import NOW, description, filing, sent
from mailsuite.testing.temporary import temporary_directory

_DERIVED = ("conversation", "conversation_folder", "folder")


def derived_rows(c: Connection) -> dict[str, list[tuple[object, ...]]]:
    """All of them, but for the number of the change."""

    def plain(row: Row) -> tuple[object, ...]:
        return tuple(value for column, value in zip(row.keys(), row, strict=True) if column != "seq")

    return {table: sorted(map(plain, c.execute(f"SELECT * FROM {table}"))) for table in _DERIVED}


class ShortWayTests(TestCase):
    """begin and add beside refresh."""

    def setUp(self) -> None:
        self.store = Store(temporary_directory(self) / "store.sqlite", reactor, lambda: NOW)
        self.store.start()
        self.addCleanup(self.store.stop)
        self.messages = MessageStore(self.store, os.urandom)

    async def assert_recounted_the_same(self, *filings: Filing) -> None:
        """File them, compare with what a recount of the last one's conversation makes of it."""
        for each in filings:
            filed = await self.messages.file(each)
        before = await self.store.read(derived_rows)
        await self.store.write(lambda c: conversations.refresh(c, each.account, filed.conversation, filed.seq + 1))
        self.assertEqual(before, await self.store.read(derived_rows))

    async def test_a_message_that_stands_alone(self) -> None:
        """Of another, an own one, and one with long texts and an attachment."""
        await self.assert_recounted_the_same(filing("k1"))
        await self.assert_recounted_the_same(sent("k2"))
        large = description("<k3@alpha.example>", subject="s" * 5000, snippet="t" * 5000, has_attachments=True)
        await self.assert_recounted_the_same(filing("k3", about=large))

    async def test_a_reply(self) -> None:
        """It comes last in its conversation."""
        reply = description("<k2@alpha.example>", references=("<k1@alpha.example>",), author="", snippet="I am well")
        await self.assert_recounted_the_same(filing("k1"), filing("k2", at=NOW + 1000, about=reply))
