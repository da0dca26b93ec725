"""Tests of mailsuite.redis.schedule: what the contract cannot see, namely keys, expiry and several processes."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from mailsuite.interfaces.schedule import Due, Idle, Lease, Limits, Rebuild
from mailsuite.model.job import Lane
from mailsuite.redis.schedule import REBUILD_RIGHT, RedisSchedule
from mailsuite.runtime.clock import now
from tests.redis.served import ServedCase

ANN = "host/1/a"


class KeysTests(ServedCase):
    """What a schedule keeps in Redis."""

    async def make(self, lane: Lane = Lane.REMOTE, limits: Limits | None = None) -> RedisSchedule:
        schedule = RedisSchedule(self.link, lane, limits)
        if await schedule.begin_rebuild(ANN):
            await schedule.end_rebuild(ANN)
        return schedule

    async def take(self, schedule: RedisSchedule, lease: int = 60_000) -> str:
        claimed = await schedule.claim(ANN, lease)
        return claimed.job_id if isinstance(claimed, Lease) else ""

    def keys(self) -> set[str]:
        return set(self.redis.keys())

    async def test_one_hash_tag(self) -> None:
        """All keys of a lane have one hash tag, so that a cluster keeps them together."""
        schedule = await self.make()
        jobs = [Due(f"m.{n}", f"d{n % 3}.example", n % 3, 1000) for n in range(9)]
        await schedule.add([*jobs, Due("later.1", "d.example", 1, now() + 60_000)])
        await schedule.tune("d0.example", Limits(gap=60_000))
        await self.take(schedule)
        failing = await self.take(schedule)
        await schedule.setback(ANN, failing, [60_000], "no route")
        for _ in range(3):
            await self.take(schedule, lease=0)
        self.assertEqual(set(), {key for key in self.keys() if not key.startswith("mq:{remote}:")})
        kinds = {key.removeprefix("mq:{remote}:").split(":")[0] for key in self.keys()}
        expected = {"epoch", "jobs", "job", "delay", "rdy", "dests", "lease", "inf", "wl", "workers", "dst", "start"}
        expected |= {"seen", "troubled"}
        self.assertEqual(expected, kinds)

    async def test_lanes(self) -> None:
        """A lane sees nothing of the other; each has its own doorbell."""
        local, remote = await self.make(Lane.LOCAL), await self.make(Lane.REMOTE)
        await local.add([Due("m.1", "local", 0, 1000)])
        self.assertEqual(Idle(0), await remote.claim(ANN, 1000))
        self.assertEqual("m.1", await self.take(local))
        self.assertEqual((1, 0), (await local.length(), await remote.length()))

    async def test_nothing_is_left(self) -> None:
        """When all jobs have ended, by whatever way, no key of them remains."""
        schedule = await self.make()
        empty = self.keys()
        jobs = [Due(f"m.{n:02}", f"d{n % 4}.example", n % 3, 1000) for n in range(20)]
        await schedule.add(jobs)
        await schedule.tune("d1.example", Limits(max_concurrency=2, gap=1))
        await schedule.add([Due("later.1", "d9.example", 1, now() + 60_000)])
        await schedule.forget("later.1")
        for _ in range(3):
            await self.take(schedule, lease=0)
        for job in jobs[:5]:
            await schedule.forget(job.job_id)
        await schedule.tune("d1.example", Limits())
        while job_id := await self.take(schedule):
            await schedule.done(ANN, job_id)
        for job_id in await schedule.poison():
            await schedule.forget(job_id)

        async def only_counter_and_epoch() -> bool:
            return self.keys() == empty | {"mq:{remote}:jobs"}

        await self.eventually(only_counter_and_epoch)  # the mark of the gap ends by itself
        self.assertEqual(0, await schedule.length())

    async def test_default_limits(self) -> None:
        """Our own store is used more widely than a foreign host; both can be set."""
        for lane, limits, expected in (
            (Lane.LOCAL, None, 64),
            (Lane.REMOTE, None, 20),
            (Lane.LOCAL, Limits(max_concurrency=70), 70),
        ):
            self.redis.flushall()
            schedule = await self.make(lane, limits)
            await schedule.add([Due(f"m.{n}", "local", 1, 1000) for n in range(80)])
            taken = 0
            while await self.take(schedule):
                taken += 1
            self.assertEqual(expected, taken)

    async def test_default_gap(self) -> None:
        """A gap may hold for every destination that nobody tuned, and leaves no key for ever."""
        schedule = await self.make(limits=Limits(gap=30))
        await schedule.add([Due(f"m.{n}", "d.example", 1, 1000) for n in range(2)])
        self.assertEqual("m.0", await self.take(schedule))
        self.assertEqual("", await self.take(schedule))

        async def take() -> str:
            return await self.take(schedule)

        self.assertEqual("m.1", await self.eventually(take))
        self.assertGreater(self.redis.pttl("mq:{remote}:start:d.example"), 0)

    async def test_an_open_breaker_ends_by_itself(self) -> None:
        """Limits that differ from the default only by a time go with it; others stay; default ones go at once."""
        schedule = await self.make()
        key = "mq:{remote}:dst:d.example"
        await schedule.tune("d.example", Limits(open_until=now() + 60_000))
        self.assertTrue(0 < self.redis.pttl(key) <= 60_000)
        await schedule.tune("d.example", Limits(max_concurrency=1, open_until=now() + 60_000))
        self.assertEqual(-1, self.redis.pttl(key))
        await schedule.tune("d.example", Limits(open_until=now() - 1))
        self.assertEqual(0, self.redis.exists(key))

    async def test_what_was_learnt_is_forgotten(self) -> None:
        """A breaker and a halved maximum leave no key for ever; beside limits of an admin they stay."""
        schedule = await self.make()
        await schedule.add([Due(f"m.{n}", f"d{n}.example", 1, 1000) for n in range(3)])
        await schedule.tune("d2.example", Limits(max_concurrency=4))
        for n in range(3):
            self.assertEqual(f"m.{n}", await self.take(schedule))
            await schedule.setback(ANN, f"m.{n}", [60_000], "no route", busy=n == 1)
        day = 24 * 3600 * 1000
        self.assertTrue(day < self.redis.pttl("mq:{remote}:dst:d0.example") <= day + 60_000)
        self.assertTrue(day - 60_000 < self.redis.pttl("mq:{remote}:dst:d1.example") <= day)
        self.assertEqual(-1, self.redis.pttl("mq:{remote}:dst:d2.example"))
        self.assertEqual(["d0.example", "d2.example"], self.redis.zrange("mq:{remote}:troubled", 0, -1))
        for n in range(3):
            await schedule.done(ANN, f"m.{n}", answered=True)
        self.assertEqual(0, self.redis.exists("mq:{remote}:troubled"))
        self.assertTrue(0 < self.redis.pttl("mq:{remote}:dst:d0.example") <= day)

    async def test_an_old_state(self) -> None:
        """Data of another server process (a restart from a file, a promoted replica) are not trusted.

        Whoever was in work then is not; what is waiting stays, so that little must be added again.
        """
        schedule = await self.make()
        await schedule.add([Due(f"m.{n}", "d.example", 1, 1000 + n) for n in range(3)])
        self.assertEqual("m.0", await self.take(schedule))
        self.assertEqual("m.1", await self.take(schedule))
        self.assertEqual(self.redis.info()["run_id"], self.redis.get("mq:{remote}:epoch"))
        self.redis.set("mq:{remote}:epoch", "0" * 40)
        self.assertEqual(Rebuild(), await schedule.claim(ANN, 60_000))
        self.assertTrue(await schedule.begin_rebuild(ANN))
        await schedule.restore(Due("m.1", "d.example", 1, 1001), ANN, now() + 60_000)
        await schedule.end_rebuild(ANN)
        self.assertFalse(await schedule.renew(ANN, "m.0", 60_000))
        self.assertTrue(await schedule.done(ANN, "m.1"))
        self.assertEqual(["m.2", "m.0"], [await self.take(schedule), await self.take(schedule)])
        self.assertEqual(2, await schedule.length())

    async def test_a_server_that_stood_still(self) -> None:
        """When nobody could renew for half a lease the leases are not taken for dead: the store is asked."""
        schedule = await self.make()
        await schedule.add([Due("m.1", "d.example", 1, 1000)])
        self.assertEqual("m.1", await self.take(schedule))
        self.redis.set("mq:{remote}:seen", now() - 31_000)
        self.redis.zadd("mq:{remote}:lease", {"m.1": now() - 1})
        self.assertEqual(Rebuild(), await schedule.claim(ANN, 60_000))
        self.redis.zadd("mq:{remote}:lease", {"m.1": now() + 60_000})
        for call in (schedule.end_rebuild(ANN), schedule.renew(ANN, "m.1", 60_000)):
            self.redis.set("mq:{remote}:seen", now() - 31_000)
            self.redis.set("mq:{remote}:rebuild", ANN)
            await call
            self.assertEqual(Idle(0), await schedule.claim(ANN, 60_000))

    async def test_the_right_to_rebuild_ends(self) -> None:
        """The right lasts 30 s and each restored lease prolongs it, so that a dead rebuilder holds nobody up."""
        schedule = RedisSchedule(self.link, Lane.REMOTE)
        self.assertTrue(await schedule.begin_rebuild(ANN))
        key = "mq:{remote}:rebuild"
        self.assertTrue(REBUILD_RIGHT - 2000 < self.redis.pttl(key) <= REBUILD_RIGHT)
        self.redis.pexpire(key, 500)
        await schedule.restore(Due("m.1", "d.example", 1, 1000), ANN, now() + 60_000)
        self.assertTrue(REBUILD_RIGHT - 2000 < self.redis.pttl(key) <= REBUILD_RIGHT)
        self.redis.delete(key)
        await schedule.end_rebuild(ANN)
        self.assertTrue(await schedule.begin_rebuild("host/2/b"))

    async def test_poison_is_given_in_parts(self) -> None:
        """However many jobs are poison, a call gives a bounded number; those forgotten make room."""
        self.redis.zadd("mq:{remote}:poison", {f"m.{n:04}": n for n in range(1500)})
        schedule = RedisSchedule(self.link, Lane.REMOTE)
        self.assertEqual([f"m.{n:04}" for n in range(1000)], list(await schedule.poison()))

    async def test_many_closed_destinations(self) -> None:
        """A claim looks at a bounded number of destinations that cannot start; then Idle says: go on at once."""
        schedule = await self.make()
        for n in range(300):
            await schedule.tune(f"d{n}.example", Limits(open_until=now() + 60_000))
        await schedule.add([Due(f"m.{n}", f"d{n}.example", 1, 1000) for n in range(300)])
        await schedule.add([Due("last.1", "z.example", 1, 1000)])
        idle = await schedule.claim(ANN, 60_000)
        assert isinstance(idle, Idle)
        self.assertTrue(now() - 5000 < idle.next_due <= now() + 1)
        self.assertEqual("last.1", await self.take(schedule))

    async def test_a_burst_of_due_jobs(self) -> None:
        """More jobs due at once than a call promotes all come, and nothing sends the worker to sleep before."""
        schedule = await self.make(Lane.LOCAL, Limits(max_concurrency=1000))
        due = now() + 50
        await schedule.add([Due(f"m.{n}", f"d{n}.example", 1, due) for n in range(350)])

        async def past() -> bool:
            return now() > due

        await self.eventually(past)
        taken = set()
        while job_id := await self.take(schedule):
            taken.add(job_id)
        self.assertEqual(350, len(taken))

    async def test_one_destination_at_full_speed(self) -> None:
        """A single destination is not held to one start a millisecond."""
        schedule = await self.make(Lane.LOCAL)
        await schedule.add([Due(f"m.{n}", "local", 1, 1000) for n in range(500)])

        async def work(worker: str) -> None:
            while isinstance(claimed := await schedule.claim(worker, 60_000), Lease):
                await schedule.done(worker, claimed.job_id)

        await gatherResults([Deferred.fromCoroutine(work(f"h/{n}/x")) for n in range(8)])
        self.assertEqual(0, await schedule.length())
