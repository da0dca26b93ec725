"""JobControl: IJobControl in the database file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from sqlite3 import Connection, Row

from zope.interface import implementer

from mailsuite.interfaces.job_control import IJobControl
from mailsuite.model.errors import Undecodable
from mailsuite.model.job import Attempt, JobState, JobUpdate, Lane
from mailsuite.model.queue_view import Entry, JobQuery, Share
from mailsuite.sqlite import jobrows
from mailsuite.sqlite.jobrows import JOB, QUEUED, RESULT, longer_history, result_values
from mailsuite.sqlite.store import Store

_CLOSED = "('done', 'cancelled')"
_JOB = ", ".join(f"job.{name.strip()}" for name in JOB.split(","))
_QUEUED = ", ".join(f"queued.{name.strip()} AS q_{name.strip()}" for name in QUEUED.split(","))


@implementer(IJobControl)
class JobControl:
    """See IJobControl. A job whose message cannot be decoded is left out of ``find``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, query: JobQuery, after: str, limit: int) -> Sequence[Entry]:
        """See IJobControl. Reads the queue from ``after`` on until there are ``limit`` that match."""
        return await self._store.read(lambda c: _find(c, query, after, limit))

    async def switch(
        self, job_id: str, sources: Collection[JobState], target: JobState, next_attempt: int, note: str, at: int
    ) -> bool:
        """See IJobControl."""
        return await self._store.write(lambda c: _switch(c, job_id, sources, target, next_attempt, note, at))

    async def close(self, job_id: str, epoch: int, update: JobUpdate) -> bool:
        """See IJobControl."""
        return await self._store.write(lambda c: _close(c, job_id, epoch, update))

    async def withdraw(self, queue_id: str, at: int) -> bool:
        """See IJobControl."""
        return await self._store.write(lambda c: _withdraw(c, queue_id, at))

    async def shares(self) -> Sequence[Share]:
        """See IJobControl."""
        return await self._store.read(_shares)


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _find(c: Connection, query: JobQuery, after: str, limit: int) -> list[Entry]:
    where, values = ["job.id > ?"], [after]
    if query.id:
        where.append("(job.id = ? OR job.queue_id = ?)")
        values += [query.id, query.id]
    if query.destination:
        where.append("job.destination = ?")
        values.append(query.destination.lower())
    if query.states:
        where.append(f"job.state IN ({_marks(query.states)})")
        values += [state.value for state in query.states]
    found: list[Entry] = []
    for row in c.execute(
        f"SELECT {_JOB}, {_QUEUED} FROM job JOIN queued ON queued.id = job.queue_id"  # noqa: S608
        f" WHERE {' AND '.join(where)} ORDER BY job.id",
        values,
    ):
        try:
            entry = Entry(jobrows.listed(row), jobrows.queued(row, "q_"))
        except Undecodable:
            continue
        if query.matches(entry):
            found.append(entry)
            if len(found) == limit:
                break
    return found


def _free(c: Connection, job_id: str, at: int) -> Row | None:
    """The job, unless a claim on it is alive."""
    row: Row | None = c.execute(
        f"SELECT {JOB} FROM job WHERE id = ? AND (worker IS NULL OR until <= ?)",  # noqa: S608
        (job_id, at),
    ).fetchone()
    return row


def _switch(
    c: Connection,
    job_id: str,
    sources: Collection[JobState],
    target: JobState,
    next_attempt: int,
    note: str,
    at: int,
) -> bool:
    row = _free(c, job_id, at)
    if row is None or JobState(row["state"]) not in sources:
        return False
    c.execute(
        "UPDATE job SET state = ?, next_attempt = ?, epoch = epoch + 1, crashes = 0, history = ?, worker = NULL,"
        " until = 0, dot_at = 0 WHERE id = ?",
        (target.value, next_attempt, longer_history(row["history"], Attempt(at, "", note)), job_id),
    )
    return True


def _close(c: Connection, job_id: str, epoch: int, update: JobUpdate) -> bool:
    done = c.execute(
        f"UPDATE job SET {RESULT} WHERE id = ? AND epoch = ? AND state = 'held'",  # noqa: S608
        (*result_values(update), job_id, epoch),
    )
    return done.rowcount == 1


def _withdraw(c: Connection, queue_id: str, at: int) -> bool:
    if c.execute("SELECT 1 FROM queued WHERE id = ? AND not_before > ?", (queue_id, at)).fetchone() is None:
        return False
    begun = c.execute(
        "SELECT 1 FROM job WHERE queue_id = ? AND (state NOT IN ('pending', 'held') OR attempts > 0"
        " OR worker IS NOT NULL)",
        (queue_id,),
    ).fetchone()
    if begun is not None:
        return False
    c.execute("UPDATE job SET state = 'cancelled', epoch = epoch + 1 WHERE queue_id = ?", (queue_id,))
    return True


def _shares(c: Connection) -> list[Share]:
    rows = c.execute(
        "SELECT job.lane, job.destination, job.state, COUNT(*) AS jobs, MIN(job.next_attempt) AS next_attempt,"  # noqa: S608
        " MIN(queued.created) AS oldest FROM job JOIN queued ON queued.id = job.queue_id"
        f" WHERE job.state NOT IN {_CLOSED} GROUP BY job.lane, job.destination, job.state"
        " ORDER BY job.lane, job.destination, job.state"
    )
    return [
        Share(Lane(r["lane"]), r["destination"], JobState(r["state"]), r["jobs"], r["next_attempt"], r["oldest"])
        for r in rows
    ]
