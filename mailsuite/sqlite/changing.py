"""Changes of messages in one conversation, and what undoing them needs: what every action is made of."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from sqlite3 import Connection, Row

from mailsuite.model.action import Action, Verb, moves, origin_after, restored_to
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import DELETED, FOLDERS, INBOX, SNOOZED, SPAM, TRASH
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite.codec import encode
from mailsuite.sqlite.messagerows import strings

COLUMNS = "number, id, folder, origin, snoozed_until, listed_at, moved_at, seen, flagged, labels, size, own, uid"


@dataclass(frozen=True, slots=True)
class State:
    """What an action changes of a message. The id is the message's: a draft's number changes."""

    id: str
    folder: str
    origin: str
    snoozed_until: int
    listed_at: int
    moved_at: int
    seen: bool
    flagged: bool
    labels: tuple[str, ...]


@dataclass(slots=True)
class Step:
    """What one transaction did. ``before`` is how to take it back."""

    seq: int = 0
    conversations: int = 0
    places: set[str] = field(default_factory=set)
    before: list[State] = field(default_factory=list)


def is_folder(c: Connection, account: str, folder: str) -> bool:
    """May mail be in this folder?"""
    if folder in FOLDERS:
        return True
    row = c.execute("SELECT 1 FROM own_folder WHERE account = ? AND id = ?", (account, folder)).fetchone()
    return row is not None


def check_folder(c: Connection, account: str, folder: str) -> None:
    """Raise NotThere for what is no folder of the account, a view too."""
    if not is_folder(c, account, folder):
        raise NotThere(f"there is no folder {folder!r}")


def check_label(c: Connection, account: str, label: str) -> None:
    """Raise NotThere."""
    if c.execute("SELECT 1 FROM label WHERE account = ? AND id = ?", (account, label)).fetchone() is None:
        raise NotThere(f"there is no label {label!r}")


def known_labels(c: Connection, account: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Those of the labels that the account has, in order."""
    select = "SELECT 1 FROM label WHERE account = ? AND id = ?"
    return tuple(label for label in sorted(set(labels)) if c.execute(select, (account, label)).fetchone())


def messages_of(c: Connection, account: str, conversation: str) -> list[Row]:
    """A conversation's messages, oldest first, those too that wait to be purged."""
    return c.execute(
        f"SELECT {COLUMNS} FROM message INDEXED BY message_conversation"  # noqa: S608
        " WHERE account = ? AND conversation = ? ORDER BY received_at, id",
        (account, conversation),
    ).fetchall()


def state(row: Row) -> State:
    """The state of a message's row."""
    return State(
        row["id"],
        row["folder"],
        row["origin"],
        row["snoozed_until"],
        row["listed_at"],
        row["moved_at"],
        bool(row["seen"]),
        bool(row["flagged"]),
        strings(row["labels"]),
    )


Known = Callable[[str], bool]
"""Is this a folder of the account?"""


def changed(
    action: Action, place: str, rows: Iterable[Row], chosen: Container[str] | None, now: int, known: Known
) -> list[tuple[Row, State]]:
    """The messages of a conversation that an action changes, and how they are then; ``chosen``: only these."""
    open_rows = [row for row in rows if row["folder"] != DELETED]
    if action.verb is Verb.STAR and chosen is None:
        shown = [row for row in open_rows if row["folder"] not in (TRASH, SPAM)] or open_rows
        open_rows = shown[-1:]
    found = []
    for row in open_rows:
        if chosen is None or row["id"] in chosen:
            old = state(row)
            new = _after(action, place, row, old, now, known, alone=chosen is not None)
            if new != old:
                found.append((row, new))
    return found


def _after(action: Action, place: str, row: Row, old: State, now: int, known: Known, *, alone: bool) -> State:
    match action.verb:
        case Verb.READ | Verb.UNREAD:
            return replace(old, seen=action.verb is Verb.READ)
        case Verb.STAR | Verb.UNSTAR:
            return replace(old, flagged=action.verb is Verb.STAR)
        case Verb.LABEL:
            return replace(old, labels=tuple(sorted({*old.labels, action.target})))
        case Verb.UNLABEL:
            return replace(old, labels=tuple(label for label in old.labels if label != action.target))
    if not (alone or moves(action, place, old.folder)):
        return old
    match action.verb:
        case Verb.SNOOZE:
            return replace(placed(old, SNOOZED, now), snoozed_until=action.until)
        case Verb.RESTORE if old.folder not in (TRASH, SPAM):
            return old
        case Verb.RESTORE:
            return placed(old, restored_to(old.origin, bool(row["own"]), known(old.origin)), now)
        case Verb.DELETE:
            return placed(old, DELETED, now)
    return placed(old, action.target, now)


def placed(old: State, target: str, now: int) -> State:
    """A message that goes to another folder; one that is there already stays as it is."""
    if old.folder == target:
        return old
    origin = origin_after(old.origin, old.folder, target)
    return replace(old, folder=target, origin=origin, snoozed_until=0, moved_at=now)


def woken(old: State, now: int, known: Known) -> State:
    """A sleeping message that is back: unread, on top."""
    target = old.origin if old.origin and known(old.origin) else INBOX
    return replace(placed(old, target, now), snoozed_until=0, seen=False, listed_at=now)


def write(
    c: Connection,
    account: str,
    conversation: str,
    changes: Sequence[tuple[Row, State]],
    step: Step,
    texts: bool = False,
) -> None:
    """Write the changes of one conversation under the next number."""
    octets = messages = 0
    for row, new in changes:
        step.before.append(state(row))
        gone, is_gone = row["folder"] == DELETED, new.folder == DELETED
        if gone != is_gone:
            texts = True
            octets += row["size"] if gone else -row["size"]
            messages += 1 if gone else -1
    seq = derived.next_seq(c, account, octets, messages)
    for row, new in sorted(changes, key=lambda change: change[0]["uid"]):
        if new.folder == row["folder"]:
            c.execute(
                "UPDATE message SET seen = ?, flagged = ?, labels = ?, snoozed_until = ?, listed_at = ?, modseq = ?"
                " WHERE number = ?",
                (new.seen, new.flagged, encode(new.labels), new.snoozed_until, new.listed_at, seq, row["number"]),
            )
        else:
            uid = derived.next_uid(c, account, new.folder)
            c.execute(
                "UPDATE message SET folder = ?, uid = ?, origin = ?, snoozed_until = ?, listed_at = ?, moved_at = ?,"
                " seen = ?, flagged = ?, labels = ?, modseq = ? WHERE number = ?",
                (
                    new.folder,
                    uid,
                    new.origin,
                    new.snoozed_until,
                    new.listed_at,
                    new.moved_at,
                    new.seen,
                    new.flagged,
                    encode(new.labels),
                    seq,
                    row["number"],
                ),
            )
    step.places |= derived.refresh(c, account, conversation, seq, texts)
    step.seq = seq
    step.conversations += 1
