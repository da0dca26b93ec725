"""Bulk mail and addresses that do not exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.envelope import Recipient
from mailsuite.model.errors import DestinationDown, MailError, Postponed, Refusal, StoreUnavailable
from mailsuite.model.job import Job, Outcome, Priority, QueuedMessage, RecipientState, jobs_of
from mailsuite.model.status import Status
from mailsuite.model.suppression import Suppression
from mailsuite.queue.suppress import Suppressing
from mailsuite.testing import builders
from mailsuite.testing.fake_store import FakeStore

OK = Status(250, "2.0.0", "ok")
GONE = Status(550, "5.1.1", "no such user")
A, B = "a@remote.example", "b@remote.example"


class SuppressTests(SynchronousTestCase):
    """An attempt that answers for each address, and what the list makes of it."""

    def setUp(self) -> None:
        """An empty list."""
        self.store = FakeStore(lambda: builders.NOW)
        self.list = self.store.suppressions
        self.says: dict[str, Status] = {}
        self.error: Exception | None = None
        self.tried: list[list[str]] = []

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """As scripted."""
        self.tried.append([str(r.address) for r in job.open_recipients])
        if self.error is not None:
            raise self.error
        return [self.outcome(r, self.says.get(str(r.address), OK)) for r in job.open_recipients]

    def outcome(self, recipient: Recipient, status: Status) -> Outcome:
        """An answer."""
        kind = {2: RecipientState.DELIVERED, 4: RecipientState.DEFERRED, 5: RecipientState.FAILED}
        return Outcome(recipient, kind[status.code // 100], status, "mx")

    async def go(self) -> bool:
        """The dot may go."""
        return True

    def send(self, *to: str, priority: Priority = Priority.BULK, account: str | None = "ann") -> dict[str, Outcome]:
        """What an attempt gives."""
        entry = builders.plan_entry(0, "remote.example", *to)
        message = builders.queued_message("q1", plan=[entry], account=account, priority=priority)
        (job,) = jobs_of(message)
        attempt = Suppressing(self.attempt, self.list, lambda: builders.NOW)
        outcomes = self.successResultOf(Deferred.fromCoroutine(attempt(message, job, b"", self.go)))
        return {str(outcome.recipient.address): outcome for outcome in outcomes}

    def suppressed(self) -> list[Suppression]:
        """The list."""
        return list(self.successResultOf(Deferred.fromCoroutine(self.list.list(None, ("", ""), 100))))

    def test_learned_and_applied(self) -> None:
        """The second message does not go there; it says since when and why, and the other recipient is reached."""
        self.says = {A: GONE}
        self.send(A, B)
        self.assertEqual(self.suppressed(), [Suppression("ann", A, GONE, builders.NOW)])
        again = self.send(A, B)
        self.assertEqual(self.tried, [[A, B], [B]])
        self.assertIs(again[A].state, RecipientState.FAILED)
        # 1,800,000,000 s after 1970 is 2027-01-15, by date(1).
        self.assertEqual(again[A].status, Status(550, "5.1.1", "suppressed since 2027-01-15: no such user"))
        self.assertIs(again[B].state, RecipientState.DELIVERED)
        self.assertEqual(self.suppressed(), [Suppression("ann", A, GONE, builders.NOW)], "not learned from ourselves")

    def test_all_suppressed(self) -> None:
        """Then nobody is asked."""
        self.says = {A: GONE}
        self.send(A)
        self.send(A)
        self.assertEqual(self.tried, [[A]])

    def test_letter_case(self) -> None:
        """An address is the same in capitals."""
        self.says = {A: GONE}
        self.send(A)
        self.assertIs(self.send("A@remote.example")["A@remote.example"].state, RecipientState.FAILED)
        self.assertEqual(len(self.tried), 1)

    def test_interactive_mail_is_never_suppressed(self) -> None:
        """It neither teaches nor is held back; nor is mail of strangers."""
        self.says = {A: GONE}
        for priority in (Priority.INTERACTIVE, Priority.NORMAL):
            self.send(A, priority=priority)
        self.send(A, account=None)
        self.assertEqual(self.suppressed(), [])
        self.send(A)
        self.send(A, priority=Priority.INTERACTIVE)
        self.send(A, account="carol")
        self.assertEqual(len(self.tried), 6)

    def test_only_what_lasts(self) -> None:
        """A full mailbox, a policy or an answer without an enhanced code says nothing of the address."""
        for status in (
            Status(552, "5.2.2", "full"),
            Status(550, "5.7.1", "spam"),
            Status(550, "", "no"),
            Status(450, "4.1.1", "later"),
        ):
            self.says = {A: status}
            self.send(A)
        self.assertEqual(self.suppressed(), [])
        for n, code in enumerate(("5.1.1", "5.1.2", "5.1.10", "5.2.1")):
            self.says = {f"{n}@remote.example": Status(550, code, "gone")}
            self.send(f"{n}@remote.example")
        self.assertEqual(len(self.suppressed()), 4)

    def test_a_domain_that_is_none(self) -> None:
        """A Refusal counts for all recipients."""
        self.error = Refusal(556, "5.1.10", "null MX")
        outcomes = self.send(A, B)
        self.assertEqual({o.state for o in outcomes.values()}, {RecipientState.FAILED})
        self.assertEqual(len(self.suppressed()), 2)

    def test_a_destination_that_is_down(self) -> None:
        """Passed on as it is; when somebody is suppressed, that one is told of and the others wait."""
        self.error = DestinationDown(421, "4.4.1", "down")
        entry = builders.plan_entry(0, "remote.example", A)
        message = builders.queued_message("q1", plan=[entry], account="ann", priority=Priority.BULK)
        attempt = Suppressing(self.attempt, self.list, lambda: builders.NOW)
        for error in (DestinationDown(421, "4.4.1", "down"), Postponed(1, "a limit"), StoreUnavailable("full")):
            self.error = error
            call = attempt(message, jobs_of(message)[0], b"", self.go)
            self.failureResultOf(Deferred.fromCoroutine(call), type(error))
        self.successResultOf(Deferred.fromCoroutine(self.list.record(Suppression("ann", A, GONE, builders.NOW))))
        self.error = MailError(Status(421, "4.4.1", "down"))
        outcomes = self.send(A, B)
        self.assertEqual((outcomes[A].state, outcomes[B].state), (RecipientState.FAILED, RecipientState.DEFERRED))

    def test_the_store_fails_after_the_attempt(self) -> None:
        """What was sent counts: the outcomes come back although the list could not be written."""
        self.says = {A: GONE}

        async def full(_: Suppression) -> bool:
            raise StoreUnavailable("full")

        self.patch(self.list, "record", full)
        self.assertIs(self.send(A, B)[B].state, RecipientState.DELIVERED)

    def test_who_is_done_already_is_not_asked(self) -> None:
        """A retry concerns the open recipients only."""
        entry = builders.plan_entry(0, "remote.example", A, B)
        message = builders.queued_message("q1", plan=[entry], account="ann", priority=Priority.BULK)
        (job,) = jobs_of(message)
        done = replace(job.recipients[0], state=RecipientState.DELIVERED)
        job = replace(job, recipients=(done, job.recipients[1]))
        attempt = Suppressing(self.attempt, self.list, lambda: builders.NOW)
        outcomes = self.successResultOf(Deferred.fromCoroutine(attempt(message, job, b"", self.go)))
        self.assertEqual([str(o.recipient.address) for o in outcomes], [B])
