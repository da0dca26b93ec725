"""FakeSchedule: IDeliverySchedule in memory, on a clock that the test turns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from zope.interface import implementer

from mailsuite.interfaces.schedule import (
    DestinationState,
    Due,
    IDeliverySchedule,
    Idle,
    Lease,
    Limits,
    Rebuild,
    Setback,
    Turn,
)
from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.runtime.clock import Clock

CLASSES = 3
CRASHES = 3
SUCCESSES = 20
REBUILD_RIGHT = 30_000


@dataclass(slots=True)
class _Job:
    destination: str
    priority: int
    attempts: int
    since: float
    """When due (waiting), since when ready, lease expiry, or when poisoned."""
    state: str = "waiting"
    worker: str = ""
    crashes: int = 0
    started: float = 0.0
    site: str = ""
    """Where a leased one counts."""


@dataclass(slots=True)
class _Destination:
    """What was learnt of a destination; ``maximum`` 0: nothing. ``changed``: the last time one of these was set."""

    maximum: int = 0
    successes: int = 0
    failures: int = 0
    open_until: float = 0.0
    reason: str = ""
    probe: str = ""
    changed: float = 0.0


@implementer(IDeliverySchedule)
class FakeSchedule:
    """See IDeliverySchedule. ``down`` True: every call fails; ``lose()``: as if Redis came back empty."""

    def __init__(self, clock: Clock, reactor: Any, limits: Limits | None = None) -> None:
        """``reactor`` gives ``wait`` its time-out (IReactorTime); ``limits`` are those of untuned destinations."""
        self.down = False
        self._clock = clock
        self._reactor = reactor
        self._plain = limits or Limits()
        self._last = 0.0
        self._bells: list[Deferred[None]] = []
        self._rung = False
        self._entered: dict[str, str] = {}
        self.lose()

    def lose(self) -> None:
        """Forget everything, the epoch too."""
        self._epoch = False
        self._rebuild: tuple[str, float] | None = None
        self._jobs: dict[str, _Job] = {}
        self._limits: dict[str, Limits] = {}
        self._started: dict[str, float] = {}
        self._learnt: dict[str, _Destination] = {}
        self._ring: list[dict[str, float]] = [{} for _ in range(CLASSES)]
        self._sites: dict[str, str] = {}
        self._queues: dict[str, dict[str, float]] = {}

    async def add(self, jobs: Sequence[Due]) -> None:
        now = self._now()
        for due in jobs:
            if due.job_id not in self._jobs:
                self._jobs[due.job_id] = job = _Job(due.destination, due.priority, due.attempts, due.due)
                if due.due <= now:
                    self._ready(job, due.due, now)

    async def claim(self, worker: str, lease: int, start_class: int = 0) -> Lease | Idle | Rebuild:
        now = self._now()
        self._rung = False
        if not self._epoch:
            return Rebuild()
        for job in self._in("waiting"):
            if job.since <= now:
                self._ready(job, job.since, now)
        for job in self._in("leased"):
            if job.since <= now:
                self._crashed(job, now)
        for turn in range(CLASSES):
            ring = self._ring[(start_class + turn) % CLASSES]
            while ring:
                destination = min(ring, key=lambda name: (ring[name], name))
                if ring[destination] > now:
                    break
                taken = self._start((start_class + turn) % CLASSES, destination, now)
                if taken is not None:
                    job = self._jobs[taken]
                    job.state, job.worker, job.since = "leased", worker, math.floor(now) + lease
                    job.started = now
                    job.site = self._entered[taken] = self._sites.get(destination, "")
                    if job.site and self._room(job.site, destination) > 0:
                        self._wake(job.site, now)
                    return Lease(taken, destination, job.attempts, int(job.since))
        known = [job.since for job in self._in("waiting")] + [at for ring in self._ring for at in ring.values()]
        return Idle(math.ceil(min(known, default=0)))

    async def enter(self, worker: str, job_id: str, site: str) -> int:
        now = self._now()
        job = self._jobs.get(job_id)
        if job is None or job.worker != worker:
            return math.ceil(now)
        if job.site == site:
            return 0
        self._leave(job, now)
        self._sites[job.destination] = site
        if self._room(site, job.destination) < 1:
            return math.ceil(now)
        job.site = self._entered[job_id] = site
        return 0

    async def renew(self, worker: str, job_id: str, lease: int) -> bool:
        now = self._now()
        job = self._jobs.get(job_id)
        if job is None or job.worker != worker:
            return False
        job.since = math.floor(now) + lease
        job.site = job.site or self._entered.get(job_id, "")
        return True

    async def done(self, worker: str, job_id: str, answered: bool = False) -> bool:
        return self._finish(worker, job_id, None, None, answered)

    async def retry(self, worker: str, job_id: str, due: int, attempts: int, answered: bool = False) -> bool:
        return self._finish(worker, job_id, due, attempts, answered)

    async def release(self, worker: str, job_id: str, due: int) -> bool:
        return self._finish(worker, job_id, due, None)

    async def setback(self, worker: str, job_id: str, waits: Sequence[int], reason: str, busy: bool = False) -> Setback:
        now = self._now()
        soon = math.floor(now) + waits[0]
        job = self._jobs.get(job_id)
        if job is None or job.worker != worker:
            return Setback(False, soon)
        limits = self._limits.get(job.destination, self._plain)
        learnt = self._learnt.setdefault(job.destination, _Destination())
        opens = max(learnt.open_until, limits.open_until)
        if opens > now:
            return Setback(False, math.ceil(opens))
        if job.started <= learnt.changed:
            return Setback(False, soon)
        learnt.changed = now
        if busy and self._maximum(job.destination) > 1:
            learnt.maximum, learnt.successes = self._maximum(job.destination) // 2, 0
            return Setback(False, soon)
        learnt.failures += 1
        learnt.open_until = math.floor(now) + waits[min(learnt.failures, len(waits)) - 1]
        learnt.reason, learnt.probe = reason, ""
        return Setback(True, int(learnt.open_until))

    async def reap(self, slot: str, incarnation: str) -> int:
        now = self._now()
        if self._rebuild is not None and self._rebuild[0].startswith(f"{slot}/") and self._rebuild[0] != incarnation:
            self._rebuild = None
        dead = [j for j in self._in("leased") if j.worker.startswith(f"{slot}/") and j.worker != incarnation]
        for job in dead:
            self._crashed(job, now)
        return len(dead)

    async def poison(self) -> Sequence[str]:
        self._now()
        poisoned = [(job.since, job_id) for job_id, job in self._jobs.items() if job.state == "poison"]
        return tuple(job_id for _, job_id in sorted(poisoned))

    async def forget(self, job_id: str) -> None:
        now = self._now()
        job = self._jobs.pop(job_id, None)
        if job is not None and job.state == "leased":
            self._leave(job, now)
            self._arm(job.destination, now)

    async def tune(self, destination: str, limits: Limits) -> None:
        now = self._now()
        self._limits[destination] = limits
        self._learnt.pop(destination, None)
        self._sites.pop(destination, None)
        for ring in self._ring:
            ring.pop(destination, None)
        self._arm(destination, now)

    async def begin_rebuild(self, worker: str) -> bool:
        now = self._now()
        held = self._rebuild is not None and self._rebuild[1] > now and self._rebuild[0] != worker
        if self._epoch or held:
            return False
        self._rebuild = (worker, now + REBUILD_RIGHT)
        for job in self._in("leased"):
            self._leave(job, now)
            self._ready(job, now, now)
        return True

    async def restore(self, job: Due, worker: str, until: int) -> None:
        now = self._now()
        if self._rebuild is not None and self._rebuild[1] > now:
            self._rebuild = (self._rebuild[0], now + REBUILD_RIGHT)
        known = self._jobs.get(job.job_id)
        if known is None or known.state in {"waiting", "ready"}:
            crashes = known.crashes if known else 0
            self._jobs[job.job_id] = _Job(
                job.destination, job.priority, job.attempts, until, "leased", worker, crashes, now
            )

    async def end_rebuild(self, worker: str) -> None:
        now = self._now()
        if self._rebuild is not None and self._rebuild[0] == worker and self._rebuild[1] > now:
            self._epoch, self._rebuild = True, None
            self._ring_bell()

    async def wait(self, seconds: float) -> None:
        if self._rung:
            self._rung = False
            return
        bell: Deferred[None] = Deferred()
        self._bells.append(bell)
        try:
            await bell.addTimeout(seconds, self._reactor)
        except DeferredTimeout:
            pass
        finally:
            self._bells.remove(bell)

    async def length(self) -> int:
        self._now()
        return len(self._jobs)

    async def turn(self, job_id: str) -> Turn | None:
        self._now()
        job = self._jobs.get(job_id)
        if job is None:
            return None
        if job.state == "leased":
            return Turn(job.state, math.floor(job.started), job.worker, int(job.since))
        return Turn(job.state, math.floor(job.since))

    async def destination(self, destination: str) -> DestinationState:
        return self._state(destination, self._now())

    async def destinations(self) -> Sequence[DestinationState]:
        now = self._now()
        names = {name for name, learnt in self._learnt.items() if learnt.failures}
        names.update(job.destination for job in self._jobs.values() if job.state in {"leased", "ready"})
        return tuple(self._state(name, now) for name in sorted(names))

    def _state(self, destination: str, now: float) -> DestinationState:
        limits = self._limits.get(destination, self._plain)
        learnt = self._learnt.get(destination, _Destination())
        opens = max(learnt.open_until, limits.open_until)
        start = self._started[destination] + limits.gap if limits.gap and destination in self._started else 0
        site = self._sites.get(destination, "")
        return DestinationState(
            destination,
            sum(job.destination == destination for job in self._in("leased")),
            sum(job.destination == destination for job in self._in("ready")),
            self._maximum(destination),
            math.ceil(start) if start > now else 0,
            math.ceil(opens) if learnt.failures or opens > now else 0,
            learnt.failures,
            learnt.reason,
            site,
            max(0, self._room(site, destination)) if site else 0,
        )

    def _maximum(self, destination: str) -> int:
        limit = self._limits.get(destination, self._plain).max_concurrency
        learnt = self._learnt.get(destination, _Destination())
        return min(limit, learnt.maximum or limit)

    def _room(self, site: str, destination: str) -> int:
        tuned = self._limits.get(destination, self._plain).max_concurrency
        return max(self._plain.max_concurrency, tuned) - sum(job.site == site for job in self._jobs.values())

    def _wake(self, site: str, now: float) -> None:
        """The destination that has waited longest for the site is next."""
        queue = self._queues.get(site, {})
        while queue:
            destination = min(queue, key=lambda name: (queue[name], name))
            del queue[destination]
            if self._arm(destination, now):
                return

    def _leave(self, job: _Job, now: float) -> None:
        site, job.site = job.site, ""
        if site:
            self._wake(site, now)

    def _now(self) -> float:
        """The clock's time, later at each call, as real calls are."""
        if self.down:
            raise ScheduleUnavailable("the fake schedule is down")
        self._last = max(float(self._clock()), self._last + 0.001)
        return self._last

    def _in(self, state: str) -> list[_Job]:
        return [job for job in self._jobs.values() if job.state == state]

    def _line(self, priority: int, destination: str) -> list[str]:
        """The ids that are ready for a destination in a class, the next one first."""
        ready = [
            (job.since, job_id)
            for job_id, job in self._jobs.items()
            if (job.state, job.priority, job.destination) == ("ready", priority, destination)
        ]
        return [job_id for _, job_id in sorted(ready)]

    def _start(self, priority: int, destination: str, now: float) -> str | None:
        """The job that the destination may start, or None; its place in the ring is set anew."""
        ring, line = self._ring[priority], self._line(priority, destination)
        limits = self._limits.get(destination, self._plain)
        gap_end = self._started[destination] + limits.gap if limits.gap and destination in self._started else 0.0
        learnt = self._learnt.get(destination, _Destination())
        opens = max(limits.open_until, learnt.open_until, gap_end)
        site = self._sites.get(destination, "")
        if site and self._room(site, destination) < 1:
            for each in self._ring:
                each.pop(destination, None)
            self._queues.setdefault(site, {}).setdefault(destination, now)
            return None
        if opens > now:
            ring[destination] = opens
            self._wake(site, now)
            return None
        free = self._maximum(destination) - sum(job.destination == destination for job in self._in("leased"))
        probe = self._jobs.get(learnt.probe)
        if probe is not None and probe.state == "leased":
            free = 0
        if (free <= 1 or learnt.failures) and (line or free < 1):
            for each in self._ring:  # full, now or with this start
                each.pop(destination, None)
        elif self._queues.get(site):
            for each in self._ring:
                each.pop(destination, None)
            self._queues[site].setdefault(destination, now)
        elif len(line) <= 1:
            del ring[destination]
        else:
            ring[destination] = now + limits.gap
        if free < 1 or not line:
            self._wake(site, now)
            return None
        self._started[destination] = now
        if learnt.failures:
            learnt.probe = line[0]
        return line[0]

    def _ready(self, job: _Job, since: float, now: float) -> None:
        job.state, job.worker, job.since = "ready", "", since
        self._ring[job.priority].setdefault(job.destination, now)
        self._ring_bell()

    def _arm(self, destination: str, now: float) -> bool:
        """Has it ready work? Then it is in the ring."""
        work = False
        for priority, ring in enumerate(self._ring):
            if self._line(priority, destination):
                work = True
                if destination not in ring:
                    ring[destination] = now
                    self._ring_bell()
        return work

    def _crashed(self, job: _Job, now: float) -> None:
        self._leave(job, now)
        job.crashes += 1
        if job.crashes >= CRASHES:
            job.state, job.worker, job.since = "poison", "", now
        else:
            self._ready(job, now, now)
        self._arm(job.destination, now)

    def _finish(self, worker: str, job_id: str, due: int | None, attempts: int | None, answered: bool = False) -> bool:
        now = self._now()
        job = self._jobs.get(job_id)
        self._entered.pop(job_id, None)
        if job is None or job.worker != worker:
            return False
        site = job.site
        if site:
            self._queues.setdefault(site, {}).setdefault(job.destination, now)
        self._leave(job, now)
        if due is None:
            del self._jobs[job_id]
        else:
            if attempts is not None:
                job.attempts, job.crashes = attempts, 0
            job.state, job.worker, job.since = "waiting", "", due
            if due <= now:
                self._ready(job, now, now)
        if answered:
            self._answered(job.destination, now)
        if not site:
            self._arm(job.destination, now)
        return True

    def _answered(self, destination: str, now: float) -> None:
        learnt = self._learnt.get(destination)
        if learnt is None:
            return
        if learnt.failures:
            learnt.failures, learnt.open_until, learnt.reason, learnt.probe, learnt.changed = 0, 0.0, "", "", now
            for ring in self._ring:
                ring.pop(destination, None)
        if learnt.maximum:
            learnt.successes += 1
            if learnt.successes == SUCCESSES:
                learnt.maximum, learnt.successes = learnt.maximum + 1, 0
                if learnt.maximum >= self._limits.get(destination, self._plain).max_concurrency:
                    learnt.maximum = 0

    def _ring_bell(self) -> None:
        self._rung = not self._bells
        for bell in list(self._bells):
            bell.callback(None)
