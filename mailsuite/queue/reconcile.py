"""Put back into the schedule what it lost, and set aside what kills workers."""

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


class Reconciler:
    """Safe to run in several processes at once: each step may be repeated."""

    def __init__(
        self,
        jobs: IJobStore,
        schedules: Mapping[Lane, IDeliverySchedule],
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        interval: float = 30.0,
    ) -> None:
        self._jobs = jobs
        self._schedules = schedules
        self._clock = clock
        self._sleep = sleep
        self._interval = interval
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
        """Schedule what is overdue, park poison; how many jobs were handed to the schedule."""
        handed = 0
        for lane, schedule in self._schedules.items():
            for job_id in await schedule.poison():
                now = self._clock()
                if await self._jobs.park(job_id, "its worker died three times", now):
                    log.error("{job_id} parked: its worker died three times", job_id=job_id)
                await schedule.forget(job_id)
            now = self._clock()
            overdue = await self._jobs.overdue(lane, now - GRACE, now, _BATCH)
            if overdue:
                await schedule.add([due(job) for job in overdue])
                handed += len(overdue)
        return handed
