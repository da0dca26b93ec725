"""What follows from an attempt: the job's next state, and who must be told of a failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailsuite.model.job import (
    HISTORY,
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

GREYLISTED = 6 * 60_000
"""When (ms) to come back to a host that greylists."""


def _is_greylisted(outcome: Outcome) -> bool:
    status = outcome.status
    deferred = outcome.state is RecipientState.DEFERRED
    return deferred and status.code in (450, 451) and status.enhanced == "4.7.1"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again. ``steps`` in ms, the last repeats; ``limit`` retries at most, 0 for no limit but expiry."""

    steps: tuple[int, ...]
    limit: int = 0

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
    """The update to record, and the recipients that failed for good in this attempt."""

    update: JobUpdate
    failures: tuple[RecipientResult, ...]


def _expired(result: RecipientResult, now: int) -> RecipientResult:
    last = "" if result.status is None else f"; last answer: {result.status}"
    # RFC 3463 section 3.5: X.4.7 is "delivery time expired".
    return replace(
        result, state=RecipientState.FAILED, status=Status(554, "5.4.7", f"delivery time expired{last}"), at=now
    )


def settle(
    message: QueuedMessage,
    job: Job,
    outcomes: Sequence[Outcome],
    worker: str,
    now: int,
    policy: RetryPolicy,
    uniform: Callable[[float, float], float],
) -> Settlement:
    """Fold an attempt's outcomes into the job.

    Mail that another host gave us is never bounced for a fault of our own filing: such a job is parked.
    """
    by_key = {outcome.recipient.address.key: outcome for outcome in outcomes}
    attempts = job.attempts + 1
    before = {r.recipient.address.key: r for r in job.recipients}
    results: list[RecipientResult] = []
    for result in job.recipients:
        outcome = by_key.get(result.recipient.address.key)
        if outcome is None or result.state.final:
            results.append(result)
        else:
            results.append(RecipientResult(result.recipient, outcome.state, outcome.status, outcome.mx, now))
    next_attempt = policy.next_attempt(attempts, now, uniform, outcomes)
    over = policy.exhausted(attempts) or next_attempt > message.expires
    unanswerable = job.lane is Lane.LOCAL and message.account is None and message.envelope.reverse_path is not None
    if over and not unanswerable:
        results = [r if r.state.final else _expired(r, now) for r in results]
    failures = tuple(
        r
        for r in results
        if r.state is RecipientState.FAILED and before[r.recipient.address.key].state is not RecipientState.FAILED
    )
    state = JobState.PENDING
    if unanswerable and (failures or over):
        state = JobState.PARKED
        failures = ()
    elif all(r.state.final for r in results):
        state = JobState.DONE
    text = "; ".join(f"{o.recipient.address}: {o.state.value} {o.status}" for o in outcomes)
    update = JobUpdate(
        state=state,
        next_attempt=next_attempt,
        attempts=attempts,
        recipients=tuple(results),
        history=(*job.history, Attempt(now, worker, text[:1000]))[-HISTORY:],
        delay_notice_at=job.delay_notice_at,
    )
    return Settlement(update, failures)
