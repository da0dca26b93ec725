"""A search as a value: what mailbox.query reads from a line and every store answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailsuite.model.message import Conversation, Cursor


class Field(StrEnum):
    """Where a word is looked for."""

    ANY = "any"
    AUTHOR = "from"
    RECIPIENT = "to"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Text:
    """Words that stand beside each other, as they were typed. ``prefix``: the last one may go on."""

    text: str
    field: Field = Field.ANY
    prefix: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Is:
    """``what``: "unread", "read", "starred" or "attachment"."""

    what: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class In:
    """A folder or a view by its id: "inbox", "starred", "snoozed", "label/7"."""

    place: str
    negated: bool = False


Condition = Text | Is | In


@dataclass(frozen=True, slots=True)
class Query:
    """All of ``groups`` hold, of each group at least one condition.

    ``after`` <= received_at < ``before`` (ms), ``larger`` < size < ``smaller`` (octets); 0: no bound. Mail in trash
    and spam is found only when a condition names a place, or ``everywhere``.
    """

    groups: tuple[tuple[Condition, ...], ...] = ()
    after: int = 0
    before: int = 0
    larger: int = 0
    smaller: int = 0
    everywhere: bool = False

    @property
    def texts(self) -> tuple[Text, ...]:
        """The words that are looked for, for marking them."""
        conditions = (condition for group in self.groups for condition in group)
        return tuple(c for c in conditions if isinstance(c, Text) and not c.negated)

    @property
    def hides_trash(self) -> bool:
        """Is what lies in trash and spam left out?"""
        return not self.everywhere and not any(
            isinstance(condition, In) and not condition.negated for group in self.groups for condition in group
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation, at the newest of its messages that is found; ``at`` goes into the next page's cursor.

    ``snippet`` is the text around the first match; ``marks`` and ``subject_marks`` are (start, end) of matches in it
    and in the conversation's subject.
    """

    conversation: Conversation
    message: str
    at: Cursor
    snippet: str
    marks: tuple[tuple[int, int], ...]
    subject_marks: tuple[tuple[int, int], ...]
