"""One claim of one job while a worker is at it, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailsuite.model.errors import ScheduleUnavailable, StoreUnavailable
from mailsuite.model.job import Job, JobState

if TYPE_CHECKING:
    from mailsuite.queue.worker import Worker


@dataclass(frozen=True, slots=True)
class Worked:
    """A job as it is in the store after it was worked on."""

    state: JobState
    next_attempt: int
    attempts: int
    answered: bool = False


class Turn:
    """One claim of one job while it is worked on: keeps it alive, knows when it is lost."""

    def __init__(self, worker: Worker, job: Job) -> None:
        self._worker = worker
        self.job = job
        self.lost = False
        self.over = False
        self.answered = False
        """Did the destination speak to us?"""

    async def keep(self, leased: bool) -> None:
        """Renew both halves of the claim until the turn is over."""
        tools, lease = self._worker.tools, self._worker.lease
        while True:
            await tools.sleep(lease / 4000)
            if self.over or self.lost:
                return
            try:
                if not await self._worker.jobs.renew(self.job.id, self.job.epoch, tools.clock() + lease):
                    self.lost = True
                elif leased:
                    await self._worker.schedule.renew(self._worker.name, self.job.id, lease)
            except (StoreUnavailable, ScheduleUnavailable):
                continue

    async def before_dot(self) -> bool:
        """Is the right to send still ours? Journals that the dot is about to go."""
        if self.lost:
            return False
        return await self._worker.jobs.dot(self.job.id, self.job.epoch, self._worker.tools.clock())
