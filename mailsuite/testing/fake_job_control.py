"""FakeJobControl: IJobControl over a FakeJobStore."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from zope.interface import implementer

from mailsuite.interfaces.job_control import IJobControl
from mailsuite.model.job import HISTORY, Attempt, JobState, JobUpdate, Lane
from mailsuite.model.queue_view import Entry, JobQuery, Share
from mailsuite.testing.fake_jobs import FakeJobStore, updated

_CLOSED = (JobState.DONE, JobState.CANCELLED)


@implementer(IJobControl)
class FakeJobControl:
    """See IJobControl."""

    def __init__(self, store: FakeJobStore) -> None:
        self._store = store

    def _entries(self) -> list[Entry]:
        return [Entry(job, self._store.queued[job.queue_id]) for job in self._store.listed()]

    async def find(self, query: JobQuery, after: str, limit: int) -> Sequence[Entry]:
        return [entry for entry in self._entries() if entry.job.id > after and query.matches(entry)][:limit]

    async def switch(
        self, job_id: str, sources: Collection[JobState], target: JobState, next_attempt: int, note: str, at: int
    ) -> bool:
        job = self._store.known.get(job_id)
        if job is None or job.state not in sources or (job.claim is not None and job.claim.until > at):
            return False
        history = (*job.history, Attempt(at, "", note))[-HISTORY:]
        self._store.known[job_id] = replace(
            job,
            state=target,
            next_attempt=next_attempt,
            epoch=job.epoch + 1,
            crashes=0,
            history=history,
            claim=None,
        )
        return True

    async def close(self, job_id: str, epoch: int, update: JobUpdate) -> bool:
        job = self._store.known.get(job_id)
        if job is None or job.epoch != epoch or job.state is not JobState.HELD:
            return False
        self._store.known[job_id] = updated(job, update)
        return True

    async def withdraw(self, queue_id: str, at: int) -> bool:
        message = self._store.queued.get(queue_id)
        jobs = [job for job in self._store.listed() if job.queue_id == queue_id]
        untouched = all(
            job.state in (JobState.PENDING, JobState.HELD) and not job.attempts and job.claim is None for job in jobs
        )
        if message is None or message.not_before <= at or not untouched:
            return False
        for job in jobs:
            self._store.known[job.id] = replace(job, state=JobState.CANCELLED, epoch=job.epoch + 1)
        return True

    async def shares(self) -> Sequence[Share]:
        groups: dict[tuple[Lane, str, JobState], list[Entry]] = {}
        for entry in self._entries():
            job = entry.job
            if job.state not in _CLOSED:
                groups.setdefault((job.lane, job.destination, job.state), []).append(entry)
        return [
            Share(
                *key,
                len(entries),
                min(e.job.next_attempt for e in entries),
                min(e.message.created for e in entries),
            )
            for key, entries in sorted(groups.items())
        ]
