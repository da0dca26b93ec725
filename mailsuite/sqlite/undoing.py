"""The undo table: what the steps of an action change, kept for a while, and taking them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from sqlite3 import Connection

import msgspec

from mailsuite.model.action import MOVING, UNDO_FOR, Verb
from mailsuite.model.folder import DELETED, INBOX, SNOOZED, Folder, Label, free_name
from mailsuite.sqlite.changing import COLUMNS, State, Step, is_folder, state, write
from mailsuite.sqlite.codec import Reader, decode, encode


@dataclass(frozen=True, slots=True)
class Record:
    """A step: the messages as they were before it, and the folders and labels that it removed."""

    verb: Verb
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
    return _restore(c, account, record.verb, record.messages)


def _bring_back(c: Connection, account: str, record: Record) -> None:
    """Folders and labels that were removed, under another name when theirs has been taken since."""
    for folder in record.folders:
        taken = {row[0] for row in c.execute("SELECT folded FROM own_folder WHERE account = ?", (account,))}
        name = free_name(folder.name, taken)
        c.execute(
            "INSERT INTO own_folder (account, id, name, folded) VALUES (?, ?, ?, ?)",
            (account, folder.id, name, name.casefold()),
        )
    for label in record.labels:
        taken = {row[0] for row in c.execute("SELECT folded FROM label WHERE account = ?", (account,))}
        name = free_name(label.name, taken)
        c.execute(
            "INSERT INTO label (account, id, name, folded, colour) VALUES (?, ?, ?, ?, ?)",
            (account, label.id, name, name.casefold(), label.colour),
        )


def _restore(c: Connection, account: str, verb: Verb, messages: Sequence[State]) -> tuple[Step, int]:
    step = Step()
    by_conversation: dict[str, list[State]] = {}
    for message in messages:
        row = c.execute(
            "SELECT conversation FROM message WHERE number = ? AND account = ?", (message.number, account)
        ).fetchone()
        if row is not None:
            by_conversation.setdefault(row[0], []).append(message)
    count = 0
    for conversation, states in by_conversation.items():
        changes = []
        for old in states:
            row = c.execute(f"SELECT {COLUMNS} FROM message WHERE number = ?", (old.number,)).fetchone()  # noqa: S608
            now = state(row)
            new = _as_before(c, account, verb, now, old)
            if new != now:
                changes.append((row, new))
        if changes:
            write(c, account, conversation, changes, step)
            count += len(changes)
    return step, count


def _as_before(c: Connection, account: str, verb: Verb, now: State, old: State) -> State:
    """What the verb changed is as it was; the rest stays as it is now."""
    if verb in (Verb.READ, Verb.UNREAD):
        return replace(now, seen=old.seen)
    if verb in (Verb.STAR, Verb.UNSTAR):
        return replace(now, flagged=old.flagged)
    if verb in (Verb.LABEL, Verb.UNLABEL):
        return replace(now, labels=_known_labels(c, account, old.labels))
    assert verb in MOVING
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


def _known_labels(c: Connection, account: str, labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        label
        for label in labels
        if c.execute("SELECT 1 FROM label WHERE account = ? AND id = ?", (account, label)).fetchone()
    )
