"""What an admin can do with the queue; plain functions for mailctl and the admin pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from twisted.logger import Logger

from mailsuite.interfaces.job_control import IJobControl
from mailsuite.interfaces.jobs import IJobStore
from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.schedule import DestinationState, IDeliverySchedule, Turn
from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.model.job import Job, JobState, Lane, RecipientResult, RecipientState
from mailsuite.model.queue_view import Entry, JobQuery, Share
from mailsuite.model.status import Status
from mailsuite.queue.accept import due
from mailsuite.queue.explain import Reason, explain
from mailsuite.queue.settle import given_up

log = Logger()

_BATCH = 500

_OPEN = (JobState.PENDING, JobState.HELD, JobState.PARKED)
_GIVEN_UP = Status(554, "5.7.1", "given up by the administrator of this host")


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one job: ``done``, or why not in words."""

    job: Job
    done: bool
    text: str


class Control:
    """Acts on jobs. The store is changed first; the schedule is told after it, and may be down.

    ``name`` stands in histories, e.g. "mailctl". Every method raises StoreUnavailable.
    """

    def __init__(
        self,
        jobs: IJobStore,
        control: IJobControl,
        schedules: Mapping[Lane, IDeliverySchedule],
        notices: INotices,
        clock: Callable[[], int],
        name: str,
    ) -> None:
        self._jobs = jobs
        self._control = control
        self._schedules = schedules
        self._notices = notices
        self._clock = clock
        self._name = name

    async def list(self, query: JobQuery, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """A page of the jobs that match, oldest first."""
        return await self._control.find(query, after, limit)

    async def shares(self) -> Sequence[Share]:
        """What the queue holds, by lane, destination and state."""
        return await self._control.shares()

    async def destinations(self, lane: Lane) -> Sequence[DestinationState]:
        """The destinations with work or an open breaker. Raises ScheduleUnavailable."""
        return await self._schedules[lane].destinations()

    async def explain(self, entry: Entry) -> Sequence[Reason]:
        """Why the job waits and what ends the wait."""
        job = entry.job
        turn: Turn | None = None
        destination: DestinationState | None = None
        try:
            schedule = self._schedules[job.lane]
            turn, destination = await schedule.turn(job.id), await schedule.destination(job.destination)
        except ScheduleUnavailable:
            pass  # explain says so
        return explain(entry.message, job, turn, destination, self._clock())

    async def retry(self, query: JobQuery) -> AsyncIterator[Told]:
        """Attempt waiting jobs now, whatever their retry time."""
        async for entry in self._each(query, (JobState.PENDING,)):
            yield await self._switch(entry.job, (JobState.PENDING,), JobState.PENDING, "is tried now")

    async def hold(self, query: JobQuery) -> AsyncIterator[Told]:
        """Keep waiting jobs from being attempted."""
        async for entry in self._each(query, (JobState.PENDING,)):
            yield await self._switch(entry.job, (JobState.PENDING,), JobState.HELD, "is held")

    async def release(self, query: JobQuery) -> AsyncIterator[Told]:
        """Let held and parked jobs go on, now."""
        states = (JobState.HELD, JobState.PARKED)
        async for entry in self._each(query, states):
            yield await self._switch(entry.job, states, JobState.PENDING, "is released")

    async def cancel(self, query: JobQuery) -> AsyncIterator[Told]:
        """Drop jobs; nobody is told."""
        async for entry in self._each(query, _OPEN):
            yield await self._switch(entry.job, _OPEN, JobState.CANCELLED, "is cancelled")

    async def bounce(self, query: JobQuery) -> AsyncIterator[Told]:
        """Give jobs up and tell the originator."""
        async for entry in self._each(query, _OPEN):
            yield await self._bounce(entry)

    async def withdraw(self, queue_id: str) -> bool:
        """Take back a message that its writer had hold until a time still to come; False when it is too late."""
        jobs = await self._jobs.jobs(queue_id)
        if not await self._control.withdraw(queue_id, self._clock()):
            return False
        for job in jobs:
            await self._tell_schedule(job, again=False)
        log.info("{queue_id} withdrawn", queue_id=queue_id)
        return True

    async def _each(self, query: JobQuery, states: Sequence[JobState]) -> AsyncIterator[Entry]:
        wanted = replace(query, states=[state for state in query.states or states if state in states])
        after = ""
        while wanted.states and (batch := await self._control.find(wanted, after, _BATCH)):
            for entry in batch:
                yield entry
            after = batch[-1].job.id

    async def _switch(self, job: Job, sources: Sequence[JobState], target: JobState, text: str) -> Told:
        now = self._clock()
        note = f"{self._name}: {text}"
        if not await self._control.switch(job.id, sources, target, now, note, now):
            return self._not_done(job)
        await self._tell_schedule(replace(job, next_attempt=now), again=target is JobState.PENDING)
        log.info("{job_id} {text} by {by}", job_id=job.id, text=text, by=self._name)
        return Told(job, True, text)

    def _not_done(self, job: Job) -> Told:
        return Told(job, False, "is being delivered at this moment, or has changed meanwhile: look again")

    async def _tell_schedule(self, job: Job, again: bool) -> None:
        schedule = self._schedules[job.lane]
        try:
            await schedule.forget(job.id)
            if again:
                await schedule.add([due(job)])
        except ScheduleUnavailable:
            pass  # a turn that comes all the same finds the store's word; the reconciler brings what is due

    async def _bounce(self, entry: Entry) -> Told:
        now = self._clock()
        # Held first: nobody may attempt it while the notice is written, nor if this process dies between the two.
        note = f"{self._name}: is to be given up"
        if not await self._control.switch(entry.job.id, _OPEN, JobState.HELD, now, note, now):
            return self._not_done(entry.job)
        job = await self._jobs.job(entry.job.id)
        if job is None or job.state is not JobState.HELD:
            return self._not_done(entry.job)

        def ended(result: RecipientResult) -> RecipientResult:
            return replace(result, state=RecipientState.FAILED, status=_given_up(result), at=now)

        settlement = given_up(job, ended, self._name, now, _GIVEN_UP.text)
        await self._notices.failed(entry.message, job, settlement.failures)
        if not await self._control.close(job.id, job.epoch, settlement.update):
            return self._not_done(entry.job)
        await self._tell_schedule(job, again=False)
        log.info("{job_id} given up by {by}", job_id=job.id, by=self._name)
        return Told(job, True, "is given up")


def _given_up(result: RecipientResult) -> Status:
    if result.status is None:
        return _GIVEN_UP
    return replace(_GIVEN_UP, text=f"{_GIVEN_UP.text}; last answer: {result.status}")
