"""What is in a demonstration's store, looked at beside the running process by the sqlite3 module alone."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any


def ask(directory: Path, sql: str, *values: str) -> list[tuple[Any, ...]]:
    """The rows that a statement gives; what it changes is committed."""
    connection = sqlite3.connect(f"file:{directory / 'mailsuite.db'}?mode=rw", uri=True, timeout=30)
    try:
        with connection:
            return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def filed_subjects(directory: Path) -> list[str]:
    """The subject of each message in an inbox."""
    rows = ask(directory, "SELECT description FROM message WHERE folder = 'inbox'")
    return [json.loads(description)["subject"] for (description,) in rows]


def verdict_of(directory: Path, subject: str) -> dict[str, str]:
    """What is kept of what port 25 found out, of the newest message with a subject; empty when nothing is."""
    rows = ask(directory, "SELECT json_array(description, verdict) FROM message ORDER BY number DESC")
    for (row,) in rows:
        description, verdict = json.loads(row)
        if json.loads(description)["subject"] == subject:
            return dict(json.loads(verdict)) if verdict else {}
    return {}


def filed_count(directory: Path) -> int:
    """How many messages are in inboxes."""
    ((count,),) = ask(directory, "SELECT count(*) FROM message WHERE folder = 'inbox'")
    return int(count)
