"""What originators are told, and what is never answered."""

from __future__ import annotations

import email
from collections.abc import Sequence
from dataclasses import replace
from email.message import Message

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.queue import Submission
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import Job, PlanEntry, QueuedMessage, RecipientResult, RecipientState, jobs_of
from mailsuite.model.status import Status
from mailsuite.mta.notices import Notices
from mailsuite.testing import builders
from mailsuite.testing.fake_store import FakeStore
from tests.mta.test_receive import Door

CONTENT = b"Message-ID: <m1@alpha.example>\r\nSubject: hello\r\nFrom: ann@alpha.example\r\n\r\nsecret text\r\n"
NO = Status(550, "5.1.1", "user unknown here")
WAIT = Status(451, "4.2.0", "later")
OK = Status(250, "2.0.0", "ok")
U = Address.parse("u@remote.example")
POSTMASTER = Address.parse("chief@alpha.example")
UNTIL = builders.NOW + builders.DAY


def message_of(*to: Recipient, sender: str = builders.ANN, queue_id: str = "q1", **envelope: object) -> QueuedMessage:
    """A message to one destination, from an account unless the reverse-path is null."""
    made = Envelope(Address.parse(sender) if sender else None, to, **envelope)  # type: ignore[arg-type]
    plain = builders.queued_message(queue_id, CONTENT, plan=[PlanEntry(0, "remote.example", to)])
    return replace(plain, envelope=made, account="ann" if sender else None)


def results(job: Job, status: Status = NO) -> list[RecipientResult]:
    """All recipients have got this answer."""
    kind = {2: RecipientState.DELIVERED, 4: RecipientState.DEFERRED, 5: RecipientState.FAILED}[status.code // 100]
    return [RecipientResult(r.recipient, kind, status, "mx.remote.example", builders.NOW) for r in job.recipients]


class NoticesCase(SynchronousTestCase):
    """A door that notes what is handed in, and a store with the content."""

    def setUp(self) -> None:
        """One message; each test makes its jobs."""
        self.door = Door()
        self.store = FakeStore(lambda: builders.NOW)
        self.notices = Notices(self.door, self.store.blobs, "mail.alpha.example", POSTMASTER, lambda: builders.NOW)

    def keep(self, message: QueuedMessage) -> Job:
        """Put the message into the store; its job."""
        self.successResultOf(Deferred.fromCoroutine(self.store.jobs.commit(message, CONTENT)))
        (job,) = jobs_of(message)
        return job

    def failed(self, message: QueuedMessage, status: Status = NO, attempts: int = 0) -> Sequence[Submission]:
        """What was handed in after the failure of all recipients."""
        job = replace(self.keep(message), attempts=attempts)
        self.successResultOf(Deferred.fromCoroutine(self.notices.failed(message, job, results(job, status))))
        return self.door.taken

    def delayed(self, message: QueuedMessage, attempts: int = 0) -> Sequence[Submission]:
        """The same of a delay."""
        job = replace(self.keep(message), attempts=attempts)
        self.successResultOf(Deferred.fromCoroutine(self.notices.delayed(message, job, results(job, WAIT), UNTIL)))
        return self.door.taken

    def succeeded(self, message: QueuedMessage, relayed: bool) -> Sequence[Submission]:
        """The same of a success."""
        job = self.keep(message)
        self.successResultOf(Deferred.fromCoroutine(self.notices.succeeded(message, job, results(job, OK), relayed)))
        return self.door.taken


class FailedTests(NoticesCase):
    """RFC 3464, RFC 3461 section 4.1, RFC 5321 section 6.1."""

    def test_interface(self) -> None:
        """All of INotices."""
        self.assertTrue(verifyObject(INotices, self.notices))

    def test_one_notice_for_all_that_failed(self) -> None:
        """From the null reverse-path to the originator, as multipart/report, naming both."""
        (notice,) = self.failed(message_of(*builders.recipients("u@remote.example", "v@remote.example"), ret="HDRS"))
        self.assertIsNone(notice.envelope.reverse_path)
        self.assertIsNone(notice.account)
        self.assertEqual([str(r.address) for r in notice.envelope.recipients], ["ann@alpha.example"])
        parsed = email.message_from_bytes(notice.content)
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        self.assertEqual(parsed["In-Reply-To"], "<m1@alpha.example>")
        human, status, original = (part for part in parsed.get_payload() if isinstance(part, Message))
        self.assertEqual(status.get_content_type(), "message/delivery-status")
        fields = status.as_string()
        for line in (
            "Final-Recipient: rfc822; u@remote.example",
            "Final-Recipient: rfc822; v@remote.example",
            "Action: failed",
            "Status: 5.1.1",
            "Diagnostic-Code: smtp; 550 5.1.1 user unknown here",
            "Remote-MTA: dns; mx.remote.example",
        ):
            self.assertIn(line, fields)
        self.assertIn("user unknown here", str(human.get_payload()))
        self.assertNotIn("secret text", original.as_string())

    def test_the_id_follows_from_the_attempt(self) -> None:
        """A repetition after a crash is the same notice to the queue, with the same Message-ID; no other one is."""
        message = message_of(*builders.recipients("u@remote.example"))
        self.failed(message)
        self.failed(message, attempts=1)
        self.failed(message)
        first, later, again = self.door.taken
        self.assertEqual((again.id, again.content), (first.id, first.content))
        self.assertNotEqual(later.id, first.id)

    def test_a_repetition_that_ends_otherwise(self) -> None:
        """When more fail in the repetition than were told of, they are told of too."""
        message = message_of(*builders.recipients("u@remote.example", "v@remote.example"))
        job = self.keep(message)
        for failures in (results(job)[:1], results(job)):
            self.successResultOf(Deferred.fromCoroutine(self.notices.failed(message, job, failures)))
        first, second = self.door.taken
        self.assertNotEqual(first.id, second.id)
        self.assertIn(b"Final-Recipient: rfc822; v@remote.example", second.content)

    def test_f068_notify(self) -> None:
        """NEVER and a list without FAILURE mean no notice; FAILURE means one that names only who asked for it."""
        self.assertEqual(self.failed(message_of(Recipient(U, ("NEVER",)))), [])
        self.assertEqual(self.failed(message_of(Recipient(U, ("DELAY",)))), [])
        self.assertEqual(self.failed(message_of(Recipient(U, ("SUCCESS", "DELAY")))), [])
        other = Recipient(Address.parse("quiet@remote.example"), ("NEVER",))
        (notice,) = self.failed(message_of(Recipient(U, ("FAILURE",)), other))
        self.assertNotIn(b"quiet@", notice.content)

    def test_f068_what_was_asked_for_is_echoed(self) -> None:
        """ORCPT and ENVID come back decoded."""
        recipient = Recipient(U, orcpt="rfc822;a+2Bb@x.example")
        (notice,) = self.failed(message_of(recipient, envid="QQ+3D1"))
        self.assertIn(b"Original-Recipient: rfc822; a+b@x.example\r\n", notice.content)
        self.assertIn(b"Original-Envelope-Id: QQ=1\r\n", notice.content)

    def test_without_the_content(self) -> None:
        """A content that is gone does not keep the originator from being told."""
        message = message_of(*builders.recipients("u@remote.example"))
        job = self.keep(message)
        self.store.blobs.content.clear()
        self.successResultOf(Deferred.fromCoroutine(self.notices.failed(message, job, results(job))))
        self.assertEqual(len(self.door.taken), 1)

    def test_what_the_way_back_needs(self) -> None:
        """SMTPUTF8 for addresses, 8BITMIME for content, REQUIRETLS when the message had it (RFC 8689 section 5)."""
        (plain,) = self.failed(message_of(Recipient(U), require_tls=True))
        envelope = plain.envelope
        self.assertEqual((envelope.smtputf8, envelope.body, envelope.require_tls), (False, "", True))
        self.door.taken.clear()
        (other,) = self.failed(message_of(Recipient(Address.parse("ü@remote.example")), queue_id="q2", smtputf8=True))
        envelope = other.envelope
        self.assertEqual((envelope.smtputf8, envelope.body, envelope.require_tls), (True, "8BITMIME", False))


class DelayedTests(NoticesCase):
    """RFC 3461 section 4.1, RFC 3464 section 2.3.9."""

    def test_f068_notify(self) -> None:
        """Who said nothing is told, who said DELAY too, nobody else."""
        for notify, count in (((), 1), (("DELAY",), 1), (("FAILURE", "DELAY"), 1), (("FAILURE",), 0), (("NEVER",), 0)):
            self.door.taken.clear()
            self.assertEqual(len(self.delayed(message_of(Recipient(U, notify)))), count, notify)

    def test_what_it_says(self) -> None:
        """Delayed, by what, until when; of the message only its header."""
        (notice,) = self.delayed(message_of(Recipient(U), ret="FULL"))
        for line in (b"Action: delayed", b"Status: 4.2.0", b"Will-Retry-Until: Sat, 16 Jan 2027 08:00:00 +0000"):
            self.assertIn(line, notice.content)
        self.assertNotIn(b"secret text", notice.content)

    def test_one_in_a_life(self) -> None:
        """Whatever the attempt, it has the same id."""
        message = message_of(Recipient(U))
        self.delayed(message)
        self.delayed(message, attempts=7)
        first, second = self.door.taken
        self.assertEqual(first.id, second.id)

    def test_null_reverse_path(self) -> None:
        """Nobody is told."""
        self.assertEqual(self.delayed(message_of(Recipient(U), sender="")), [])


class SucceededTests(NoticesCase):
    """RFC 3461 sections 4.1 and 5.2.2."""

    def test_only_who_asked(self) -> None:
        """SUCCESS asks; saying nothing does not."""
        for notify in ((), ("FAILURE",), ("NEVER",)):
            self.assertEqual(self.succeeded(message_of(Recipient(U, notify)), relayed=False), [])

    def test_delivered_and_relayed(self) -> None:
        """Each says what is known."""
        message = message_of(Recipient(U, ("SUCCESS", "FAILURE")))
        self.succeeded(message, relayed=False)
        self.succeeded(message, relayed=True)
        delivered, relayed = self.door.taken
        self.assertIn(b"\r\nAction: delivered\r\n", delivered.content)
        self.assertIn(b"\r\nAction: relayed\r\n", relayed.content)
        self.assertNotEqual(delivered.id, relayed.id)


class DoubleBounceTests(NoticesCase):
    """F063: no notice of a notice, but somebody learns of it."""

    def test_f063_a_null_reverse_path_is_never_answered(self) -> None:
        """Mail of others from <> that fails leads to nothing; nor does an automatic reply of ours."""
        self.assertEqual(self.failed(message_of(Recipient(U), sender="")), [])
        self.assertEqual(self.failed(message_of(Recipient(U), sender="", queue_id="q1-0-v1")), [])

    def test_f063_our_notice_refused(self) -> None:
        """The postmaster is told once, of whom could not be told of what; the report about that ends all."""
        (notice,) = self.failed(message_of(Recipient(U)))
        again = message_of(*notice.envelope.recipients, sender="", queue_id=notice.id)
        self.door.taken.clear()
        self.failed(again)
        self.failed(again)
        report, repeated = self.door.taken
        self.assertEqual(report.id, repeated.id)
        self.assertIsNone(report.envelope.reverse_path)
        self.assertEqual([r.address for r in report.envelope.recipients], [POSTMASTER])
        self.assertIn(b"To: chief@alpha.example\r\n", report.content)
        self.assertIn(b"Final-Recipient: rfc822; ann@alpha.example", report.content)
        self.door.taken.clear()
        last = message_of(*report.envelope.recipients, sender="", queue_id=report.id)
        self.assertEqual(self.failed(last), [])

    def test_f063_every_kind_of_notice(self) -> None:
        """A notice of a delay or a success that fails is reported too."""
        self.delayed(message_of(Recipient(U)))
        self.succeeded(message_of(Recipient(U, ("SUCCESS",))), relayed=True)
        for notice in list(self.door.taken):
            self.door.taken.clear()
            again = message_of(*notice.envelope.recipients, sender="", queue_id=notice.id)
            self.assertEqual(len(self.failed(again)), 1, notice.id)
