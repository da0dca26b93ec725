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


async def work(schedule: RedisSchedule, worker: str, steps: int, latencies: list[float]) -> None:
    """Claim and finish ``steps`` jobs, one after the other."""
    for _ in range(steps):
        start = time.perf_counter()
        lease = await schedule.claim(worker, 120_000)
        latencies.append(time.perf_counter() - start)
        assert isinstance(lease, Lease)
        await schedule.done(worker, lease.job_id)


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


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, sys.argv[1:])))
