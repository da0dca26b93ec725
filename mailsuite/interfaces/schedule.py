"""IDeliverySchedule: whose turn it is. A lane has one; it can be rebuilt from the job store at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Due:
    """A job as the schedule knows it; ``due`` in ms since 1970, ``priority`` 0, 1 or 2."""

    job_id: str
    destination: str
    priority: int
    due: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """A job whose turn it is, until a time in ms."""

    job_id: str
    destination: str
    attempts: int
    until: int


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing may start now; ``next_due`` (ms) is the earliest known time, 0 when there is none."""

    next_due: int = 0


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The schedule has lost its epoch: somebody must rebuild it from the store."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a destination may be used: jobs at a time, ms between starts, closed until (ms since 1970)."""

    max_concurrency: int = 20
    gap: int = 0
    open_until: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What the schedule knows of one job: ``state`` is "waiting", "ready", "leased" or "poison"; times in ms.

    ``due`` is when it is due, since when it is ready, in work or poison; ``worker`` holds the lease ``until``.
    """

    state: str
    due: int
    worker: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How a destination stands: jobs in work and ready, its limits now, its breaker and its site.

    ``max_concurrency`` is the limit or what is left of it (see ``setback``). ``failures`` counts failures in a row, 0
    when the breaker is closed; ``reason`` is the last one in words. Nothing starts before ``next_start`` and
    ``open_until``, 0 when they do not matter; an ``open_until`` that has passed waits for a probe. ``site`` is where
    its hosts are, "" when nobody has looked lately, and ``room`` how many more may be sent there at a time.
    """

    destination: str
    in_flight: int
    ready: int
    max_concurrency: int
    next_start: int = 0
    open_until: int = 0
    failures: int = 0
    reason: str = ""
    site: str = ""
    room: int = 0


@dataclass(frozen=True, slots=True)
class Setback:
    """What a failure of its destination means for an attempt: does it count, and when (ms) may the job come again."""

    counts: bool
    until: int


class IDeliverySchedule(Interface):
    """Every method raises ScheduleUnavailable when Redis does not answer in time. Safe to repeat."""

    async def add(jobs: Sequence[Due]) -> None:
        """Schedule jobs. One that is known (waiting, ready, leased or poison) stays as it is."""

    async def claim(worker: str, lease: int, start_class: int = 0) -> Lease | Idle | Rebuild:
        """The next job for ``worker`` (``host/slot/uuid``) for ``lease`` ms.

        Due jobs are promoted and dead leases reaped first. Destinations take turns; classes 0, 1, 2 are
        looked at from ``start_class`` round. A job whose lease died three times becomes poison.
        """

    async def enter(worker: str, job_id: str, site: str) -> int:
        """The job that ``worker`` has leased goes to a host of this site: all hosts of one provider, of many domains.

        So do all jobs of its destination from now on, for a day. A site may have as many leases as an untuned
        destination, or as one of its own is tuned to. 0: it counts there. Else the site is full, or the lease lost:
        release the job until this time (ms); it is given out again when there is room.
        """

    async def renew(worker: str, job_id: str, lease: int) -> bool:
        """Prolong the lease; False when it is no longer this worker's."""

    async def done(worker: str, job_id: str, answered: bool = False) -> bool:
        """The job is closed: forget it. False when the lease is no longer this worker's.

        ``answered``: its destination spoke to us. That closes the breaker; twenty such ends add one to a maximum
        that ``setback`` halved, up to the limit.
        """

    async def retry(worker: str, job_id: str, due: int, attempts: int, answered: bool = False) -> bool:
        """The attempt counted; the job is due again at ``due``. False: the lease is lost; ``answered``: see done."""

    async def release(worker: str, job_id: str, due: int) -> bool:
        """Give the job back without an attempt. False when the lease is lost."""

    async def setback(worker: str, job_id: str, waits: Sequence[int], reason: str, busy: bool = False) -> Setback:
        """The destination failed in the attempt that ``worker`` makes; the lease goes on.

        Its breaker opens for ``waits[n]`` ms after n failures in a row (the last one repeats); the attempt counts.
        When that time is over one job, the probe, is given out and the others wait for how it ends. ``busy``: the
        destination wants less at a time: its maximum is halved and the attempt does not count; at a maximum of 1 it is
        a failure like others. An attempt that began before the last change tells nothing new: it does not count.
        """

    async def reap(slot: str, incarnation: str) -> int:
        """End the leases of workers ``<slot>/...`` other than ``incarnation``, and their right to rebuild.

        How many jobs came back.
        """

    async def poison() -> Sequence[str]:
        """Ids of jobs whose workers died three times."""

    async def forget(job_id: str) -> None:
        """Drop a job in whatever state it is."""

    async def tune(destination: str, limits: Limits) -> None:
        """Set the limits of one destination; its breaker and its adaptive maximum begin anew."""

    async def begin_rebuild(worker: str) -> bool:
        """Take the (30 s) right to rebuild; False when another has it or the epoch is there."""

    async def restore(job: Due, worker: str, until: int) -> None:
        """Rebuild only: put back a live lease that the store knows."""

    async def end_rebuild(worker: str) -> None:
        """Set a new epoch: claims are served again. Pending jobs are added after it."""

    async def wait(seconds: float) -> None:
        """Return when the doorbell rings, and at the latest after ``seconds``."""

    async def length() -> int:
        """How many jobs the schedule knows."""

    async def turn(job_id: str) -> Turn | None:
        """What the schedule knows of a job, None when it does not know it."""

    async def destination(destination: str) -> DestinationState:
        """How a destination stands; one that nobody used stands at its defaults."""

    async def destinations() -> Sequence[DestinationState]:
        """Those with work or an open breaker, by name; at most 1000."""
