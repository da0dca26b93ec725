"""What follows from an attempt, or from the want of one: the job's next state, and who must be told of what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from twisted.logger import Logger

from mailsuite.interfaces.notices import INotices
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.job import (
    HISTORY,
    SENT,
    Attempt,
    Job,
    JobState,
    JobUpdate,
    Lane,
    Outcome,
    QueuedMessage,
    RecipientResult,
    RecipientState,
)
from mailsuite.model.status import Status

log = Logger()

GREYLISTED = 6 * 60_000
"""When (ms) to come back to a host that greylists."""


def _is_greylisted(outcome: Outcome) -> bool:
    status = outcome.status
    deferred = outcome.state is RecipientState.DEFERRED
    return deferred and status.code in (450, 451) and status.enhanced == "4.7.1"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again. ``steps`` in ms, the last repeats; ``limit`` retries at most, 0 for no limit but expiry.

    ``delay_notice``: the age (ms) from which on the originator is told of a delay, 0: never.
    """

    steps: tuple[int, ...]
    limit: int = 0
    delay_notice: int = 0

    def next_attempt(
        self, attempts: int, now: int, uniform: Callable[[float, float], float], outcomes: Sequence[Outcome] = ()
    ) -> int:
        """The time of the next try after ``attempts`` tries (at least 1); each step is jittered by 0.8 to 1.2.

        A first try that was greylisted is repeated when the usual five minutes are over (RFC 6647 section 4), unless
        the policy's longest step is shorter.
        """
        if attempts == 1 and any(map(_is_greylisted, outcomes)):
            return now + round(min(GREYLISTED, max(self.steps)) * uniform(0.9, 1.1))
        step = self.steps[min(attempts, len(self.steps)) - 1]
        return now + round(step * uniform(0.8, 1.2))

    def exhausted(self, attempts: int) -> bool:
        """Were all retries used?"""
        return bool(self.limit) and attempts > self.limit


@dataclass(frozen=True, slots=True)
class Settlement:
    """The update to record, and whom to tell of before: ``tell`` does it.

    ``failures`` failed for good, ``delayed`` still wait after the delay time, ``delivered`` were filed here and
    ``relayed`` given to a host that makes no notices of its own.
    """

    update: JobUpdate
    failures: tuple[RecipientResult, ...] = ()
    delayed: tuple[RecipientResult, ...] = ()
    delivered: tuple[RecipientResult, ...] = ()
    relayed: tuple[RecipientResult, ...] = ()


async def tell(notices: INotices, message: QueuedMessage, job: Job, settlement: Settlement) -> None:
    """Tell the originator what ``settlement`` says; ``job`` is as it was before. Raises StoreUnavailable.

    It comes before the record: a crash in between repeats the notices under the same ids, i.e. once.
    """
    try:
        if settlement.failures:
            await notices.failed(message, job, settlement.failures)
        if settlement.delayed:
            await notices.delayed(message, job, settlement.delayed, message.expires)
        if settlement.delivered:
            await notices.succeeded(message, job, settlement.delivered, relayed=False)
        if settlement.relayed:
            await notices.succeeded(message, job, settlement.relayed, relayed=True)
    except StoreUnavailable:
        raise
    except Exception:
        # A fault of ours. The result must be recorded all the same: else what was sent is sent again and again.
        log.failure("{job_id}: the originator could not be told", job_id=job.id)


def log_outcomes(job: Job, outcomes: Sequence[Outcome]) -> None:
    """A line for each recipient: what became of it."""
    for outcome in outcomes:
        log.info(
            "{job_id} {state} <{recipient}> {status}",
            job_id=job.id,
            state=outcome.state.value,
            recipient=str(outcome.recipient.address),
            status=str(outcome.status),
            mx=outcome.mx,
        )


def _expired(result: RecipientResult, now: int) -> RecipientResult:
    last = "" if result.status is None else f"; last answer: {result.status}"
    # RFC 3463 section 3.5: X.4.7 is "delivery time expired".
    status = Status(554, "5.4.7", f"delivery time expired{last}")
    return replace(result, state=RecipientState.FAILED, status=status, at=now)


def _unanswerable(message: QueuedMessage, job: Job) -> bool:
    """Mail that another host gave us is never bounced for a fault of our own filing."""
    return job.lane is Lane.LOCAL and message.account is None and message.envelope.reverse_path is not None


def settle(
    message: QueuedMessage,
    job: Job,
    outcomes: Sequence[Outcome],
    worker: str,
    now: int,
    policy: RetryPolicy,
    uniform: Callable[[float, float], float],
) -> Settlement:
    """Fold an attempt's outcomes into the job. One that must not be bounced is parked."""
    by_key = {outcome.recipient.address.key: outcome for outcome in outcomes}
    attempts = job.attempts + 1
    results: list[RecipientResult] = []
    for result in job.recipients:
        outcome = by_key.get(result.recipient.address.key)
        if outcome is None or result.state.final:
            results.append(result)
        else:
            results.append(RecipientResult(result.recipient, outcome.state, outcome.status, outcome.mx, now))
    next_attempt = policy.next_attempt(attempts, now, uniform, outcomes)
    over = policy.exhausted(attempts) or next_attempt > message.expires
    unanswerable = _unanswerable(message, job)
    if over and not unanswerable:
        results = [r if r.state.final else _expired(r, now) for r in results]
    new = [result for result, before in zip(results, job.recipients, strict=True) if not before.state.final]
    failures = tuple(r for r in new if r.state is RecipientState.FAILED)
    state = JobState.PENDING
    if unanswerable and (failures or over):
        state = JobState.PARKED
        failures = ()
    elif all(r.state.final for r in results):
        state = JobState.DONE
    delayed = delay_due(message, job, now, policy, results) if state is JobState.PENDING else ()
    taken = [r for r in new if r.state is RecipientState.DELIVERED and r.recipient.wants("SUCCESS")]
    if message.quarantines(job):
        taken = []  # whoever forged it is not told that the address exists, nor whoever was forged
    local = job.lane is Lane.LOCAL
    passed = {key for key, outcome in by_key.items() if outcome.dsn_passed}
    text = "; ".join(f"{o.recipient.address}: {o.state.value} {o.status}" for o in outcomes)
    update = JobUpdate(
        state=state,
        next_attempt=next_attempt,
        attempts=attempts,
        recipients=tuple(results),
        history=_longer(job, now, worker, text),
        delay_notice_at=now if delayed else job.delay_notice_at,
    )
    return Settlement(
        update,
        failures,
        delayed,
        delivered=tuple(taken) if local else (),
        relayed=() if local else tuple(r for r in taken if r.recipient.address.key not in passed),
    )


def delay_due(
    message: QueuedMessage,
    job: Job,
    now: int,
    policy: RetryPolicy,
    results: Sequence[RecipientResult] | None = None,
) -> tuple[RecipientResult, ...]:
    """The recipients of whose delay the originator is to be told now; once in a job's life.

    ``results`` is how they stand, when that is newer than the job. The answer is empty for a null reverse-path, for
    mail of strangers to mailboxes here, and for the sender's own copy.
    """
    told = not policy.delay_notice or job.delay_notice_at or now - message.begins < policy.delay_notice
    if told or message.envelope.reverse_path is None or job.destination == SENT or _unanswerable(message, job):
        return ()
    standing = job.recipients if results is None else results
    return tuple(r for r in standing if not r.state.final and r.recipient.wants("DELAY"))


def waiting(
    message: QueuedMessage, job: Job, until: int, worker: str, now: int, policy: RetryPolicy, patience: int = 0
) -> Settlement | None:
    """What follows when a job is due but is not attempted before ``until``; None when nothing does.

    Its time may be over, for ``patience`` (ms) and more, or the originator is to be told of the delay. No attempt is
    counted.
    """
    if until - patience > message.expires and not _unanswerable(message, job):
        return given_up(job, lambda result: _expired(result, now), worker, now, "expired while it could not be tried")
    delayed = delay_due(message, job, now, policy)
    if not delayed:
        return None
    return Settlement(
        JobUpdate(
            state=JobState.PENDING,
            next_attempt=until,
            attempts=job.attempts,
            recipients=job.recipients,
            history=job.history,
            delay_notice_at=now,
        ),
        delayed=delayed,
    )


def given_up(
    job: Job, ended: Callable[[RecipientResult], RecipientResult], worker: str, now: int, text: str
) -> Settlement:
    """Close a job: ``ended`` makes each open recipient a failed one; ``text`` goes into the history."""
    results = tuple(r if r.state.final else ended(r) for r in job.recipients)
    failures = tuple(r for r, before in zip(results, job.recipients, strict=True) if not before.state.final)
    update = JobUpdate(
        state=JobState.DONE,
        next_attempt=now,
        attempts=job.attempts,
        recipients=results,
        history=_longer(job, now, worker, text),
        delay_notice_at=job.delay_notice_at,
    )
    return Settlement(update, failures)


def _longer(job: Job, now: int, worker: str, text: str) -> tuple[Attempt, ...]:
    return (*job.history, Attempt(now, worker, text[:1000]))[-HISTORY:]
