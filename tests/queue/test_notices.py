"""Worker, door and notices together, on fakes whose clock the test turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from twisted.internet.defer import Deferred

from mailsuite.interfaces.queue import Submission
from mailsuite.interfaces.schedule import Limits
from mailsuite.mime.describe import describe
from mailsuite.mime.dsn import Notice, parse_notice
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.job import Job, JobState, Lane, Outcome, QueuedMessage, RecipientResult, RecipientState
from mailsuite.model.status import Status
from mailsuite.mta.notices import Notices
from mailsuite.queue.attempt import Attempt
from mailsuite.queue.delays import GIVE_UP, OVERDUE, Delays
from mailsuite.queue.recent import Recent
from mailsuite.queue.settle import RetryPolicy, settle, tell
from mailsuite.queue.worker import Tools, Worker
from mailsuite.testing import builders
from tests.queue.case import QueueCase

OK = Status(250, "2.0.0", "taken")
NO = Status(550, "5.1.1", "unknown here")
WAIT = Status(451, "4.2.0", "later")
ALICE = "alice@alpha.example"
HOUR = 3600.0


class Peer:
    """Answers for each address one after the other, the last one for ever; remembers who got a message."""

    def __init__(self) -> None:
        self.says: dict[str, list[Status]] = {}
        self.tried: list[tuple[str, ...]] = []
        self.reached: list[str] = []

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """One transaction."""
        self.tried.append(tuple(str(r.address) for r in job.open_recipients))
        outcomes = []
        for recipient in job.open_recipients:
            said = self.says.get(str(recipient.address), [OK])
            status = said.pop(0) if len(said) > 1 else said[0]
            kind = {2: RecipientState.DELIVERED, 4: RecipientState.DEFERRED, 5: RecipientState.FAILED}
            outcomes.append(Outcome(recipient, kind[status.code // 100], status, "mx.remote.example"))
            if status.positive:
                self.reached.append(str(recipient.address))
        return outcomes


class NoticeCase(QueueCase):
    """Real notices."""

    def setUp(self) -> None:
        super().setUp()
        postmaster = Address.parse("postmaster@mail.alpha.example")
        self.notices = Notices(self.queue, self.store.blobs, "mail.alpha.example", postmaster, self.now)
        self.policy = RetryPolicy((60_000, 3_600_000), delay_notice=4 * 3_600_000)
        self.peer = Peer()
        self.mailbox = Peer()

    def work(self, lane: Lane = Lane.REMOTE, attempt: Attempt | None = None) -> None:
        """Run a worker until the test's end."""
        worker = Worker(
            f"host/{lane.value}/one",
            lane,
            self.store.jobs,
            Recent(),
            self.schedules[lane],
            attempt or (self.peer if lane is Lane.REMOTE else self.mailbox).attempt,
            self.notices,
            self.policy,
            Tools(self.now, self.sleep, lambda low, high: 1.0),
            10,
        )
        self.running(worker)

    def accept(self, *to: Recipient, sender: str = ALICE) -> QueuedMessage:
        """Hand a message in."""
        envelope = Envelope(Address.parse(sender) if sender else None, to)
        content = b"Message-ID: <m1@alpha.example>\r\nSubject: x\r\n\r\nx\r\n"
        submission = Submission(envelope, content, account="a1" if sender else None)
        return self.successResultOf(Deferred.fromCoroutine(self.queue.accept(submission)))

    def job(self, message: QueuedMessage) -> Job:
        """Its first job."""
        job = self.successResultOf(Deferred.fromCoroutine(self.store.jobs.job(f"{message.id}.0")))
        assert job is not None
        return job

    def told(self) -> list[tuple[str, Mapping[str, str]]]:
        """The notices that were handed in: to whom, and what of whom."""
        found: list[tuple[str, Mapping[str, str]]] = []
        for lane in Lane:
            pending = self.successResultOf(Deferred.fromCoroutine(self.store.jobs.pending(lane, "", 1000)))
            for job in pending:
                message = self.successResultOf(Deferred.fromCoroutine(self.store.jobs.message(job.queue_id)))
                assert message is not None
                if notice := self.read(message):
                    actions = {r.address: r.action.value for r in notice.recipients}
                    found.append((str(message.envelope.recipients[0].address), actions))
        return found

    def read(self, message: QueuedMessage) -> Notice | None:
        """What a message reports."""
        content = self.store.blobs.content[message.blob]
        return parse_notice(content, describe(content).structure)


def recipient(name: str, *notify: str) -> Recipient:
    """At the remote host."""
    return Recipient(Address.parse(f"{name}@remote.example"), notify)


class AttemptTests(NoticeCase):
    """Notices that follow attempts."""

    def test_f062_three_recipients_three_answers(self) -> None:
        """One fails, one is deferred, one is taken: one notice, one retry, one delivery; none is sent twice."""
        self.peer.says = {"a@remote.example": [NO], "b@remote.example": [WAIT, OK]}
        self.work()
        message = self.accept(recipient("a"), recipient("b"), recipient("c"))
        self.pass_time(70)
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual(
            self.peer.tried, [("a@remote.example", "b@remote.example", "c@remote.example"), ("b@remote.example",)]
        )
        self.assertEqual(sorted(self.peer.reached), ["b@remote.example", "c@remote.example"])
        self.assertEqual(self.told(), [(ALICE, {"a@remote.example": "failed"})])

    def test_three_failures_in_three_attempts(self) -> None:
        """One notice for each attempt, one recipient in each."""
        self.peer.says = {
            "a@remote.example": [NO],
            "b@remote.example": [WAIT, NO],
            "c@remote.example": [WAIT, WAIT, NO],
        }
        self.work()
        self.accept(recipient("a"), recipient("b"), recipient("c"))
        self.pass_time(65)
        self.pass_time(3700, 10)
        told = [actions for _, actions in self.told()]
        self.assertEqual(
            sorted(map(str, told)),
            [str({f"{name}@remote.example": "failed"}) for name in "abc"],
        )

    def test_once_although_the_record_fails(self) -> None:
        """A worker that dies between the notice and the record: the repetition is the same notice."""
        self.peer.says = {"a@remote.example": [NO]}
        message = self.accept(recipient("a"))
        claim = self.successResultOf(
            Deferred.fromCoroutine(
                self.store.jobs.claim(f"{message.id}.0", "host/remote/dead", self.now(), self.now() + 1)
            )
        )
        assert isinstance(claim, Job)
        outcomes = self.successResultOf(Deferred.fromCoroutine(self.peer.attempt(message, claim, b"", self.true)))
        settlement = settle(message, claim, outcomes, "w", self.now(), self.policy, lambda low, high: 1.0)
        self.successResultOf(Deferred.fromCoroutine(tell(self.notices, message, claim, settlement)))
        self.assertEqual(len(self.told()), 1)
        self.pass_time(2)
        self.work()
        self.pass_time(3)
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual(len(self.told()), 1)

    def test_f062_the_store_fails_when_the_notice_is_due(self) -> None:
        """The worker waits with the result: whom the message reached does not get it again."""
        self.peer.says = {"a@remote.example": [NO]}
        calls: list[Job] = []
        real = self.notices.failed

        async def fails(message: QueuedMessage, job: Job, results: Sequence[RecipientResult]) -> None:
            calls.append(job)
            if len(calls) < 4:
                raise StoreUnavailable("locked")
            await real(message, job, results)

        self.patch(self.notices, "failed", fails)
        self.work()
        message = self.accept(recipient("a"), recipient("b"))
        self.pass_time(10)
        self.assertEqual((len(calls), len(self.peer.tried)), (4, 1))
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual(self.told(), [(ALICE, {"a@remote.example": "failed"})])

    def test_f062_a_fault_of_ours_in_the_notice(self) -> None:
        """It is logged once, and the result is recorded: nobody gets the message twice."""
        self.peer.says = {"a@remote.example": [NO]}

        async def fails(*_: object) -> None:
            raise ZeroDivisionError("a bug")

        self.patch(self.notices, "failed", fails)
        self.work()
        message = self.accept(recipient("a"), recipient("b"))
        self.pass_time(300, 5)
        self.assertEqual(len(self.peer.tried), 1)
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def true(self) -> bool:
        """The dot may go."""
        return True

    def test_success(self) -> None:
        """A host without DSN took it: relayed; the mailbox has it: delivered."""
        self.work()
        self.accept(recipient("a", "SUCCESS"))
        self.pass_time(2)
        self.assertEqual(self.told(), [(ALICE, {"a@remote.example": "relayed"})])

    def test_success_here(self) -> None:
        """The other lane tells of its own: the notice to alice waits for the next turn of it."""
        self.work(Lane.LOCAL)
        message = self.accept(Recipient(Address.parse("bob@alpha.example"), ("SUCCESS",)))
        self.pass_time(2)
        self.assertIs(self.job(message).state, JobState.DONE)
        # The notice was filed by the same worker.
        self.assertEqual(self.mailbox.reached, ["bob@alpha.example", ALICE])

    def test_f063_double_bounce(self) -> None:
        """Our notice is refused by the other side: the postmaster gets one message, and that is all."""
        self.peer.says = {"x@remote.example": [NO], "eve@other.example": [Status(550, "5.7.1", "no bounces")]}
        self.work()
        self.accept(recipient("x"), sender="eve@other.example")
        self.pass_time(10)
        self.assertEqual(self.told(), [("postmaster@mail.alpha.example", {"eve@other.example": "failed"})])
        self.mailbox.says = {"postmaster@mail.alpha.example": [NO]}
        self.work(Lane.LOCAL)
        self.pass_time(10)
        self.assertEqual(self.told(), [])
        for lane in Lane:
            self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.store.jobs.depth(lane))), 0)
        self.assertEqual(len(self.mailbox.tried), 1)

    def test_f063_null_reverse_path(self) -> None:
        """Mail from <> to somebody unknown: refused, and nobody is told."""
        self.peer.says = {"x@remote.example": [NO]}
        self.work()
        message = self.accept(recipient("x"), sender="")
        self.pass_time(5)
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual(self.told(), [])


class DelaysTests(NoticeCase):
    """Jobs that nobody attempts: the destination's breaker is open."""

    def setUp(self) -> None:
        super().setUp()
        self.delays = self.watcher()
        closed = Limits(open_until=self.now() + 30 * builders.DAY)
        self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].tune("remote.example", closed)))

    def watcher(self) -> Delays:
        """Of the remote lane."""
        return Delays(
            "host/remote/one",
            Lane.REMOTE,
            self.store.jobs,
            self.schedules[Lane.REMOTE],
            self.notices,
            self.policy,
            self.now,
        )

    def round(self, delays: Delays | None = None) -> int:
        """One look."""
        return self.successResultOf(Deferred.fromCoroutine((delays or self.delays).round()))

    def test_f068_told_once_though_nothing_was_tried(self) -> None:
        """After four hours, once, by whichever process looks."""
        self.work()
        message = self.accept(recipient("a"), recipient("b", "NEVER"))
        self.pass_time(3.9 * HOUR, 60)
        self.assertEqual(self.round(), 0)
        self.pass_time(0.2 * HOUR, 60)
        self.assertEqual([self.round(), self.round(), self.round(self.watcher())], [1, 0, 0])
        self.assertEqual(self.told(), [(ALICE, {"a@remote.example": "delayed"})])
        self.assertEqual(self.peer.tried, [])
        job = self.job(message)
        self.assertEqual((job.state, job.attempts, job.claim), (JobState.PENDING, 0, None))
        self.assertGreater(job.delay_notice_at, 0)
        open_again = Limits(open_until=0)
        self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].tune("remote.example", open_again)))
        self.pass_time(30 * 60, 30)
        self.assertEqual(len(self.peer.reached), 2)

    def test_given_up_at_the_end(self) -> None:
        """When the time is over, although the destination was never asked: every expiry is told of."""
        self.work()
        message = self.accept(recipient("a"))
        self.pass_time(5 * 24 * HOUR + GIVE_UP / 1000 + 1200, 600)
        self.assertEqual([self.round(), self.round()], [1, 0])
        self.assertIs(self.job(message).state, JobState.DONE)
        self.assertEqual(self.told(), [(ALICE, {"a@remote.example": "failed"})])
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.schedules[Lane.REMOTE].length())), 0)

    def test_after_an_outage_attempts_come_first(self) -> None:
        """A process that has just begun does not judge what waited for it."""
        self.accept(recipient("a"))
        self.pass_time(6 * 24 * HOUR, 600)
        fresh = self.watcher()
        self.assertEqual(self.round(fresh), 0)
        self.pass_time(OVERDUE / 1000, 60)
        self.assertEqual(self.round(fresh), 1)

    def test_notices_do_not_hide_older_mail(self) -> None:
        """A young notice sorts behind its message, before other old mail."""
        first = self.accept(recipient("a"))
        self.reactor.advance(1)
        self.accept(recipient("b"))
        self.pass_time(5 * HOUR, 600)
        envelope = Envelope(None, (recipient("x"),))
        notice = Submission(envelope, b"Subject: y\r\n\r\n", id=f"{first.id}-0-f1-00000000")
        self.successResultOf(Deferred.fromCoroutine(self.queue.accept(notice)))
        self.assertEqual(self.round(), 2)

    def test_what_a_worker_has_is_left_to_it(self) -> None:
        """A claimed job, and one whose retry is still to come, are not touched."""
        message = self.accept(recipient("a"))
        self.pass_time(5 * HOUR, 600)
        claim = self.successResultOf(
            Deferred.fromCoroutine(
                self.store.jobs.claim(f"{message.id}.0", "host/remote/x", self.now(), self.now() + 1000)
            )
        )
        assert isinstance(claim, Job)
        self.assertEqual(self.round(), 0)
        later = self.now() + 60_000
        self.successResultOf(Deferred.fromCoroutine(self.store.jobs.release(claim.id, claim.epoch, later)))
        self.assertEqual(self.round(), 0)
        self.pass_time(120, 60)
        self.assertEqual(self.round(), 0, "due for a minute only")
        self.pass_time(OVERDUE / 1000, 60)
        self.assertEqual(self.round(), 1)

    def test_a_damaged_job_stops_nobody(self) -> None:
        """Whoever attempts it parks it; the others are told of."""
        message = self.accept(recipient("a"))
        self.reactor.advance(1)
        self.accept(recipient("b"))
        self.store.jobs.spoiled.add(f"{message.id}.0")
        self.pass_time(5 * HOUR, 600)
        self.assertEqual(self.round(), 1)

    def test_the_store_fails_meanwhile(self) -> None:
        """The claim is given back, and the next round does it."""
        message = self.accept(recipient("a"))
        self.pass_time(5 * HOUR, 600)

        async def fails(*_: object) -> None:
            raise StoreUnavailable("full")

        self.patch(self.notices, "delayed", fails)
        self.failureResultOf(Deferred.fromCoroutine(self.delays.round()), StoreUnavailable)
        self.assertIsNone(self.job(message).claim)
        self.patch(self.notices, "delayed", Notices.delayed.__get__(self.notices))
        self.assertEqual(self.round(), 1)
