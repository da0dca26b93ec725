"""Queued messages and jobs: what is to be delivered, to whom, and how it went so far.

All times are integer milliseconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status

LOCAL = "local"
"""The destination of mail for accounts of this suite."""

SENT = "sent"
"""The destination of the sender's own copy."""

RECIPIENTS_PER_JOB = 100


class Lane(StrEnum):
    """Who works on a job: mailsuite-mda files, mailsuite-out transfers. Each lane has a schedule of its own."""

    LOCAL = "local"
    REMOTE = "remote"


def lane_of(destination: str) -> Lane:
    """The lane that serves a destination."""
    return Lane.LOCAL if destination in (LOCAL, SENT) else Lane.REMOTE


class Priority(IntEnum):
    """Classes of the schedule; the lower number goes first."""

    INTERACTIVE = 0
    NORMAL = 1
    BULK = 2


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """One job to be: number within the message, destination, at most 100 recipients; eager ones run in the request.

    ``quarantine``: local filing puts it into Spam.
    """

    n: int
    destination: str
    recipients: tuple[Recipient, ...]
    eager: bool = False
    quarantine: bool = False


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """One accepted message. ``blob`` is the SHA-256 of the content in hex; ``account`` is the submitter or None.

    ``not_before``: nothing is done with it until then, and its submitter may withdraw it; 0: at once.
    """

    id: str
    blob: str
    size: int
    envelope: Envelope
    account: str | None
    priority: Priority
    created: int
    expires: int
    plan: tuple[PlanEntry, ...]
    idempotency_key: str | None = None
    not_before: int = 0

    @property
    def begins(self) -> int:
        """When its delivery may begin: its age counts from then."""
        return max(self.created, self.not_before)

    def quarantines(self, job: Job) -> bool:
        """Is this job of its plan for the Spam folder?"""
        return any(entry.quarantine for entry in self.plan if job.id == f"{self.id}.{entry.n}")


class RecipientState(StrEnum):
    """Where one recipient of a job stands."""

    PENDING = "pending"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Is nothing left to do for this recipient?"""
        return self in (RecipientState.DELIVERED, RecipientState.FAILED)


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """A recipient with the last thing that is known of it; ``mx`` names who said it, ``at`` when."""

    recipient: Recipient
    state: RecipientState = RecipientState.PENDING
    status: Status | None = None
    mx: str = ""
    at: int = 0


class JobState(StrEnum):
    """PENDING jobs are attempted; PARKED: poison or undecodable; HELD: by an admin."""

    PENDING = "pending"
    DONE = "done"
    PARKED = "parked"
    HELD = "held"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to attempt a job, until a time; ``dot_at``: when it was about to send the final dot."""

    worker: str
    until: int
    dot_at: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a job's history."""

    at: int
    worker: str
    text: str


HISTORY = 20
"""How many attempts a job remembers."""


@dataclass(frozen=True, slots=True)
class Job:
    """One (queued message, destination) pair. The id is ``<queue id>.<n>``; ``epoch`` counts the claims."""

    id: str
    queue_id: str
    destination: str
    priority: Priority
    state: JobState
    next_attempt: int
    attempts: int
    epoch: int
    claim: Claim | None
    recipients: tuple[RecipientResult, ...]
    crashes: int = 0
    delay_notice_at: int = 0
    history: tuple[Attempt, ...] = ()

    @property
    def lane(self) -> Lane:
        """The lane of the destination."""
        return lane_of(self.destination)

    @property
    def open_recipients(self) -> tuple[Recipient, ...]:
        """Those still to be delivered to."""
        return tuple(r.recipient for r in self.recipients if not r.state.final)


def jobs_of(message: QueuedMessage) -> tuple[Job, ...]:
    """The jobs that a plan calls for, as they are before any attempt."""
    return tuple(
        Job(
            id=f"{message.id}.{entry.n}",
            queue_id=message.id,
            destination=entry.destination,
            priority=message.priority,
            state=JobState.PENDING,
            next_attempt=message.begins,
            attempts=0,
            epoch=0,
            claim=None,
            recipients=tuple(RecipientResult(r) for r in entry.recipients),
        )
        for entry in message.plan
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt gave for one recipient. ``status`` bears the remote text verbatim; ``mx`` says who answered.

    ``dsn_passed``: the next host took over what NOTIFY asks for (RFC 3461 section 5.2.2).
    """

    recipient: Recipient
    state: RecipientState
    status: Status
    mx: str = ""
    dsn_passed: bool = False


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """What a worker writes after an attempt; it clears the claim."""

    state: JobState
    next_attempt: int
    attempts: int
    recipients: tuple[RecipientResult, ...]
    history: tuple[Attempt, ...]
    delay_notice_at: int = 0


@dataclass(frozen=True, slots=True)
class NotClaimable:
    """Why a claim was not given: the job is closed or gone, or it must wait until a time."""

    closed: bool
    until: int = 0
