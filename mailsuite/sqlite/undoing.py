"""The undo table: what the steps of an action change, kept for a while, and taking them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from sqlite3 import Connection

import msgspec

from mailsuite.model.action import MOVING, UNDO_FOR, Action, Verb, labels_before
from mailsuite.model.folder import DELETED, INBOX, SNOOZED, Folder, Label, brought_back, free_name
from mailsuite.sqlite.changing import COLUMNS, State, Step, is_folder, known_labels, state, write
from mailsuite.sqlite.codec import Reader, decode, encode


@dataclass(frozen=True, slots=True)
class Record:
    """A step: the messages as they were before it, and the folders and labels that it removed."""

    action: Action
    messages: tuple[State, ...] = ()
    folders: tuple[Folder, ...] = ()
    labels: tuple[Label, ...] = ()


_record: Reader[Record] = msgspec.json.Decoder(Record).decode


_FIRST_TAKEN = 2**31
"""The number of what is taken back before the messages: they need the folders and labels."""


def keep(c: Connection, account: str, token: str, now: int, record: Record) -> None:
    """Note how to take a step back."""
    if record.folders or record.labels:
        n = _FIRST_TAKEN
    else:
        n = c.execute(
            "SELECT IFNULL(MAX(n) + 1, 0) FROM undo WHERE account = ? AND token = ? AND n < ?",
            (account, token, _FIRST_TAKEN),
        ).fetchone()[0]
    c.execute(
        "INSERT INTO undo (account, token, n, at, content) VALUES (?, ?, ?, ?, ?)",
        (account, token, n, now, encode(record)),
    )


def take_back(c: Connection, account: str, token: str, now: int) -> tuple[Step, int] | None:
    """Take the last step of an action back, once; how many messages came back. None when there is none."""
    row = c.execute(
        "SELECT n, content FROM undo WHERE account = ? AND token = ? AND at > ? ORDER BY n DESC LIMIT 1",
        (account, token, now - UNDO_FOR),
    ).fetchone()
    if row is None:
        return None
    c.execute("DELETE FROM undo WHERE account = ? AND token = ? AND n = ?", (account, token, row["n"]))
    record = decode(_record, row["content"], f"undo {token}")
    _bring_back(c, account, record)
    return _restore(c, account, record.action, record.messages)


def _bring_back(c: Connection, account: str, record: Record) -> None:
    """Folders and labels that were removed, under another name when theirs has been taken since."""
    own = [Folder(*row) for row in c.execute("SELECT id, name FROM own_folder WHERE account = ?", (account,))]
    for folder in brought_back(record.folders, own):
        c.execute(
            "INSERT INTO own_folder (account, id, name, folded) VALUES (?, ?, ?, ?)",
            (account, folder.id, folder.name, folder.name.casefold()),
        )
    for label in record.labels:
        taken = {row[0] for row in c.execute("SELECT folded FROM label WHERE account = ?", (account,))}
        name = free_name(label.name, taken)
        c.execute(
            "INSERT INTO label (account, id, name, folded, colour) VALUES (?, ?, ?, ?, ?)",
            (account, label.id, name, name.casefold(), label.colour),
        )


def _restore(c: Connection, account: str, action: Action, messages: Sequence[State]) -> tuple[Step, int]:
    step = Step()
    by_conversation: dict[str, list[State]] = {}
    for message in messages:
        row = c.execute(
            "SELECT conversation FROM message WHERE id = ? AND account = ?", (message.id, account)
        ).fetchone()
        if row is not None:
            by_conversation.setdefault(row[0], []).append(message)
    count = 0
    for conversation, states in by_conversation.items():
        changes = []
        for old in states:
            row = c.execute(f"SELECT {COLUMNS} FROM message WHERE id = ?", (old.id,)).fetchone()  # noqa: S608
            now = state(row)
            new = _as_before(c, account, action, now, old)
            if new != now:
                changes.append((row, new))
        if changes:
            write(c, account, conversation, changes, step)
            count += len(changes)
    return step, count


def _as_before(c: Connection, account: str, action: Action, now: State, old: State) -> State:
    """What the action changed is as it was; the rest stays as it is now."""
    verb = action.verb
    if verb in (Verb.READ, Verb.UNREAD):
        return replace(now, seen=old.seen)
    if verb in (Verb.STAR, Verb.UNSTAR):
        return replace(now, flagged=old.flagged)
    if verb in (Verb.LABEL, Verb.UNLABEL):
        return replace(now, labels=known_labels(c, account, labels_before(action.target, now.labels, old.labels)))
    assert verb in MOVING
    if now.folder == DELETED:
        # A label that was removed meanwhile stayed on what nobody saw.
        now = replace(now, labels=known_labels(c, account, now.labels))
    if old.folder not in (SNOOZED, DELETED) and not is_folder(c, account, old.folder):
        return replace(now, folder=INBOX, origin="", snoozed_until=0)
    return replace(
        now,
        folder=old.folder,
        origin=old.origin,
        snoozed_until=old.snoozed_until,
        listed_at=old.listed_at,
        moved_at=old.moved_at,
    )
