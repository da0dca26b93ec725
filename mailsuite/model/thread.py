"""What ties messages into a conversation, and the names that a list shows for it (RFC 5322 section 3.6.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailsuite.model.message import Description, Filing, Message

FIRST_REFERENCES = 5
LAST_REFERENCES = 15
ID_LENGTH = 998
"""Longer ids fit on no line (RFC 5322 section 2.1.1) and count for nothing."""

PEOPLE = 30
"""How many names a conversation remembers."""
TO = "To: "
"""What the first name of a row begins with when the account alone has written."""
ME = "me"
NAME_LENGTH = 100
SUBJECT_LENGTH = 500
SNIPPET_LENGTH = 300


def thread_ids(description: Description) -> tuple[str, ...]:
    """The ids by which a message is tied to others: its own, the first 5 and the last 15 references; no repeats.

    Angle brackets are taken off. What has nothing before or after an "@" is no id.
    """
    references = description.references
    if len(references) > FIRST_REFERENCES + LAST_REFERENCES:
        references = (*references[:FIRST_REFERENCES], *references[-LAST_REFERENCES:])
    ids = (_bare(text) for text in (description.message_id, *references))
    return tuple(dict.fromkeys(filter(None, ids)))


def _bare(text: str) -> str:
    text = text.strip().removeprefix("<").removesuffix(">").strip()
    left, _, right = text.rpartition("@")
    return text if left and right and len(text) <= ID_LENGTH else ""


def names_of(message: Filing | Message) -> tuple[str, ...]:
    """Whom a message shows: its recipients when it is the account's own, else its authors."""
    description = message.description
    boxes = (*description.to, *description.cc, *message.bcc) if message.own else description.author
    names = distinct(label[:NAME_LENGTH] for box in boxes if (label := box.label.strip()))
    if names or message.own:
        return names
    return (message.reverse_path[:NAME_LENGTH] or "unknown sender",)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names without repeats, in their order, at most 30."""
    return tuple(dict.fromkeys(names))[:PEOPLE]


def people(authors: Sequence[str], recipients: Sequence[str], alone: bool) -> tuple[str, ...]:
    """Whom a list shows for a conversation, given the authors of its messages ("me" for the account itself), oldest
    first, and the recipients of the account's own ones.

    ``alone``: nobody else has written. Then it is "To: " and the recipients, else the authors.
    """
    if not (alone and recipients):
        return tuple(authors)
    first, *rest = recipients
    return (TO + first, *rest)
