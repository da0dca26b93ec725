"""Waking what sleeps."""

from __future__ import annotations

from functools import partial
from sqlite3 import Connection

from mailsuite.sqlite.changing import Step, is_folder, messages_of, state, woken, write


def wake(c: Connection, account: str, conversation: str, now: int, due: int | None = None) -> Step:
    """Bring the sleeping messages of a conversation back, or only those that are due at a time."""
    known = partial(is_folder, c, account)
    changes = [
        (row, woken(state(row), now, known))
        for row in messages_of(c, account, conversation)
        if row["snoozed_until"] and (due is None or row["snoozed_until"] <= due)
    ]
    step = Step()
    if changes:
        write(c, account, conversation, changes, step)
    return step
