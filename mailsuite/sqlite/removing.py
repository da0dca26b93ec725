"""Removing messages for good: rows, texts, terms. Their contents go when the blobs are swept."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection, Row

from mailsuite.model.folder import DELETED
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite import indexing


def remove(c: Connection, account: str, messages: Sequence[Row]) -> tuple[int, set[str]]:
    """Remove whole rows of an account's messages. The seq afterwards, 0 when nothing that is seen has changed, and the
    lists that show the change.
    """
    seq, touched = 0, set[str]()
    by_conversation: dict[str, list[Row]] = {}
    for message in messages:
        by_conversation.setdefault(message["conversation"], []).append(message)
    for conversation, rows in by_conversation.items():
        for row in rows:
            indexing.forget(c, row)
            c.execute("DELETE FROM message WHERE number = ?", (row["number"],))
        seen = [row for row in rows if row["folder"] != DELETED]
        if seen:
            seq = derived.next_seq(c, account, -sum(row["size"] for row in seen), -len(seen))
            touched |= derived.refresh(c, account, conversation, seq)
    return seq, touched
