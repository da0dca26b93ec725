"""MailSearch: IMailSearch in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.search import IMailSearch, Textless
from mailsuite.model.marks import around, marks
from mailsuite.model.message import Conversation, Cursor
from mailsuite.model.query import Field, Hit, Query
from mailsuite.sqlite import indexing, messagerows
from mailsuite.sqlite.messagerows import CONVERSATION
from mailsuite.sqlite.searching import Found, found
from mailsuite.sqlite.store import Store

RUSH = 50
"""So many messages in a second are a rush."""
BEHIND = 10_000
"""So many messages wait to be indexed at most: then they are, rush or not."""
AT_A_TIME = 25
"""Operations of ``keep_up``: 800 messages, about half a second of work between which others get their turn."""


@implementer(IMailSearch)
class MailSearch:
    """IMailSearch with FTS5. Filing leaves the indexing for later, so a search does first what was left."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left = 0

    async def search(self, account: str, query: Query, before: Cursor | None, limit: int) -> Sequence[Hit]:
        """See IMailSearch."""
        await catch_up(self._store, account)
        return await self._store.read(lambda c: _search(c, account, query, before, limit))

    async def textless(self, limit: int) -> Sequence[Textless]:
        """See IMailSearch."""
        return await self._store.read(lambda c: _textless(c, limit))

    async def give_text(self, message: str, text: str) -> None:
        """See IMailSearch."""
        await self._store.write(lambda c: _give_text(c, message, text), durable=False)

    async def keep_up(self) -> None:
        """See IMailSearch. Indexing costs several times as much as filing."""
        waiting = await self._store.read(partial(indexing.waiting, limit=BEHIND))
        rush = waiting - self._left > RUSH and waiting < BEHIND
        self._left = waiting if rush else waiting - await self._index(AT_A_TIME)

    async def index(self) -> None:
        """Index all that waits."""
        while await self._index(AT_A_TIME):
            pass

    async def _index(self, operations: int) -> int:
        """How many messages were indexed."""
        done = 0
        for _ in range(operations):
            indexed = await self._store.write(indexing.index, durable=False)
            done += indexed
            if indexed < indexing.TOGETHER:
                break
        return done


async def catch_up(store: Store, account: str) -> None:
    """Index what the account's mail has waiting."""
    while await store.read(partial(indexing.is_behind, account=account)):
        await store.write(partial(indexing.index, account=account), durable=False)


def _search(c: Connection, account: str, query: Query, before: Cursor | None, limit: int) -> list[Hit]:
    hits = []
    for each in found(c, account, query, before, limit):
        row = c.execute(
            f"SELECT {CONVERSATION}, unread, last_at FROM conversation c WHERE id = ?",  # noqa: S608
            (each.conversation,),
        ).fetchone()
        if row is not None:
            hits.append(_hit(c, messagerows.conversation(row), each, query))
    return hits


def _hit(c: Connection, conversation: Conversation, each: Found, query: Query) -> Hit:
    body = [text for text in query.texts if text.field is Field.ANY]
    snippet = around(indexing.text_of(c, each.number), body) if body else ""
    if not snippet:
        row = c.execute("SELECT id, size, description FROM message WHERE number = ?", (each.number,)).fetchone()
        snippet = messagerows.description(row).snippet
    titled = [text for text in query.texts if text.field in (Field.ANY, Field.SUBJECT)]
    return Hit(
        conversation=conversation,
        message=each.message,
        at=Cursor(each.received_at, each.message),
        snippet=snippet,
        marks=marks(snippet, body),
        subject_marks=marks(conversation.subject, titled),
    )


def _textless(c: Connection, limit: int) -> list[Textless]:
    rows = c.execute(
        "SELECT m.account, m.id, m.blob, m.size, m.description FROM textless"
        " JOIN message m ON m.number = textless.number LIMIT ?",
        (limit,),
    )
    return [Textless(row["account"], row["id"], row["blob"], messagerows.description(row).structure) for row in rows]


def _give_text(c: Connection, message: str, text: str) -> None:
    row = c.execute("SELECT number, account FROM message WHERE id = ?", (message,)).fetchone()
    if row is not None and c.execute("DELETE FROM textless WHERE number = ?", (row["number"],)).rowcount:
        indexing.keep_text(c, row["account"], row["number"], text)
