"""What an account may send, in memory and at both doors."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred

from mailsuite.interfaces.reception import Client
from mailsuite.model.envelope import Envelope
from mailsuite.model.errors import Deferral
from mailsuite.msa.allowance import Allowance, Rates
from mailsuite.msa.draft import Draft, FieldError
from mailsuite.msa.identity import Identities
from mailsuite.msa.reception import SubmissionReception
from mailsuite.msa.submit import Submitter
from mailsuite.runtime.lenient_counter import LenientCounter
from mailsuite.testing.builders import account, envelope
from mailsuite.testing.fake_counter import FakeCounter
from tests.msa.case import QueueCase

CONTENT = b"From: ann@alpha.example\r\nTo: bob@beta.example\r\n\r\nhi\r\n"
HOUR, DAY = 3_600_000, 86_400_000


class Never:
    """A checker that is not asked."""


class AllowanceTests(QueueCase):
    """Three messages and six recipients an hour, five and eight a day."""

    def setUp(self) -> None:
        super().setUp()
        self.counter = FakeCounter(self.clock)
        self.allowance = Allowance(LenientCounter(self.counter, self.clock), Rates(3, 5, 6, 8))

    def take(self, recipients: int, allowance: Allowance | None = None) -> str:
        """Send: "" or the refusal."""
        return self.refusal(Deferred.fromCoroutine((allowance or self.allowance).take(self.ann, recipients)))

    def refusal(self, work: Deferred[None]) -> str:
        """ "" or the status that was raised."""
        said: list[str] = []

        def note(failure: object) -> None:
            error = failure.value  # type: ignore[attr-defined]
            assert isinstance(error, Deferral)
            said.append(str(error.status))

        self.successResultOf(work.addErrback(note))
        return "".join(said)

    def test_messages(self) -> None:
        """The fourth in an hour is deferred in words; an hour after the first it goes on, until the day's are spent."""
        self.assertEqual([self.take(1) for _ in range(3)], ["", "", ""])
        self.assertTrue(self.take(1).startswith("450 4.7.1 this account may send 3 messages in one hour"))
        self.now += HOUR
        self.assertEqual([self.take(1) for _ in range(2)], ["", ""])
        self.assertIn("5 messages in one day", self.take(1))
        self.now += DAY
        self.assertEqual(self.take(1), "")

    def test_recipients(self) -> None:
        """A message with one recipient too many is deferred and counts for nothing: a smaller one goes."""
        self.assertEqual(self.take(4), "")
        self.assertTrue(self.take(3).startswith("452 4.7.1 this account may send 6 recipients in one hour"))
        self.assertEqual(self.take(2), "")
        self.assertTrue(self.refusal(Deferred.fromCoroutine(self.allowance.left(self.ann))).startswith("452"))

    def test_accounts_do_not_share(self) -> None:
        """What one account sends is not another's."""
        self.take(6)
        bob = account("bob@alpha.example")
        self.assertEqual(self.refusal(Deferred.fromCoroutine(self.allowance.take(bob, 6))), "")

    def test_redis_down(self) -> None:
        """Without the counter nothing is limited."""
        self.counter.down = True
        self.assertEqual([self.take(100) for _ in range(10)], [""] * 10)

    def test_smtp(self) -> None:
        """On 587 the message over the allowance is not queued; the next MAIL says so at once."""
        reception = SubmissionReception(
            Never(),  # type: ignore[arg-type]
            self.queue,
            self.allowance,
            Identities(self.store.directory, "+"),
            self.in_thread,
            self.clock,
            self.random,
            "mx.alpha.example",
        )
        client = replace(Client("192.0.2.7", 1, "pc", True, "TLS"), account=self.ann)
        about = envelope("ann@alpha.example", *(f"r{n}@beta.example" for n in range(4)))
        self.assertEqual(self.result(reception.message(client, about, CONTENT)).code, 250)
        self.assertTrue(client.visit.queue_id)
        error = self.failureResultOf(Deferred.fromCoroutine(reception.message(client, about, CONTENT)), Deferral)
        self.assertEqual(error.value.status.code, 452)
        self.assertEqual(len(self.store.blobs.content), 1)
        self.assertEqual(self.take(2), "")
        mail = Deferred.fromCoroutine(reception.mail(client, Envelope(about.reverse_path, ()), 0))
        self.assertEqual(self.failureResultOf(mail, Deferral).value.status.enhanced, "4.7.1")

    def test_webmail(self) -> None:
        """The same allowance holds in the browser, where the writer keeps the draft and reads why."""
        submitter = Submitter(
            self.queue,
            self.allowance,
            self.store.messages,
            Identities(self.store.directory, "+"),
            self.clock,
            self.random,
            "mx.alpha.example",
        )
        self.take(6)
        draft = Draft(to="bob@beta.example", cc="", bcc="", subject="Hello", text="How are you?\n")
        error = self.failureResultOf(Deferred.fromCoroutine(submitter.send(self.ann, draft)), FieldError)
        self.assertIn("6 recipients in one hour", str(error.value))
        self.assertEqual(self.store.blobs.content, {})
