"""A worker process of the fault tests: ``python -m tests.faults.worker FOLDER REDIS NAME [WITHOUT]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from tests.faults.parts import make_worker


def main(reactor: Any, folder: str, redis: str, name: str, without: str = "") -> Deferred[Any]:
    """Until it is killed."""
    worker, reconciler = make_worker(reactor, Path(folder), redis, name, without)
    loops = [worker.run()]
    if reconciler is not None:
        loops.append(reconciler.run())
    return gatherResults([Deferred.fromCoroutine(loop) for loop in loops])


if __name__ == "__main__":
    react(main, sys.argv[1:])
