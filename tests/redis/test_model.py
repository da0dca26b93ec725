"""RedisSchedule against FakeSchedule: the same steps give the same answers, whatever their order."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread, deferToThread

from mailsuite.interfaces.schedule import (
    DestinationState,
    Due,
    IDeliverySchedule,
    Idle,
    Lease,
    Limits,
    Setback,
    Turn,
)
from mailsuite.model.job import Lane
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.runtime.clock import now
from mailsuite.testing.fake_schedule import FakeSchedule
from tests.redis.served import ServedCase

LONG = 10_000_000
LIMITS = Limits(max_concurrency=2)

IDS = st.sampled_from(["m.0", "m.1", "m.2", "m.3", "m.4", "m.5", "m.6", "m.7"])
WORKERS = st.sampled_from(["h/1/a", "h/1/b", "h/2/a"])
DESTINATIONS = st.sampled_from(["a.example", "b.example", "c.example"])
DUES = st.sampled_from([1, 2, 3, 4, LONG])
"""Long ago; or (LONG is added to the time of the start) not within the test."""
JOBS = st.builds(Due, IDS, DESTINATIONS, st.integers(0, 2), DUES, st.integers(0, 9))
SPANS = st.sampled_from([0, LONG, LONG])
"""Ended at once, or not within the test."""


class Machine(RuleBasedStateMachine):
    """Does each step on both. Runs in a thread; the schedules live on the reactor's."""

    case: ServedCase
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.case.redis.flushall()
        self.start = now()
        self.fake = FakeSchedule(now, reactor, LIMITS)
        self.real = RedisSchedule(self.case.link, Lane.REMOTE, LIMITS)
        self.rebuild([])

    def run_both(self, method: str, *args: Any) -> Any:
        """The result, which must be the same."""
        real, fake = (self.call(getattr(schedule, method)(*args)) for schedule in (self.real, self.fake))
        assert self.rough(real) == self.rough(fake), (method, args, real, fake)
        return real

    def rough(self, value: Any) -> Any:
        """The value with each time as how far it is from the start, in units that the test's length does not matter."""
        match value:
            case Lease():
                return replace(value, until=self.far(value.until))
            case Setback():
                return replace(value, until=self.far(value.until))
            case Idle():
                return Idle(self.far(value.next_due))
            case int() if not isinstance(value, bool):
                return self.far(value) if value > LONG else value
            case DestinationState():
                return replace(value, open_until=self.far(value.open_until))
            case Turn():
                return replace(value, due=self.far(value.due), until=self.far(value.until))
            case tuple() | list():
                return [self.rough(each) for each in value]
        return value

    def far(self, time: int) -> int:
        """0: never, 1: long ago, 2: about now, 3: not within the test."""
        return 0 if not time else 1 + (time > self.start - LONG // 2) + (time > self.start + LONG // 2)

    @staticmethod
    def call(work: Coroutine[Any, Any, Any]) -> Any:
        """Run on the reactor and wait."""
        return blockingCallFromThread(cast(Any, reactor), Deferred.fromCoroutine, work)

    def due(self, due: int) -> int:
        """One of DUES as a time."""
        return self.start + LONG if due == LONG else due

    @rule(jobs=st.lists(JOBS, max_size=6))
    def add(self, jobs: list[Due]) -> None:
        self.run_both("add", [Due(j.job_id, j.destination, j.priority, self.due(j.due), j.attempts) for j in jobs])

    @rule(target=leases, worker=WORKERS, span=SPANS, start=st.integers(0, 2))
    def claim(self, worker: str, span: int, start: int) -> Any:
        lease = self.run_both("claim", worker, span, start)
        if isinstance(lease, Idle):  # the bell may ring for what this call has made ready
            lease = self.run_both("claim", worker, span, start)
        if isinstance(lease, Idle):
            self.nothing_could_start()
        return (worker, lease.job_id) if isinstance(lease, Lease) else multiple()

    def nothing_could_start(self) -> None:
        """Each destination with ready work has a reason to wait."""
        for state in self.call(self.real.destinations()):
            full = state.in_flight >= state.max_concurrency or (state.site and not state.room)
            closed = state.failures or state.next_start or state.open_until > now()
            assert not state.ready or full or closed, state

    @rule(target=leases, worker=WORKERS, job_id=IDS)
    def guess(self, worker: str, job_id: str) -> tuple[str, str]:
        return worker, job_id

    @rule(lease=leases, site=st.sampled_from(["one.site", "one.site", "two.site"]))
    def enter(self, lease: tuple[str, str], site: str) -> None:
        worker, job_id = lease
        turn = self.run_both("turn", job_id)
        if turn is not None and turn.worker == worker:  # what a lost lease is told is not worth a call to Redis
            self.run_both("enter", worker, job_id, site)

    @rule(lease=leases, span=SPANS)
    def renew(self, lease: tuple[str, str], span: int) -> None:
        self.run_both("renew", *lease, span)

    @rule(lease=leases, answered=st.booleans())
    def done(self, lease: tuple[str, str], answered: bool) -> None:
        self.run_both("done", *lease, answered)

    @rule(lease=leases, due=DUES, attempts=st.integers(0, 9), answered=st.booleans())
    def retry(self, lease: tuple[str, str], due: int, attempts: int, answered: bool) -> None:
        self.run_both("retry", *lease, self.due(due), attempts, answered)

    @rule(lease=leases, wait=SPANS, busy=st.booleans())
    def setback(self, lease: tuple[str, str], wait: int, busy: bool) -> None:
        self.run_both("setback", *lease, [wait], "no route", busy)

    @rule(lease=leases, due=DUES)
    def release(self, lease: tuple[str, str], due: int) -> None:
        self.run_both("release", *lease, self.due(due))

    @rule(worker=WORKERS)
    def reap(self, worker: str) -> None:
        self.run_both("reap", worker.rpartition("/")[0], worker)

    @rule(job_id=IDS)
    def forget(self, job_id: str) -> None:
        self.run_both("forget", job_id)

    @rule(job_id=IDS)
    def look(self, job_id: str) -> None:
        self.run_both("turn", job_id)
        self.run_both("destinations")

    @rule(destination=DESTINATIONS, maximum=st.integers(1, 3), due=st.sampled_from([0, 0, LONG]))
    def tune(self, destination: str, maximum: int, due: int) -> None:
        self.run_both("tune", destination, Limits(maximum, open_until=self.due(due)))

    @rule(restored=st.lists(st.tuples(JOBS, WORKERS, SPANS), max_size=4))
    def lose_and_rebuild(self, restored: list[tuple[Due, str, int]]) -> None:
        self.case.redis.flushall()
        self.fake.lose()
        self.run_both("claim", "h/1/a", LONG)
        self.rebuild(restored)

    @rule(restored=st.lists(st.tuples(JOBS, WORKERS, SPANS), max_size=2))
    def rebuild(self, restored: list[tuple[Due, str, int]]) -> None:
        self.run_both("begin_rebuild", "h/1/a")
        self.run_both("begin_rebuild", "h/2/a")
        for job, worker, span in restored:
            self.run_both("restore", job, worker, self.due(span))
        self.run_both("end_rebuild", "h/1/a")

    @invariant()
    def same_sight(self) -> None:
        self.run_both("length")
        assert set(self.call(self.real.poison())) == set(self.call(self.fake.poison()))


class ModelTests(ServedCase):
    """Runs the machine."""

    async def test_same_answers(self) -> None:
        """Both give the same answers to the same steps."""
        machine: type[Machine] = type("Bound", (Machine,), {"case": self})
        limits = settings(max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[*HealthCheck])
        await deferToThread(run_state_machine_as_test, machine, settings=limits)

    def test_the_fake_is_one(self) -> None:
        """Both provide the interface."""
        self.assertTrue(IDeliverySchedule.providedBy(FakeSchedule(now, reactor)))
        self.assertTrue(IDeliverySchedule.providedBy(RedisSchedule(self.link, Lane.LOCAL)))
