"""The door: makes a message durable, schedules its jobs, runs the eager ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mailsuite.interfaces.jobs import IJobStore
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.interfaces.schedule import Due, IDeliverySchedule
from mailsuite.model.errors import Refusal, ScheduleUnavailable, StoreUnavailable
from mailsuite.model.ids import ordered_id
from mailsuite.model.job import Job, Lane, QueuedMessage, jobs_of
from mailsuite.queue.plan import plan
from mailsuite.queue.recent import Recent

log = Logger()

Hosts = Callable[[str], Awaitable[bool]]
"""Is a domain one of ours?"""

Eager = Callable[[str], Awaitable[bool]]
"""Attempts a job now, given its id; True when it is closed."""

Take = Callable[[QueuedMessage, Job, bytes], bool]
"""Looks after a job of the local lane in this process; False: it is to be scheduled."""


def due(job: Job) -> Due:
    """A job as the schedule wants it."""
    return Due(job.id, job.destination, job.priority, job.next_attempt, job.attempts)


@implementer(ISubmissionQueue)
class Queue:
    """ISubmissionQueue over a job store and one schedule per lane.

    ``recent`` has what was accepted lately. ``hostname`` is local beside the hosted domains (its postmaster, RFC 5321
    section 4.5.1). ``lifetime`` and ``notice_lifetime`` are how long, in ms, a message and a notice are tried.
    """

    def __init__(
        self,
        jobs: IJobStore,
        hosts: Hosts,
        schedules: Mapping[Lane, IDeliverySchedule],
        hostname: str,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        lifetime: int,
        notice_lifetime: int,
    ) -> None:
        self._jobs = jobs
        self._hosts = hosts
        self.recent = Recent()
        self._schedules = schedules
        self._hostname = hostname
        self._clock = clock
        self._random = random
        self._lifetime = lifetime
        self._notice_lifetime = notice_lifetime
        self._eager: Eager | None = None
        self._take: Take | None = None
        self._waiting: dict[Lane, list[Due]] = {lane: [] for lane in schedules}
        self._adding: set[Lane] = set()

    def run_eagerly(self, attempt: Eager) -> None:
        """From now on eager jobs are attempted before ``accept`` returns."""
        self._eager = attempt

    def file_directly(self, take: Take) -> None:
        """From now on jobs of the local lane are offered to ``take`` before they are scheduled."""
        self._take = take

    async def accept(self, submission: Submission) -> QueuedMessage:
        """See ISubmissionQueue."""
        message = await self._message(submission)
        if not await self._jobs.commit(message, submission.content):
            return await self._known(message)
        log.info(
            "{queue_id} accepted from <{sender}>: {size} bytes, {recipients} recipients",
            queue_id=message.id,
            sender=message.envelope.sender,
            size=message.size,
            recipients=len(message.envelope.recipients),
            account=message.account,
        )
        self.recent.keep(message, submission.content)
        await self._start(message, submission.content)
        return message

    async def _message(self, submission: Submission) -> QueuedMessage:
        envelope = submission.envelope
        if not envelope.recipients:
            raise Refusal(554, "5.5.1", "no recipients")
        now = self._clock()
        local = {
            domain
            for domain in {r.address.domain for r in envelope.recipients}
            if domain == self._hostname or await self._hosts(domain)
        }
        lifetime = self._notice_lifetime if envelope.reverse_path is None else self._lifetime
        return QueuedMessage(
            id=submission.id or ordered_id(now, self._random),
            blob=sha256(submission.content).hexdigest(),
            size=len(submission.content),
            envelope=envelope,
            account=submission.account,
            priority=submission.priority,
            created=now,
            expires=max(now, submission.not_before)
            + (lifetime if submission.lifetime is None else submission.lifetime),
            plan=plan(submission, local),
            idempotency_key=submission.idempotency_key,
            not_before=submission.not_before,
        )

    async def _known(self, message: QueuedMessage) -> QueuedMessage:
        known = await self._jobs.message(message.id)
        if known is None and message.account is not None and message.idempotency_key is not None:
            known = await self._jobs.message_by_key(message.account, message.idempotency_key)
        if known is None:  # closed and forgotten between the two questions
            raise StoreUnavailable(f"message {message.id} was there and is gone")
        return known

    async def _start(self, message: QueuedMessage, content: bytes) -> None:
        waits = message.not_before > message.created
        eager = set() if waits else {f"{message.id}.{entry.n}" for entry in message.plan if entry.eager}
        for job in jobs_of(message):
            if job.id in eager and self._eager is not None and await self._eager(job.id):
                continue
            if not waits and self._take is not None and job.lane is Lane.LOCAL and self._take(message, job, content):
                continue
            self.schedule(job)

    def schedule(self, job: Job) -> None:
        """Have a job of this store attempted when it is due, by whichever worker."""
        # Redis is only a hint: the reply to the client does not wait for it.
        lane = job.lane
        self._waiting[lane].append(due(job))
        if lane not in self._adding:
            self._adding.add(lane)
            Deferred.fromCoroutine(self._add(lane)).addErrback(
                lambda failure: log.failure("scheduling failed; the reconciler will do it", failure)
            )

    async def _add(self, lane: Lane) -> None:
        try:
            while batch := self._waiting[lane][:500]:
                del self._waiting[lane][: len(batch)]
                await self._schedules[lane].add(batch)
        except ScheduleUnavailable:
            # The reconciler finds these in the store once Redis is back.
            self._waiting[lane].clear()
        finally:
            self._adding.discard(lane)
