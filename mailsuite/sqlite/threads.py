"""Which conversation a message belongs to (RFC 5322 section 3.6.4): reference rows and the merging of conversations."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection

from mailsuite.sqlite.conversations import next_seq, refresh


def find(c: Connection, account: str, ids: Iterable[str]) -> list[str]:
    """The conversations that the ids lead to, the one to keep first: it has most messages, then the lowest id."""
    found = set()
    for message_id in ids:
        row = c.execute(
            "SELECT IFNULL(new, conversation) FROM reference"
            " LEFT JOIN merged ON merged.account = reference.account AND old = conversation"
            " WHERE reference.account = ? AND message_id = ?",
            (account, message_id),
        ).fetchone()
        if row is not None:
            found.add(row[0])
    if len(found) < 2:
        return list(found)
    return sorted(found, key=lambda conversation: (-_size(c, conversation), conversation))


def _size(c: Connection, conversation: str) -> int:
    """Messages of a conversation; 0 when all were deleted: who answers one of them finds it again."""
    row = c.execute("SELECT count FROM conversation WHERE id = ?", (conversation,)).fetchone()
    return 0 if row is None else row[0]


def remember(c: Connection, account: str, ids: Iterable[str], conversation: str) -> None:
    """Let the ids lead to the conversation; those that are known lead there already, or by way of a merge."""
    c.executemany(
        "INSERT OR IGNORE INTO reference (account, message_id, conversation) VALUES (?, ?, ?)",
        ((account, message_id, conversation) for message_id in ids),
    )


def merge(c: Connection, account: str, old: str, new: str) -> None:
    """Move the messages of ``old`` to ``new``, which the caller refreshes; ``old`` is found under ``new`` from now."""
    seq = next_seq(c, account)
    c.execute(
        "UPDATE message SET conversation = ?, modseq = ? WHERE account = ? AND conversation = ?",
        (new, seq, account, old),
    )
    c.execute("UPDATE merged SET new = ? WHERE account = ? AND new = ?", (new, account, old))
    c.execute("INSERT INTO merged (account, old, new) VALUES (?, ?, ?)", (account, old, new))
    refresh(c, account, old, seq)


def resolve(c: Connection, account: str, conversation: str) -> str:
    """The id under which a conversation is kept now."""
    row = c.execute("SELECT new FROM merged WHERE account = ? AND old = ?", (account, conversation)).fetchone()
    return conversation if row is None else row[0]
