"""Worker, door and reconciler together, on fakes whose clock the test turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.queue import Submission
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import (
    Deferral,
    DestinationBusy,
    DestinationDown,
    Postponed,
    Refusal,
    StoreUnavailable,
)
from mailsuite.model.job import (
    Job,
    JobState,
    Lane,
    NotClaimable,
    Outcome,
    QueuedMessage,
    RecipientResult,
    RecipientState,
)
from mailsuite.model.status import Status
from mailsuite.queue import reconcile
from mailsuite.queue.recent import Recent
from mailsuite.queue.reconcile import Reconciler
from mailsuite.queue.settle import RetryPolicy
from mailsuite.queue.worker import CRASHES, LEASE, Tools, Worker
from tests.queue.case import QueueCase

OK = Status(250, "2.0.0", "taken")
POLICY = RetryPolicy((60_000, 300_000))
SLOW = RetryPolicy((60_000, 3_600_000))
ALICE = "alice@alpha.example"


@implementer(INotices)
class Party:
    """One attempt function and the notices it led to."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, int, list[str]]] = []
        self.told: list[tuple[str, list[str]]] = []
        self.behave: Callable[[Job], Status | Exception] = lambda job: OK
        self.gate: Deferred[None] | None = None
        self.dots: list[bool] = []

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """Note the try, wait at the gate when there is one, then behave."""
        self.tried.append((job.id, job.epoch, [str(r.address) for r in job.open_recipients]))
        if self.gate is not None:
            await self.gate
        result = self.behave(job)
        if isinstance(result, Exception):
            raise result
        self.dots.append(await before_dot())
        state = RecipientState.DELIVERED if result.positive else RecipientState.FAILED
        return [
            Outcome(r, state if result.code >= 500 or result.positive else RecipientState.DEFERRED, result)
            for r in job.open_recipients
        ]

    async def failed(self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult]) -> None:
        """Note who was told."""
        self.told.append((job.id, [str(f.recipient.address) for f in results]))

    async def delayed(self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult], until: int) -> None:
        """Nobody waits for so long here."""

    async def succeeded(
        self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult], relayed: bool
    ) -> None:
        """Nobody asks for it here."""


class WorkerTests(QueueCase):
    """Turns, rights, results, and what happens when a part is gone."""

    def setUp(self) -> None:
        """One remote worker."""
        super().setUp()
        # Workers of other processes: they read everything from the store.
        self.recent = Recent()
        self.party = Party()

    def worker(
        self,
        uuid: str = "one",
        party: Party | None = None,
        lane: Lane = Lane.REMOTE,
        policy: RetryPolicy = POLICY,
    ) -> Worker:
        """A worker of slot host/s."""
        party = party or self.party
        return Worker(
            f"host/s/{uuid}",
            lane,
            self.store.jobs,
            self.recent,
            self.schedules[lane],
            party.attempt,
            party,
            policy,
            Tools(self.now, self.sleep, lambda low, high: 1.0),
            10,
        )

    def reconciler(self) -> Reconciler:
        """Of both lanes."""
        return Reconciler(self.store.jobs, self.schedules, self.now, self.sleep, self.worker("reconciler").expire)

    def accept(self, *to: str, **more: object) -> QueuedMessage:
        """Hand a message from alice in."""
        envelope = Envelope(Address.parse(ALICE), tuple(Recipient(Address.parse(a)) for a in to))
        submission = Submission(envelope, b"Subject: x\r\n\r\nx\r\n", account="a1", **more)  # type: ignore[arg-type]
        return self.successResultOf(Deferred.fromCoroutine(self.queue.accept(submission)))

    def job(self, message: QueuedMessage, n: int = 0) -> Job:
        """A job as it stands."""
        job = self.successResultOf(Deferred.fromCoroutine(self.store.jobs.job(f"{message.id}.{n}")))
        assert job is not None
        return job

    def test_a_job_is_done_once(self) -> None:
        """Accepted, attempted, recorded, forgotten by the schedule."""
        self.running(self.worker())
        message = self.accept("u@remote.example")
        self.pass_time(2)
        self.assertEqual(self.party.tried, [(f"{message.id}.0", 1, ["u@remote.example"])])
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual(self.party.dots, [True])
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].length())), 0)

    def test_deferral_then_retry_by_the_schedule(self) -> None:
        """A 451 waits a minute, then five, and uses up attempts; the third try is taken."""
        answers = [Deferral(451, "4.2.0", "later"), DestinationDown(421, "4.4.1", "no route"), None]
        self.party.behave = lambda job: answers.pop(0) or OK
        self.running(self.worker())
        message = self.accept("u@remote.example")
        self.pass_time(59)
        self.assertEqual(len(self.party.tried), 1)
        self.pass_time(3)
        self.assertEqual(len(self.party.tried), 2)
        self.pass_time(303)
        self.assertEqual(len(self.party.tried), 3)
        job = self.job(message)
        self.assertEqual((job.state, job.attempts, job.epoch), (JobState.DONE, 3, 3))
        self.assertEqual(self.party.told, [])

    def test_refusal_is_told_before_it_is_recorded(self) -> None:
        """A permanent failure reaches the originator, then the job is done."""
        self.party.behave = lambda job: Refusal(550, "5.1.2", "no such domain")
        self.running(self.worker())
        message = self.accept("u@remote.example")
        self.pass_time(2)
        self.assertEqual(self.party.told, [(f"{message.id}.0", ["u@remote.example"])])
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_a_bug_in_an_attempt_is_a_deferral_logged_once(self) -> None:
        """Our own fault loses nothing: 4.3.0, and another try."""
        answers: list[Exception | Status] = [ZeroDivisionError("a bug"), OK]
        self.party.behave = lambda job: answers.pop(0)
        self.running(self.worker())
        message = self.accept("u@remote.example")
        self.pass_time(2)
        (result,) = self.job(message).recipients
        assert result.status is not None
        self.assertEqual((result.status.code, result.status.enhanced), (451, "4.3.0"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.pass_time(61)
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_the_store_gone_during_an_attempt_uses_up_no_attempt(self) -> None:
        """StoreUnavailable releases the job; when the store is back it is tried again, still its first attempt."""
        self.running(self.worker())
        answers: list[Exception | Status] = [StoreUnavailable("locked"), OK]
        self.party.behave = lambda job: answers.pop(0)
        message = self.accept("u@remote.example")
        self.pass_time(6)
        job = self.job(message)
        self.assertEqual((job.state, job.attempts, job.epoch), (JobState.DONE, 1, 2))

    def test_a_late_result_is_refused(self) -> None:
        """A worker that slept past its lease writes nothing over the one that took the job after it."""
        slow = Party()
        slow.gate = Deferred()
        slow.behave = lambda job: Refusal(550, "5.0.0", "from the dead")
        frozen = self.worker("frozen", slow)
        message = self.accept("u@remote.example")
        self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].end_rebuild("host/s/frozen")))
        claim = self.successResultOf(
            Deferred.fromCoroutine(
                self.store.jobs.claim(f"{message.id}.0", frozen.name, self.now(), self.now() + LEASE)
            )
        )
        assert isinstance(claim, Job)
        # Its heartbeat has stopped with it: no time passes for it while the lease runs out.
        self.reactor.rightNow += LEASE / 1000 + 1
        self.running(self.worker("awake"))
        self.pass_time(3)
        self.assertIs(self.job(message).state, JobState.DONE)
        late = self.successResultOf(Deferred.fromCoroutine(self.store.jobs.dot(claim.id, claim.epoch, self.now())))
        self.assertFalse(late)
        self.assertEqual(self.party.tried, [(f"{message.id}.0", 2, ["u@remote.example"])])

    def test_the_same_slot_frees_its_predecessor_at_once(self) -> None:
        """A restarted worker does not wait for the lease of its dead self."""
        message = self.accept("u@remote.example")
        self.successResultOf(
            Deferred.fromCoroutine(
                self.store.jobs.claim(f"{message.id}.0", "host/s/dead", self.now(), self.now() + LEASE)
            )
        )
        self.running(self.worker("alive"))
        self.pass_time(3)
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_an_empty_schedule_is_rebuilt(self) -> None:
        """What Redis forgot comes back from the store."""
        self.running(self.worker())
        self.party.gate = Deferred()
        message = self.accept("u@remote.example", "v@other.example")
        self.schedules[Lane.REMOTE].lose()
        self.party.gate.callback(None)
        self.pass_time(10)
        self.assertEqual([self.job(message, n).state for n in (0, 1)], [JobState.DONE, JobState.DONE])

    # Destinations that fail

    def accept_many(self, count: int, **more: object) -> list[QueuedMessage]:
        """Messages to one destination."""
        return [self.accept("u@remote.example", id=f"q{n}", **more) for n in range(count)]

    def attempts(self, messages: Sequence[QueuedMessage]) -> list[int]:
        """How many attempts each has used up."""
        return [self.job(message).attempts for message in messages]

    def test_a_destination_that_is_down_uses_up_no_retries(self) -> None:
        """One failure opens the breaker, probes at 1, 3, 8 minutes count, the other jobs lose nothing and wait."""
        self.party.behave = lambda job: DestinationDown(451, "4.4.1", "no route to host")
        self.running(self.worker(policy=SLOW))
        messages = self.accept_many(10)
        self.pass_time(1)
        self.assertEqual(1, sum(self.attempts(messages)))
        tried = []
        for minutes in (1, 2, 5, 15):
            tried.append(len(self.party.tried))
            self.pass_time(60 * minutes)
        tried.append(len(self.party.tried))
        self.assertEqual([1, 1, 1, 1], [later - earlier for earlier, later in pairwise(tried)])
        self.assertEqual(5, sum(self.attempts(messages)))
        self.party.behave = lambda job: OK
        self.pass_time(60 * 31)
        self.assertEqual({JobState.DONE}, {self.job(message).state for message in messages})

    def test_one_probe_at_a_time(self) -> None:
        """While the probe is under way nothing else goes to the destination; others are served."""
        self.party.behave = lambda job: DestinationDown(451, "4.4.1", "no route to host")
        self.running(self.worker())
        self.accept_many(5)
        self.pass_time(1)
        self.party.tried.clear()
        self.party.gate = Deferred()
        self.pass_time(120)
        self.assertEqual(1, len(self.party.tried))
        self.accept("u@other.example", id="other")
        self.pass_time(1)
        self.assertEqual(["other.0"], [job_id for job_id, _, _ in self.party.tried[1:]])
        self.party.behave = lambda job: OK
        self.party.gate.callback(None)
        self.pass_time(5)
        self.assertEqual(6, len(self.party.tried))

    def test_exactly_as_many_retries_as_allowed(self) -> None:
        """A job that is alone at a dead destination is tried by its policy, and bounces after its last retry."""
        self.party.behave = lambda job: DestinationDown(451, "4.4.1", "no route to host")
        self.running(self.worker(policy=RetryPolicy((10_000, 20_000), 3)))
        message = self.accept("u@remote.example")
        self.pass_time(20 * 60)
        self.assertEqual(4, len(self.party.tried))
        self.assertEqual([(f"{message.id}.0", ["u@remote.example"])], self.party.told)

    def test_busy(self) -> None:
        """A host that complains of too many links gets fewer, and no message loses a retry."""
        most = 0
        under_way = 0

        async def attempt(
            message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
        ) -> Sequence[Outcome]:
            nonlocal most, under_way
            if under_way >= 3:
                raise DestinationBusy(421, "4.7.0", "too many connections")
            under_way += 1
            most = max(most, under_way)
            await self.sleep(1)
            under_way -= 1
            return [Outcome(r, RecipientState.DELIVERED, OK) for r in job.open_recipients]

        self.party.attempt = attempt  # type: ignore[method-assign]
        self.running(self.worker())
        messages = self.accept_many(60)
        self.pass_time(600)
        self.assertEqual({JobState.DONE}, {self.job(message).state for message in messages})
        self.assertEqual([1] * 60, self.attempts(messages))
        self.assertEqual(3, most)

    def test_postponed_is_no_attempt(self) -> None:
        """A local limit gives the job back until its time."""
        at = self.now() + 90_000
        self.party.behave = lambda job: Postponed(at, "the site is full") if self.now() < at else OK
        self.running(self.worker())
        message = self.accept("u@remote.example")
        self.pass_time(80)
        job = self.job(message)
        self.assertEqual((1, 0, at, None), (len(self.party.tried), job.attempts, job.next_attempt, job.claim))
        self.pass_time(15)
        self.assertEqual((JobState.DONE, 1), (self.job(message).state, self.job(message).attempts))

    def test_postponed_until_it_expires(self) -> None:
        """A job that a local limit holds up for ever bounces when its message expires."""
        self.party.behave = lambda job: Postponed(self.now() + 60_000, "the site is full")
        self.running(self.worker())
        message = self.accept("u@remote.example", lifetime=150_000)
        self.pass_time(149)
        self.assertEqual([], self.party.told)
        self.pass_time(5)
        (result,) = self.job(message).recipients
        assert result.status is not None
        self.assertEqual((JobState.DONE, "5.4.7"), (self.job(message).state, result.status.enhanced))
        self.assertIn("the site is full", result.status.text)
        self.assertEqual([(f"{message.id}.0", ["u@remote.example"])], self.party.told)

    def test_a_destination_down_until_messages_expire(self) -> None:
        """However many wait behind a breaker, each bounces when it expires, though few were ever tried."""
        down = DestinationDown(451, "4.4.1", "no route to host")
        self.party.behave = lambda job: down if job.destination == "remote.example" else OK
        self.running(self.worker(policy=SLOW))
        messages = self.accept_many(50, lifetime=3_600_000)
        self.accept("u@healthy.example", id="healthy", lifetime=3_600_000)
        reconciler = self.reconciler()
        self.pass_time(3590)
        self.successResultOf(Deferred.fromCoroutine(reconciler.round()))
        before = len(self.party.told)
        self.pass_time(15)
        self.successResultOf(Deferred.fromCoroutine(reconciler.round()))
        self.pass_time(5)
        self.assertLess(before, 10)
        self.assertEqual(50, len(self.party.told))
        self.assertEqual({JobState.DONE}, {self.job(message).state for message in messages})
        statuses = {r.status.enhanced for m in messages for r in self.job(m).recipients if r.status}
        self.assertEqual({"5.4.7"}, statuses)
        self.assertLess(len(self.party.tried), 10)
        self.assertEqual(0, self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].length())))

    def test_expired_while_we_were_off(self) -> None:
        """A message that expired before anybody could try it is tried once, unless its destination is down."""
        message = self.accept("u@remote.example", lifetime=60_000)
        self.pass_time(120)
        self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].begin_rebuild("host/x/y")))
        self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].end_rebuild("host/x/y")))
        self.successResultOf(Deferred.fromCoroutine(self.reconciler().round()))
        self.assertIs(self.job(message).state, JobState.PENDING)
        self.running(self.worker())
        self.pass_time(2)
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual([], self.party.told)

    def test_a_setback_while_redis_is_down(self) -> None:
        """A destination that fails meanwhile costs no retry either."""
        self.running(self.worker())
        self.party.gate = Deferred()
        message = self.accept("u@remote.example")
        self.pass_time(1)
        self.schedules[Lane.REMOTE].down = True
        self.party.behave = lambda job: DestinationDown(451, "4.4.1", "no route to host")
        self.party.gate.callback(None)
        self.pass_time(5)
        job = self.job(message)
        self.assertEqual((JobState.PENDING, 0, None), (job.state, job.attempts, job.claim))
        self.schedules[Lane.REMOTE].down = False
        self.pass_time(2)

    def test_a_job_that_kills_workers_is_parked_though_redis_forgets(self) -> None:
        """The store counts too; it takes more than three, for it counts what a dying machine did as well."""
        message = self.accept("u@remote.example")
        for n in range(CRASHES):
            claim = self.store.jobs.claim(f"{message.id}.0", f"host/s/dead{n}", self.now(), self.now() + LEASE)
            self.successResultOf(Deferred.fromCoroutine(claim))
            self.successResultOf(Deferred.fromCoroutine(self.store.jobs.free_slot("host/s", f"host/s/dead{n + 1}")))
            self.schedules[Lane.REMOTE].lose()
        self.running(self.worker())
        self.pass_time(3)
        self.assertIs(self.job(message).state, JobState.PARKED)
        self.assertEqual([], self.party.tried)

    def test_F096_due_later_than_a_lease(self) -> None:
        """A job due in an hour, two workers, a reconciler: attempted once, then."""
        self.party.behave = lambda job: (
            Postponed(start + 3_600_000, "not yet") if self.now() < start + 3_600_000 else OK
        )
        start = self.now()
        self.running(self.worker())
        other = self.worker("two")
        other.name = "host/t/two"
        self.running(other)
        message = self.accept("u@remote.example")
        for _ in range(60):
            self.pass_time(61)
            self.successResultOf(Deferred.fromCoroutine(self.reconciler().round()))
        self.assertEqual(2, len(self.party.tried))
        self.assertEqual((JobState.DONE, 1), (self.job(message).state, self.job(message).attempts))

    def test_F096_the_clock_steps_back(self) -> None:
        """A worker dies, and the clock goes back an hour: the job comes back once its lease is over, and once."""
        message = self.accept("u@remote.example")
        schedule = self.schedules[Lane.REMOTE]
        self.successResultOf(Deferred.fromCoroutine(schedule.begin_rebuild("host/dead/x")))
        self.successResultOf(Deferred.fromCoroutine(schedule.end_rebuild("host/dead/x")))
        self.successResultOf(Deferred.fromCoroutine(schedule.claim("host/dead/x", LEASE)))
        claim = self.store.jobs.claim(f"{message.id}.0", "host/dead/x", self.now(), self.now() + LEASE)
        self.successResultOf(Deferred.fromCoroutine(claim))
        self.reactor.rightNow -= 3600
        self.running(self.worker())
        for _ in range(65):
            self.pass_time(60)
            self.successResultOf(Deferred.fromCoroutine(self.reconciler().round()))
        self.assertEqual([2], [epoch for _, epoch, _ in self.party.tried])
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_a_schedule_rebuilt_between_the_two_claims(self) -> None:
        """A job whose turn the schedule has forgotten is given back: it would not count for its destination."""
        schedule = self.schedules[Lane.REMOTE]
        claim = self.store.jobs.claim
        forgotten: list[str] = []

        async def forget_and_claim(job_id: str, worker: str, now: int, until: int) -> Job | NotClaimable:
            if not forgotten:
                forgotten.append(job_id)
                schedule.lose()
            return await claim(job_id, worker, now, until)

        self.store.jobs.claim = forget_and_claim  # type: ignore[method-assign]
        self.running(self.worker())
        message = self.accept("u@remote.example")
        self.pass_time(10)
        self.assertEqual([f"{message.id}.0"], forgotten)
        self.assertEqual([2], [epoch for _, epoch, _ in self.party.tried])
        self.assertEqual((JobState.DONE, 1), (self.job(message).state, self.job(message).attempts))

    def test_what_breaks_off_while_we_stop(self) -> None:
        """A link that ends with our daemon says nothing of its destination and costs no retry."""
        self.party.gate = Deferred()
        self.party.behave = lambda job: DestinationDown(451, "4.4.2", "the link is broken")
        worker = self.worker()
        run = Deferred.fromCoroutine(worker.run())
        message = self.accept("u@remote.example")
        self.pass_time(2)
        stopped = Deferred.fromCoroutine(worker.stop())
        self.party.gate.callback(None)
        self.pass_time(2)
        self.successResultOf(stopped)
        self.successResultOf(run)
        job = self.job(message)
        self.assertEqual((JobState.PENDING, 0, None), (job.state, job.attempts, job.claim))
        state = self.schedules[Lane.REMOTE].destination("remote.example")
        self.assertEqual(0, self.successResultOf(Deferred.fromCoroutine(state)).failures)

    def test_a_blip_of_redis_is_no_crash(self) -> None:
        """The end of a turn that cannot be told at once is told later, so that no lease is left to die."""
        self.running(self.worker())
        self.party.gate = Deferred()
        self.party.behave = lambda job: Deferral(451, "4.2.0", "later")
        message = self.accept("u@remote.example")
        self.pass_time(1)
        self.schedules[Lane.REMOTE].down = True
        self.party.gate.callback(None)
        self.pass_time(5)
        self.schedules[Lane.REMOTE].down = False
        self.pass_time(2)
        turn = self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].turn(f"{message.id}.0")))
        assert turn is not None
        self.assertEqual(("waiting", self.job(message).next_attempt), (turn.state, turn.due))

    # The reconciler

    def test_more_overdue_than_a_round_takes(self) -> None:
        """What is lost behind a long line that only waits its turn is found in the rounds that follow."""
        self.patch(reconcile, "_BATCH", 3)
        self.patch(reconcile, "_PAGES", 2)
        schedule = self.schedules[Lane.REMOTE]
        for n in range(14):
            self.accept("u@remote.example", id=f"q{n:02}")
        self.successResultOf(Deferred.fromCoroutine(schedule.forget("q13.0")))
        self.pass_time(6)
        reconciler = self.reconciler()
        rounds = [self.successResultOf(Deferred.fromCoroutine(reconciler.round())) for _ in range(4)]
        self.assertEqual([6, 6, 2, 6], rounds)
        self.assertEqual(14, self.successResultOf(Deferred.fromCoroutine(schedule.length())))

    def test_redis_down_mail_is_accepted_and_goes_out_later(self) -> None:
        """The commit is the store's; the reconciler schedules once Redis is back."""
        self.running(self.worker())
        self.schedules[Lane.REMOTE].down = True
        message = self.accept("u@remote.example")
        self.pass_time(8)
        self.assertEqual(self.party.tried, [])
        self.schedules[Lane.REMOTE].down = False
        self.pass_time(2)
        reconciler = self.reconciler()
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(reconciler.round())), 1)
        self.pass_time(2)
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_an_undecodable_job_is_parked(self) -> None:
        """A damaged row is set aside; others go on."""
        self.party.gate = Deferred()
        message = self.accept("u@remote.example")
        self.store.jobs.spoiled.add(f"{message.id}.0")
        self.party.gate = None
        self.running(self.worker())
        other = self.accept("w@other.example", id="q2")
        self.pass_time(2)
        self.store.jobs.spoiled.clear()
        self.assertIs(self.job(message).state, JobState.PARKED)
        self.assertIs(self.job(other).state, JobState.DONE)

    def test_stop_waits_for_what_is_under_way(self) -> None:
        """No new turn after stop; the running attempt is finished and recorded."""
        self.party.gate = Deferred()
        worker = self.worker()
        run = Deferred.fromCoroutine(worker.run())
        message = self.accept("u@remote.example")
        self.pass_time(2)
        stopped = Deferred.fromCoroutine(worker.stop())
        self.pass_time(2)
        self.assertNoResult(stopped)
        self.party.gate.callback(None)
        self.pass_time(2)
        self.successResultOf(stopped)
        self.successResultOf(run)
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_eager_jobs_are_done_when_accept_returns(self) -> None:
        """The Sent copy and mail to oneself do not wait for a worker, and the schedule never sees them."""
        self.queue.run_eagerly(self.worker(lane=Lane.LOCAL).attempt_now)
        message = self.accept(ALICE, "u@remote.example", self_address=ALICE, sent_copy=True)
        self.assertEqual(
            [self.job(message, n).state for n in (0, 1, 2)], [JobState.DONE, JobState.DONE, JobState.PENDING]
        )
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.LOCAL].length())), 0)

    def test_an_eager_job_that_fails_is_left_to_a_worker(self) -> None:
        """The store breaking down in the request loses nothing."""
        self.party.behave = lambda job: StoreUnavailable("full")
        self.queue.run_eagerly(self.worker(lane=Lane.LOCAL).attempt_now)
        message = self.accept(ALICE, self_address=ALICE)
        self.assertIs(self.job(message).state, JobState.PENDING)
        self.party.behave = lambda job: OK
        self.running(self.worker("later", lane=Lane.LOCAL))
        self.pass_time(5)
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_what_was_just_accepted_is_not_read_back(self) -> None:
        """A worker of the accepting process finds message and content in memory."""
        self.recent = self.queue.recent
        self.running(self.worker())
        message = self.accept("u@remote.example")
        kept = self.queue.recent.get(message.id)
        assert kept is not None
        self.assertEqual(kept, (message, b"Subject: x\r\n\r\nx\r\n"))
        self.pass_time(2)
        self.assertIs(self.job(message).state, JobState.DONE)

    def test_a_missing_content_parks_the_job(self) -> None:
        """Nothing is deleted silently: an admin looks at it."""
        message = self.accept("u@remote.example")
        del self.store.blobs.content[message.blob]
        self.running(self.worker())
        self.pass_time(2)
        job = self.job(message)
        self.assertIs(job.state, JobState.PARKED)
        self.assertIn(message.blob, job.history[-1].text)

    def test_the_same_key_twice_is_one_message(self) -> None:
        """A double click sends once."""
        first = self.accept("u@remote.example", idempotency_key="k")
        self.reactor.advance(1)
        again = self.accept("u@remote.example", idempotency_key="k")
        self.assertEqual(first, again)

    def test_store_down_nothing_is_accepted(self) -> None:
        """Deferral 451 4.3.0 to whoever hands in."""
        self.store.fault = "disk full"
        envelope = Envelope(Address.parse(ALICE), (Recipient(Address.parse("u@remote.example")),))
        failure = self.failureResultOf(Deferred.fromCoroutine(self.queue.accept(Submission(envelope, b"x"))))
        error = failure.value
        assert isinstance(error, StoreUnavailable)
        self.assertEqual((error.status.code, error.status.enhanced), (451, "4.3.0"))
