"""Notices of failure."""

from __future__ import annotations

import email
from collections.abc import Sequence
from email.message import Message

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.queue import Submission
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import PlanEntry, QueuedMessage, RecipientResult, RecipientState, jobs_of
from mailsuite.model.status import Status
from mailsuite.mta.bounce import Bouncer
from mailsuite.testing import builders
from mailsuite.testing.fake_store import FakeStore
from tests.mta.test_receive import Door

CONTENT = b"Message-ID: <m1@alpha.example>\r\nSubject: hello\r\nFrom: ann@alpha.example\r\n\r\nsecret text\r\n"
NO = Status(550, "5.1.1", "user unknown here")


class BounceTests(SynchronousTestCase):
    """RFC 3464, RFC 3461 section 4.1, RFC 5321 section 6.1."""

    def setUp(self) -> None:
        """A door and a store with the content."""
        self.door = Door()
        self.store = FakeStore(lambda: builders.NOW)

    def notices(
        self, *failed: Recipient, sender: str = "ann@alpha.example", content: bytes = CONTENT
    ) -> Sequence[Submission]:
        """What the failure of these recipients leads to."""
        entry = PlanEntry(0, "remote.example", failed)
        envelope = Envelope(Address.parse(sender) if sender else None, failed, ret="HDRS")
        plain = builders.queued_message("q1", content, plan=[entry], account="ann")
        message = QueuedMessage(**{f: getattr(plain, f) for f in plain.__dataclass_fields__} | {"envelope": envelope})
        self.successResultOf(Deferred.fromCoroutine(self.store.jobs.commit(message, content)))
        (job,) = jobs_of(message)
        bouncer = Bouncer(self.door, self.store.blobs, "mail.alpha.example", lambda: builders.NOW)
        results = [RecipientResult(r, RecipientState.FAILED, NO, "mx.remote.example", builders.NOW) for r in failed]
        self.successResultOf(Deferred.fromCoroutine(bouncer.failed(message, job, results)))
        return self.door.taken

    def test_one_notice_for_all_that_failed(self) -> None:
        """From the null reverse-path to the originator, as multipart/report, naming both."""
        (notice,) = self.notices(*builders.recipients("u@remote.example", "v@remote.example"))
        self.assertIsNone(notice.envelope.reverse_path)
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
        ):
            self.assertIn(line, fields)
        self.assertIn("user unknown here", str(human.get_payload()))
        self.assertNotIn("secret text", original.as_string())

    def test_the_id_follows_from_the_attempt(self) -> None:
        """A repetition after a crash is the same notice to the queue."""
        first = self.notices(*builders.recipients("u@remote.example"))[0].id
        self.assertEqual(self.notices(*builders.recipients("u@remote.example"))[1].id, first)

    def test_f063_a_null_reverse_path_is_never_answered(self) -> None:
        """No bounce of a bounce."""
        self.assertEqual(self.notices(*builders.recipients("u@remote.example"), sender=""), [])

    def test_notify(self) -> None:
        """NEVER and a list without FAILURE mean no notice; FAILURE means one that names only who asked for it."""
        address = Address.parse("u@remote.example")
        self.assertEqual(self.notices(Recipient(address, ("NEVER",))), [])
        self.assertEqual(self.notices(Recipient(address, ("SUCCESS", "DELAY"))), [])
        other = Recipient(Address.parse("quiet@remote.example"), ("NEVER",))
        (notice,) = self.notices(Recipient(address, ("FAILURE",)), other)
        self.assertNotIn(b"quiet@", notice.content)

    def test_without_the_content(self) -> None:
        """A content that is gone does not keep the originator from being told."""
        self.store.blobs.content.clear()
        entry = builders.plan_entry(0, "remote.example", "u@remote.example")
        message = builders.queued_message("q9", CONTENT, plan=[entry], account="ann")
        (job,) = jobs_of(message)
        bouncer = Bouncer(self.door, self.store.blobs, "mail.alpha.example", lambda: builders.NOW)
        result = RecipientResult(entry.recipients[0], RecipientState.FAILED, NO)
        self.successResultOf(Deferred.fromCoroutine(bouncer.failed(message, job, [result])))
        self.assertEqual(len(self.door.taken), 1)
