"""What follows from an attempt."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import (
    LOCAL,
    Job,
    JobState,
    Outcome,
    PlanEntry,
    Priority,
    QueuedMessage,
    RecipientState,
    jobs_of,
)
from mailsuite.model.status import Status
from mailsuite.queue.settle import RetryPolicy, Settlement, settle

MINUTE = 60_000
POLICY = RetryPolicy((MINUTE, 5 * MINUTE, 15 * MINUTE))
OK = Status(250, "2.0.0", "ok")
NO = Status(550, "5.1.1", "unknown")
WAIT = Status(451, "4.2.0", "try later")


def message(*recipients: str, destination: str = "remote.example", account: str | None = "a1") -> QueuedMessage:
    """A message from alice, to be tried for an hour."""
    to = tuple(Recipient(Address.parse(r)) for r in recipients)
    return QueuedMessage(
        id="q1",
        blob="0" * 64,
        size=1,
        envelope=Envelope(Address.parse("alice@alpha.example"), to),
        account=account,
        priority=Priority.NORMAL,
        created=0,
        expires=60 * MINUTE,
        plan=(PlanEntry(0, destination, to),),
    )


def tried(job: Job, *statuses: Status) -> list[Outcome]:
    """An outcome per open recipient."""
    kind = {2: RecipientState.DELIVERED, 4: RecipientState.DEFERRED, 5: RecipientState.FAILED}
    return [Outcome(r, kind[s.code // 100], s) for r, s in zip(job.open_recipients, statuses, strict=True)]


def settled(m: QueuedMessage, job: Job, *statuses: Status, now: int = 0, policy: RetryPolicy = POLICY) -> Settlement:
    """Settle without jitter."""
    return settle(m, job, tried(job, *statuses), "h/s/u", now, policy, lambda low, high: 1.0)


def after(job: Job, settlement: Settlement) -> Job:
    """The job as the store has it afterwards."""
    u = settlement.update
    return replace(
        job, state=u.state, next_attempt=u.next_attempt, attempts=u.attempts, recipients=u.recipients, history=u.history
    )


class SettleTests(SynchronousTestCase):
    """Outcomes folded into a job."""

    def test_one_fails_one_waits_one_is_through(self) -> None:
        """Three recipients, three answers: one notice, one retry, one done; the retry concerns one."""
        m = message("a@remote.example", "b@remote.example", "c@remote.example")
        job = jobs_of(m)[0]
        s = settled(m, job, NO, WAIT, OK)
        self.assertIs(s.update.state, JobState.PENDING)
        self.assertEqual(s.update.next_attempt, MINUTE)
        self.assertEqual([str(f.recipient.address) for f in s.failures], ["a@remote.example"])
        job = after(job, s)
        self.assertEqual([str(r.address) for r in job.open_recipients], ["b@remote.example"])
        s = settled(m, job, OK)
        self.assertIs(s.update.state, JobState.DONE)
        self.assertEqual(s.failures, ())

    def test_a_limit_of_three_is_four_tries(self) -> None:
        """retry_limit = 3 gives exactly three retries and then the failure, which bears the last answer."""
        m = message("a@remote.example")
        job = jobs_of(m)[0]
        policy = RetryPolicy((1000,), limit=3)
        for _ in range(3):
            s = settled(m, job, WAIT, policy=policy)
            self.assertIs(s.update.state, JobState.PENDING)
            job = after(job, s)
        s = settled(m, job, WAIT, policy=policy)
        self.assertIs(s.update.state, JobState.DONE)
        (failure,) = s.failures
        self.assertEqual(
            failure.status, Status(554, "5.4.7", "delivery time expired; last answer: 451 4.2.0 try later")
        )

    def test_no_try_after_the_expiry(self) -> None:
        """When the next try would come too late the message fails now."""
        m = message("a@remote.example")
        s = settled(m, jobs_of(m)[0], WAIT, now=m.expires - MINUTE + 1)
        self.assertIs(s.update.state, JobState.DONE)
        self.assertEqual(len(s.failures), 1)

    def test_the_schedule_grows_and_its_last_step_repeats(self) -> None:
        """Tries come 1, 5, 15, 15 minutes after each other."""
        self.assertEqual(
            [POLICY.next_attempt(n, 0, lambda low, high: 1.0) // MINUTE for n in (1, 2, 3, 4, 9)], [1, 5, 15, 15, 15]
        )

    def test_the_jitter_is_a_fifth(self) -> None:
        """The factor is asked for between 0.8 and 1.2."""
        asked = []
        POLICY.next_attempt(1, 0, lambda low, high: asked.append((low, high)) or low)  # type: ignore[func-returns-value]
        self.assertEqual(asked, [(0.8, 1.2)])

    def test_mail_from_strangers_is_parked_not_bounced(self) -> None:
        """An account that vanished after the 250 is our fault: an admin looks at it, nobody gets a notice."""
        m = message("bob@alpha.example", destination=LOCAL, account=None)
        s = settled(m, jobs_of(m)[0], NO)
        self.assertIs(s.update.state, JobState.PARKED)
        self.assertEqual(s.failures, ())

    def test_an_unknown_local_recipient_of_our_own_sender_fails(self) -> None:
        """What an account sent to nobody comes back to it."""
        m = message("nobody@alpha.example", destination=LOCAL)
        s = settled(m, jobs_of(m)[0], NO)
        self.assertIs(s.update.state, JobState.DONE)
        self.assertEqual(len(s.failures), 1)

    def test_history_is_bounded(self) -> None:
        """A job remembers its last twenty attempts."""
        m = replace(message("a@remote.example"), expires=10**12)
        job = jobs_of(m)[0]
        for _ in range(30):
            job = after(job, settled(m, job, WAIT))
        self.assertEqual(len(job.history), 20)
        self.assertEqual(job.attempts, 30)


class GreylistTests(SynchronousTestCase):
    """A host that greylists is asked again when its five minutes are over."""

    def next_try(self, status: Status, attempts: int = 0, factor: float = 1.0) -> int:
        """When a job is tried again after such an answer."""
        m = message("u@remote.example")
        job = replace(jobs_of(m)[0], attempts=attempts)
        return settle(m, job, tried(job, status), "h/s/u", 0, POLICY, lambda low, high: factor).update.next_attempt

    def test_the_first_try(self) -> None:
        """450 and 451 with 4.7.1: six minutes, not one."""
        for code in (450, 451):
            self.assertEqual(6 * MINUTE, self.next_try(Status(code, "4.7.1", "greylisted")))

    def test_never_before_five_minutes(self) -> None:
        """Whatever chance says."""
        asked: list[tuple[float, float]] = []

        def uniform(low: float, high: float) -> float:
            asked.append((low, high))
            return low

        m = message("u@remote.example")
        (job,) = jobs_of(m)
        outcomes = tried(job, Status(451, "4.7.1", "greylisted"))
        self.assertGreater(POLICY.next_attempt(1, 0, uniform, outcomes), 5 * MINUTE)
        self.assertEqual(1, len(asked))

    def test_quick_retries_stay_quick(self) -> None:
        """A policy without a step of that length, as the demonstration has it, never waits longer."""
        m = message("u@remote.example")
        (job,) = jobs_of(m)
        outcomes = tried(job, Status(450, "4.7.1", "greylisted"))
        self.assertEqual(30, RetryPolicy((3, 30, 10), 3).next_attempt(1, 0, lambda low, high: 1.0, outcomes))

    def test_other_answers(self) -> None:
        """Other codes, and the same answer to a later try, follow the policy."""
        for status in (Status(451, "4.7.0", "x"), Status(452, "4.7.1", "x"), Status(450, "4.2.0", "x")):
            self.assertEqual(MINUTE, self.next_try(status))
        self.assertEqual(5 * MINUTE, self.next_try(Status(451, "4.7.1", "greylisted"), attempts=1))
