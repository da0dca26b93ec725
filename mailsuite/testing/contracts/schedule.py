"""ScheduleContract: what every IDeliverySchedule must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred

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

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Case
else:
    _Case = object

T = TypeVar("T")

ANN, BOB = "host/1/a", "host/2/b"
LONG = 100_000
"""A lease that does not end within a test (ms)."""
FAR = 1_000_000
"""A delay that does not end within a test (ms)."""


class ScheduleContract(_Case):
    """Mix into a trial TestCase.

    ``make_schedule`` gives an empty schedule whose limits are ``LIMITS``; ``now`` is its time in ms; ``tick`` lets
    about 5 ms of it pass; ``lose`` empties it as a restart of Redis does; ``listening`` returns when ``wait`` is sure
    to hear the next bell.
    """

    LIMITS = Limits(max_concurrency=3)

    schedule: IDeliverySchedule

    async def make_schedule(self) -> IDeliverySchedule:
        raise NotImplementedError

    def now(self) -> int:
        raise NotImplementedError

    async def tick(self) -> None:
        raise NotImplementedError

    async def lose(self) -> None:
        raise NotImplementedError

    async def listening(self) -> None:
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]
        self.schedule = await self.make_schedule()
        self.assertTrue(await self.schedule.begin_rebuild("first/1/x"))
        await self.schedule.end_rebuild("first/1/x")

    # Steps

    async def add(self, job_id: str, destination: str = "d.example", priority: int = 1, due: int = 1000) -> Due:
        """Schedule one job; by default long due."""
        job = Due(job_id, destination, priority, due)
        await self.schedule.add([job])
        return job

    async def take(self, worker: str = ANN, lease: int = LONG, start_class: int = 0) -> str:
        """Claim; the id of the job, "" when there is none."""
        claimed = await self.schedule.claim(worker, lease, start_class)
        self.assertNotIsInstance(claimed, Rebuild)
        return claimed.job_id if isinstance(claimed, Lease) else ""

    async def take_all(self) -> list[str]:
        """Claim until there is nothing."""
        taken = []
        while job_id := await self.take():
            taken.append(job_id)
        return taken

    async def eventually(self, probe: Callable[[], Awaitable[T]], seconds: int = 10) -> T:
        """Repeat until the probe gives something true."""
        deadline = self.now() + seconds * 1000
        while not (result := await probe()):
            self.assertLess(self.now(), deadline, "did not happen in time")
            await self.tick()
        return result

    async def elapse(self, work: Coroutine[Any, Any, None], seconds: int = 10) -> int:
        """Let time pass until the coroutine ends; how long that took in ms."""
        start = self.now()
        running = Deferred.fromCoroutine(work)
        while not running.called and self.now() < start + seconds * 1000:
            await self.tick()
        self.assertTrue(running.called, "did not end in time")
        await running
        return self.now() - start

    # Adding and claiming

    async def test_claim_gives_what_was_added(self) -> None:
        """A lease bears id, destination and attempts of the job and ends after the time asked for."""
        await self.schedule.add([Due("m.1", "d.example", 1, 1000, 4)])
        before = self.now()
        lease = await self.schedule.claim(ANN, LONG)
        assert isinstance(lease, Lease)
        self.assertEqual(("m.1", "d.example", 4), (lease.job_id, lease.destination, lease.attempts))
        self.assertLessEqual(abs(lease.until - before - LONG), 2000)

    async def test_empty(self) -> None:
        """Nothing was added: idle, and no time is known."""
        self.assertEqual(Idle(0), await self.schedule.claim(ANN, LONG))

    async def test_a_job_is_claimed_once(self) -> None:
        """What one worker holds another does not get."""
        await self.add("m.1")
        self.assertEqual("m.1", await self.take(ANN))
        self.assertEqual("", await self.take(BOB))

    async def test_many_at_once(self) -> None:
        """A thousand jobs in one call are all there."""
        jobs = [Due(f"m.{n:04}", f"d{n % 500}.example", n % 3, 1000) for n in range(1000)]
        await self.schedule.add(jobs)
        self.assertEqual(1000, await self.schedule.length())
        self.assertEqual({job.job_id for job in jobs}, set(await self.take_all()))

    async def test_nothing_to_add(self) -> None:
        """An empty batch is no error."""
        await self.schedule.add([])
        self.assertEqual(0, await self.schedule.length())

    async def test_first_in_first_out(self) -> None:
        """Within a class and destination the job that has been due longest goes first."""
        for job_id, due in (("m.b", 3000), ("m.c", 2000), ("m.a", 4000)):
            await self.add(job_id, due=due)
        self.assertEqual(["m.c", "m.b", "m.a"], await self.take_all())

    async def test_classes(self) -> None:
        """Class 0 goes before 1 before 2, whichever came first."""
        for priority in (2, 0, 1):
            await self.add(f"m.{priority}", f"d{priority}.example", priority)
        self.assertEqual(["m.0", "m.1", "m.2"], await self.take_all())

    async def test_classes_of_one_destination(self) -> None:
        """The same holds for jobs to the same destination."""
        for priority in (2, 0, 1):
            await self.add(f"m.{priority}", priority=priority)
        self.assertEqual(["m.0", "m.1", "m.2"], await self.take_all())

    async def test_start_class(self) -> None:
        """A claim that begins with another class goes round from there."""
        for priority in (0, 1, 2):
            await self.add(f"m.{priority}a", f"a{priority}.example", priority)
            await self.add(f"m.{priority}b", f"b{priority}.example", priority)
        self.assertEqual(["m.2", "m.2"], [(await self.take(start_class=2))[:3] for _ in range(2)])
        self.assertEqual("m.0", (await self.take(start_class=2))[:3])
        self.assertEqual(["m.1", "m.1", "m.0"], [(await self.take(start_class=1))[:3] for _ in range(3)])

    async def test_destinations_take_turns(self) -> None:
        """A destination with many jobs does not stand before the others."""
        await self.schedule.add([Due(f"big.{n}", "big.example", 1, 1000) for n in range(3)])
        await self.add("s.1", "small.example")
        await self.add("t.1", "tiny.example")
        first = [await self.take() for _ in range(3)]
        self.assertEqual({"big.0", "s.1", "t.1"}, set(first))
        self.assertEqual(["big.1", "big.2"], await self.take_all())

    async def test_turns_go_on(self) -> None:
        """Each destination is served once before any is served again."""
        names = ("a", "b", "c", "d")
        await self.schedule.add([Due(f"{name}.{n}", f"{name}.example", 1, 1000) for name in names for n in range(3)])
        taken = await self.take_all()
        rounds = [{job_id[0] for job_id in taken[start : start + 4]} for start in (0, 4, 8)]
        self.assertEqual([set(names)] * 3, rounds)

    async def test_known_jobs_stay(self) -> None:
        """Adding a job again changes nothing while it waits, is ready, leased or poison."""
        await self.add("wait.1", "w.example", due=self.now() + FAR)
        await self.add("ready.1", "r.example")
        await self.add("ready.2", "r.example", due=1001)
        self.assertEqual("ready.1", await self.take())
        for job_id, destination in (("wait.1", "w.example"), ("ready.1", "r.example"), ("ready.2", "r.example")):
            await self.add(job_id, destination)
        self.assertEqual(3, await self.schedule.length())
        self.assertEqual(["ready.2"], await self.take_all())

    async def test_due_later(self) -> None:
        """A job is not given before it is due, and then it is."""
        due = self.now() + 100
        await self.add("m.1", due=due)
        self.assertEqual(Idle(due), await self.schedule.claim(ANN, LONG))
        self.assertEqual("m.1", await self.eventually(self.take))
        self.assertGreaterEqual(self.now(), due)

    async def test_the_longest_due_goes_first(self) -> None:
        """Jobs that came due in the meantime keep the order of their times."""
        now = self.now()
        for job_id, delay in (("m.b", 30), ("m.c", 20), ("m.a", 40)):
            await self.add(job_id, due=now + delay)

        async def past() -> bool:
            return self.now() > now + 50

        await self.eventually(past)
        self.assertEqual(["m.c", "m.b", "m.a"], await self.take_all())

    async def test_idle_tells_the_earliest_time(self) -> None:
        """Of several waiting jobs Idle names the first."""
        now = self.now()
        for n, delay in enumerate((3 * FAR, FAR, 2 * FAR)):
            await self.add(f"m.{n}", f"d{n}.example", due=now + delay)
        self.assertEqual(Idle(now + FAR), await self.schedule.claim(ANN, LONG))

    async def test_a_freed_destination_waits_for_its_turn(self) -> None:
        """A destination that was full comes after those that have been ready longer."""
        await self.schedule.tune("a.example", Limits(max_concurrency=1))
        for n in range(2):
            await self.add(f"a.{n}", "a.example")
            await self.add(f"b.{n}", "b.example")
        self.assertEqual("a.0", await self.take())
        self.assertTrue(await self.schedule.done(ANN, "a.0"))
        self.assertEqual(["b.0", "a.1", "b.1"], await self.take_all())

    # Limits of a destination

    async def test_concurrency(self) -> None:
        """A destination never has more leases than its limit; others go on."""
        await self.schedule.add([Due(f"m.{n}", "d.example", n % 3, 1000) for n in range(9)])
        self.assertEqual(3, len(await self.take_all()))
        await self.add("other.1", "other.example")
        self.assertEqual(["other.1"], await self.take_all())

    async def test_a_slot_is_freed(self) -> None:
        """Done, retry, release, forget and the end of a worker each let the next job start."""
        await self.schedule.add([Due(f"m.{n}", "d.example", 1, 1000 + n) for n in range(20)])
        later = self.now() + FAR
        held = [await self.take(), await self.take("host/3/old"), await self.take()]
        self.assertEqual(["m.0", "m.1", "m.2"], held)
        self.assertEqual("", await self.take())
        self.assertTrue(await self.schedule.done(ANN, "m.0"))
        self.assertEqual(["m.3"], await self.take_all())
        self.assertTrue(await self.schedule.retry(ANN, "m.2", later, 1))
        self.assertEqual(["m.4"], await self.take_all())
        self.assertTrue(await self.schedule.release(ANN, "m.3", later))
        self.assertEqual(["m.5"], await self.take_all())
        await self.schedule.forget("m.4")
        self.assertEqual(["m.6"], await self.take_all())
        self.assertEqual(1, await self.schedule.reap("host/3", "host/3/new"))
        self.assertEqual(["m.7"], await self.take_all())

    async def test_tuned_concurrency(self) -> None:
        """A limit can be raised and lowered while jobs wait."""
        await self.schedule.add([Due(f"m.{n}", "d.example", 1, 1000) for n in range(9)])
        await self.take_all()
        await self.schedule.tune("d.example", Limits(max_concurrency=5))
        self.assertEqual(["m.3", "m.4"], await self.take_all())
        await self.schedule.tune("d.example", Limits(max_concurrency=1))
        for n in range(4):
            await self.schedule.done(ANN, f"m.{n}")
        self.assertEqual([], await self.take_all())
        await self.schedule.done(ANN, "m.4")
        self.assertEqual(["m.5"], await self.take_all())

    # Limits of a site

    async def fill_site(self, *destinations: str) -> None:
        """Three jobs of the destinations, the site's first ones, are under way to one.site; ids a.0 and so on."""
        for destination in destinations:
            await self.add(f"{destination}.0", destination)
        self.assertEqual(len(destinations), len(await self.take_all()))
        for destination in destinations:
            self.assertEqual(0, await self.schedule.enter(ANN, f"{destination}.0", "one.site"))

    async def test_a_site_is_shared(self) -> None:
        """Its destinations have as many leases as one may have; the one that is too many comes when there is room."""
        await self.fill_site("a", "b", "c")
        await self.add("d.0", "d")
        self.assertEqual("d.0", await self.take(BOB))
        until = await self.schedule.enter(BOB, "d.0", "one.site")
        self.assertLessEqual(abs(until - self.now()), 2000)
        self.assertTrue(await self.schedule.release(BOB, "d.0", until))
        await self.add("other.0", "other")
        self.assertEqual(["other.0"], await self.take_all())
        self.assertTrue(await self.schedule.done(ANN, "b.0"))
        self.assertEqual("d.0", await self.eventually(lambda: self.take(BOB)))
        self.assertEqual(0, await self.schedule.enter(BOB, "d.0", "one.site"))

    async def test_a_known_site(self) -> None:
        """Later jobs of a destination count at its site from their claim on, and are not given out when it is full."""
        await self.fill_site("a", "b", "c")
        for n in range(1, 4):
            await self.schedule.add([Due(f"{name}.{n}", name, 1, 1000) for name in "abc"])
        self.assertEqual([], await self.take_all())
        self.assertTrue(await self.schedule.done(ANN, "a.0"))
        (second,) = await self.take_all()
        self.assertEqual(0, await self.schedule.enter(ANN, second, "one.site"))
        self.assertEqual(("one.site", 0), await self.site_of("a"))

    async def site_of(self, destination: str) -> tuple[str, int]:
        """As destination says."""
        state = await self.schedule.destination(destination)
        return state.site, state.room

    async def test_destinations_of_a_site_take_turns(self) -> None:
        """The one that has waited longest has the room; one that just had it waits behind the others."""
        await self.fill_site("a", "b", "c")
        for n in (1, 2):
            for name in "cba":
                await self.add(f"{name}.{n}", name)
        self.assertEqual("", await self.take())
        order, running = [], ["c.0", "b.0", "a.0"]
        while running:
            await self.schedule.done(ANN, running.pop(0))
            if job_id := await self.take():
                order.append(job_id)
                running.append(job_id)
        self.assertEqual(["a", "b", "c"] * 2, [job_id[0] for job_id in order])

    async def test_room_goes_to_one_that_can_use_it(self) -> None:
        """When the destination whose turn it is cannot start, or has nothing left, the next of the site does."""
        await self.fill_site("a", "b", "c")
        for name in "abcd":
            await self.add(f"{name}.1", name)
        self.assertEqual("d.1", await self.take())
        until = await self.schedule.enter(ANN, "d.1", "one.site")
        await self.schedule.setback(ANN, "a.0", [FAR], "no route")
        await self.schedule.release(ANN, "d.1", until)
        self.assertEqual("", await self.take())
        await self.schedule.forget("b.1")
        await self.schedule.done(ANN, "c.0")
        self.assertEqual(["c.1"], await self.take_all())
        await self.schedule.retry(ANN, "a.0", self.now() + FAR, 1)
        self.assertEqual("d.1", await self.eventually(self.take))

    async def test_every_end_makes_room(self) -> None:
        """Done, retry, release, forget, the end of a worker and a move to another site."""
        await self.fill_site("a", "b", "c")
        await self.schedule.add([Due(f"a.{n}", "a", 1, 1000 + n) for n in range(1, 9)])
        later = self.now() + FAR
        self.assertEqual("", await self.take())
        await self.schedule.done(ANN, "a.0")
        self.assertEqual(["a.1"], await self.take_all())
        await self.schedule.retry(ANN, "b.0", later, 1)
        self.assertEqual("a.2", await self.take("host/3/old"))
        await self.schedule.release(ANN, "c.0", later)
        self.assertEqual(["a.3"], await self.take_all())
        await self.schedule.forget("a.1")
        self.assertEqual(["a.4"], await self.take_all())
        self.assertEqual(1, await self.schedule.reap("host/3", "host/3/new"))
        self.assertEqual(["a.5"], await self.take_all())
        self.assertEqual(0, await self.schedule.enter(ANN, "a.3", "two.site"))
        self.assertEqual(("two.site", 2), await self.site_of("a"))

    async def test_a_tuned_destination_widens_its_site(self) -> None:
        """An operator who lets a destination have more than a site usually gets means the site too."""
        await self.schedule.tune("a", Limits(max_concurrency=5))
        await self.schedule.add([Due(f"a.{n}", "a", 1, 1000 + n) for n in range(9)])
        await self.schedule.enter(ANN, await self.take(), "one.site")
        self.assertEqual(["a.1", "a.2", "a.3", "a.4"], await self.take_all())

    async def test_tuning_forgets_the_site(self) -> None:
        """Tuning begins anew, also for one that waits for room."""
        await self.fill_site("a", "b", "c")
        await self.add("a.1", "a")
        self.assertEqual("", await self.take())
        await self.schedule.tune("a", Limits(max_concurrency=2))
        self.assertEqual(("", 0), await self.site_of("a"))
        self.assertEqual("a.1", await self.take())
        self.assertGreater(await self.schedule.enter(ANN, "a.1", "one.site"), 0)

    async def test_who_holds_no_lease_enters_nowhere(self) -> None:
        """Unknown jobs, and those of other workers: wait, i.e. give up."""
        await self.fill_site("a", "b")
        await self.add("m.1")
        self.assertGreater(await self.schedule.enter(ANN, "m.1", "one.site"), 0)
        self.assertGreater(await self.schedule.enter(BOB, "a.0", "two.site"), 0)
        self.assertGreater(await self.schedule.enter(ANN, "unknown.1", "one.site"), 0)
        self.assertEqual(("one.site", 1), await self.site_of("a"))

    async def test_a_restored_lease_counts_again(self) -> None:
        """At its site, from its first renewal on."""
        await self.fill_site("a", "b", "c")
        await self.lose()
        await self.schedule.begin_rebuild(BOB)
        for name in "abc":
            await self.schedule.restore(Due(f"{name}.0", name, 1, 1000), ANN, self.now() + LONG)
        await self.schedule.end_rebuild(BOB)
        for name in "abc":
            self.assertTrue(await self.schedule.renew(ANN, f"{name}.0", LONG))
        await self.add("d.0", "d")
        self.assertEqual("d.0", await self.take(BOB))
        self.assertGreater(await self.schedule.enter(BOB, "d.0", "one.site"), 0)

    async def test_a_site_is_shown(self) -> None:
        """Also the destinations that wait for it, and its room."""
        await self.fill_site("a", "b")
        self.assertEqual(("one.site", 1), await self.site_of("b"))
        await self.add("c.0", "c")
        await self.take()
        await self.schedule.enter(ANN, "c.0", "one.site")
        await self.schedule.add([Due("a.1", "a", 1, 1000)])
        self.assertEqual("", await self.take())
        await self.schedule.done(ANN, "c.0")
        await self.schedule.add([Due("c.1", "c", 1, 1000)])
        shown = {state.destination: (state.in_flight, state.ready) for state in await self.schedule.destinations()}
        self.assertEqual({"a": (1, 1), "b": (1, 0), "c": (0, 1)}, shown)

    async def test_gap(self) -> None:
        """Between two starts to one destination lies at least its gap, whatever the class."""
        await self.schedule.tune("d.example", Limits(max_concurrency=9, gap=60))
        await self.schedule.add([Due(f"m.{n}", "d.example", n % 3, 1000) for n in range(4)])
        starts = []
        for _ in range(4):
            lease = await self.eventually(self._lease)
            starts.append(lease.until - LONG)
        gaps = [later - earlier for earlier, later in pairwise(starts)]
        self.assertTrue(all(gap >= 59 for gap in gaps), gaps)  # a start is known to the whole millisecond

    async def test_gap_does_not_hold_others(self) -> None:
        """A destination that must wait does not keep others waiting, and Idle says until when."""
        await self.schedule.tune("d.example", Limits(gap=FAR))
        await self.schedule.add([Due(f"m.{n}", "d.example", 1, 1000) for n in range(2)])
        start = (await self._lease()).until - LONG
        await self.add("other.1", "other.example", priority=2)
        self.assertEqual(["other.1"], await self.take_all())
        idle = await self.schedule.claim(ANN, LONG)
        assert isinstance(idle, Idle)
        self.assertLessEqual(abs(idle.next_due - start - FAR), 2)

    async def test_closed_destination(self) -> None:
        """An open breaker lets nothing start until its time or until it is closed again."""
        until = self.now() + FAR
        await self.add("m.1")
        await self.schedule.tune("d.example", Limits(open_until=until))
        await self.add("m.2")
        self.assertEqual(Idle(until), await self.schedule.claim(ANN, LONG))
        self.assertEqual(Idle(until), await self.schedule.claim(ANN, LONG))
        await self.schedule.tune("d.example", self.LIMITS)
        self.assertEqual(["m.1", "m.2"], await self.take_all())

    async def test_closed_for_a_time(self) -> None:
        """When the time of an open breaker has passed jobs start by themselves."""
        until = self.now() + 100
        await self.schedule.tune("d.example", Limits(open_until=until))
        await self.add("m.1")
        self.assertEqual("", await self.take())
        self.assertEqual("m.1", await self.eventually(self.take))
        self.assertGreaterEqual(self.now(), until)

    # The breaker of a destination

    async def jobs_in_work(self, count: int, extra: int = 3) -> list[str]:
        """Jobs of d.example, so many of them in work and ``extra`` ready."""
        await self.schedule.add([Due(f"m.{n}", "d.example", 1, 1000 + n) for n in range(count + extra)])
        return [await self.take() for _ in range(count)]

    async def failing(self, job_id: str, *waits: int, busy: bool = False) -> bool:
        """The destination fails in an attempt of ours, which ends; did it count?"""
        setback = await self.schedule.setback(ANN, job_id, waits, "no route", busy)
        if setback.counts:
            await self.schedule.retry(ANN, job_id, self.now() + FAR, 1)
        else:
            await self.schedule.release(ANN, job_id, self.now() + FAR)
        return setback.counts

    async def test_a_failure_opens_the_breaker(self) -> None:
        """Nothing starts until the time given; others go on; the state says why."""
        await self.jobs_in_work(1)
        setback = await self.schedule.setback(ANN, "m.0", [FAR, 1], "no route")
        self.assertTrue(setback.counts)
        self.assertLessEqual(abs(setback.until - self.now() - FAR), 2000)
        self.assertTrue(await self.schedule.retry(ANN, "m.0", 1000, 1))
        await self.add("other.1", "other.example")
        self.assertEqual(["other.1"], await self.take_all())
        self.assertEqual(Idle(setback.until), await self.schedule.claim(ANN, LONG))
        self.assertEqual(
            DestinationState("d.example", 0, 4, 3, 0, setback.until, 1, "no route"),
            await self.schedule.destination("d.example"),
        )

    async def test_one_outage_is_one_failure(self) -> None:
        """Attempts that were under way when the breaker opened do not count and do not make it worse."""
        held = await self.jobs_in_work(3)
        counted = [await self.failing(job_id, FAR) for job_id in held]
        self.assertEqual([True, False, False], counted)
        self.assertEqual(1, (await self.schedule.destination("d.example")).failures)

    async def test_a_late_failure_says_nothing_new(self) -> None:
        """An attempt that began before the breaker opened, or closed, and fails long after does not count."""
        held = await self.jobs_in_work(3)
        self.assertTrue(await self.failing(held[0], 1))
        probe = await self.eventually(self.take)
        self.assertFalse(await self.failing(held[1], FAR))
        self.assertTrue(await self.schedule.done(ANN, probe, answered=True))
        self.assertFalse(await self.failing(held[2], FAR))
        self.assertEqual(0, (await self.schedule.destination("d.example")).failures)

    async def test_one_probe(self) -> None:
        """When the time is over one job is given out, whatever its class; success lets the others go."""
        held = await self.jobs_in_work(1, 5)
        await self.failing(held[0], 30)
        await self.add("m.urgent", priority=0)
        self.assertEqual("m.urgent", await self.eventually(self.take))
        await self.add("m.more", priority=0)
        self.assertEqual([], await self.take_all())
        self.assertTrue(await self.schedule.done(ANN, "m.urgent", answered=True))
        self.assertEqual(["m.more", "m.1", "m.2"], await self.take_all())
        self.assertEqual(DestinationState("d.example", 3, 3, 3), await self.schedule.destination("d.example"))

    async def test_failed_probes(self) -> None:
        """Each probe that fails counts and opens the breaker for the next wait; the last wait repeats."""
        held = await self.jobs_in_work(1, 5)
        await self.failing(held[0], 1, 20, 40)
        for expected in (20, 40, 40):
            probe = await self.eventually(self.take)
            before = self.now()
            setback = await self.schedule.setback(ANN, probe, [1, 20, 40], "no route")
            self.assertTrue(setback.counts)
            self.assertLess(abs(setback.until - before - expected), 15)
            await self.schedule.retry(ANN, probe, self.now() + FAR, 1)
        self.assertEqual(4, (await self.schedule.destination("d.example")).failures)

    async def test_a_probe_that_says_nothing(self) -> None:
        """A probe given back, or whose worker died, makes room for another; the breaker stays as it is."""
        held = await self.jobs_in_work(1, 5)
        await self.failing(held[0], 1)
        probe = await self.eventually(self.take)
        self.assertTrue(await self.schedule.release(ANN, probe, self.now() + FAR))
        self.assertEqual("m.2", await self.take("host/9/old"))
        self.assertEqual("", await self.take())
        self.assertEqual(1, await self.schedule.reap("host/9", "host/9/new"))
        self.assertEqual(["m.3"], await self.take_all())
        self.assertEqual(1, (await self.schedule.destination("d.example")).failures)

    async def test_an_answer_closes_the_breaker_early(self) -> None:
        """An older attempt that is answered while the breaker is open closes it."""
        held = await self.jobs_in_work(2)
        await self.failing(held[0], FAR)
        self.assertEqual([], await self.take_all())
        self.assertTrue(await self.schedule.retry(ANN, held[1], self.now() + FAR, 1, answered=True))
        self.assertEqual(["m.2", "m.3", "m.4"], await self.take_all())

    async def test_a_setback_without_a_lease(self) -> None:
        """Who lost its lease, or never had it, changes nothing."""
        held = await self.jobs_in_work(1)
        for worker, job_id in ((BOB, held[0]), (ANN, "m.1"), (ANN, "unknown.1")):
            setback = await self.schedule.setback(worker, job_id, [FAR], "no route")
            self.assertFalse(setback.counts)
            self.assertGreater(setback.until, self.now() + FAR // 2)
        self.assertEqual(["m.1", "m.2"], await self.take_all())

    async def test_tuning_closes_the_breaker(self) -> None:
        """New limits make a fresh start."""
        held = await self.jobs_in_work(1)
        await self.failing(held[0], FAR)
        await self.schedule.tune("d.example", Limits(max_concurrency=2))
        self.assertEqual(DestinationState("d.example", 0, 3, 2), await self.schedule.destination("d.example"))
        self.assertEqual(["m.1", "m.2"], await self.take_all())

    async def test_a_setback_at_a_closed_destination(self) -> None:
        """What an admin closed stays closed until then, and what fails there meanwhile does not count."""
        held = await self.jobs_in_work(1)
        until = self.now() + FAR
        await self.schedule.tune("d.example", Limits(open_until=until))
        self.assertEqual(Setback(False, until), await self.schedule.setback(ANN, held[0], [1], "no route"))

    # The adaptive maximum

    async def test_busy_halves(self) -> None:
        """Each new complaint halves what may be in work, down to one; then the breaker opens."""
        await self.schedule.tune("d.example", Limits(max_concurrency=9))
        held = await self.jobs_in_work(9, 20)
        for expected in (4, 2, 1):
            self.assertEqual([False] * len(held), [await self.failing(job_id, FAR, busy=True) for job_id in held])
            self.assertEqual(expected, (await self.schedule.destination("d.example")).max_concurrency)
            held = await self.take_all()
            self.assertEqual(expected, len(held))
        self.assertTrue(await self.failing(held[0], FAR, busy=True))
        self.assertEqual([], await self.take_all())
        self.assertEqual(1, (await self.schedule.destination("d.example")).failures)

    async def test_successes_widen(self) -> None:
        """Twenty answers add one, until the limit is reached again."""
        held = await self.jobs_in_work(3, 60)
        for job_id in held:
            await self.failing(job_id, FAR, busy=True)
        maxima = []
        for _ in range(40):
            self.assertTrue(await self.schedule.done(ANN, await self.take(), answered=True))
            maxima.append((await self.schedule.destination("d.example")).max_concurrency)
        self.assertEqual([1] * 19 + [2] * 20 + [3], maxima)
        self.assertEqual(3, len(await self.take_all()))

    # What the schedule knows

    async def test_turn(self) -> None:
        """Where a job stands in each of its states."""
        due = self.now() + FAR
        await self.add("wait.1", "w.example", due=due)
        await self.add("ready.1", "d.example", due=1234)
        self.assertEqual(Turn("waiting", due), await self.schedule.turn("wait.1"))
        self.assertEqual(Turn("ready", 1234), await self.schedule.turn("ready.1"))
        before = self.now()
        lease = await self._lease()
        turn = await self.schedule.turn("ready.1")
        assert turn is not None
        self.assertEqual(("leased", ANN, lease.until), (turn.state, turn.worker, turn.until))
        self.assertLessEqual(abs(turn.due - before), 2000)
        for n in range(3):
            await self.schedule.reap("host/1", f"host/1/{n}")
            await self.take()
        turn = await self.schedule.turn("ready.1")
        assert turn is not None
        self.assertEqual(("poison", "", 0), (turn.state, turn.worker, turn.until))
        self.assertIsNone(await self.schedule.turn("unknown.1"))

    async def test_an_unused_destination(self) -> None:
        """It stands at the defaults, and is not among those in use."""
        self.assertEqual(DestinationState("x.example", 0, 0, 3), await self.schedule.destination("x.example"))
        self.assertEqual([], list(await self.schedule.destinations()))

    async def test_destinations(self) -> None:
        """Those with work or an open breaker, by name: also full ones, and one whose jobs all wait."""
        await self.schedule.tune("full.example", Limits(max_concurrency=1))
        await self.schedule.tune("slow.example", Limits(max_concurrency=2, gap=FAR))
        for name in ("full.example", "slow.example", "down.example"):
            await self.add(f"{name}.1", name)
        await self.take_all()
        setback = await self.schedule.setback(ANN, "down.example.1", [FAR], "no route")
        await self.schedule.retry(ANN, "down.example.1", self.now() + FAR, 1)
        await self.add("full.example.2", "full.example")
        await self.add("slow.example.2", "slow.example")
        await self.take_all()
        states = list(await self.schedule.destinations())
        slow = states.pop()
        self.assertEqual(
            [
                DestinationState("down.example", 0, 0, 3, 0, setback.until, 1, "no route"),
                DestinationState("full.example", 1, 1, 1),
            ],
            states,
        )
        self.assertEqual(
            ("slow.example", 1, 1, 2), (slow.destination, slow.in_flight, slow.ready, slow.max_concurrency)
        )
        self.assertLessEqual(abs(slow.next_start - self.now() - FAR), 2000)

    # Leases

    async def test_only_the_owner(self) -> None:
        """Another worker can neither prolong nor end a lease."""
        await self.add("m.1")
        await self.take(ANN)
        self.assertFalse(await self.schedule.renew(BOB, "m.1", LONG))
        self.assertFalse(await self.schedule.done(BOB, "m.1"))
        self.assertFalse(await self.schedule.retry(BOB, "m.1", 1000, 1))
        self.assertFalse(await self.schedule.release(BOB, "m.1", 1000))
        self.assertTrue(await self.schedule.done(ANN, "m.1"))

    async def test_no_lease(self) -> None:
        """Who holds nothing, or an unknown job, is told so."""
        await self.add("m.1")
        for job_id in ("m.1", "unknown.1"):
            self.assertFalse(await self.schedule.renew(ANN, job_id, LONG))
            self.assertFalse(await self.schedule.done(ANN, job_id))
        self.assertEqual("m.1", await self.take())

    async def test_done(self) -> None:
        """A job that is done is forgotten; saying so again is refused and harms nothing."""
        await self.add("m.1")
        await self.take()
        self.assertTrue(await self.schedule.done(ANN, "m.1"))
        self.assertFalse(await self.schedule.done(ANN, "m.1"))
        self.assertEqual(0, await self.schedule.length())
        self.assertEqual([], await self.take_all())

    async def test_retry(self) -> None:
        """A retry counts the attempt and makes the job wait."""
        await self.add("m.1")
        await self.take()
        self.assertTrue(await self.schedule.retry(ANN, "m.1", self.now() + 50, 7))
        self.assertFalse(await self.schedule.retry(ANN, "m.1", 1000, 8))
        self.assertEqual("", await self.take())
        lease = await self.eventually(self._lease)
        self.assertEqual(7, lease.attempts)

    async def test_release(self) -> None:
        """A release counts nothing, and a job that is due again at once goes to the end of the line."""
        await self.schedule.add([Due("m.1", "d.example", 1, 1000, 2), Due("m.2", "d.example", 1, 1001)])
        self.assertEqual("m.1", await self.take())
        self.assertTrue(await self.schedule.release(ANN, "m.1", 0))
        self.assertEqual("m.2", await self.take())
        lease = await self._lease()
        self.assertEqual(("m.1", 2), (lease.job_id, lease.attempts))

    async def test_a_lease_ends(self) -> None:
        """After its time another worker gets the job, and the first has lost it."""
        await self.add("m.1")
        await self.take(ANN, lease=50)
        self.assertEqual("", await self.take(BOB))

        async def take() -> str:
            return await self.take(BOB)

        self.assertEqual("m.1", await self.eventually(take))
        self.assertFalse(await self.schedule.renew(ANN, "m.1", LONG))
        self.assertFalse(await self.schedule.done(ANN, "m.1"))
        self.assertTrue(await self.schedule.done(BOB, "m.1"))

    async def test_renew(self) -> None:
        """A renewed lease does not end at its first time, and still counts for its destination."""
        await self.schedule.tune("d.example", Limits(max_concurrency=1))
        await self.add("m.1")
        await self.add("m.2", due=1001)
        lease = await self.schedule.claim(ANN, 50)
        assert isinstance(lease, Lease)
        self.assertTrue(await self.schedule.renew(ANN, "m.1", LONG))

        async def past() -> bool:
            return self.now() > lease.until + 20

        await self.eventually(past)
        self.assertEqual("", await self.take(BOB))
        self.assertTrue(await self.schedule.done(ANN, "m.1"))

    async def test_poison(self) -> None:
        """A job whose lease died three times is set aside and named, and its neighbours are not."""
        await self.add("bad.1")
        for turn in range(3):
            self.assertEqual([], list(await self.schedule.poison()))
            self.assertEqual("bad.1", await self.take(f"host/1/{turn}"))
            self.assertEqual(1, await self.schedule.reap("host/1", f"host/1/{turn + 1}"))
        await self.add("good.1")
        self.assertEqual(["good.1"], await self.take_all())
        self.assertEqual(["bad.1"], list(await self.schedule.poison()))
        await self.add("bad.1")
        self.assertEqual([], await self.take_all())
        await self.schedule.forget("bad.1")
        self.assertEqual([], list(await self.schedule.poison()))
        self.assertEqual(1, await self.schedule.length())

    async def test_poison_by_expiry(self) -> None:
        """Leases that end by themselves count as crashes too."""
        await self.add("bad.1")
        for _ in range(3):
            self.assertEqual("bad.1", await self.take(lease=0))
        self.assertEqual("", await self.take())
        self.assertEqual(["bad.1"], list(await self.schedule.poison()))

    async def test_poison_frees_its_slot(self) -> None:
        """When a job is set aside others of its destination go on, also those of another class."""
        await self.schedule.tune("d.example", Limits(max_concurrency=1))
        await self.add("bad.1", priority=0)
        await self.add("good.1", priority=2)
        for _ in range(3):
            self.assertEqual("bad.1", await self.take(lease=0))
        self.assertEqual("good.1", await self.take())

    async def test_an_attempt_clears_the_crashes(self) -> None:
        """An attempt that came to its end shows that the job does not kill; a release shows nothing."""
        await self.add("m.1")
        for _ in range(2):
            self.assertEqual("m.1", await self.take(lease=0))
        self.assertEqual("m.1", await self.take())
        self.assertTrue(await self.schedule.retry(ANN, "m.1", 1000, 1))
        for _ in range(2):
            self.assertEqual("m.1", await self.take(lease=0))
        self.assertEqual("m.1", await self.take())
        self.assertTrue(await self.schedule.release(ANN, "m.1", 1000))
        self.assertEqual("m.1", await self.take(lease=0))
        self.assertEqual("", await self.take())

    async def test_reap_one_slot(self) -> None:
        """Only other incarnations of that very slot lose their leases."""
        workers = ("host/1/old", "host/1/older", "host/1/new", "host/10/x", "host/2/y")
        for n, worker in enumerate(workers):
            await self.add(f"m.{n}", f"d{n}.example")
            self.assertEqual(f"m.{n}", await self.take(worker))
        self.assertEqual(2, await self.schedule.reap("host/1", "host/1/new"))
        self.assertEqual(0, await self.schedule.reap("host/1", "host/1/new"))
        self.assertEqual({"m.0", "m.1"}, set(await self.take_all()))
        for n, worker in ((2, "host/1/new"), (3, "host/10/x"), (4, "host/2/y")):
            self.assertTrue(await self.schedule.done(worker, f"m.{n}"))

    async def test_forget(self) -> None:
        """A job can be dropped while it waits, is ready or leased, and may then be added again."""
        await self.add("wait.1", "w.example", due=self.now() + FAR)
        await self.add("lease.1", "l.example")
        await self.take()
        await self.add("ready.1", "r.example")
        for job_id in ("wait.1", "lease.1", "ready.1", "unknown.1"):
            await self.schedule.forget(job_id)
        self.assertEqual(0, await self.schedule.length())
        self.assertEqual(Idle(0), await self.schedule.claim(ANN, LONG))
        self.assertFalse(await self.schedule.renew(ANN, "lease.1", LONG))
        await self.add("ready.1", "r.example")
        self.assertEqual(["ready.1"], await self.take_all())

    async def test_length(self) -> None:
        """All jobs count, in whatever state."""
        await self.add("wait.1", due=self.now() + FAR)
        await self.add("ready.1")
        await self.add("ready.2")
        await self.add("lease.1", priority=0)
        self.assertEqual("lease.1", await self.take())
        self.assertEqual(4, await self.schedule.length())

    # Rebuilding

    async def test_lost(self) -> None:
        """Without an epoch claims call for a rebuild, and adding does not hide the loss."""
        await self.add("m.1")
        await self.lose()
        self.assertEqual(Rebuild(), await self.schedule.claim(ANN, LONG))
        self.assertEqual(0, await self.schedule.length())
        await self.add("m.2")
        self.assertEqual(Rebuild(), await self.schedule.claim(ANN, LONG))
        self.assertTrue(await self.schedule.begin_rebuild(ANN))
        await self.schedule.end_rebuild(ANN)
        self.assertEqual(["m.2"], await self.take_all())

    async def test_one_rebuilds(self) -> None:
        """One worker has the right to rebuild; it may ask again, and only it can end the rebuild."""
        await self.lose()
        self.assertTrue(await self.schedule.begin_rebuild(ANN))
        self.assertTrue(await self.schedule.begin_rebuild(ANN))
        self.assertFalse(await self.schedule.begin_rebuild(BOB))
        await self.schedule.end_rebuild(BOB)
        self.assertEqual(Rebuild(), await self.schedule.claim(BOB, LONG))
        await self.schedule.end_rebuild(ANN)
        self.assertEqual(Idle(0), await self.schedule.claim(BOB, LONG))

    async def test_a_rebuilder_that_died(self) -> None:
        """Who comes after it in its slot frees the right; another's stays."""
        await self.lose()
        self.assertTrue(await self.schedule.begin_rebuild(ANN))
        for slot, incarnation in (("host/1", ANN), ("host/2", BOB)):
            await self.schedule.reap(slot, incarnation)
            self.assertFalse(await self.schedule.begin_rebuild(BOB), slot)
        await self.schedule.reap("host/1", "host/1/new")
        self.assertTrue(await self.schedule.begin_rebuild(BOB))

    async def test_nothing_to_rebuild(self) -> None:
        """While the epoch is there nobody gets the right."""
        self.assertFalse(await self.schedule.begin_rebuild(ANN))

    async def test_lost_during_a_rebuild(self) -> None:
        """Who rebuilt into a schedule that was lost meanwhile does not declare it whole."""
        await self.lose()
        self.assertTrue(await self.schedule.begin_rebuild(ANN))
        await self.lose()
        await self.schedule.end_rebuild(ANN)
        self.assertEqual(Rebuild(), await self.schedule.claim(ANN, LONG))

    async def test_restore(self) -> None:
        """A restored lease is its worker's, counts for the destination, and ends at its time."""
        await self.lose()
        self.assertTrue(await self.schedule.begin_rebuild(BOB))
        jobs = [Due(f"m.{n}", "d.example", 1, 1000, n) for n in range(6)]
        await self.schedule.restore(jobs[0], ANN, self.now() + LONG)
        await self.schedule.restore(jobs[1], ANN, self.now() + LONG)
        await self.schedule.restore(jobs[1], ANN, self.now() + LONG)
        await self.schedule.restore(jobs[2], "host/9/gone", self.now() + 200)
        await self.schedule.end_rebuild(BOB)
        await self.schedule.add(jobs)
        self.assertEqual(6, await self.schedule.length())
        self.assertEqual("", await self.take(BOB))
        self.assertTrue(await self.schedule.renew(ANN, "m.0", LONG))
        self.assertEqual("m.3", await self.eventually(self.take))
        self.assertTrue(await self.schedule.done(ANN, "m.1"))
        self.assertEqual(["m.4"], await self.take_all())
        self.assertTrue(await self.schedule.done(ANN, "m.0"))
        self.assertEqual(["m.5"], await self.take_all())

    async def test_restore_a_job_that_was_added_meanwhile(self) -> None:
        """The live lease wins over ready work and over work that waits."""
        await self.lose()
        ready = await self.add("m.1")
        waits = await self.add("m.2", due=self.now() + 50)
        self.assertTrue(await self.schedule.begin_rebuild(BOB))
        for job in (ready, waits):
            await self.schedule.restore(job, ANN, self.now() + LONG)
        await self.schedule.end_rebuild(BOB)
        until = self.now() + 80

        async def nothing_comes() -> bool:
            self.assertEqual("", await self.take(BOB))
            return self.now() > until

        await self.eventually(nothing_comes)
        self.assertTrue(await self.schedule.done(ANN, "m.1"))
        self.assertTrue(await self.schedule.done(ANN, "m.2"))
        self.assertEqual(0, await self.schedule.length())

    # The doorbell

    async def test_wait_ends_by_itself(self) -> None:
        """Without a bell wait takes its time."""
        await self._quiet()
        self.assertGreaterEqual(await self.elapse(self.schedule.wait(0.1)), 95)

    async def test_the_bell(self) -> None:
        """Whatever makes work ready ends the wait of all that wait."""
        later = self.now() + FAR
        await self.schedule.tune("d.example", Limits(max_concurrency=1))

        async def two_are_ready() -> None:
            await self.schedule.add([Due("m.1", "d.example", 1, 1000), Due("m.2", "d.example", 1, 1000)])

        async def one_is_released() -> None:
            await self.schedule.release(ANN, "m.1", 1000)

        async def a_slot_is_freed() -> None:
            await self.schedule.retry(ANN, "m.2", later, 1)

        async def a_limit_is_raised() -> None:
            await self.schedule.tune("d.example", Limits(max_concurrency=2))

        async def a_worker_is_reaped() -> None:
            await self.schedule.reap("host/1", "host/1/next")

        for what, given in (
            (two_are_ready, "m.1"),
            (one_is_released, "m.2"),
            (a_slot_is_freed, "m.1"),
            (a_limit_is_raised, "m.3"),
            (a_worker_is_reaped, "m.1"),
        ):
            await self._quiet()
            waits = [Deferred.fromCoroutine(self.schedule.wait(60)) for _ in range(2)]
            self.assertFalse(waits[0].called)
            await what()

            async def rung(waits: list[Deferred[None]] = waits) -> bool:
                return all(wait.called for wait in waits)

            await self.eventually(rung)
            self.assertEqual(given, await self.take())
            if what is a_slot_is_freed:
                await self.add("m.3")

    async def test_the_bell_after_a_rebuild(self) -> None:
        """Who waits for a rebuild is told that it has ended."""
        await self.lose()
        await self._quiet()
        waiting = Deferred.fromCoroutine(self.schedule.wait(60))
        self.assertTrue(await self.schedule.begin_rebuild(ANN))
        self.assertFalse(waiting.called)
        await self.schedule.end_rebuild(ANN)

        async def rung() -> bool:
            return waiting.called

        await self.eventually(rung)

    async def test_no_bell_is_missed(self) -> None:
        """A bell between an idle claim and the wait ends the wait at once."""
        await self._quiet()
        self.assertEqual("", await self.take())
        await self.add("m.1")
        self.assertLess(await self.elapse(self.schedule.wait(5)), 4000)

    async def _lease(self) -> Any:
        claimed = await self.schedule.claim(ANN, LONG)
        return claimed if isinstance(claimed, Lease) else None

    async def _quiet(self) -> None:
        """Until no bell that was rung is still on its way."""
        await self.listening()

        async def silent() -> bool:
            return await self.elapse(self.schedule.wait(0.1)) >= 95

        await self.eventually(silent)
