"""What follows from an attempt."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import (
    LOCAL,
    SENT,
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
from mailsuite.queue.settle import RetryPolicy, Settlement, settle, waiting

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


HOUR = 60 * MINUTE
LATE = RetryPolicy((MINUTE,), delay_notice=4 * HOUR)


def asking(*notify: str, destination: str = "remote.example", account: str | None = "a1") -> QueuedMessage:
    """A message to one recipient with this NOTIFY, to be tried for five days."""
    m = message("a@remote.example", destination=destination, account=account)
    to = (Recipient(Address.parse("a@remote.example"), notify),)
    plan = (PlanEntry(0, destination, to),)
    return replace(m, envelope=replace(m.envelope, recipients=to), plan=plan, expires=120 * HOUR)


class SuccessTests(SynchronousTestCase):
    """Whom NOTIFY=SUCCESS has told of what (RFC 3461 sections 5.2.2 and 5.2.3)."""

    def told(self, m: QueuedMessage, dsn_passed: bool) -> tuple[int, int]:
        """How many are delivered and relayed after a success."""
        (job,) = jobs_of(m)
        outcome = Outcome(job.open_recipients[0], RecipientState.DELIVERED, OK, "mx", dsn_passed)
        s = settle(m, job, [outcome], "h/s/u", 0, POLICY, lambda low, high: 1.0)
        return len(s.delivered), len(s.relayed)

    def test_by_whom(self) -> None:
        """Filed here: delivered. Passed on without DSN: relayed. Passed on with it: the next host tells."""
        self.assertEqual(self.told(asking("SUCCESS", destination=LOCAL), False), (1, 0))
        self.assertEqual(self.told(asking("SUCCESS"), False), (0, 1))
        self.assertEqual(self.told(asking("SUCCESS"), True), (0, 0))

    def test_who_did_not_ask(self) -> None:
        """Without SUCCESS nothing is told."""
        for notify in ((), ("FAILURE", "DELAY"), ("NEVER",)):
            self.assertEqual(self.told(asking(*notify, destination=LOCAL), False), (0, 0))
            self.assertEqual(self.told(asking(*notify), False), (0, 0))

    def test_suspect_mail(self) -> None:
        """What is filed into Spam confirms nothing to whoever sent it, or was said to."""
        m = asking("SUCCESS", destination=LOCAL, account=None)
        self.assertEqual(self.told(m, False), (1, 0))
        m = replace(m, plan=(replace(m.plan[0], quarantine=True),))
        self.assertEqual(self.told(m, False), (0, 0))

    def test_once(self) -> None:
        """A recipient reached earlier is not told of again."""
        m = message("a@remote.example", "b@remote.example")
        to = tuple(replace(r, notify=("SUCCESS",)) for r in m.envelope.recipients)
        m = replace(m, envelope=replace(m.envelope, recipients=to), plan=(PlanEntry(0, "remote.example", to),))
        (job,) = jobs_of(m)
        s = settled(m, job, OK, WAIT)
        self.assertEqual([str(r.recipient.address) for r in s.relayed], ["a@remote.example"])
        s = settled(m, after(job, s), OK)
        self.assertEqual([str(r.recipient.address) for r in s.relayed], ["b@remote.example"])


class DelayTests(SynchronousTestCase):
    """When the originator is told that a message waits."""

    def test_f068_once_after_four_hours(self) -> None:
        """Not before, and not with each retry."""
        m = asking()
        (job,) = jobs_of(m)
        told = []
        for hour in range(10):
            s = settled(m, job, WAIT, now=hour * HOUR, policy=LATE)
            told += [hour] * len(s.delayed)
            job = replace(after(job, s), delay_notice_at=s.update.delay_notice_at)
        self.assertEqual(told, [4])
        self.assertEqual(job.delay_notice_at, 4 * HOUR)

    def test_only_who_waits(self) -> None:
        """Neither those who have failed in this attempt nor those who were reached."""
        m = replace(message("a@remote.example", "b@remote.example", "c@remote.example"), expires=120 * HOUR)
        s = settled(m, jobs_of(m)[0], NO, WAIT, OK, now=5 * HOUR, policy=LATE)
        self.assertEqual([str(r.recipient.address) for r in s.delayed], ["b@remote.example"])
        self.assertEqual([str(r.recipient.address) for r in s.failures], ["a@remote.example"])

    def test_f068_notify(self) -> None:
        """NEVER and a list without DELAY: nothing, and nothing is recorded."""
        for notify in (("NEVER",), ("FAILURE",), ("SUCCESS",)):
            m = asking(*notify)
            s = settled(m, jobs_of(m)[0], WAIT, now=5 * HOUR, policy=LATE)
            self.assertEqual((s.delayed, s.update.delay_notice_at), ((), 0))
        m = asking("DELAY")
        self.assertEqual(len(settled(m, jobs_of(m)[0], WAIT, now=5 * HOUR, policy=LATE).delayed), 1)

    def test_never(self) -> None:
        """Switched off; a null reverse-path; mail of strangers; the sender's own copy; what has just expired."""
        m = asking()
        null = replace(m, envelope=replace(m.envelope, reverse_path=None), account=None)
        for one, policy in (
            (m, POLICY),
            (null, LATE),
            (asking(destination=LOCAL, account=None), LATE),
            (asking(destination=SENT), LATE),
            (replace(m, expires=5 * HOUR), LATE),
        ):
            self.assertEqual(settled(one, jobs_of(one)[0], WAIT, now=5 * HOUR, policy=policy).delayed, ())


class WaitingTests(SynchronousTestCase):
    """Jobs that are due but are not attempted."""

    def test_nothing_is_due(self) -> None:
        """Young, or told of already."""
        m = asking()
        (job,) = jobs_of(m)
        self.assertIsNone(waiting(m, job, 2 * HOUR, "h/s/u", HOUR, LATE))
        self.assertIsNone(waiting(m, replace(job, delay_notice_at=1), 6 * HOUR, "h/s/u", 5 * HOUR, LATE))

    def test_delay(self) -> None:
        """It is told of, no attempt is counted, the job comes again when it is said to."""
        m = asking()
        (job,) = jobs_of(m)
        s = waiting(m, job, 6 * HOUR, "h/s/u", 5 * HOUR, LATE)
        assert s is not None
        self.assertEqual([str(r.recipient.address) for r in s.delayed], ["a@remote.example"])
        u = s.update
        self.assertEqual((u.state, u.next_attempt, u.attempts), (JobState.PENDING, 6 * HOUR, 0))
        self.assertEqual((u.recipients, u.delay_notice_at), (job.recipients, 5 * HOUR))

    def test_expiry(self) -> None:
        """What cannot be tried before its time is over fails, each recipient with the last answer."""
        m = asking()
        (job,) = jobs_of(m)
        job = after(job, settled(m, job, WAIT, policy=LATE))
        s = waiting(m, job, m.expires + 1, "h/s/u", m.expires - 1, LATE)
        assert s is not None
        (failure,) = s.failures
        assert failure.status is not None
        self.assertEqual(failure.status.enhanced, "5.4.7")
        self.assertIn("try later", failure.status.text)
        self.assertIs(s.update.state, JobState.DONE)
        self.assertEqual(s.delayed, ())
        self.assertIsNone(
            waiting(m, replace(job, delay_notice_at=1), m.expires + 1, "h/s/u", m.expires, LATE, patience=1)
        )

    def test_mail_of_strangers_is_not_given_up(self) -> None:
        """What we could not file is never bounced to them."""
        m = asking(destination=LOCAL, account=None)
        self.assertIsNone(waiting(m, jobs_of(m)[0], m.expires + 1, "h/s/u", m.expires + 1, LATE))


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
