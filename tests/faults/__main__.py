"""The long form: ``make faults`` or ``python -m tests.faults [JOBS [SEED]]``. Prints what happened; 1 when wrong."""

from __future__ import annotations

import sys

from tests.faults.harness import Harness
from tests.faults.runs import CONTROLS, lossless

JOBS = 10_000


def main(jobs: int, seed: int) -> int:
    """All faults at once, then the controls; 1 when one of them did not end as it must."""
    print(f"seed {seed}", flush=True)
    report = Harness(jobs, seed, patience=60).run()
    good = lossless(report)
    print(f"all faults: {report}: {'as it must be' if good else 'WRONG'}", flush=True)
    for control in CONTROLS:
        report = control.run(seed, jobs // 25)
        failed = control.shows(report)
        print(f"without the {control.without}: {report}: {'fails as it must' if failed else 'NOT SEEN'}", flush=True)
        good = good and failed
    return 0 if good else 1


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(numbers + [JOBS, 20261125][len(numbers) :])))
