"""The accepting process of the fault tests: ``python -m tests.faults.acceptor FOLDER REDIS COUNT``.

Accepts numbered messages and writes the number of each that it answered with 250 into ``ledger``; a new one goes on
where the last one was killed. Some of what it adds to the schedule gets lost.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from mailsuite.interfaces.queue import Submission
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import Lane
from mailsuite.queue.accept import Queue
from mailsuite.redis.connection import Link
from mailsuite.runtime.clock import now
from tests.faults.parts import DEADLY, DESTINATIONS, Dropping, Stores

POISON = 50
"""The number of a message that kills its worker."""
AT_ONCE = 8
DAY = 24 * 3600 * 1000


def main(reactor: Any, folder: str, redis: str, count: str) -> Deferred[Any]:
    """Until all are accepted."""
    jobs = Stores(reactor, Path(folder)).jobs
    schedule = Dropping(Link(reactor, redis, timeout=2), Lane.REMOTE)
    queue = Queue(jobs, _nobody, {Lane.REMOTE: schedule}, "mail.alpha.example", now, os.urandom, DAY, DAY)
    ledger = Path(folder, "ledger")
    ledger.touch()
    done = set(ledger.read_text("ascii").split())
    numbers = iter([name for n in range(int(count)) if (name := f"m{n:06}") not in done])
    books = os.open(ledger, os.O_WRONLY | os.O_APPEND)

    async def accept() -> None:
        for name in numbers:
            number = int(name[1:])
            domain = DEADLY if number == POISON else f"d{number % DESTINATIONS}.example"
            envelope = Envelope(Address.parse("a@alpha.example"), (Recipient(Address.parse(f"u@{domain}")),))
            await queue.accept(Submission(envelope, name.encode(), account="a", id=name))
            os.write(books, f"{name}\n".encode())

    return gatherResults([Deferred.fromCoroutine(accept()) for _ in range(AT_ONCE)])


async def _nobody(domain: str) -> bool:
    return False


if __name__ == "__main__":
    react(main, sys.argv[1:])
