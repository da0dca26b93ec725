"""What a person does to mail, to which mail, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailsuite.model.folder import ARCHIVE, DELETED, DRAFTS, INBOX, LABEL, SENT, SNOOZED, SPAM, STARRED, TRASH
from mailsuite.model.message import Cursor
from mailsuite.model.query import Query


class Verb(StrEnum):
    """READ, UNREAD, LABEL and UNLABEL change every message of a conversation, whatever folder it is in. STAR marks the
    newest one outside trash and spam, UNSTAR clears all. The others move what ``moves`` says.
    """

    READ = "read"
    UNREAD = "unread"
    STAR = "star"
    UNSTAR = "unstar"
    LABEL = "label"
    UNLABEL = "unlabel"
    MOVE = "move"
    SNOOZE = "snooze"
    RESTORE = "restore"
    """To the folder that it was in before trash or spam; when that is gone, to Inbox (own mail: to Sent)."""
    DELETE = "delete"
    """For ever, once it can no longer be undone."""


MOVING = (Verb.MOVE, Verb.SNOOZE, Verb.RESTORE, Verb.DELETE)


@dataclass(frozen=True, slots=True)
class Action:
    """``target``: the folder of MOVE, the label of LABEL and UNLABEL. ``until``: the time (ms) of SNOOZE."""

    verb: Verb
    target: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """Conversations as they stand in a list, and single messages.

    ``place`` is the list: a folder, a view, or "" for a search. Of a conversation that shows in a folder only the
    messages in that folder are moved.
    """

    conversations: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class AllIn:
    """Every conversation of a folder or view from the row at ``top`` down; None: from the first. What arrives while
    that is done stays as it is.
    """

    place: str
    top: Cursor | None = None


@dataclass(frozen=True, slots=True)
class AllFound:
    """Every conversation that a search finds, from the row at ``top`` down."""

    query: Query
    top: Cursor | None = None


Selection = Chosen | AllIn | AllFound


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did: how many conversations and messages it changed, the lists that show it, and the account's
    seq afterwards. ``undo`` takes it back for a while; "" when nothing was changed or it cannot be taken back.
    """

    seq: int
    conversations: int = 0
    messages: int = 0
    places: frozenset[str] = frozenset()
    undo: str = ""


def together(dones: Sequence[Done], undo: str) -> Done:
    """Several actions, at least one, that are taken back as one."""
    return Done(
        max(done.seq for done in dones),
        sum(done.conversations for done in dones),
        sum(done.messages for done in dones),
        frozenset[str]().union(*(done.places for done in dones)),
        undo,
    )


UNDO_FOR = 10 * 60_000
"""So long (ms) an action can be taken back."""
PURGE_AFTER = 2 * UNDO_FOR
"""So long (ms) after it was deleted for ever a message is gone."""
EMPTY_AFTER = 30 * 86_400_000
"""So long (ms) a message stays in trash and spam."""


_STAYS: Mapping[str, tuple[str, ...]] = {
    TRASH: (),
    INBOX: (SENT, DRAFTS),
    SPAM: (SENT, DRAFTS, TRASH),
}
"""What a move out of a view leaves where it is. Into other folders goes what lies in the open."""


def is_view(place: str) -> bool:
    """Is this a list over several folders?"""
    return place in ("", STARRED) or place.startswith(LABEL)


def moves(action: Action, place: str, folder: str) -> bool:
    """Is a message in ``folder`` moved when its conversation is, as it stands in the list ``place``?"""
    if folder == DELETED or (action.verb is Verb.MOVE and folder == action.target):
        return False
    if not is_view(place):
        return folder == place
    if action.verb is Verb.MOVE and action.target == ARCHIVE:
        return folder in (INBOX, SNOOZED)
    match action.verb:
        case Verb.DELETE:
            return True
        case Verb.RESTORE:
            return folder in (TRASH, SPAM)
        case Verb.SNOOZE:
            return folder in (INBOX, SNOOZED)
    return folder not in _STAYS.get(action.target, (SENT, DRAFTS, SPAM, TRASH))


def origin_after(before: str, folder: str, target: str) -> str:
    """Where a message that goes from ``folder`` to ``target`` came from; ``before`` is what was remembered."""
    if target not in (TRASH, SPAM, SNOOZED, DELETED):
        return ""
    return before if folder in (TRASH, SPAM, SNOOZED, DELETED) else folder


def labels_before(target: str, now: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    """A message's labels once LABEL or UNLABEL of ``target`` is taken back: the others stay as they are now."""
    others = {*now} - {target}
    return tuple(sorted(others | ({target} & {*before})))


def restored_to(origin: str, own: bool, known: bool) -> str:
    """The folder to which a message is restored; ``known``: is ``origin`` a folder of the account?"""
    if origin and known:
        return origin
    return SENT if own else INBOX
