"""JobStore: IJobStore in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection, Row
from typing import Any

from zope.interface import implementer

from mailsuite.interfaces.jobs import IJobStore
from mailsuite.model.errors import NotThere
from mailsuite.model.job import Attempt, Job, JobUpdate, Lane, NotClaimable, QueuedMessage, jobs_of
from mailsuite.sqlite import jobrows
from mailsuite.sqlite.blobs import BlobKeeper, read_blob
from mailsuite.sqlite.jobrows import (
    JOB,
    QUEUED,
    RESULT,
    longer_history,
    new_job_values,
    queued_values,
    result_values,
)
from mailsuite.sqlite.store import Store

IN_DOUBT = "in doubt: it ended after the final dot was due, the other side may have the message"
"""What the history says of a claim that was lost or given back after ``dot``."""


@implementer(IJobStore)
class JobStore:
    """IJobStore.

    ``message``, ``message_by_key``, ``job`` and ``claim`` raise Undecodable for a damaged row, with nothing changed:
    ``park`` works on it. In lists such a job appears without its recipients and history. A claim that dies, seen when
    the job is claimed anew or its slot freed, counts as a crash.
    """

    def __init__(self, store: Store, keeper: BlobKeeper) -> None:
        self._store = store
        self._keeper = keeper

    async def commit(self, message: QueuedMessage, content: bytes) -> bool:
        """See IJobStore. Content, message and jobs are one transaction."""
        if await self._keeper.prepare(content) != message.blob:
            raise ValueError(f"queued message {message.id}: blob is not the SHA-256 of the content")
        return await self._store.write(lambda c: _commit(c, self._keeper, message, content))

    async def message(self, queue_id: str) -> QueuedMessage | None:
        """See IJobStore."""
        return await self._store.read(lambda c: _queued(c, "id = ?", (queue_id,)))

    async def content(self, queue_id: str) -> tuple[QueuedMessage, bytes]:
        """See IJobStore. One look into the database, unless the content is a file."""
        message, content = await self._store.read(lambda c: _content(c, queue_id))
        if content is not None:
            return message, content
        return message, await self._store.run(lambda: self._keeper.files.read(message.blob, 0, message.size))

    async def message_by_key(self, account: str, idempotency_key: str) -> QueuedMessage | None:
        """See IJobStore."""
        return await self._store.read(
            lambda c: _queued(c, "account = ? AND idempotency_key = ?", (account, idempotency_key))
        )

    async def job(self, job_id: str) -> Job | None:
        """See IJobStore."""
        return await self._store.read(lambda c: _job(c, job_id))

    async def jobs(self, queue_id: str) -> Sequence[Job]:
        """See IJobStore."""
        return await self._store.read(lambda c: _list(c, "queue_id = ? ORDER BY n", (queue_id,)))

    async def claim(self, job_id: str, worker: str, now: int, until: int) -> Job | NotClaimable:
        """See IJobStore."""
        return await self._store.write(lambda c: _claim(c, job_id, worker, now, until), durable=False)

    async def renew(self, job_id: str, epoch: int, until: int) -> bool:
        """See IJobStore."""
        return await self._store.write(
            lambda c: _update(c, "until = ? WHERE id = ? AND epoch = ? AND worker IS NOT NULL", (until, job_id, epoch)),
            durable=False,
        )

    async def dot(self, job_id: str, epoch: int, at: int) -> bool:
        """See IJobStore. A claim that is dead at ``at`` holds no more."""
        return await self._store.write(
            lambda c: _update(
                c,
                "dot_at = ? WHERE id = ? AND epoch = ? AND worker IS NOT NULL AND until > ?",
                (at, job_id, epoch, at),
            )
        )

    async def record(self, job_id: str, epoch: int, update: JobUpdate, durable: bool = True) -> bool:
        """See IJobStore."""
        return await self._store.write(lambda c: _record(c, job_id, epoch, update), durable)

    async def release(self, job_id: str, epoch: int, next_attempt: int) -> bool:
        """See IJobStore."""
        return await self._store.write(lambda c: _release(c, job_id, epoch, next_attempt), durable=False)

    async def free_slot(self, slot: str, incarnation: str) -> int:
        """See IJobStore."""
        return await self._store.write(lambda c: _free_slot(c, slot, incarnation), durable=False)

    async def pending(self, lane: Lane, after: str, limit: int) -> Sequence[Job]:
        """See IJobStore."""
        return await self._store.read(
            lambda c: _list(
                c, "lane = ? AND state = 'pending' AND id > ? ORDER BY id LIMIT ?", (lane.value, after, limit)
            )
        )

    async def overdue(
        self, lane: Lane, before: int, now: int, limit: int, after: tuple[int, str] = (0, "")
    ) -> Sequence[Job]:
        """See IJobStore."""
        return await self._store.read(
            lambda c: _list(
                c,
                "lane = ? AND state = 'pending' AND next_attempt < ? AND (worker IS NULL OR until <= ?)"
                " AND (next_attempt, id) > (?, ?) ORDER BY next_attempt, id LIMIT ?",
                (lane.value, before, now, *after, limit),
            )
        )

    async def expired(self, lane: Lane, now: int, limit: int) -> Sequence[Job]:
        """See IJobStore."""
        return await self._store.read(
            lambda c: _list(
                c,
                "lane = ? AND state = 'pending' AND next_attempt <= ? AND (worker IS NULL OR until <= ?)"
                " AND (SELECT expires FROM queued WHERE queued.id = queue_id) < ?"
                " ORDER BY next_attempt, id LIMIT ?",
                (lane.value, now, now, now, limit),
            )
        )

    async def park(self, job_id: str, text: str, at: int) -> bool:
        """See IJobStore. A claim ends with it."""
        return await self._store.write(lambda c: _park(c, job_id, text, at))

    async def forget(self, closed_before: int, limit: int) -> int:
        """See IJobStore."""
        return await self._store.write(lambda c: _forget(c, closed_before, limit))

    async def depth(self, lane: Lane) -> int:
        """See IJobStore."""
        count: int = await self._store.read(
            lambda c: c.execute(
                "SELECT COUNT(*) FROM job WHERE lane = ? AND state = 'pending'", (lane.value,)
            ).fetchone()[0]
        )
        return count


def _marks(columns: str) -> str:
    return ", ".join("?" * (columns.count(",") + 1))


_INSERT_QUEUED = f"INSERT INTO queued ({QUEUED}) VALUES ({_marks(QUEUED)}) ON CONFLICT DO NOTHING"  # noqa: S608
_INSERT_JOB = f"INSERT INTO job ({JOB}, n, lane) VALUES ({_marks(JOB)}, ?, ?)"  # noqa: S608


def _commit(c: Connection, keeper: BlobKeeper, message: QueuedMessage, content: bytes) -> bool:
    # Each statement gives up Python's lock and waits to get it back, so there is none that only looks.
    if c.execute(_INSERT_QUEUED, queued_values(message)).rowcount == 0:
        return False
    keeper.keep(c, message.blob, content, message.created)
    for entry, job in zip(message.plan, jobs_of(message), strict=True):
        c.execute(_INSERT_JOB, (*new_job_values(job), entry.n, job.lane.value))
    return True


def _queued(c: Connection, where: str, values: tuple[Any, ...]) -> QueuedMessage | None:
    row = c.execute(f"SELECT {QUEUED} FROM queued WHERE {where}", values).fetchone()  # noqa: S608
    return None if row is None else jobrows.queued(row)


def _content(c: Connection, queue_id: str) -> tuple[QueuedMessage, bytes | None]:
    message = _queued(c, "id = ?", (queue_id,))
    if message is None:
        raise NotThere(f"the queued message {queue_id} is gone")
    return message, read_blob(c, message.blob, 0, None)[1]


def _rows(c: Connection, where: str, values: tuple[Any, ...]) -> list[Row]:
    return c.execute(f"SELECT {JOB} FROM job WHERE {where}", values).fetchall()  # noqa: S608


def _job(c: Connection, job_id: str) -> Job | None:
    for row in _rows(c, "id = ?", (job_id,)):
        return jobrows.job(row)
    return None


def _list(c: Connection, where: str, values: tuple[Any, ...]) -> list[Job]:
    return [jobrows.listed(row) for row in _rows(c, where, values)]


def _update(c: Connection, what: str, values: tuple[Any, ...]) -> bool:
    """UPDATE of one pending job; was there such a one?"""
    return c.execute(f"UPDATE job SET {what} AND state = 'pending'", values).rowcount == 1  # noqa: S608


def _history(row: Row) -> str:
    """The history to keep when the claim of this row ends unrecorded."""
    text: str = row["history"]
    return longer_history(text, Attempt(row["dot_at"], row["worker"], IN_DOUBT)) if row["dot_at"] else text


def _claim(c: Connection, job_id: str, worker: str, now: int, until: int) -> Job | NotClaimable:
    for row in _rows(c, "id = ? AND state = 'pending'", (job_id,)):
        wait = max(row["next_attempt"], row["until"])
        if wait > now:
            return NotClaimable(closed=False, until=wait)
        # Nobody else writes between this look and the update: the transaction began with the right to write.
        claimed = c.execute(
            "UPDATE job SET epoch = epoch + 1, crashes = crashes + (worker IS NOT NULL), history = ?, worker = ?,"  # noqa: S608
            f" until = ?, dot_at = 0 WHERE id = ? RETURNING {JOB}",
            (_history(row), worker, until, job_id),
        ).fetchone()
        return jobrows.job(claimed)
    return NotClaimable(closed=True)


def _record(c: Connection, job_id: str, epoch: int, update: JobUpdate) -> bool:
    return _update(c, f"{RESULT} WHERE id = ? AND epoch = ?", (*result_values(update), job_id, epoch))


def _release(c: Connection, job_id: str, epoch: int, next_attempt: int) -> bool:
    for row in _rows(c, "id = ? AND epoch = ? AND worker IS NOT NULL AND state = 'pending'", (job_id, epoch)):
        return _update(
            c,
            "next_attempt = ?, history = ?, worker = NULL, until = 0, dot_at = 0 WHERE id = ?",
            (next_attempt, _history(row), job_id),
        )
    return False


def _free_slot(c: Connection, slot: str, incarnation: str) -> int:
    # "0" is the character after "/": the range holds all names that begin with the slot and a slash.
    rows = _rows(c, "worker > ? AND worker < ? AND worker <> ?", (f"{slot}/", f"{slot}0", incarnation))
    for row in rows:
        _update(
            c,
            "crashes = crashes + 1, history = ?, worker = NULL, until = 0, dot_at = 0 WHERE id = ?",
            (_history(row), row["id"]),
        )
    return len(rows)


def _park(c: Connection, job_id: str, text: str, at: int) -> bool:
    for row in _rows(c, "id = ?", (job_id,)):
        return _update(
            c,
            "state = 'parked', history = ?, worker = NULL, until = 0, dot_at = 0 WHERE id = ?",
            (longer_history(_history(row), Attempt(at, "", text)), job_id),
        )
    return False


def _forget(c: Connection, closed_before: int, limit: int) -> int:
    return c.execute(
        "DELETE FROM queued WHERE id IN (SELECT id FROM queued WHERE created < ? AND NOT EXISTS"
        " (SELECT 1 FROM job WHERE queue_id = queued.id AND state NOT IN ('done', 'cancelled'))"
        " ORDER BY created LIMIT ?)",
        (closed_before, limit),
    ).rowcount
