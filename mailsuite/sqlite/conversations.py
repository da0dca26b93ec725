"""What is derived from an account's messages: conversation rows, list rows, counters, the change journal.

``begin`` is the short way for a message that stands alone, ``add`` for one that comes last, ``refresh`` recounts a
conversation from its messages; all lead to the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from sqlite3 import Connection, Row
from typing import Any, NamedTuple

from mailsuite.model import thread
from mailsuite.model.folder import SPAM, STARRED, TRASH, in_order, label_view
from mailsuite.sqlite.codec import encode
from mailsuite.sqlite.messagerows import NO_LABELS, description, strings


class Place(NamedTuple):
    """A conversation in one list: where it stands there, messages, unread ones.

    In a view ``last_at`` and ``unread`` are of the messages outside trash and spam, ``messages`` counts those that put
    it there.
    """

    last_at: int
    messages: int
    unread: int


_NOWHERE = Place(0, 0, 0)

_SUMMED = (
    "SELECT id, folder, received_at, listed_at, seen, flagged, own, has_attachments, labels, snoozed_until, names"
    " FROM message INDEXED BY message_conversation WHERE account = ? AND conversation = ? AND folder <> 'deleted'"
    " ORDER BY received_at, id"
)
# Left to itself SQLite would walk the whole account in the order of the uid index, to save the sorting.


def next_seq(c: Connection, account: str, octets: int = 0, messages: int = 0) -> int:
    """The number of the change that is being made, which adds so much to what the account keeps."""
    seq: int = c.execute(
        "INSERT INTO change_seq (account, seq, octets, messages) VALUES (?, 1, ?, ?) ON CONFLICT (account) DO UPDATE"
        " SET seq = seq + 1, octets = octets + excluded.octets, messages = messages + excluded.messages RETURNING seq",
        (account, octets, messages),
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
    account, conversation = message["account"], message["conversation"]
    _settle(c, account, conversation, seq, {}, places_of([message]))
    about = description(message)
    _insert(
        c,
        account,
        conversation,
        {
            **counts([message]),
            "subject": about.subject[: thread.SUBJECT_LENGTH],
            "snippet": about.snippet[: thread.SNIPPET_LENGTH],
            **_names_of([message]),
        },
    )


def _insert(c: Connection, account: str, conversation: str, columns: Mapping[str, Any]) -> None:
    columns = {"id": conversation, "account": account, **columns}
    c.execute(
        f"INSERT OR REPLACE INTO conversation ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
        tuple(columns.values()),
    )


def add(c: Connection, message: Row, seq: int) -> None:
    """Take a message that was just filed into the rows of its conversation."""
    account, conversation, folder = message["account"], message["conversation"], message["folder"]
    known = c.execute("SELECT * FROM conversation WHERE id = ?", (conversation,)).fetchone()
    if (
        known is None
        or known["flagged"]
        or message["flagged"]
        or message["received_at"] <= known["last_at"]
        or not known["labels"] == message["labels"] == NO_LABELS
    ):
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
            encode(in_order({*strings(known["folders"]), folder})),
            description(message).snippet[: thread.SNIPPET_LENGTH],
            authors,
            recipients,
            conversation,
        ),
    )
    places = places_in(c, account, conversation)
    before = places.get(folder, _NOWHERE)
    now = Place(message["received_at"], before.messages + 1, before.unread + (not message["seen"]))
    _settle(c, account, conversation, seq, places, {**places, folder: now})


def sleeps(c: Connection, conversation: str) -> bool:
    """Does a message of the conversation sleep?"""
    row = c.execute("SELECT snoozed_until FROM conversation WHERE id = ?", (conversation,)).fetchone()
    return row is not None and row[0] > 0


def refresh(c: Connection, account: str, conversation: str, seq: int, texts: bool = True) -> set[str]:
    """Recount a conversation; one without messages disappears. The lists that show the change.

    Not ``texts``: it has the messages that it had, so subject, people and snippet stay.
    """
    messages = summed(c, account, conversation)
    touched = _settle(c, account, conversation, seq, places_in(c, account, conversation), places_of(messages))
    if not messages:
        c.execute("DELETE FROM conversation WHERE id = ?", (conversation,))
        return touched
    columns = counts(messages)
    if texts:
        _insert(c, account, conversation, {**columns, **_texts(c, messages)})
    else:
        c.execute(
            f"UPDATE conversation SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",  # noqa: S608
            (*columns.values(), conversation),
        )
    return touched


def summed(c: Connection, account: str, conversation: str) -> list[Row]:
    """What ``places_of`` and ``counts`` need of a conversation's messages, oldest first."""
    return c.execute(_SUMMED, (account, conversation)).fetchall()


def places_of(messages: Iterable[Row]) -> dict[str, Place]:
    """The lists in which a conversation of these messages shows."""
    places: dict[str, Place] = {}
    shown = _NOWHERE
    flagged = 0
    labels: dict[str, int] = {}
    for m in messages:
        folder, listed_at, unread = m["folder"], m["listed_at"], not m["seen"]
        at = places.get(folder, _NOWHERE)
        places[folder] = Place(max(at.last_at, listed_at), at.messages + 1, at.unread + unread)
        if folder not in (TRASH, SPAM):
            shown = Place(max(shown.last_at, listed_at), shown.messages + 1, shown.unread + unread)
            flagged += m["flagged"]
            if m["labels"] != NO_LABELS:
                for label in strings(m["labels"]):
                    labels[label] = labels.get(label, 0) + 1
    if flagged:
        places[STARRED] = shown._replace(messages=flagged)
    for label, count in labels.items():
        places[label_view(label)] = shown._replace(messages=count)
    return places


def counts(messages: Sequence[Row]) -> dict[str, Any]:
    """The columns of a conversation that follow from its messages without their texts."""
    return {
        "last_at": max(m["listed_at"] for m in messages),
        "count": len(messages),
        "own": sum(m["own"] for m in messages),
        "unread": sum(not m["seen"] for m in messages),
        "flagged": sum(m["flagged"] for m in messages),
        "has_attachments": max(m["has_attachments"] for m in messages),
        "folders": encode(in_order({m["folder"] for m in messages})),
        "labels": encode(tuple(sorted({label for m in messages for label in strings(m["labels"])}))),
        "snoozed_until": min((m["snoozed_until"] for m in messages if m["snoozed_until"]), default=0),
    }


def _texts(c: Connection, messages: Sequence[Row]) -> dict[str, Any]:
    """The columns that show what the messages say and who wrote them."""
    select = "SELECT id, size, description FROM message WHERE id = ?"
    first = description(c.execute(select, (messages[0]["id"],)).fetchone())
    last = first
    if len(messages) > 1:
        last = description(c.execute(select, (messages[-1]["id"],)).fetchone())
    return {
        "subject": first.subject[: thread.SUBJECT_LENGTH],
        "snippet": last.snippet[: thread.SNIPPET_LENGTH],
        **_names_of(messages),
    }


def _names_of(messages: Iterable[Row]) -> dict[str, str]:
    authors, recipients = _names(("[]", "[]"), ((m["own"], m["names"]) for m in messages))
    return {"authors": authors, "recipients": recipients}


def _names(known: tuple[str, str], messages: Iterable[tuple[bool, str]]) -> tuple[str, str]:
    """The columns ``authors`` and ``recipients``, from what they were and (own, names) of further messages."""
    authors, recipients = (dict.fromkeys(strings(text)) for text in known)
    for own, names in messages:
        if own:
            recipients.update(dict.fromkeys(strings(names)))
        authors.update(dict.fromkeys((thread.ME,) if own else strings(names)))
    return encode(thread.distinct(authors)), encode(thread.distinct(recipients))


def places_in(c: Connection, account: str, conversation: str) -> dict[str, Place]:
    """The lists that show a conversation, as they are written."""
    rows = c.execute(
        "SELECT folder, last_at, count, unread FROM conversation_folder"
        " WHERE account = ? AND conversation = ? AND count > 0",
        (account, conversation),
    )
    return {folder: Place(*place) for folder, *place in rows}


def _settle(
    c: Connection, account: str, conversation: str, seq: int, old: Mapping[str, Place], new: Mapping[str, Place]
) -> set[str]:
    """Write where the conversation is now. Each of its rows shows the change, and each folder counts it."""
    touched = old.keys() | new.keys()
    for folder in sorted(touched):
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
    return touched
