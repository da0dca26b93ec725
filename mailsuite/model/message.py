"""A filed message, its MIME tree, and the conversation that it belongs to (shapes of docs/architecture.md).

All times are integer milliseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mailsuite.model.address import Mailbox
from mailsuite.model.verdict import NOT_JUDGED, Authentication


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the MIME tree. The body is ``raw[start:end]``, still in its transfer encoding.

    ``path`` is IMAP's part number ("1.2"; "" for the whole of a multipart message).
    """

    path: str
    content_type: str
    charset: str
    encoding: str
    disposition: str
    filename: str
    content_id: str
    start: int
    end: int
    children: tuple[Part, ...] = ()

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def is_attachment(self) -> bool:
        """Does a reader show it as a file rather than as text?"""
        if self.content_type.startswith("multipart/"):
            return False
        if self.disposition == "attachment" or self.filename:
            return not (self.content_id and self.disposition == "inline")
        return not self.content_type.startswith("text/") and not self.content_id


@dataclass(frozen=True, slots=True)
class Description:
    """What a reader needs to know of a message without its content; made by mime.describe.

    ``date`` is the Date field or None when unusable. ``defects`` says in words what could not be parsed.
    """

    message_id: str
    references: tuple[str, ...]
    author: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    subject: str
    date: int | None
    structure: Part
    snippet: str
    has_attachments: bool
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filing:
    """A message to be filed once: unique on (account, delivery_key)."""

    account: str
    folder: str
    delivery_key: str
    blob: str
    size: int
    received_at: int
    description: Description
    reverse_path: str = ""
    bcc: tuple[Mailbox, ...] = ()
    seen: bool = False
    own: bool = False
    """Was it written by the account itself? Then the conversation's people are its recipients."""
    text: str = ""
    """What a search looks through besides the description; made by mime.searchable."""
    labels: tuple[str, ...] = ()
    flagged: bool = False
    verdict: Authentication = NOT_JUDGED
    otherwise: tuple[str, ...] = ()
    """Folders to try in turn when ``folder`` is none, e.g. because it was deleted."""


@dataclass(frozen=True, slots=True)
class Filed:
    """Where it went. ``new`` is False when the delivery key was there already. ``seq`` is the change number.

    ``folder`` is where the message is now.
    """

    message: str
    conversation: str
    seq: int
    new: bool
    folder: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message in an account's folder. ``labels`` are ids.

    ``origin``: the folder that it was in before it went to trash, spam or to sleep. ``snoozed_until``: when it wakes,
    0 when it does not sleep. ``listed_at``: where lists show it; another time than ``received_at`` once it has slept.
    """

    id: str
    account: str
    folder: str
    uid: int
    modseq: int
    conversation: str
    blob: str
    size: int
    received_at: int
    description: Description
    reverse_path: str
    bcc: tuple[Mailbox, ...]
    seen: bool
    flagged: bool
    own: bool
    labels: tuple[str, ...] = ()
    origin: str = ""
    snoozed_until: int = 0
    listed_at: int = 0
    verdict: Authentication = NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of a list. ``people`` are display names, oldest first, "me" for the account itself. ``labels`` are ids.

    For a page of one folder ``last_at`` is the time at which it is listed there: that of the newest message in that
    folder, or of its waking. ``snoozed_until`` is when the first of its sleeping messages wakes; 0: none sleeps.
    """

    id: str
    account: str
    subject: str
    people: tuple[str, ...]
    count: int
    unread: int
    flagged: bool
    last_at: int
    snippet: str
    has_attachments: bool
    folders: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    snoozed_until: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of a list ends: the next page is what sorts below (last_at, id)."""

    last_at: int
    id: str


@dataclass(frozen=True, slots=True)
class Counter:
    """Conversations of a folder: all, and those with an unread message in that folder."""

    total: int
    unread: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account keeps: octets of its messages, each counted in full, and how many there are."""

    octets: int
    messages: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What is newer than a seq in one folder: rows to show, ids to take away, and the seq reached."""

    seq: int
    rows: tuple[Conversation, ...] = ()
    gone: tuple[str, ...] = field(default=())
