"""RedisSchedule: the delivery schedule of one lane, in Redis.

Each step is one Lua script on the server's clock, so it is done whole or not at all and may be repeated. The keys are
described in ``scripts/lib.lua``; they share one hash tag, ``mq:{<lane>}:``, and so one slot of a cluster. The epoch is
the run_id of the server on which the schedule was made: one that started again, or was a replica, has lost something.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from mailsuite.model.job import Lane
from mailsuite.redis.connection import Link
from mailsuite.redis.script import Script

LIMITS = {Lane.LOCAL: Limits(max_concurrency=64), Lane.REMOTE: Limits()}
"""What a destination may use that nobody tuned. The destinations of the local lane are our own store."""

REBUILD_RIGHT = 30_000
"""Milliseconds that the right to rebuild lasts; each restored lease prolongs it."""

_BATCH = 250
"""Jobs a script call adds: about 5 ms in which Redis serves nobody else."""

_MOST = 1000
"""At most so many poisoned ids and destinations are given at a time; parked jobs are forgotten and make room."""


@implementer(IDeliverySchedule)
class RedisSchedule:
    """See IDeliverySchedule."""

    def __init__(self, link: Link, lane: Lane, limits: Limits | None = None) -> None:
        """``limits``: what an untuned destination may use (its ``open_until`` does not count), None: as LIMITS."""
        self._link = link
        self._limits = limits or LIMITS[lane]
        self._prefix = f"mq:{{{lane}}}:"
        self._add, self._claim, self._renew, self._finish, self._reap = map(
            _script, ("add", "claim", "renew", "finish", "reap")
        )
        self._forget, self._tune, self._begin, self._restore, self._end = map(
            _script, ("forget", "tune", "begin_rebuild", "restore", "end_rebuild")
        )
        self._setback, self._turn, self._destinations = map(_script, ("setback", "turn", "destinations"))
        self._enter = _script("enter")
        self._sites: dict[str, str] = {}  # of the leases that this process has
        self._listening = False
        self._rung = False
        self._waiting: list[Deferred[None]] = []

    async def add(self, jobs: Sequence[Due]) -> None:
        for start in range(0, len(jobs), _BATCH):
            words: list[str | int] = []
            for job in jobs[start : start + _BATCH]:
                words += (job.job_id, job.destination, job.priority, job.due, job.attempts)
            await self._run(self._add, *words)

    async def claim(self, worker: str, lease: int, start_class: int = 0) -> Lease | Idle | Rebuild:
        self._rung = False
        limits = self._limits
        reply = await self._link.run(
            self._claim,
            [self._prefix],
            worker,
            lease,
            start_class,
            limits.max_concurrency,
            limits.gap,
            run_id=True,
        )
        if isinstance(reply, int):
            return Rebuild() if reply < 0 else Idle(reply)
        job_id, destination, attempts, until, site = reply
        if site:
            self._sites[job_id.decode()] = site.decode()
        else:
            self._sites.pop(job_id.decode(), None)
        return Lease(job_id.decode(), destination.decode(), attempts, until)

    async def enter(self, worker: str, job_id: str, site: str) -> int:
        if self._sites.get(job_id) == site:
            return 0
        until = int(await self._run(self._enter, worker, job_id, site, self._limits.max_concurrency))
        if not until:
            self._sites[job_id] = site
        return until

    async def renew(self, worker: str, job_id: str, lease: int) -> bool:
        return bool(await self._run(self._renew, worker, job_id, lease, self._sites.get(job_id, "")))

    async def done(self, worker: str, job_id: str, answered: bool = False) -> bool:
        return await self._end_turn(worker, job_id, answered)

    async def retry(self, worker: str, job_id: str, due: int, attempts: int, answered: bool = False) -> bool:
        return await self._end_turn(worker, job_id, answered, due, attempts)

    async def release(self, worker: str, job_id: str, due: int) -> bool:
        return await self._end_turn(worker, job_id, False, due)

    async def _end_turn(self, worker: str, job_id: str, answered: bool, *then: int) -> bool:
        limit = self._limits.max_concurrency
        ended = bool(await self._run(self._finish, worker, job_id, int(answered), limit, *then))
        self._sites.pop(job_id, None)
        return ended

    async def setback(self, worker: str, job_id: str, waits: Sequence[int], reason: str, busy: bool = False) -> Setback:
        limit = self._limits.max_concurrency
        counts, until = await self._run(self._setback, worker, job_id, int(busy), limit, reason, *waits)
        return Setback(bool(counts), until)

    async def reap(self, slot: str, incarnation: str) -> int:
        return int(await self._run(self._reap, slot, incarnation))

    async def poison(self) -> Sequence[str]:
        ids = await self._link.command("ZRANGE", f"{self._prefix}poison", 0, _MOST - 1)
        return tuple(job_id.decode() for job_id in ids)

    async def forget(self, job_id: str) -> None:
        await self._run(self._forget, job_id)

    async def tune(self, destination: str, limits: Limits) -> None:
        plain = self._limits
        await self._run(
            self._tune,
            destination,
            limits.max_concurrency,
            limits.gap,
            limits.open_until,
            plain.max_concurrency,
            plain.gap,
        )

    async def begin_rebuild(self, worker: str) -> bool:
        return bool(await self._link.run(self._begin, [self._prefix], worker, REBUILD_RIGHT, run_id=True))

    async def restore(self, job: Due, worker: str, until: int) -> None:
        await self._run(
            self._restore, job.job_id, job.destination, job.priority, job.attempts, worker, until, REBUILD_RIGHT
        )

    async def end_rebuild(self, worker: str) -> None:
        await self._link.run(self._end, [self._prefix], worker, run_id=True)

    async def wait(self, seconds: float) -> None:
        if not self._listening:
            self._listening = True
            self._link.listen(f"{self._prefix}wake", self._bell)
        if self._rung:  # since a claim was last made: what it announced may still be there
            self._rung = False
            return
        bell: Deferred[None] = Deferred()
        self._waiting.append(bell)
        try:
            await bell.addTimeout(seconds, self._link.reactor)
        except DeferredTimeout:
            pass
        finally:
            self._waiting.remove(bell)

    async def length(self) -> int:
        return int(await self._link.command("GET", f"{self._prefix}jobs") or 0)

    async def turn(self, job_id: str) -> Turn | None:
        found = await self._run(self._turn, job_id)
        if found is None:
            return None
        state, due, worker, until = found
        return Turn(state.decode(), due, worker.decode(), until)

    async def destination(self, destination: str) -> DestinationState:
        (state,) = await self._states(destination)
        return state

    async def destinations(self) -> Sequence[DestinationState]:
        return await self._states()

    async def _states(self, *names: str) -> Sequence[DestinationState]:
        limits = self._limits
        found = await self._run(self._destinations, limits.max_concurrency, limits.gap, _MOST, *names)
        return tuple(_state(*words) for words in found)

    async def _run(self, script: Script, *args: str | int) -> Any:
        return await self._link.run(script, [self._prefix], *args)

    def _bell(self, message: bytes | None) -> None:
        """Somebody made work ready; or (None) we could not hear for a while, which may hide the same."""
        self._rung = not self._waiting
        for bell in list(self._waiting):
            bell.callback(None)


def _state(
    name: bytes,
    in_flight: int,
    ready: int,
    maximum: int,
    start: int,
    open_until: int,
    failures: int,
    reason: bytes,
    site: bytes,
    room: int,
) -> DestinationState:
    text = reason.decode("utf-8", "replace")
    return DestinationState(
        name.decode(), in_flight, ready, maximum, start, open_until, failures, text, site.decode(), max(0, room)
    )


def _script(name: str) -> Script:
    return Script.read("lib", name)
