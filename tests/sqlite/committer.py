"""A process that writes to a store until it has done its number, or for ever: what the durability tests kill.

python -m tests.sqlite.committer PATH NAME COUNT: COUNT 0 is for ever. Prints the id of each message that was
acknowledged, after the acknowledgement.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from mailsuite.model.job import LOCAL
from mailsuite.runtime.clock import now
from mailsuite.sqlite.blobs import BlobKeeper
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.store import Store
from mailsuite.testing.builders import filing, plan_entry, queued_message

reactor: Any = _reactor
SESSIONS = 12


async def main(path: Path, name: str, count: int) -> None:
    """Commit messages in several sessions at a time, every 20th with a large content, and file each."""
    store = Store(path, reactor, now, patience=60)
    store.start()
    jobs, messages = JobStore(store, BlobKeeper(store, path.parent / "blobs")), MessageStore(store, os.urandom)
    numbers = iter(range(count or sys.maxsize))

    async def session() -> None:
        for n in numbers:
            queue_id = f"{name}-{n}"
            content = queue_id.encode() * (20_000 if n % 20 == 0 else 20)
            plan = [plan_entry(0, LOCAL), plan_entry(1, "beta.example")]
            await jobs.commit(queued_message(queue_id, content, plan=plan), content)
            await messages.file(filing(queue_id, blob=queued_message(queue_id, content).blob))
            os.write(1, queue_id.encode() + b"\n")

    await gatherResults([Deferred.fromCoroutine(session()) for _ in range(SESSIONS)])
    await store.stop()


def end(result: object) -> None:
    """Leave, with status 1 after an error."""
    if isinstance(result, Failure):
        sys.stderr.write(result.getTraceback())
        sys.stderr.flush()
        os._exit(1)
    reactor.stop()


if __name__ == "__main__":
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))).addBoth(end)
    )
    reactor.run()
