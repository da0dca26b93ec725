"""What a run must show, and the controls: what it shows when a part of the design is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.faults.harness import Harness, Report


def lossless(report: Report) -> bool:
    """Nothing lost, nothing sent twice but in doubt, no limit exceeded, and what kills workers set aside."""
    return not (report.lost or report.doubled or report.overruns) and 1 <= report.parked <= 3


@dataclass(frozen=True)
class Control:
    """Leaves something out, so that ``shows`` finds it in the report."""

    without: str
    faults: Mapping[str, float]
    hold: tuple[float, float]
    shows: Callable[[Report], bool]

    def run(self, seed: int, jobs: int) -> Report:
        """One run."""
        return Harness(jobs, seed, self.faults, self.without, self.hold, patience=6).run()


_EMPTIED = {"redis emptied": 1.0}

CONTROLS = (
    Control("compare-and-set", _EMPTIED, (0.2, 0.4), lambda report: report.doubled > 0),
    Control("reconciler", {}, (0.005, 0.05), lambda report: report.lost > 0),
    Control("restore", _EMPTIED, (0.2, 0.4), lambda report: report.overruns > 0),
)
