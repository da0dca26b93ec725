"""What is derived from an account's messages: conversation rows, folder rows, counters, the change journal.

``begin`` is the short way for a message that stands alone, ``add`` for one that comes last, ``refresh`` recounts a
conversation from its messages; all lead to the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sqlite3 import Connection, Row
from typing import NamedTuple

from mailsuite.model import thread
from mailsuite.model.folder import FOLDERS, SPAM, STARRED, TRASH
from mailsuite.sqlite.codec import encode
from mailsuite.sqlite.messagerows import description, strings


class _Place(NamedTuple):
    """A conversation in one folder: time of its newest message there, messages, unread ones.

    In the view "starred" these are of the messages outside trash and spam, but ``messages`` counts flagged ones.
    """

    last_at: int
    messages: int
    unread: int


_NOWHERE = _Place(0, 0, 0)

_INSERT = (
    "INSERT OR REPLACE INTO conversation (id, account, last_at, count, own, unread, flagged, has_attachments,"
    " folders, subject, snippet, authors, recipients) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def next_seq(c: Connection, account: str) -> int:
    """The number of the change that is being made."""
    seq: int = c.execute(
        "INSERT INTO change_seq VALUES (?, 1) ON CONFLICT (account) DO UPDATE SET seq = seq + 1 RETURNING seq",
        (account,),
    ).fetchone()[0]
    return seq


def last_seq(c: Connection, account: str) -> int:
    """The number of the account's last change, 0 when there was none."""
    row = c.execute("SELECT seq FROM change_seq WHERE account = ?", (account,)).fetchone()
    return 0 if row is None else row[0]


def next_uid(c: Connection, account: str, folder: str) -> int:
    """A new uid of the folder."""
    uid: int = c.execute(
        "INSERT INTO folder (account, name, uid_next) VALUES (?, ?, 2)"
        " ON CONFLICT (account, name) DO UPDATE SET uid_next = uid_next + 1 RETURNING uid_next - 1",
        (account, folder),
    ).fetchone()[0]
    return uid


def begin(c: Connection, message: Row, seq: int) -> None:
    """Make the rows of a new conversation of a message that was just filed."""
    unread = int(not message["seen"])
    place = _Place(message["received_at"], 1, unread)
    _settle(c, message["account"], message["conversation"], seq, {}, {message["folder"]: place})
    about = description(message)
    c.execute(
        _INSERT,
        (
            message["conversation"],
            message["account"],
            message["received_at"],
            1,
            message["own"],
            unread,
            0,
            message["has_attachments"],
            _in_order((message["folder"],)),
            about.subject[: thread.SUBJECT_LENGTH],
            about.snippet[: thread.SNIPPET_LENGTH],
            *_names(("[]", "[]"), [(message["own"], message["names"])]),
        ),
    )


def add(c: Connection, message: Row, seq: int) -> None:
    """Take a message that was just filed into the rows of its conversation."""
    account, conversation, folder = message["account"], message["conversation"], message["folder"]
    known = c.execute("SELECT * FROM conversation WHERE id = ?", (conversation,)).fetchone()
    if known is None or known["flagged"] or message["received_at"] <= known["last_at"]:
        refresh(c, account, conversation, seq)
        return
    authors, recipients = _names((known["authors"], known["recipients"]), [(message["own"], message["names"])])
    c.execute(
        "UPDATE conversation SET last_at = ?, count = count + 1, own = own + ?, unread = unread + ?,"
        " has_attachments = MAX(has_attachments, ?), folders = ?, snippet = ?, authors = ?, recipients = ?"
        " WHERE id = ?",
        (
            message["received_at"],
            message["own"],
            not message["seen"],
            message["has_attachments"],
            _in_order({*strings(known["folders"]), folder}),
            description(message).snippet[: thread.SNIPPET_LENGTH],
            authors,
            recipients,
            conversation,
        ),
    )
    places = _places(c, account, conversation)
    before = places.get(folder, _NOWHERE)
    now = _Place(message["received_at"], before.messages + 1, before.unread + (not message["seen"]))
    _settle(c, account, conversation, seq, places, {**places, folder: now})


def refresh(c: Connection, account: str, conversation: str, seq: int) -> None:
    """Recount a conversation; one without messages disappears."""
    of_it = (account, conversation)
    # Left to itself SQLite would walk the whole account in the order of the uid index, to save the sorting.
    counts = c.execute(
        "SELECT folder, MAX(received_at) AS last_at, COUNT(*) AS count, SUM(NOT seen) AS unread, SUM(own) AS own,"
        " SUM(flagged) AS flagged, MAX(has_attachments) AS has_attachments"
        " FROM message INDEXED BY message_conversation WHERE account = ? AND conversation = ? GROUP BY folder",
        of_it,
    ).fetchall()
    places = {row["folder"]: _Place(row["last_at"], row["count"], row["unread"]) for row in counts}
    starred = [row for row in counts if row["folder"] not in (TRASH, SPAM)]
    if flagged := sum(row["flagged"] for row in starred):
        places[STARRED] = _Place(max(r["last_at"] for r in starred), flagged, sum(r["unread"] for r in starred))
    _settle(c, account, conversation, seq, _places(c, account, conversation), places)
    if not counts:
        c.execute("DELETE FROM conversation WHERE id = ?", (conversation,))
        return
    select = "SELECT id, size, description FROM message WHERE account = ? AND conversation = ?"
    first = c.execute(f"{select} ORDER BY received_at, id LIMIT 1", of_it).fetchone()
    last = c.execute(f"{select} ORDER BY received_at DESC, id DESC LIMIT 1", of_it).fetchone()
    names = c.execute(
        "SELECT own, names FROM message WHERE account = ? AND conversation = ? ORDER BY received_at, id", of_it
    )
    c.execute(
        _INSERT,
        (
            conversation,
            account,
            max(row["last_at"] for row in counts),
            *(sum(row[column] for row in counts) for column in ("count", "own", "unread", "flagged")),
            max(row["has_attachments"] for row in counts),
            _in_order(row["folder"] for row in counts),
            description(first).subject[: thread.SUBJECT_LENGTH],
            description(last).snippet[: thread.SNIPPET_LENGTH],
            *_names(("[]", "[]"), names),
        ),
    )


def _names(known: tuple[str, str], messages: Iterable[tuple[bool, str] | Row]) -> tuple[str, str]:
    """The columns ``authors`` and ``recipients``, from what they were and (own, names) of further messages."""
    authors, recipients = (dict.fromkeys(strings(text)) for text in known)
    for own, names in messages:
        if own:
            recipients.update(dict.fromkeys(strings(names)))
        authors.update(dict.fromkeys((thread.ME,) if own else strings(names)))
    return encode(thread.distinct(authors)), encode(thread.distinct(recipients))


def _in_order(folders: Iterable[str]) -> str:
    return encode(tuple(sorted(folders, key=FOLDERS.index)))


def _places(c: Connection, account: str, conversation: str) -> dict[str, _Place]:
    rows = c.execute(
        "SELECT folder, last_at, count, unread FROM conversation_folder"
        " WHERE account = ? AND conversation = ? AND count > 0",
        (account, conversation),
    )
    return {folder: _Place(*place) for folder, *place in rows}


def _settle(
    c: Connection, account: str, conversation: str, seq: int, old: Mapping[str, _Place], new: Mapping[str, _Place]
) -> None:
    """Write where the conversation is now. Each of its rows shows the change, and each folder counts it."""
    for folder in sorted(old.keys() | new.keys()):
        before, after = old.get(folder, _NOWHERE), new.get(folder, _NOWHERE)
        c.execute(
            "INSERT INTO conversation_folder (account, conversation, folder, last_at, count, unread, seq)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, conversation, folder) DO UPDATE SET"
            " last_at = excluded.last_at, count = excluded.count, unread = excluded.unread, seq = excluded.seq",
            (account, conversation, folder, *after, seq),
        )
        total = (after.messages > 0) - (before.messages > 0)
        unread = (after.unread > 0) - (before.unread > 0)
        if total or unread:
            c.execute(
                "INSERT INTO folder (account, name, total, unread) VALUES (?, ?, ?, ?) ON CONFLICT (account, name)"
                " DO UPDATE SET total = total + excluded.total, unread = unread + excluded.unread",
                (account, folder, total, unread),
            )
