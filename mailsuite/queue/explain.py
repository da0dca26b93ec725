"""Why a job waits, and what ends the wait, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mailsuite.interfaces.schedule import DestinationState, Turn
from mailsuite.model.job import Job, JobState, QueuedMessage, RecipientState


@dataclass(frozen=True, slots=True)
class Reason:
    """``why`` it waits and what ``ends`` that; ``kind`` is a short word for it, e.g. "retry" or "breaker"."""

    kind: str
    why: str
    ends: str


def moment(ms: int) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def explain(
    message: QueuedMessage,
    job: Job,
    turn: Turn | None,
    destination: DestinationState | None,
    now: int,
) -> tuple[Reason, ...]:
    """The reasons in the order in which they count; none: it is about to be attempted, or closed.

    ``destination`` None: the schedule does not answer; ``turn`` None: it does not know the job.
    """
    match job.state:
        case JobState.DONE | JobState.CANCELLED:
            return ()
        case JobState.HELD:
            return (Reason("hold", f"it is held: {_last(job)}", "release it (mailctl queue release)"),)
        case JobState.PARKED:
            return (
                Reason(
                    "parked",
                    f"it was set aside: {_last(job)}",
                    "when the cause is gone, release it (mailctl queue release); or give it up (mailctl queue bounce)",
                ),
            )
        case JobState.PENDING:
            return tuple(_pending(message, job, turn, destination, now))


def _last(job: Job) -> str:
    return job.history[-1].text if job.history else "no reason is recorded"


def _pending(
    message: QueuedMessage, job: Job, turn: Turn | None, destination: DestinationState | None, now: int
) -> list[Reason]:
    if job.claim is not None:
        return [_claimed(job, now)]
    reasons: list[Reason] = []
    if message.not_before > now:
        ends = f"it is sent at {moment(message.not_before)}; until then its writer can take it back"
        reasons.append(Reason("hold time", "its writer wants it to wait", ends))
    elif job.next_attempt > now:
        reasons.append(_retry(message, job))
    if destination is None:
        reasons.append(Reason("schedule", "Redis does not answer", "workers go on by themselves when it is back"))
        return reasons
    if destination.open_until > now:
        tries = "1 try" if destination.failures == 1 else f"{destination.failures} tries"
        why = f"{job.destination} did not answer to {tries} in a row: {destination.reason or 'no reason is recorded'}"
        ends = f"one message is tried at {moment(destination.open_until)}; if it gets through, all follow"
        reasons.append(Reason("breaker", why, ends))
    if reasons:
        return reasons
    if destination.in_flight >= destination.max_concurrency:
        why = f"{destination.in_flight} messages to {job.destination} are being delivered, as many as may be at a time"
        return [Reason("limit", why, "one of them is finished")]
    if destination.site and not destination.room:
        why = (
            f"{job.destination} uses the mail hosts of {destination.site}, which are given as many as may be at a time"
        )
        return [Reason("site", why, "one of them is finished")]
    if destination.next_start > now:
        why = f"messages to {job.destination} start one after the other, with a gap"
        return [Reason("gap", why, f"its turn comes from {moment(destination.next_start)} on")]
    if turn is None:
        return [Reason("schedule", "the schedule does not know it yet", "a worker's reconciler adds it within 30 s")]
    if turn.state == "poison":
        return [Reason("poison", "three workers died over it", "a worker's reconciler sets it aside within 30 s")]
    if turn.state == "leased":
        why = f"{turn.worker} has its turn but has not begun"
        return [Reason("worker", why, f"if that worker is dead, another takes over at {moment(turn.until)}")]
    if turn.due > now:
        return [Reason("schedule", "it gave its turn back", f"its next turn is at {moment(turn.due)}")]
    ready = f"{destination.ready} messages to {job.destination} are ready"
    return [Reason("turn", f"{ready} and no worker has taken this one yet", "a worker has a free hand")]


def _claimed(job: Job, now: int) -> Reason:
    claim = job.claim
    assert claim is not None
    until = moment(claim.until)
    doubt = f"; the final dot was due at {moment(claim.dot_at)}" if claim.dot_at else ""
    if claim.until > now:
        ends = f"the attempt ends, or, if that worker dies, its claim at {until}"
        return Reason("attempt", f"{claim.worker} is delivering it{doubt}", ends)
    return Reason(
        "dead worker", f"{claim.worker} died over it{doubt}", f"its claim ended at {until}: another takes over"
    )


def _retry(message: QueuedMessage, job: Job) -> Reason:
    said = "; ".join(
        f"{result.mx + ': ' if result.mx else ''}{result.status}"
        for result in job.recipients
        if result.state is RecipientState.DEFERRED and result.status is not None
    )
    tried = {0: "it was not tried yet", 1: "it was tried once"}.get(job.attempts, f"it was tried {job.attempts} times")
    ends = f"it is tried again at {moment(job.next_attempt)}, and given up after {moment(message.expires)}"
    return Reason("retry", f"{tried}: {said}" if said else tried, ends)
