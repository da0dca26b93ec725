"""Measures the delivery schedule on redis-server and on the wheel's valkey-server: ``python -m bench.schedule``."""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from mailsuite.interfaces.schedule import Due, Lease, Limits
from mailsuite.model.job import Lane
from mailsuite.redis.connection import Link
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.runtime.clock import now
from mailsuite.testing.redis_server import RedisServer, executables

JOBS = 100_000
DESTINATIONS = 2_000
STEPS = 10_000
AT_ONCE = 16
DEAD = 10_000
HEALTHY = 2_000
ROUNDS = 7


async def work(schedule: RedisSchedule, worker: str, steps: int, latencies: list[float]) -> None:
    """Claim and finish ``steps`` jobs, one after the other."""
    for _ in range(steps):
        start = time.perf_counter()
        lease = await schedule.claim(worker, 120_000)
        latencies.append(time.perf_counter() - start)
        assert isinstance(lease, Lease)
        await schedule.done(worker, lease.job_id)


async def cost(schedule: RedisSchedule, worker: str, server: RedisServer) -> float:
    """What claim and done of a healthy destination's job cost Redis, in us; the network and our own time left out."""
    await schedule.add([Due(f"{worker}.{n}", "healthy.example", 1, 1000) for n in range(HEALTHY)])
    server.client.config_resetstat()
    await work(schedule, worker, HEALTHY, [])
    return float(server.client.info("commandstats")["cmdstat_evalsha"]["usec"]) / HEALTHY


async def beside(schedule: RedisSchedule, server: RedisServer, state: str, turn: int) -> tuple[float, float]:
    """The cost alone, and beside DEAD jobs of a destination that is "down" or "full"."""
    alone = await cost(schedule, f"alone/{state}/{turn}", server)
    name = f"{state}{turn}.example"
    await schedule.add([Due(f"{name}.{n}", name, n % 3, 1000) for n in range(DEAD)])
    for _ in range(1 if state == "down" else Limits().max_concurrency):
        lease = await schedule.claim("bench/0/x", 120_000)
        assert isinstance(lease, Lease)
        if state == "down":
            await schedule.setback("bench/0/x", lease.job_id, [3_600_000], "no route")
    loaded = await cost(schedule, f"beside/{state}/{turn}", server)
    for n in range(DEAD):
        await schedule.forget(f"{name}.{n}")
    return alone, loaded


async def dead(reactor: Any, kind: str) -> None:
    """Print what many jobs that cannot start cost the jobs of another destination."""
    server = RedisServer(kind).start()
    link = Link(reactor, server.url)
    schedule = RedisSchedule(link, Lane.REMOTE, Limits())
    await schedule.begin_rebuild("bench/0/x")
    await schedule.end_rebuild("bench/0/x")
    for state in ("down", "full"):
        costs = [await beside(schedule, server, state, turn) for turn in range(ROUNDS)]
        alone, loaded = (min(column) for column in zip(*costs, strict=True))
        print(
            f"{kind:7} claim+done cost Redis {alone:.1f} us, beside {DEAD} jobs of a destination that is {state} "
            f"{loaded:.1f} us ({(loaded / alone - 1) * 100:+.1f} %)"
        )
    await link.close()
    server.stop()


async def measure(reactor: Any, kind: str) -> None:
    """Print one line for one kind of server."""
    server = RedisServer(kind).start()
    link = Link(reactor, server.url)
    schedule = RedisSchedule(link, Lane.REMOTE, Limits())
    await schedule.begin_rebuild("bench/0/x")
    await schedule.end_rebuild("bench/0/x")
    before = server.client.info("memory")["used_memory"]
    due = now() - 1
    jobs = [Due(f"{n:020x}.1", f"d{n % DESTINATIONS}.example", n % 3, due) for n in range(JOBS)]

    start = time.perf_counter()
    await schedule.add(jobs)
    adds = JOBS / (time.perf_counter() - start)
    size = (server.client.info("memory")["used_memory"] - before) / JOBS

    latencies: list[float] = []
    start = time.perf_counter()
    await work(schedule, "bench/1/x", STEPS, latencies)
    one = STEPS / (time.perf_counter() - start)
    latencies.sort()

    start = time.perf_counter()
    await gatherResults(
        [Deferred.fromCoroutine(work(schedule, f"bench/{n}/x", STEPS // AT_ONCE, [])) for n in range(AT_ONCE)]
    )
    many = STEPS / (time.perf_counter() - start)

    median, slow = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    print(
        f"{kind:7} add {adds:7.0f}/s  claim+done {one:6.0f}/s one after the other, {many:6.0f}/s {AT_ONCE} at once  "
        f"claim p50 {median * 1e6:.0f} us p99 {slow * 1e6:.0f} us  {size:.0f} B/job"
    )
    await link.close()
    server.stop()


async def main(reactor: Any, kinds: list[str]) -> None:
    """Measure each kind of server."""
    for kind in kinds or executables():
        await measure(reactor, kind)
        await dead(reactor, kind)


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, sys.argv[1:])))
