"""IJobControl: the queue as a person looks at it and takes hold of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from zope.interface import Interface

from mailsuite.model.job import JobState, JobUpdate
from mailsuite.model.queue_view import Entry, JobQuery, Share


class IJobControl(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now. Times are ms since 1970."""

    async def find(query: JobQuery, after: str, limit: int) -> Sequence[Entry]:
        """Jobs in the order of their ids, from the first above ``after`` ("" to begin).

        One that cannot be decoded appears without its recipients and history.
        """

    async def switch(
        job_id: str, sources: Collection[JobState], target: JobState, next_attempt: int, note: str, at: int
    ) -> bool:
        """The compare-and-set of a person: {id, a state of ``sources``, no claim alive at ``at``} -> ``target``.

        The epoch rises, so that a late worker's result is refused; crashes are forgotten; ``note`` goes into the
        history. False, and nothing written, when the job is not so.
        """

    async def close(job_id: str, epoch: int, update: JobUpdate) -> bool:
        """Write the end of a held job that is still of this epoch; False, and nothing written, when it is not."""

    async def withdraw(queue_id: str, at: int) -> bool:
        """Cancel all jobs of a message whose ``not_before`` is still to come and of which nothing was begun.

        False, and nothing written, when it is too late or there is no such message.
        """

    async def shares() -> Sequence[Share]:
        """What the queue holds, closed jobs left out, by lane, destination and state."""
