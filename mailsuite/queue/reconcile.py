"""Put back into the schedule what it lost, set aside what kills workers, end what waited for too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mailsuite.interfaces.jobs import IJobStore
from mailsuite.interfaces.schedule import IDeliverySchedule
from mailsuite.model.errors import ScheduleUnavailable, StoreUnavailable
from mailsuite.model.job import Lane
from mailsuite.queue.accept import due

log = Logger()

GRACE = 5_000
"""Jobs due for less than this (ms) are left to the schedule."""

_BATCH = 2000

_PAGES = 10
"""Batches of one round: what is left is looked at in the next one."""

_START = (0, "")

Expire = Callable[[str, str], Awaitable[None]]
"""Gives up a job, for a reason in words."""


class Reconciler:
    """Safe to run in several processes at once: each step may be repeated."""

    def __init__(
        self,
        jobs: IJobStore,
        schedules: Mapping[Lane, IDeliverySchedule],
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        expire: Expire,
        interval: float = 30.0,
        grace: int = GRACE,
    ) -> None:
        self._jobs = jobs
        self._schedules = schedules
        self._clock = clock
        self._sleep = sleep
        self._expire = expire
        self._interval = interval
        self._grace = grace
        self._reached = dict.fromkeys(schedules, _START)
        self._stopping = False

    async def run(self) -> None:
        """A round every ``interval`` seconds until ``stop``."""
        while not self._stopping:
            try:
                await self.round()
            except (StoreUnavailable, ScheduleUnavailable):
                pass  # said by whoever owns the link; the next round makes it good
            except CancelledError:
                raise
            except Exception:
                log.failure("the reconciler failed")
            await self._sleep(self._interval)

    async def stop(self) -> None:
        """No more rounds."""
        self._stopping = True

    async def round(self) -> int:
        """Schedule what is overdue, park poison, give up what expired; how many jobs were handed to the schedule."""
        handed = 0
        for lane, schedule in self._schedules.items():
            await self._park_poison(schedule)
            handed += await self._hand_over(lane, schedule)
            await self._give_up(lane, schedule)
        return handed

    async def _park_poison(self, schedule: IDeliverySchedule) -> None:
        for job_id in await schedule.poison():
            if await self._jobs.park(job_id, "its worker died three times", self._clock()):
                log.error("{job_id} parked: its worker died three times", job_id=job_id)
            await schedule.forget(job_id)

    async def _hand_over(self, lane: Lane, schedule: IDeliverySchedule) -> int:
        # Much of it may be known and only wait for its turn, e.g. behind a breaker: so all of it is gone through.
        handed = 0
        for _ in range(_PAGES):
            now = self._clock()
            overdue = await self._jobs.overdue(lane, now - self._grace, now, _BATCH, self._reached[lane])
            await schedule.add([due(job) for job in overdue])
            handed += len(overdue)
            if len(overdue) < _BATCH:
                self._reached[lane] = _START
                break
            self._reached[lane] = (overdue[-1].next_attempt, overdue[-1].id)
        return handed

    async def _give_up(self, lane: Lane, schedule: IDeliverySchedule) -> None:
        """The others are attempted once more when their turn comes, and that ends them."""
        down: dict[str, str] = {}
        for job in await self._jobs.expired(lane, self._clock(), _BATCH):
            if job.destination not in down:
                state = await schedule.destination(job.destination)
                down[job.destination] = state.reason if state.failures else ""
            if reason := down[job.destination]:
                await self._expire(job.id, reason)
