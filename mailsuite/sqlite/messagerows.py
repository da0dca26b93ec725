"""Rows of mailboxes as values of the model. A damaged column never hides a message or breaks a list."""

from __future__ import annotations

from sqlite3 import Row
from typing import Any

from mailsuite.model import thread
from mailsuite.model.errors import Undecodable
from mailsuite.model.message import Conversation, Description, Filing, Message, Part
from mailsuite.model.verdict import NOT_JUDGED, Authentication
from mailsuite.sqlite import codec
from mailsuite.sqlite.codec import decode, encode

NO_LABELS = "[]"
"""The column of a message without labels."""

FILED = (
    "account, folder, delivery_key, blob, size, received_at, listed_at, seen, flagged, own, has_attachments, labels,"
    " names, reverse_path, bcc, description, verdict"
)
"""The columns that ``filed_values`` fills."""


def filed_values(filing: Filing) -> tuple[Any, ...]:
    """The values for the columns of ``FILED``."""
    return (
        filing.account,
        filing.folder,
        filing.delivery_key,
        filing.blob,
        filing.size,
        filing.received_at,
        filing.received_at,
        filing.seen,
        filing.flagged,
        filing.own,
        filing.description.has_attachments,
        encode(filing.labels) if filing.labels else NO_LABELS,
        encode(thread.names_of(filing)),
        filing.reverse_path,
        encode(filing.bcc),
        encode(filing.description),
        encode(filing.verdict) if filing.verdict != NOT_JUDGED else "",
    )


def message(row: Row) -> Message:
    """A message; its description is an empty one that says so when it cannot be read."""
    try:
        bcc = decode(codec.mailboxes, row["bcc"], "bcc")
    except Undecodable:
        bcc = ()
    return Message(
        id=row["id"],
        account=row["account"],
        folder=row["folder"],
        uid=row["uid"],
        modseq=row["modseq"],
        conversation=row["conversation"],
        blob=row["blob"],
        size=row["size"],
        received_at=row["received_at"],
        description=description(row),
        reverse_path=row["reverse_path"],
        bcc=bcc,
        seen=bool(row["seen"]),
        flagged=bool(row["flagged"]),
        own=bool(row["own"]),
        labels=strings(row["labels"]),
        origin=row["origin"],
        snoozed_until=row["snoozed_until"],
        listed_at=row["listed_at"],
        verdict=verdict(row["verdict"]),
    )


def verdict(text: str) -> Authentication:
    """A column of results: none when there are none, or when they cannot be read."""
    try:
        return decode(codec.authentication, text, "verdict") if text else NOT_JUDGED
    except Undecodable:
        return NOT_JUDGED


def description(row: Row) -> Description:
    """The description of a message row; see ``message``."""
    try:
        return decode(codec.description, row["description"], f"message {row['id']}")
    except Undecodable as error:
        return Description(
            message_id="",
            references=(),
            author=(),
            to=(),
            cc=(),
            reply_to=(),
            subject="",
            date=None,
            structure=Part("1", "application/octet-stream", "", "", "", "", "", 0, row["size"]),
            snippet="",
            has_attachments=False,
            defects=(str(error),),
        )


def strings(text: str) -> tuple[str, ...]:
    """A column of derived names: nothing when it cannot be read."""
    try:
        return decode(codec.strings, text, "names")
    except Undecodable:
        return ()


CONVERSATION = (
    "c.id, c.account, c.count, c.own, c.flagged, c.has_attachments, c.folders, c.subject, c.snippet, c.authors,"
    " c.recipients, c.labels, c.snoozed_until"
)
"""Columns of a conversation ``c`` that ``conversation`` takes; unread and last_at come from it or a folder's row."""


def conversation(row: Row) -> Conversation:
    """A row of a list."""
    return Conversation(
        id=row["id"],
        account=row["account"],
        subject=row["subject"],
        people=thread.people(strings(row["authors"]), strings(row["recipients"]), row["own"] == row["count"]),
        count=row["count"],
        unread=row["unread"],
        flagged=bool(row["flagged"]),
        last_at=row["last_at"],
        snippet=row["snippet"],
        has_attachments=bool(row["has_attachments"]),
        folders=strings(row["folders"]),
        labels=strings(row["labels"]),
        snoozed_until=row["snoozed_until"],
    )
