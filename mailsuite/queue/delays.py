"""Jobs that are due and that nobody attempts, e.g. because their destination is known to be down."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from mailsuite.interfaces.jobs import IJobStore
from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.schedule import IDeliverySchedule
from mailsuite.model.errors import Undecodable
from mailsuite.model.job import Job, JobState, Lane, QueuedMessage
from mailsuite.queue.settle import RetryPolicy, Settlement, tell, waiting

log = Logger()

OVERDUE = 300_000
"""A job must be due for so long (ms), and this process run for so long: after an outage an attempt comes first."""

GIVE_UP = 3_600_000
"""So long (ms) after its time is over a job is given up without another attempt."""

_LEASE = 30_000
_BATCH = 500


class Delays:
    """Tells of delays and ends what has expired. Safe to run in several processes at once. ``name`` is the claimant."""

    def __init__(
        self,
        name: str,
        lane: Lane,
        jobs: IJobStore,
        schedule: IDeliverySchedule,
        notices: INotices,
        policy: RetryPolicy,
        clock: Callable[[], int],
    ) -> None:
        self._name = name
        self._lane = lane
        self._jobs = jobs
        self._schedule = schedule
        self._notices = notices
        self._policy = policy
        self._clock = clock
        self._began = clock()

    async def round(self) -> int:
        """Look at all jobs of the lane that are old enough; for how many something was due.

        Raises StoreUnavailable and ScheduleUnavailable; the next round goes on.
        """
        if self._clock() - self._began < OVERDUE:
            return 0
        done = 0
        after = ""
        while batch := await self._jobs.pending(self._lane, after, _BATCH):
            after = batch[-1].id
            for job in batch:
                message = await self._message(job)
                if message is None:
                    continue
                if self._clock() - message.begins < min(self._policy.delay_notice or GIVE_UP, GIVE_UP):
                    if "-" in message.id:
                        continue  # a notice: its id begins with that of an older message
                    return done  # ids sort by time: all others are younger
                if self._stuck(job) and self._due(message, job) and await self._settle(message, job):
                    done += 1
        return done

    async def _message(self, job: Job) -> QueuedMessage | None:
        try:
            return await self._jobs.message(job.queue_id)
        except Undecodable:
            return None  # whoever attempts it parks it

    def _stuck(self, job: Job) -> bool:
        now = self._clock()
        return now - job.next_attempt >= OVERDUE and (job.claim is None or job.claim.until <= now)

    def _due(self, message: QueuedMessage, job: Job) -> Settlement | None:
        now = self._clock()
        return waiting(message, job, now, self._name, now, self._policy, patience=GIVE_UP)

    async def _settle(self, message: QueuedMessage, job: Job) -> bool:
        """With the right of an attempt, so that nobody else does it too."""
        now = self._clock()
        try:
            claimed = await self._jobs.claim(job.id, self._name, now, now + _LEASE)
        except Undecodable:
            return False
        if not isinstance(claimed, Job):
            return False
        settlement = self._due(message, claimed)
        if settlement is None:
            await self._jobs.release(claimed.id, claimed.epoch, claimed.next_attempt)
            return False
        try:
            await tell(self._notices, message, claimed, settlement)
        except BaseException:
            await self._jobs.release(claimed.id, claimed.epoch, claimed.next_attempt)
            raise
        if not await self._jobs.record(claimed.id, claimed.epoch, settlement.update):
            return False
        if settlement.update.state is not JobState.PENDING:
            log.warn("{job_id} given up: its time is over and it could not be tried", job_id=job.id)
            await self._schedule.forget(job.id)
        return True
