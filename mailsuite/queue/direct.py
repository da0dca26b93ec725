"""Files mail for accounts of this suite right after it was accepted, where it was accepted.

Such a job needs no turn from the schedule: nobody else knows of it yet, and the store's compare-and-set keeps the
right to end it. What is not plain filing, or fails, is scheduled like any other job; what a crash leaves is found by
the reconciler.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.final_delivery import Ending, IFinalDelivery, Plain
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.event import Changed, Event, Toast
from mailsuite.model.job import Job, Outcome, QueuedMessage
from mailsuite.model.message import Filed
from mailsuite.queue.settle import RetryPolicy, log_outcomes, settle

log = Logger()

MOST = 2000
"""So many jobs wait here at most; more go to the schedule."""

CONTENT = 64 * 1024 * 1024
"""And so many octets of their contents."""

BATCH = 50
"""Jobs that one transaction ends."""

PAUSE = 0.005
"""Seconds between an acceptance and its filing: what comes meanwhile shares the transaction."""

RUSH = 2
"""So many acceptances within a pause are a rush: filing then leaves them the right of way, for PATIENCE seconds."""

PATIENCE = 2.0


class Prepare(Protocol):
    """Says what a job comes to; None when it is not plain filing."""

    async def __call__(self, message: QueuedMessage, job: Job, content: bytes) -> Plain | None: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: QueuedMessage
    job: Job
    content: bytes
    since: float


class Direct:
    """Takes jobs of the local lane. ``name`` stands in their history; ``schedule`` is where the others go.

    ``sleep`` and ``seconds`` are the reactor's; ``counted`` hears each outcome.
    """

    def __init__(
        self,
        prepare: Prepare,
        delivery: IFinalDelivery,
        events: IEventBus,
        schedule: Callable[[Job], None],
        policy: RetryPolicy,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        seconds: Callable[[], float],
        name: str,
        counted: Callable[[Outcome], None],
    ) -> None:
        self._prepare = prepare
        self._delivery = delivery
        self._events = events
        self._schedule = schedule
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds
        self._name = name
        self._counted = counted
        self._waiting: deque[_Waiting] = deque()
        self._octets = 0
        self._taken = 0
        self._running: Deferred[None] | None = None
        self._stopping = False

    def take(self, message: QueuedMessage, job: Job, content: bytes) -> bool:
        """File it soon; False: schedule it."""
        if self._stopping or len(self._waiting) >= MOST or self._octets + len(content) > CONTENT:
            return False
        self._waiting.append(_Waiting(message, job, content, self._seconds()))
        self._octets += len(content)
        self._taken += 1
        if self._running is None:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addErrback(lambda failure: log.failure("direct filing failed", failure))
            self._running.addCallback(self._ended)
        return True

    async def stop(self) -> None:
        """Take no more; return when what was taken is filed."""
        self._stopping = True
        if self._running is not None:
            done: Deferred[None] = Deferred()
            self._running.addCallback(done.callback)
            await done

    def _ended(self, _: None) -> None:
        self._running = None

    async def _run(self) -> None:
        while self._waiting:
            taken = self._taken
            await self._sleep(PAUSE)
            rush = self._taken - taken >= RUSH and not self._stopping
            if rush and self._seconds() - self._waiting[0].since < PATIENCE:
                continue
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._octets -= sum(len(each.content) for each in batch)
            await self._file(batch)

    async def _file(self, batch: Sequence[_Waiting]) -> None:
        endings: list[Ending] = []
        plains: list[Plain] = []
        for each in batch:
            try:
                plain = await self._prepare(each.message, each.job, each.content)
            except StoreUnavailable:
                plain = None
            except Exception:
                log.failure("{job_id}: could not be prepared", job_id=each.job.id)
                plain = None
            ending = None if plain is None else self._ending(each, plain)
            if plain is None or ending is None:
                self._schedule(each.job)
            else:
                endings.append(ending)
                plains.append(plain)
        if not endings:
            return
        try:
            results = await self._delivery.deliver(endings)
        except StoreUnavailable as error:
            log.warn("{count} jobs wait for the store: {error}", count=len(endings), error=error.detail)
            for ending in endings:
                self._schedule(ending.job)
            return
        await self._tell(endings, plains, results)

    def _ending(self, each: _Waiting, plain: Plain) -> Ending | None:
        """None when notices are due: a worker writes them before the end is recorded."""
        settlement = settle(
            each.message, each.job, plain.outcomes, self._name, self._clock(), self._policy, lambda low, high: low
        )
        if settlement.failures or settlement.delayed or settlement.delivered or settlement.relayed:
            return None
        return Ending(each.job, plain.filings, settlement.update)

    async def _tell(
        self, endings: Sequence[Ending], plains: Sequence[Plain], results: Sequence[Sequence[Filed] | None]
    ) -> None:
        newest: dict[tuple[str, str], int] = {}
        events: list[Event] = []
        for ending, plain, result in zip(endings, plains, results, strict=True):
            if result is None:
                continue  # somebody else has it
            for filing, filed in zip(ending.filings, result, strict=True):
                place = filing.account, filed.folder
                newest[place] = max(newest.get(place, 0), filed.seq)
                if filed.new and filing.description.structure.content_type == "multipart/report":
                    events.append(Toast(filing.account, filing.description.subject, filed.conversation))
            for outcome in plain.outcomes:
                self._counted(outcome)
            log_outcomes(ending.job, plain.outcomes)
        # One event tells of all that a batch brought to a folder.
        for (account, folder), seq in newest.items():
            await self._events.publish(Changed(account, folder, seq))
        for event in events:
            await self._events.publish(event)
