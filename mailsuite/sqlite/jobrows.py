"""Rows of the queue as values of the model, and back."""

from __future__ import annotations

from sqlite3 import Row
from typing import Any

from mailsuite.model.errors import Undecodable
from mailsuite.model.job import (
    HISTORY,
    Attempt,
    Claim,
    Job,
    JobState,
    JobUpdate,
    Priority,
    QueuedMessage,
    RecipientResult,
)
from mailsuite.sqlite import codec
from mailsuite.sqlite.codec import decode, encode

JOB = (
    "id, queue_id, destination, priority, state, next_attempt, attempts, epoch, worker, until, dot_at, crashes,"
    " delay_notice_at, recipients, history"
)
"""The columns that ``job`` takes."""

QUEUED = "id, blob, size, account, priority, created, expires, idempotency_key, envelope, plan, not_before"
"""The columns that ``queued`` takes."""

RESULT = (
    "state = ?, next_attempt = ?, attempts = ?, recipients = ?, history = ?, delay_notice_at = ?,"
    " crashes = 0, worker = NULL, until = 0, dot_at = 0"
)
"""What an UPDATE with ``result_values`` sets: an attempt's result, and the end of the claim.

An attempt that came to its end shows that the job does not kill its worker.
"""


def job(row: Row) -> Job:
    """A job; raises Undecodable."""
    what = f"job {row['id']}"
    return _job(
        row,
        decode(codec.recipients, row["recipients"], what),
        decode(codec.history, row["history"], what),
    )


def listed(row: Row) -> Job:
    """A job of a list: an undecodable one comes without recipients and history, and whoever claims it is told."""
    try:
        return job(row)
    except Undecodable:
        return _job(row, (), ())


def _job(row: Row, recipients: tuple[RecipientResult, ...], history: tuple[Attempt, ...]) -> Job:
    return Job(
        id=row["id"],
        queue_id=row["queue_id"],
        destination=row["destination"],
        priority=Priority(row["priority"]),
        state=JobState(row["state"]),
        next_attempt=row["next_attempt"],
        attempts=row["attempts"],
        epoch=row["epoch"],
        claim=None if row["worker"] is None else Claim(row["worker"], row["until"], row["dot_at"]),
        recipients=recipients,
        crashes=row["crashes"],
        delay_notice_at=row["delay_notice_at"],
        history=history,
    )


def new_job_values(job: Job) -> tuple[Any, ...]:
    """The values for the columns of ``JOB`` of a job that nobody has claimed yet."""
    return (
        job.id,
        job.queue_id,
        job.destination,
        int(job.priority),
        job.state.value,
        job.next_attempt,
        job.attempts,
        job.epoch,
        None,
        0,
        0,
        job.crashes,
        job.delay_notice_at,
        encode(job.recipients),
        encode(job.history),
    )


def result_values(update: JobUpdate) -> tuple[Any, ...]:
    """The values for ``RESULT``."""
    return (
        update.state.value,
        update.next_attempt,
        update.attempts,
        encode(update.recipients),
        encode(update.history),
        update.delay_notice_at,
    )


def queued(row: Row, prefix: str = "") -> QueuedMessage:
    """A queued message, from columns whose names begin with ``prefix``; raises Undecodable."""
    what = f"queued message {row[prefix + 'id']}"
    return QueuedMessage(
        id=row[prefix + "id"],
        blob=row[prefix + "blob"],
        size=row[prefix + "size"],
        envelope=decode(codec.envelope, row[prefix + "envelope"], what),
        account=row[prefix + "account"],
        priority=Priority(row[prefix + "priority"]),
        created=row[prefix + "created"],
        expires=row[prefix + "expires"],
        plan=decode(codec.plan, row[prefix + "plan"], what),
        idempotency_key=row[prefix + "idempotency_key"],
        not_before=row[prefix + "not_before"],
    )


def queued_values(value: QueuedMessage) -> tuple[Any, ...]:
    """The values for the columns of ``QUEUED``."""
    return (
        value.id,
        value.blob,
        value.size,
        value.account,
        int(value.priority),
        value.created,
        value.expires,
        value.idempotency_key,
        encode(value.envelope),
        encode(value.plan),
        value.not_before,
    )


def longer_history(text: str, attempt: Attempt) -> str:
    """The column ``history`` with one more line; what cannot be decoded stays as it is."""
    try:
        return encode((*decode(codec.history, text, "history"), attempt)[-HISTORY:])
    except Undecodable:
        return text
