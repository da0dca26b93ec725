"""Fill an empty schedule from the store: live claims first, then all pending jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from twisted.logger import Logger

from mailsuite.interfaces.jobs import IJobStore
from mailsuite.interfaces.schedule import IDeliverySchedule
from mailsuite.model.job import Job, Lane
from mailsuite.queue.accept import due

log = Logger()

_BATCH = 1000


async def _pending(jobs: IJobStore, lane: Lane) -> AsyncIterator[list[Job]]:
    after = ""
    while batch := list(await jobs.pending(lane, after, _BATCH)):
        yield batch
        after = batch[-1].id


async def rebuild(
    jobs: IJobStore, schedule: IDeliverySchedule, lane: Lane, worker: str, clock: Callable[[], int]
) -> bool:
    """Rebuild the lane's schedule if nobody else does; False when another worker has the right to.

    Claims that are alive go in before the epoch is set, so that nobody exceeds a destination's limit meanwhile.
    """
    if not await schedule.begin_rebuild(worker):
        return False
    now = clock()
    live = 0
    async for batch in _pending(jobs, lane):
        for job in batch:
            if job.claim is not None and job.claim.until > now:
                await schedule.restore(due(job), job.claim.worker, job.claim.until)
                live += 1
    await schedule.end_rebuild(worker)
    total = 0
    async for batch in _pending(jobs, lane):
        await schedule.add([due(job) for job in batch])
        total += len(batch)
    log.info("schedule {lane} rebuilt: {total} jobs, {live} in work", lane=lane.value, total=total, live=live)
    return True
