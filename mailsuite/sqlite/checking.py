"""Whether what is derived from an account's messages says what they say, and putting it right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sqlite3 import Connection, DatabaseError

from mailsuite.interfaces.upkeep import Problem
from mailsuite.model.folder import DELETED, FOLDERS, INBOX, SNOOZED
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite.codec import encode
from mailsuite.sqlite.messagerows import NO_LABELS, strings
from mailsuite.sqlite.searching import account_prefix

Exists = Callable[[str], bool]

_INDEXED = "SELECT 1 FROM message_index WHERE rowid = ? AND message_index MATCH ?"


def check_store(c: Connection) -> list[Problem]:
    """What is damaged whatever the account. It reads all there is, on one snapshot, and holds up nobody."""
    told = [row[0] for row in c.execute("PRAGMA quick_check(10)")]
    problems = [Problem("", f"the database file is damaged: {line}", lost=True) for line in told if line != "ok"]
    try:
        # FTS5's own integrity check would be a write, which others wait for.
        c.execute("SELECT COUNT(*), SUM(cnt) FROM message_terms").fetchone()
    except DatabaseError as error:
        problems.append(Problem("", f"the search index is damaged: {error}"))
    return problems


def check(c: Connection, account: str, files: Exists) -> list[Problem]:
    """What does not fit, read on one snapshot."""
    return [Problem(account, what, lost) for what, lost in _problems(c, account, files)]


def repair(c: Connection, account: str, files: Exists) -> list[Problem]:
    """Put right what can be, in one transaction; what there was."""
    found = check(c, account, files)
    if any(not problem.lost for problem in found):
        _repair_messages(c, account)
        _repair_index(c, account)
        seq = derived.next_seq(c, account)
        for conversation in _all_conversations(c, account):
            derived.refresh(c, account, conversation, seq)
        _repair_counters(c, account)
    return found


def _problems(c: Connection, account: str, files: Exists) -> Iterator[tuple[str, bool]]:
    for conversation in _all_conversations(c, account):
        messages = derived.summed(c, account, conversation)
        if derived.places_in(c, account, conversation) != derived.places_of(messages):
            yield f"conversation {conversation} does not show where its messages are", False
        row = c.execute("SELECT * FROM conversation WHERE id = ?", (conversation,)).fetchone()
        if (row is None) != (not messages):
            yield (
                f"conversation {conversation} has {len(messages)} messages and {'no' if row is None else 'a'} row",
                False,
            )
        elif row is not None and any(row[name] != value for name, value in derived.counts(messages).items()):
            yield f"conversation {conversation} does not count its messages right", False
    if _kept_counters(c, account) != _real_counters(c, account):
        yield "the counters of the folders are wrong", False
    if _kept_usage(c, account) != (real := _real_usage(c, account)):
        yield f"it keeps {real[0]} octets in {real[1]} messages, and says otherwise", False
    yield from _message_problems(c, account, files)


def _message_problems(c: Connection, account: str, files: Exists) -> Iterator[tuple[str, bool]]:
    folders, labels = _known(c, account)
    prefix = f'"{account_prefix(account)}"'
    rows = c.execute(
        "SELECT m.number, m.id, m.folder, m.labels, b.hash, b.content IS NULL AS outside, m.blob,"
        " (t.number IS NULL AND w.number IS NULL) AS indexed"
        " FROM message m LEFT JOIN blob b ON b.hash = m.blob LEFT JOIN textless t ON t.number = m.number"
        " LEFT JOIN unindexed w ON w.account = m.account AND w.number = m.number WHERE m.account = ?",
        (account,),
    ).fetchall()
    for row in rows:
        if row["folder"] not in folders:
            yield f"message {row['id']} is in a folder that is not there", False
        if row["labels"] != NO_LABELS and not labels.issuperset(strings(row["labels"])):
            yield f"message {row['id']} has a label that is not there", False
        if row["hash"] is None or (row["outside"] and not files(row["blob"])):
            yield f"message {row['id']} has lost its content", True
        if row["indexed"] and not _in_index(c, row["number"], prefix):
            yield f"message {row['id']} is not in the search index", False


def _in_index(c: Connection, number: int, prefix: str) -> bool:
    try:
        return c.execute(_INDEXED, (number, prefix)).fetchone() is not None
    except DatabaseError:
        # Damaged as a whole: check_store tells it, and has every message indexed again.
        return True


def _all_conversations(c: Connection, account: str) -> list[str]:
    rows = c.execute(
        "SELECT conversation FROM message WHERE account = ?"
        " UNION SELECT conversation FROM conversation_folder WHERE account = ? AND count > 0"
        " UNION SELECT id FROM conversation WHERE account = ?",
        (account, account, account),
    )
    return [row[0] for row in rows]


def _known(c: Connection, account: str) -> tuple[set[str], set[str]]:
    own = c.execute("SELECT id FROM own_folder WHERE account = ?", (account,)).fetchall()
    labels = c.execute("SELECT id FROM label WHERE account = ?", (account,)).fetchall()
    return {*FOLDERS, SNOOZED, DELETED, *(row[0] for row in own)}, {row[0] for row in labels}


def _kept_counters(c: Connection, account: str) -> dict[str, tuple[int, int]]:
    rows = c.execute(
        "SELECT name, total, unread FROM folder WHERE account = ? AND (total <> 0 OR unread <> 0)", (account,)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def _real_counters(c: Connection, account: str) -> dict[str, tuple[int, int]]:
    rows = c.execute(
        "SELECT folder, COUNT(*), SUM(unread > 0) FROM conversation_folder WHERE account = ? AND count > 0"
        " GROUP BY folder",
        (account,),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def _kept_usage(c: Connection, account: str) -> tuple[int, int]:
    row = c.execute("SELECT octets, messages FROM change_seq WHERE account = ?", (account,)).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def _real_usage(c: Connection, account: str) -> tuple[int, int]:
    row = c.execute(
        "SELECT IFNULL(SUM(size), 0), COUNT(*) FROM message WHERE account = ? AND folder <> 'deleted'", (account,)
    ).fetchone()
    return row[0], row[1]


def _repair_messages(c: Connection, account: str) -> None:
    """Mail in a folder that is not there comes to Inbox; labels that are not there come off."""
    folders, labels = _known(c, account)
    rows = c.execute("SELECT number, folder, labels FROM message WHERE account = ?", (account,)).fetchall()
    for row in rows:
        if row["folder"] not in folders:
            uid = derived.next_uid(c, account, INBOX)
            c.execute("UPDATE message SET folder = ?, uid = ? WHERE number = ?", (INBOX, uid, row["number"]))
        if row["labels"] != NO_LABELS:
            known = tuple(label for label in strings(row["labels"]) if label in labels)
            c.execute("UPDATE message SET labels = ? WHERE number = ?", (encode(known), row["number"]))


def _repair_index(c: Connection, account: str) -> None:
    """What is not in the index is put in with the next round."""
    prefix = f'"{account_prefix(account)}"'
    rows = c.execute(
        "SELECT number FROM message WHERE account = ? AND number NOT IN (SELECT number FROM textless)", (account,)
    ).fetchall()
    for (number,) in rows:
        if not _in_index(c, number, prefix):
            c.execute("INSERT OR IGNORE INTO unindexed (account, number) VALUES (?, ?)", (account, number))


def _repair_counters(c: Connection, account: str) -> None:
    """Count the lists afresh. Views that show nothing any more are at nought."""
    c.execute("UPDATE folder SET total = 0, unread = 0 WHERE account = ?", (account,))
    for name, (total, unread) in _real_counters(c, account).items():
        c.execute(
            "INSERT INTO folder (account, name, total, unread) VALUES (?, ?, ?, ?) ON CONFLICT (account, name)"
            " DO UPDATE SET total = excluded.total, unread = excluded.unread",
            (account, name, total, unread),
        )
    c.execute("UPDATE change_seq SET octets = ?, messages = ? WHERE account = ?", (*_real_usage(c, account), account))
