"""The search index: putting messages in, some at a time, and taking them out again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from sqlite3 import Connection, Row

from mailsuite.model.address import Mailbox
from mailsuite.model.errors import Undecodable
from mailsuite.model.terms import parts, terms
from mailsuite.sqlite import codec, messagerows
from mailsuite.sqlite.codec import decode
from mailsuite.sqlite.searching import account_prefix

TOGETHER = 32
"""So many messages are indexed in one operation: that halves the cost, and holds up others for some 10 ms."""

_WRITE = (
    "INSERT INTO message_index ({command} rowid, subject, author, recipients, body, parts, facets) VALUES ({slots})"
)
_ADD = _WRITE.format(command="", slots="?, ?, ?, ?, ?, ?, ?")
_REMOVE = _WRITE.format(command="message_index,", slots="'delete', ?, ?, ?, ?, ?, ?, ?")


def keep_text(c: Connection, account: str, number: int, text: str) -> None:
    """Keep the text of a message that is new, and have it indexed with others."""
    c.execute("INSERT INTO message_text (number, text) VALUES (?, ?)", (number, _packed(text)))
    c.execute("INSERT INTO unindexed (account, number) VALUES (?, ?)", (account, number))


def text_of(c: Connection, number: int) -> str:
    """The text of a message, "" when it has none."""
    row = c.execute("SELECT text FROM message_text WHERE number = ?", (number,)).fetchone()
    return "" if row is None else _unpacked(row[0])


def is_behind(c: Connection, account: str) -> bool:
    """Does mail of the account wait to be indexed?"""
    return c.execute("SELECT 1 FROM unindexed WHERE account = ? LIMIT 1", (account,)).fetchone() is not None


def waiting(c: Connection, limit: int) -> int:
    """How many messages of all accounts wait to be indexed, at most ``limit``."""
    count: int = c.execute("SELECT COUNT(*) FROM (SELECT 1 FROM unindexed LIMIT ?)", (limit,)).fetchone()[0]
    return count


def index(c: Connection, account: str = "", limit: int = TOGETHER) -> int:
    """Index what waits for it, of one account or of all; how many messages."""
    which, values = ("WHERE account = ?", (account,)) if account else ("", ())
    waiting = c.execute(f"SELECT account, number FROM unindexed {which} LIMIT ?", (*values, limit)).fetchall()  # noqa: S608
    for row in waiting:
        message = c.execute("SELECT * FROM message WHERE number = ?", (row["number"],)).fetchone()
        if message is not None:
            c.execute(_ADD, _columns(c, message))
        c.execute("DELETE FROM unindexed WHERE account = ? AND number = ?", (row["account"], row["number"]))
    return len(waiting)


def forget(c: Connection, message: Row) -> None:
    """Take a message, whose row is still as it was indexed, and its text out."""
    number, account = message["number"], message["account"]
    waited = c.execute("DELETE FROM unindexed WHERE account = ? AND number = ?", (account, number)).rowcount
    textless = c.execute("DELETE FROM textless WHERE number = ?", (number,)).rowcount
    if not (waited or textless):
        c.execute(_REMOVE, _columns(c, message))
    c.execute("DELETE FROM message_text WHERE number = ?", (number,))


def rebuild(c: Connection) -> None:
    """Empty the index and have every message indexed again, from the texts that are kept."""
    c.execute("INSERT INTO message_index (message_index) VALUES ('delete-all')")
    c.execute(
        "INSERT OR IGNORE INTO unindexed (account, number)"
        " SELECT account, number FROM message WHERE number NOT IN (SELECT number FROM textless)"
    )


def _columns(c: Connection, message: Row) -> tuple[object, ...]:
    prefix = account_prefix(message["account"])
    about = messagerows.description(message)
    subject = terms(about.subject)
    body = terms(text_of(c, message["number"]))
    recipients = (*about.to, *about.cc, *_blind(message))
    return (
        message["number"],
        _joined(prefix, subject),
        _joined(prefix, _words(about.author)),
        _joined(prefix, _words(recipients)),
        _joined(prefix, body),
        _joined(prefix, sorted(parts((*subject, *body)))),
        f"{prefix} {prefix}.file" if about.has_attachments else prefix,
    )


def _blind(message: Row) -> tuple[Mailbox, ...]:
    try:
        return decode(codec.mailboxes, message["bcc"], "bcc")
    except Undecodable:
        return ()


def _words(boxes: Iterable[Mailbox]) -> list[str]:
    return [word for box in boxes for word in terms(f"{box.name} {box.address}")]


def _joined(prefix: str, words: Iterable[str]) -> str:
    text = f" {prefix}".join(words)
    return prefix + text if text else ""


def _packed(text: str) -> bytes:
    # Lone halves of characters, which only a damaged message has, are no UTF-8.
    return zlib.compress(text.encode("utf-8", "replace"), 1)


def _unpacked(packed: bytes) -> str:
    try:
        return zlib.decompress(packed).decode("utf-8", "replace")
    except zlib.error:
        return ""
