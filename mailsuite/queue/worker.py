"""The worker of a lane: its turn comes from the schedule, its right to send from the store (docs/adr/0003)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from mailsuite.interfaces.jobs import IJobStore, Taken
from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.schedule import IDeliverySchedule, Idle, Lease, Rebuild, Setback
from mailsuite.model.errors import (
    Deferral,
    DestinationBusy,
    DestinationDown,
    MailError,
    NotThere,
    Postponed,
    ScheduleUnavailable,
    StoreUnavailable,
    Undecodable,
)
from mailsuite.model.job import (
    Job,
    JobState,
    JobUpdate,
    Lane,
    NotClaimable,
    Outcome,
    QueuedMessage,
    RecipientState,
)
from mailsuite.model.status import Status
from mailsuite.queue.attempt import Attempt
from mailsuite.queue.breaker import Breaker
from mailsuite.queue.rebuild import rebuild
from mailsuite.queue.recent import Recent
from mailsuite.queue.settle import RetryPolicy, Settlement, log_outcomes, settle, tell, waiting
from mailsuite.queue.turn import Turn, Worked

log = Logger()

LEASE = 120_000
"""How long (ms) a claim lives; it is renewed four times in that time."""
BUSY_PAUSE = 2_000
"""How long (ms) a job rests when the store is busy or a claim is held elsewhere."""
CRASHES = 10
"""A job during whose attempts so many workers died is set aside. The schedule does so after three, but it forgets: this
is the store's own count, which goes on when machines die, and must not blame a job for them."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker needs of its surroundings; ``sleep`` in seconds, ``uniform`` as random.uniform."""

    clock: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    uniform: Callable[[float, float], float]


class Worker:
    """Serves one lane with ``concurrency`` jobs at a time. ``name`` is host/slot/uuid; ``lease`` in ms."""

    def __init__(
        self,
        name: str,
        lane: Lane,
        jobs: IJobStore,
        recent: Recent,
        schedule: IDeliverySchedule,
        attempt: Attempt,
        notices: INotices,
        policy: RetryPolicy,
        tools: Tools,
        concurrency: int,
        lease: int = LEASE,
    ) -> None:
        self.name = name
        self.lease = lease
        self._lane = lane
        self.jobs = jobs
        self.schedule = schedule
        self.tools = tools
        self._recent = recent
        self._attempt = attempt
        self._notices = notices
        self._policy = policy
        self._breaker = Breaker.beside(policy)
        self._concurrency = concurrency
        self._busy = 0
        self._idle: list[Deferred[None]] = []
        self._stopping = False
        self._down = False
        self._claims = 0

    @property
    def slot(self) -> str:
        """The name without the incarnation."""
        return self.name.rpartition("/")[0]

    async def run(self) -> None:
        """Take turns until ``stop``; survives whatever Redis and the store do."""
        await self._take_over()
        while not self._stopping:
            if self._busy >= self._concurrency:
                await self._one_less()
                continue
            try:
                await self._next()
                self._down = False
            except (ScheduleUnavailable, StoreUnavailable) as error:
                if not self._down:
                    self._down = True
                    log.warn("{worker} waits: {error}", worker=self.name, error=str(error))
                await self.tools.sleep(1.0)
            except CancelledError:
                raise
            except Exception:
                log.failure("{worker}: a turn failed", worker=self.name)
                await self.tools.sleep(1.0)

    async def stop(self) -> None:
        """Take no more turns; return when the running ones are over."""
        self._stopping = True
        while self._busy:
            await self._one_less()

    async def free_slot(self) -> None:
        """Give back in the store what an earlier incarnation of this slot held when it died."""
        freed = await self.jobs.free_slot(self.slot, self.name)
        if freed:
            log.info("{worker} took over {freed} jobs of its predecessor", worker=self.name, freed=freed)

    async def _take_over(self) -> None:
        """The same in the store and in the schedule, as soon as both are there."""
        while not self._stopping:
            try:
                await self.free_slot()
                await self.schedule.reap(self.slot, self.name)
            except (ScheduleUnavailable, StoreUnavailable):
                await self.tools.sleep(0.2)
            else:
                return

    async def _next(self) -> None:
        self._claims += 1
        # Every 8th turn begins at the lowest class, so that bulk mail cannot starve.
        turn = await self.schedule.claim(self.name, self.lease, 2 if self._claims % 8 == 0 else 0)
        match turn:
            case Rebuild():
                if not await rebuild(self.jobs, self.schedule, self._lane, self.name, self.tools.clock):
                    await self.tools.sleep(0.1)
            case Idle():
                wait = 1.0
                if turn.next_due:
                    wait = min(wait, max(0.0, (turn.next_due - self.tools.clock()) / 1000))
                await self.schedule.wait(wait)
            case Lease():
                self._busy += 1
                Deferred.fromCoroutine(self._leased(turn)).addErrback(
                    lambda failure: log.failure("{job_id}: the turn broke", failure, job_id=turn.job_id)
                ).addBoth(self._done)

    def _done(self, _: object) -> None:
        self._busy -= 1
        waiting, self._idle = self._idle, []
        for d in waiting:
            d.callback(None)

    async def _one_less(self) -> None:
        d: Deferred[None] = Deferred()
        self._idle.append(d)
        await d

    async def _leased(self, lease: Lease) -> None:
        now = self.tools.clock()
        pause = now + BUSY_PAUSE
        schedule, name, job_id = self.schedule, self.name, lease.job_id
        try:
            taken = await self._take(job_id, now)
            if isinstance(taken, NotClaimable):
                if taken.closed:
                    await self._end(lambda: schedule.done(name, job_id))
                else:
                    until = max(taken.until, now + 50)
                    await self._end(lambda: schedule.release(name, job_id, until))
                return
            job = taken.job
            if not await self._still_ours(job):
                # The schedule was rebuilt between the two claims and does not count this one.
                await self.jobs.release(job_id, job.epoch, job.next_attempt)
                await self._end(lambda: schedule.release(name, job_id, pause))
                return
            worked = await self._work(job, taken.found, leased=True)
        except StoreUnavailable:
            await self._end(lambda: schedule.release(name, job_id, pause))
            return
        except Undecodable as error:
            await self._park(job_id, str(error))
            await self._end(lambda: schedule.done(name, job_id))
            return
        due, attempts, answered = worked.next_attempt, worked.attempts, worked.answered
        if worked.state is not JobState.PENDING:
            await self._end(lambda: schedule.done(name, job_id, answered))
        elif attempts == job.attempts:
            await self._end(lambda: schedule.release(name, job_id, due))
        else:
            await self._end(lambda: schedule.retry(name, job_id, due, attempts, answered))

    async def _take(self, job_id: str, now: int) -> Taken | NotClaimable:
        """Claim it; a content that this process has just accepted is not read."""
        known = self._recent.get(job_id.rpartition(".")[0])
        if known is None:
            return await self.jobs.take(job_id, self.name, now, now + self.lease)
        job = await self.jobs.claim(job_id, self.name, now, now + self.lease)
        return job if isinstance(job, NotClaimable) else Taken(job, known)

    async def _still_ours(self, job: Job) -> bool:
        try:
            return await self.schedule.renew(self.name, job.id, self.lease)
        except ScheduleUnavailable:
            return False

    async def _end(self, finish: Callable[[], Awaitable[bool]]) -> None:
        """Tell the schedule, patiently: a lease that nobody ends would look like a crash."""
        deadline = self.tools.clock() + self.lease
        while True:
            try:
                await finish()
                return
            except ScheduleUnavailable:
                if self._stopping or self.tools.clock() > deadline:
                    return
                await self.tools.sleep(1.0)

    async def attempt_now(self, job_id: str) -> bool:
        """Try a job outside the schedule (eager jobs); True when nothing is left to do for it."""
        now = self.tools.clock()
        try:
            job = await self.jobs.claim(job_id, self.name, now, now + self.lease)
            if isinstance(job, NotClaimable):
                return job.closed
            worked = await self._work(job, None, leased=False)
        except StoreUnavailable:
            return False
        return worked.state is not JobState.PENDING

    async def expire(self, job_id: str, reason: str) -> None:
        """Give a job up whose message expired while its destination was down: no turn comes for it any more."""

        async def attempt(
            message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
        ) -> Sequence[Outcome]:
            raise Deferral(451, "4.4.1", reason)

        now = self.tools.clock()
        try:
            job = await self.jobs.claim(job_id, self.name, now, now + self.lease)
            if isinstance(job, NotClaimable) or (await self._work(job, None, False, attempt)).state is JobState.PENDING:
                return
        except Undecodable as error:
            await self._park(job_id, str(error))
        await self.schedule.forget(job_id)

    async def _work(
        self, job: Job, found: tuple[QueuedMessage, bytes] | None, leased: bool, attempt: Attempt | None = None
    ) -> Worked:
        """Attempt, tell, record. ``found``: the message and its content, when they were read already."""
        if job.crashes >= CRASHES:
            # The schedule counts too, but may have been lost.
            await self._park(job.id, f"its worker died {job.crashes} times")
            return Worked(JobState.PARKED, job.next_attempt, job.attempts)
        try:
            message, content = found or self._recent.get(job.queue_id) or await self.jobs.content(job.queue_id)
        except NotThere as error:
            await self._park(job.id, str(error))
            return Worked(JobState.PARKED, job.next_attempt, job.attempts)
        turn = Turn(self, job)
        keeping = Deferred.fromCoroutine(turn.keep(leased))
        try:
            outcomes = await self._outcomes(attempt or self._attempt, message, job, content, turn)
            now = self.tools.clock()
            settlement = settle(message, job, outcomes, self.name, now, self._policy, self.tools.uniform)
            await self._tell(message, job, settlement)
            if not await self._record(job, settlement.update):
                log.warn("{job_id}: the result came too late, another worker has the job", job_id=job.id)
            log_outcomes(job, outcomes)
        except StoreUnavailable:
            return await self._release(job, self.tools.clock() + BUSY_PAUSE)
        except Postponed as pause:
            log.info("{job_id} waits, this was no attempt: {reason}", job_id=job.id, reason=pause.reason)
            return await self._postpone(message, job, pause.until)
        finally:
            turn.over = True
            keeping.cancel()
            keeping.addErrback(lambda _: None)
        update = settlement.update
        return Worked(update.state, update.next_attempt, update.attempts, turn.answered)

    async def _postpone(self, message: QueuedMessage, job: Job, until: int) -> Worked:
        """The same, and the originator is told if it waits for long."""
        settlement = waiting(message, job, until, self.name, self.tools.clock(), self._policy)
        if settlement is None:
            return await self._release(job, until)
        await self._tell(message, job, settlement)
        await self._record(job, settlement.update)
        update = settlement.update
        return Worked(update.state, update.next_attempt, update.attempts)

    async def _release(self, job: Job, until: int) -> Worked:
        """Give a claim back without an attempt."""
        await self.jobs.release(job.id, job.epoch, until)
        return Worked(JobState.PENDING, until, job.attempts)

    async def _outcomes(
        self, attempt: Attempt, message: QueuedMessage, job: Job, content: bytes, turn: Turn
    ) -> Sequence[Outcome]:
        """What the attempt gave. Raises StoreUnavailable and Postponed; an expired message is postponed no more."""
        try:
            outcomes = await attempt(message, job, content, turn.before_dot)
            turn.answered = True
            return outcomes
        except StoreUnavailable:
            raise
        except DestinationDown as error:
            setback = await self._setback(job, error)
            if not setback.counts and message.expires > self.tools.clock():
                raise Postponed(min(setback.until, message.expires), error.status.text) from error
            status = error.status
        except MailError as error:
            status = error.status
        except Postponed as pause:
            if message.expires > self.tools.clock():
                raise Postponed(min(pause.until, message.expires), pause.reason) from pause
            status = Status(451, "4.4.5", pause.reason)  # RFC 3463 section 3.5: congestion
        except Exception:
            status = Status(451, "4.3.0", f"local error, see the log for {job.id} epoch {job.epoch}")
            log.failure("{job_id}: the attempt of epoch {epoch} failed", job_id=job.id, epoch=job.epoch)
        state = RecipientState.FAILED if status.permanent else RecipientState.DEFERRED
        return [Outcome(recipient, state, status) for recipient in job.open_recipients]

    async def _tell(self, message: QueuedMessage, job: Job, settlement: Settlement) -> None:
        """Tell the originator, patiently, as what was sent must not be sent again for the sake of a notice."""
        while True:
            try:
                await tell(self._notices, message, job, settlement)
            except StoreUnavailable as error:
                log.warn("{job_id}: a notice waits for the store: {error}", job_id=job.id, error=error.detail)
                if self._stopping:
                    raise
                await self.tools.sleep(1.0)
            else:
                return

    async def _setback(self, job: Job, error: DestinationDown) -> Setback:
        if self._stopping:  # it may be we who broke the link off
            return Setback(False, self.tools.clock())
        waits = self._breaker.waits(self.tools.uniform)
        busy = isinstance(error, DestinationBusy)
        try:
            setback = await self.schedule.setback(self.name, job.id, waits, str(error.status), busy)
        except ScheduleUnavailable:
            return Setback(False, self.tools.clock() + waits[0])
        if setback.counts:
            log.warn(
                "{destination} is down, tried again from {until}: {reason}",
                destination=job.destination,
                until=setback.until,
                reason=str(error.status),
            )
        return setback

    async def _record(self, job: Job, update: JobUpdate) -> bool:
        """Write the result, patiently: what was sent must not be sent again because the store was busy."""
        while True:
            try:
                # Local filing may be repeated, a transfer may not.
                return await self.jobs.record(job.id, job.epoch, update, durable=job.lane is Lane.REMOTE)
            except StoreUnavailable as error:
                log.warn("{job_id}: the result waits for the store: {error}", job_id=job.id, error=error.detail)
                if self._stopping:
                    raise
                await self.tools.sleep(1.0)

    async def _park(self, job_id: str, text: str) -> None:
        log.error("{job_id} parked: {text}", job_id=job_id, text=text)
        await self.jobs.park(job_id, text, self.tools.clock())
