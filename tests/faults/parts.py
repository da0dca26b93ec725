"""The real parts as the processes of the fault tests put them together, and what the controls leave out of them."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.interfaces.jobs import Taken
from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.schedule import Due, Limits
from mailsuite.model.errors import DestinationDown
from mailsuite.model.job import Job, JobUpdate, Lane, NotClaimable, Outcome, QueuedMessage, RecipientState
from mailsuite.model.status import Status
from mailsuite.queue.recent import Recent
from mailsuite.queue.reconcile import Reconciler
from mailsuite.queue.settle import RetryPolicy
from mailsuite.queue.worker import Tools, Worker
from mailsuite.redis.connection import Link
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.runtime.clock import now
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.store import Store

DESTINATIONS = 3
LIMIT = 4
"""Jobs at a time to one destination."""
LEASE = 8_000
CONCURRENCY = 8
"""Of one worker; three of them could do twice what the destinations allow."""
DEADLY = "deadly.example"
"""A message to this destination kills the worker that tries it."""
DROPPED = 0.3
"""The part of what the accepting process adds to the schedule that gets lost."""


class Stores:
    """The database and what is kept in it, open."""

    def __init__(self, reactor: Any, folder: Path) -> None:
        store = Store(folder / "mail.db", reactor, now, patience=20)
        store.start()
        keeper = BlobKeeper(store, folder / "blobs")
        self.store = store
        self.jobs = JobStore(store, keeper)
        self.blobs = BlobStore(store, keeper)


class Dropping(RedisSchedule):
    """As if the accepting process had died before it could say what it accepted."""

    async def add(self, jobs: Sequence[Due]) -> None:
        """Keep some of them back."""
        await super().add([job for job in jobs if random.random() >= DROPPED])


class NoRestore(RedisSchedule):
    """Control: live claims are not put back in a rebuild."""

    async def restore(self, job: Due, worker: str, until: int) -> None:
        """Forget it."""


class NoCompareAndSet(JobStore):
    """Control: whoever the schedule sends may send, and the last result stands."""

    async def claim(self, job_id: str, worker: str, now: int, until: int) -> Job | NotClaimable:
        """No look at anybody's claim."""
        job = await self.job(job_id)
        return replace(job, epoch=0) if job and job.state.value == "pending" else NotClaimable(closed=True)

    async def take(self, job_id: str, worker: str, now: int, until: int) -> Taken | NotClaimable:
        """The same."""
        job = await self.claim(job_id, worker, now, until)
        return job if isinstance(job, NotClaimable) else Taken(job, None)

    async def renew(self, job_id: str, epoch: int, until: int) -> bool:
        """Nobody can lose it."""
        return True

    async def dot(self, job_id: str, epoch: int, at: int) -> bool:
        """Go ahead."""
        return True

    async def record(self, job_id: str, epoch: int, update: JobUpdate, durable: bool = True) -> bool:
        """Whoever writes last."""

        def write(c: Connection) -> None:
            c.execute(
                "UPDATE job SET state = ?, next_attempt = ?, attempts = ? WHERE id = ?",
                (update.state.value, update.next_attempt, update.attempts, job_id),
            )

        await self._store.write(write)
        return True


@implementer(INotices)
class Silence:
    """INotices: nobody is told."""

    async def failed(self, message: object, job: object, results: object) -> None:
        """As said."""

    async def delayed(self, message: object, job: object, results: object, until: int) -> None:
        """As said."""

    async def succeeded(self, message: object, job: object, results: object, relayed: bool) -> None:
        """As said."""


class _Visit(LineReceiver):
    """A connection to the sink."""

    delimiter = b"\n"

    def __init__(self) -> None:
        self._answer: Deferred[bytes] = Deferred()

    async def ask(self, line: str) -> bytes:
        """Say a line, wait for the answer. Raises ConnectionError."""
        self.sendLine(line.encode())
        return await self._answer

    def lineReceived(self, line: bytes) -> None:
        """The answer."""
        answer, self._answer = self._answer, Deferred()
        answer.callback(line)

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # noqa: B008
        """Whoever waits, waits in vain."""
        self._answer.addErrback(lambda _: None)
        self._answer.errback(ConnectionError("the sink is gone"))


class Sender:
    """The attempt: hands a job to the sink."""

    def __init__(self, reactor: Any, folder: Path, worker: str) -> None:
        self._endpoint = UNIXClientEndpoint(reactor, str(folder / "sink"))
        self._deaths = folder / "deaths"
        self._worker = worker

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """As SMTP would."""
        if job.destination == DEADLY:
            with self._deaths.open("a", encoding="ascii") as file:
                file.write(f"{self._worker} {time.time()}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            visit = await self._endpoint.connect(Factory.forProtocol(_Visit))
        except ConnectError as error:
            raise DestinationDown(451, "4.4.1", str(error)) from error
        try:
            await visit.ask(f"{job.destination} {job.id} {self._worker}")
            if not await before_dot():
                raise DestinationDown(451, "4.4.2", "the claim is lost")
            code = int(await visit.ask("."))
        finally:
            visit.transport.loseConnection()
        status = Status(250, "2.0.0", "taken") if code == 250 else Status(451, "4.2.0", "not now")
        state = RecipientState.DELIVERED if code == 250 else RecipientState.DEFERRED
        return [Outcome(recipient, state, status, "sink") for recipient in job.open_recipients]


def make_worker(reactor: Any, folder: Path, redis: str, name: str, without: str) -> tuple[Worker, Reconciler | None]:
    """A worker as mailsuite-out has one; ``without`` names what a control leaves out."""
    stores = Stores(reactor, folder)
    jobs: JobStore = stores.jobs
    if without == "compare-and-set":
        jobs = NoCompareAndSet(stores.store, BlobKeeper(stores.store, folder / "blobs"))
    make = NoRestore if without == "restore" else RedisSchedule
    schedule = make(Link(reactor, redis, timeout=2), Lane.REMOTE, Limits(max_concurrency=LIMIT))

    async def sleep(seconds: float) -> None:
        await deferLater(reactor, min(seconds, LEASE / 4000))

    worker = Worker(
        name,
        Lane.REMOTE,
        jobs,
        Recent(),
        schedule,
        Sender(reactor, folder, name).attempt,
        Silence(),
        RetryPolicy((100, 200, 400)),
        Tools(now, sleep, random.uniform),
        CONCURRENCY,
        LEASE,
    )
    if without == "reconciler":
        return worker, None
    return worker, Reconciler(jobs, {Lane.REMOTE: schedule}, now, sleep, worker.expire, 0.5, 1000)
