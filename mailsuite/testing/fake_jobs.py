"""FakeJobStore: IJobStore in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from zope.interface import implementer

from mailsuite.interfaces.jobs import IJobStore
from mailsuite.model.errors import NotThere, Undecodable
from mailsuite.model.job import (
    HISTORY,
    Attempt,
    Claim,
    Job,
    JobState,
    JobUpdate,
    Lane,
    NotClaimable,
    QueuedMessage,
    jobs_of,
)
from mailsuite.testing.fake_blobs import FakeBlobStore


@implementer(IJobStore)
class FakeJobStore:
    """See IJobStore. Jobs whose ids are in ``spoiled`` behave as undecodable rows do.

    ``queued`` and ``known`` are the messages and jobs by their ids.
    """

    def __init__(self, blobs: FakeBlobStore, check: Callable[[], None]) -> None:
        self.spoiled: set[str] = set()
        self._blobs = blobs
        self._check = check
        self.queued: dict[str, QueuedMessage] = {}
        self.known: dict[str, Job] = {}

    def listed(self) -> list[Job]:
        """All jobs, as lists show them."""
        return self._list(lambda job: job.id, lambda job: True)

    def blobs(self) -> set[str]:
        """What the queue refers to."""
        return {message.blob for message in self.queued.values()}

    async def commit(self, message: QueuedMessage, content: bytes) -> bool:
        self._check()
        if message.id in self.queued or self._by_key(message.account, message.idempotency_key):
            return False
        if self._blobs.keep(content, message.created) != message.blob:
            raise ValueError(f"queued message {message.id}: blob is not the SHA-256 of the content")
        self.queued[message.id] = message
        self.known.update({job.id: job for job in jobs_of(message)})
        return True

    def _by_key(self, account: str | None, key: str | None) -> QueuedMessage | None:
        if account is None or key is None:
            return None
        found = (m for m in self.queued.values() if (m.account, m.idempotency_key) == (account, key))
        return next(found, None)

    async def message(self, queue_id: str) -> QueuedMessage | None:
        self._check()
        return self.queued.get(queue_id)

    async def content(self, queue_id: str) -> tuple[QueuedMessage, bytes]:
        message = await self.message(queue_id)
        if message is None:
            raise NotThere(f"the queued message {queue_id} is gone")
        return message, await self._blobs.read(message.blob)

    async def message_by_key(self, account: str, idempotency_key: str) -> QueuedMessage | None:
        self._check()
        return self._by_key(account, idempotency_key)

    async def job(self, job_id: str) -> Job | None:
        self._check()
        if job_id in self.spoiled:
            raise Undecodable(f"job {job_id}", "spoiled")
        return self.known.get(job_id)

    def _list(self, key: Callable[[Job], Any], wanted: Callable[[Job], bool], limit: int | None = None) -> list[Job]:
        self._check()
        found = sorted((job for job in self.known.values() if wanted(job)), key=key)[:limit]
        return [replace(job, recipients=(), history=()) if job.id in self.spoiled else job for job in found]

    async def jobs(self, queue_id: str) -> Sequence[Job]:
        return self._list(lambda job: int(job.id.rpartition(".")[2]), lambda job: job.queue_id == queue_id)

    async def claim(self, job_id: str, worker: str, now: int, until: int) -> Job | NotClaimable:
        self._check()
        job = self.known.get(job_id)
        if job is None or job.state is not JobState.PENDING:
            return NotClaimable(closed=True)
        wait = max(job.next_attempt, job.claim.until if job.claim else 0)
        if wait > now:
            return NotClaimable(closed=False, until=wait)
        if job_id in self.spoiled:
            raise Undecodable(f"job {job_id}", "spoiled")
        if job.claim:
            job = _crashed(job)
        self.known[job_id] = job = replace(job, epoch=job.epoch + 1, claim=Claim(worker, until))
        return job

    def _held(self, job_id: str, epoch: int) -> tuple[Job, Claim] | None:
        self._check()
        job = self.known.get(job_id)
        if job is None or job.epoch != epoch or job.claim is None:
            return None
        return job, job.claim

    async def renew(self, job_id: str, epoch: int, until: int) -> bool:
        if held := self._held(job_id, epoch):
            self.known[job_id] = replace(held[0], claim=replace(held[1], until=until))
        return held is not None

    async def dot(self, job_id: str, epoch: int, at: int) -> bool:
        held = self._held(job_id, epoch)
        if held is None or held[1].until <= at:
            return False
        self.known[job_id] = replace(held[0], claim=replace(held[1], dot_at=at))
        return True

    async def record(self, job_id: str, epoch: int, update: JobUpdate, durable: bool = True) -> bool:
        self._check()
        job = self.known.get(job_id)
        if job is None or job.epoch != epoch or job.state is not JobState.PENDING:
            return False
        self.known[job_id] = updated(job, update)
        return True

    async def release(self, job_id: str, epoch: int, next_attempt: int) -> bool:
        if held := self._held(job_id, epoch):
            self.known[job_id] = replace(_unclaimed(held[0]), next_attempt=next_attempt)
        return held is not None

    async def free_slot(self, slot: str, incarnation: str) -> int:
        self._check()
        freed = [
            job
            for job in self.known.values()
            if job.claim and job.claim.worker.startswith(slot + "/") and job.claim.worker != incarnation
        ]
        self.known.update({job.id: _crashed(job) for job in freed})
        return len(freed)

    async def pending(self, lane: Lane, after: str, limit: int) -> Sequence[Job]:
        return self._list(lambda job: job.id, lambda job: _is_pending(job, lane) and job.id > after, limit)

    async def overdue(
        self, lane: Lane, before: int, now: int, limit: int, after: tuple[int, str] = (0, "")
    ) -> Sequence[Job]:
        def lost(job: Job) -> bool:
            return _is_waiting(job, lane, now) and job.next_attempt < before and (job.next_attempt, job.id) > after

        return self._list(lambda job: (job.next_attempt, job.id), lost, limit)

    async def expired(self, lane: Lane, now: int, limit: int) -> Sequence[Job]:
        def over(job: Job) -> bool:
            expires = self.queued[job.queue_id].expires
            return _is_waiting(job, lane, now) and job.next_attempt <= now and expires < now

        return self._list(lambda job: (job.next_attempt, job.id), over, limit)

    async def park(self, job_id: str, text: str, at: int) -> bool:
        self._check()
        job = self.known.get(job_id)
        if job is None or job.state is not JobState.PENDING:
            return False
        self.known[job_id] = _noted(replace(_unclaimed(job), state=JobState.PARKED), Attempt(at, "", text))
        return True

    async def forget(self, closed_before: int, limit: int) -> int:
        self._check()
        closed = (JobState.DONE, JobState.CANCELLED)
        old = [
            message.id
            for message in sorted(self.queued.values(), key=lambda message: message.created)
            if message.created < closed_before
            and all(job.state in closed for job in self.known.values() if job.queue_id == message.id)
        ][:limit]
        for queue_id in old:
            del self.queued[queue_id]
        self.known = {job.id: job for job in self.known.values() if job.queue_id in self.queued}
        return len(old)

    async def depth(self, lane: Lane) -> int:
        return len(self._list(lambda job: job.id, lambda job: _is_pending(job, lane)))


def updated(job: Job, update: JobUpdate) -> Job:
    """The job with an attempt's result."""
    return replace(
        job,
        claim=None,
        crashes=0,
        state=update.state,
        next_attempt=update.next_attempt,
        attempts=update.attempts,
        recipients=update.recipients,
        history=update.history,
        delay_notice_at=update.delay_notice_at,
    )


def _is_pending(job: Job, lane: Lane) -> bool:
    return job.lane is lane and job.state is JobState.PENDING


def _is_waiting(job: Job, lane: Lane, now: int) -> bool:
    alive = job.claim is not None and job.claim.until > now
    return _is_pending(job, lane) and not alive


def _noted(job: Job, attempt: Attempt) -> Job:
    return replace(job, history=(*job.history, attempt)[-HISTORY:])


def _unclaimed(job: Job) -> Job:
    if job.claim and job.claim.dot_at:
        job = _noted(job, Attempt(job.claim.dot_at, job.claim.worker, "in doubt"))
    return replace(job, claim=None)


def _crashed(job: Job) -> Job:
    return replace(_unclaimed(job), crashes=job.crashes + 1)
