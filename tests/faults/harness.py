"""Runs jobs through real parts while these are killed, frozen and emptied, then counts what was lost or sent twice."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailsuite.sqlite.jobs import IN_DOUBT
from tests.faults.parts import LEASE, LIMIT
from tests.faults.servers import Child, LossyRedis

SLOTS = 3

ALL: Mapping[str, float] = {
    "worker killed": 6,
    "worker frozen": 2,
    "acceptor killed": 2,
    "redis emptied": 1.5,
    "redis killed": 1.5,
    "redis with an old file": 1.5,
    "redis replica promoted": 1,
    "redis frozen": 0.5,
}
"""The faults, by how often they happen."""


@dataclass
class Report:
    """What became of ``accepted`` messages.

    ``lost``: neither sent nor set aside. ``parked``: set aside; one message kills workers. ``doubted``: sent twice, and
    the store says that the first may have arrived. ``doubled``: sent twice without that. ``overruns``: visits beyond a
    destination's limit.
    """

    accepted: int = 0
    lost: int = 0
    parked: int = 0
    doubted: int = 0
    doubled: int = 0
    overruns: int = 0
    deferred: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        return (
            f"{self.accepted} accepted in {self.seconds:.0f} s: {self.lost} lost, {self.doubled} sent twice, "
            f"{self.doubted} more in doubt, {self.overruns} beyond a limit, {self.parked} parked, "
            f"{self.deferred} deferred by the destination ({faults})"
        )


class Harness:
    """One run. ``without`` names what a control leaves out, see tests.faults.parts."""

    def __init__(
        self,
        jobs: int,
        seed: int,
        faults: Mapping[str, float] = ALL,
        without: str = "",
        hold: tuple[float, float] = (0.005, 0.4),
        patience: float = 40.0,
    ) -> None:
        """``hold``: see the sink. ``patience``: seconds without progress after which the run is over; more than a
        right to rebuild lasts, which a worker that died may have had.
        """
        self._jobs = jobs
        self._chance = random.Random(seed)
        self._weights = faults
        self._without = without
        self._hold = hold
        self._patience = patience
        self._folder = Path(tempfile.mkdtemp(prefix="mailsuite-faults-"))
        self._workers: dict[int, tuple[str, Child]] = {}
        self._frozen: dict[int, tuple[float, float]] = {}
        self._freezes: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._deaths: dict[str, float] = {}
        self._incarnation = 0
        self._kept = 0.0
        self.report = Report()

    def run(self) -> Report:
        """All of it."""
        start = time.monotonic()
        self._redis = LossyRedis(self._folder / "redis")
        hold = [str(seconds) for seconds in self._hold]
        self._sink = Child.python(
            self._log("sink"), "tests.faults.sink", str(self._folder / "sink"), str(self._folder / "visits"), *hold
        )
        try:
            self._accept()
            for slot in range(SLOTS):
                self._employ(slot)
            self._trouble()
            self.report.seconds = time.monotonic() - start
            for _, worker in self._workers.values():
                worker.end()
            self._acceptor.end()
            self._sink.end(signal.SIGTERM)
            self._count()
        finally:
            for child in (self._sink, self._acceptor, *(worker for _, worker in self._workers.values())):
                if child.alive:
                    child.end()
            self._redis.end()
        shutil.rmtree(self._folder)
        return self.report

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _accept(self) -> None:
        self._acceptor = Child.python(
            self._log("acceptor"), "tests.faults.acceptor", str(self._folder), self._redis.url, str(self._jobs)
        )

    def _employ(self, slot: int) -> None:
        self._incarnation += 1
        name = f"host/{slot}/{self._incarnation:04}"
        child = Child.python(
            self._log(f"worker{slot}"), "tests.faults.worker", str(self._folder), self._redis.url, name, self._without
        )
        self._workers[slot] = (name, child)

    def _accepted(self) -> list[str]:
        ledger = self._folder / "ledger"
        return ledger.read_text("ascii").split() if ledger.exists() else []

    def _ask(self, query: str) -> list[Any]:
        try:
            with closing(sqlite3.connect(f"file:{self._folder}/mail.db?mode=ro", uri=True, timeout=30)) as database:
                return database.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []  # it is being made

    # Faults

    def _trouble(self) -> None:
        """One fault after the other until nothing is left to do, or nothing happens any more."""
        moved = time.monotonic()
        before: object = None
        while time.monotonic() < moved + self._patience:
            time.sleep(self._chance.uniform(0.2, 0.8))
            self._thaw()
            self._employ_again()
            accepted = len(self._accepted())
            done = self._ask("SELECT COUNT(*) FROM job WHERE state <> 'pending'")
            if accepted == self._jobs and done == [(self._jobs,)]:
                break
            if (accepted, done) != before:
                before, moved = (accepted, done), time.monotonic()
                self._break_something()
            elif not self._acceptor.alive and accepted < self._jobs:
                self._accept()
        self._thaw(everybody=True)

    def _break_something(self) -> None:
        if time.monotonic() > self._kept + 3 and "redis with an old file" in self._weights:
            self._redis.keep()
            self._kept = time.monotonic()
        if not self._weights:
            return
        (name,) = self._chance.choices(list(self._weights), list(self._weights.values()))
        acts: dict[str, Callable[[], None]] = {
            "worker killed": self._kill_worker,
            "worker frozen": self._freeze_worker,
            "acceptor killed": self._kill_acceptor,
            "redis emptied": self._redis.flush,
            "redis killed": lambda: self._redis.restart(self._chance.uniform(0, 0.5)),
            "redis with an old file": self._redis.restart_from_file,
            "redis replica promoted": self._redis.promote_empty_replica,
            "redis frozen": lambda: self._redis.freeze(self._chance.uniform(0.5, 0.7 * LEASE / 1000)),
        }
        acts[name]()
        self.report.faults[name] += 1

    def _kill_worker(self) -> None:
        slot = self._chance.choice([slot for slot in self._workers if slot not in self._frozen])
        name, worker = self._workers[slot]
        worker.end()
        self._deaths[name] = time.time()
        self._employ(slot)

    def _employ_again(self) -> None:
        """As systemd does it."""
        for slot, (_, worker) in list(self._workers.items()):
            if not worker.alive:
                self._frozen.pop(slot, None)
                self._employ(slot)

    def _freeze_worker(self) -> None:
        """For up to one and a half leases. One at a time, so that the work goes on."""
        if self._frozen:
            return
        slot = self._chance.choice(list(self._workers))
        self._workers[slot][1].send(signal.SIGSTOP)
        now = time.time()
        self._frozen[slot] = (now, now + self._chance.uniform(0.1, 1.5) * LEASE / 1000)

    def _thaw(self, everybody: bool = False) -> None:
        for slot, (since, until) in list(self._frozen.items()):
            if everybody or time.time() > until:
                name, worker = self._workers[slot]
                self._freezes[name].append((since, time.time()))
                worker.send(signal.SIGCONT)
                del self._frozen[slot]

    def _kill_acceptor(self) -> None:
        if self._acceptor.alive:
            self._acceptor.end()
            self._accept()

    # Counting

    def _count(self) -> None:
        report = self.report
        deaths = self._folder / "deaths"
        for line in deaths.read_text("ascii").splitlines() if deaths.exists() else ():
            name, at = line.split()
            self._deaths[name] = float(at)
        visits = json.loads((self._folder / "visits").read_text("ascii"))
        taken = Counter(visit["job"] for visit in visits if visit["code"] == 250)
        rows = {job: (state, history) for job, state, history in self._ask("SELECT id, state, history FROM job")}
        accepted = [f"{name}.0" for name in self._accepted()]
        report.accepted = len(accepted)
        report.deferred = sum(visit["code"] == 451 for visit in visits)
        report.parked = sum(state == "parked" for state, _ in rows.values())
        report.lost = sum(not taken[job] and rows.get(job, ("", ""))[0] != "parked" for job in accepted)
        for job, times in taken.items():
            doubts = min(times - 1, rows[job][1].count(IN_DOUBT))
            report.doubted += doubts
            report.doubled += times - 1 - doubts
        report.overruns = self._overruns(visits)

    def _overruns(self, visits: list[dict[str, Any]]) -> int:
        """How many visits began while the destination had as many as it may."""
        changes: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for visit in visits:
            end = min(visit["end"], self._deaths.get(visit["worker"], visit["end"]))
            for since, until in self._freezes[visit["worker"]]:
                if visit["start"] < until and since < end:
                    # Its lease, renewed every quarter of its length, may end while it cannot say that it still works.
                    end = min(end, max(visit["start"], since + 0.7 * LEASE / 1000))
            changes[visit["destination"]] += [(visit["start"], 1), (end, -1)]
        overruns = 0
        for times in changes.values():
            present = 0
            for _, step in sorted(times):
                present += step
                overruns += step > 0 and present > LIMIT
        return overruns
