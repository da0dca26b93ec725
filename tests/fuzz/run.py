"""Runs fuzz targets, each for a time, and says what they found.

python -m tests.fuzz.run [--seconds N] [--at-once N] [--into FOLDER] [target ...]

In the folder (default build/fuzz) each target has TARGET.log, its grown corpus TARGET/ and for each finding a file
TARGET-crash-...; `python -m tests.fuzz.replay TARGET FILE` shows one again. Exits with 1 when there is a finding.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from tests.fuzz import TARGETS

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "tests" / "corpora" / "fuzz"
LONGEST = 8192
"""Octets of an input."""
FINDINGS = 20
"""So many faults end a run before its time."""

_RUNS = re.compile(r"stat::number_of_executed_units:\s*([0-9]+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """``executions`` is the number of inputs that were tried; ``findings`` are the files that show a fault."""

    target: str
    executions: int
    findings: tuple[Path, ...]
    log: Path


def run(targets: Sequence[str], seconds: int, at_once: int, folder: Path) -> list[Outcome]:
    """Run targets, ``at_once`` of them at a time, each for ``seconds``."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda target: _run(target, seconds, folder), targets))


def _run(target: str, seconds: int, folder: Path) -> Outcome:
    grown = folder / target
    grown.mkdir(exist_ok=True)
    path = folder / f"{target}.log"
    executions, findings, ends = 0, 0, time.monotonic() + seconds
    before = set(folder.glob(f"{target}-*"))
    with path.open("w", encoding="utf-8") as log:
        _say(log, f"start {target}: {seconds} s, {len(list((SEEDS / target).iterdir()))} seeds, {grown} grows")
        # libFuzzer ends at its first finding; the time that is left goes into looking for others.
        while (left := ends - time.monotonic()) >= 1 and findings < FINDINGS:
            failed, count = _child(target, int(left), folder, log)
            executions += count
            findings += failed
        found = tuple(sorted(set(folder.glob(f"{target}-*")) - before))
        _say(log, f"end {target}: {executions} executions, {len(found)} findings {' '.join(map(str, found))}".rstrip())
    return Outcome(target, executions, found, path)


def _child(target: str, seconds: int, folder: Path, log: TextIO) -> tuple[bool, int]:
    log.flush()
    position = Path(log.name).stat().st_size
    options = (
        f"-max_total_time={seconds}", "-timeout=300", "-rss_limit_mb=3000", f"-max_len={LONGEST}",
        "-print_final_stats=1", f"-artifact_prefix={folder / target}-", f"-dict={SEEDS / target}.dict",
    )  # fmt: skip
    done = subprocess.run(
        (sys.executable, "-m", "tests.fuzz.child", target, *options, str(folder / target), str(SEEDS / target)),
        stdout=log,
        stderr=log,
        cwd=ROOT,
        check=False,
    )
    with Path(log.name).open(encoding="utf-8", errors="replace") as written:
        written.seek(position)
        runs = _RUNS.findall(written.read())
    log.seek(0, 2)
    return done.returncode != 0, int(runs[-1]) if runs else 0


def _say(log: TextIO, text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {text}", file=log, flush=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("targets", nargs="*", default=TARGETS)
    options = parser.parse_args()
    outcomes = run(options.targets, options.seconds, options.at_once, options.into.resolve())
    for outcome in outcomes:
        print(f"{outcome.target}: {outcome.executions} executions, {len(outcome.findings)} findings, {outcome.log}")
    return 1 if any(outcome.findings or not outcome.executions for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
