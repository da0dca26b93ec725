"""Filing."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mda import deliver as deliver_module
from mailsuite.mda.accounts import Accounts
from mailsuite.mda.forward import Forwarder
from mailsuite.mda.sorting import INLINE
from mailsuite.model.account import Account
from mailsuite.model.event import Changed, Event, Toast
from mailsuite.model.folder import INBOX, SENT, SPAM
from mailsuite.model.job import LOCAL, Outcome, RecipientState, jobs_of
from mailsuite.model.job import SENT as SENT_COPY
from mailsuite.model.message import Message
from mailsuite.model.verdict import NOT_JUDGED, Authentication
from mailsuite.mta.srs import Srs
from mailsuite.testing import builders
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_schedule import FakeSchedule
from mailsuite.testing.fake_store import FakeStore
from tests.mda.case import deliverer_over
from tests.msa.case import queue_over

T = TypeVar("T")
ANN, BOB = "ann@alpha.example", "bob@alpha.example"
CONTENT = b"From: Ann <ann@alpha.example>\r\nTo: bob@alpha.example\r\nSubject: hello\r\nMessage-ID: <1@a>\r\n\r\nhi\r\n"


class DeliverTests(SynchronousTestCase):
    """Local jobs and Sent copies."""

    def setUp(self) -> None:
        """Ann and Bob have mailboxes."""
        self.store = FakeStore(lambda: builders.NOW)
        self.events = FakeEvents()
        self.threaded = 0
        self.await_(self.store.directory.add_domain(builders.domain()))
        for name, address in (("ann", ANN), ("bob", BOB)):
            self.await_(self.store.directory.add_account(Account(name, address, name, "", builders.NOW)))

        async def no_rewriting() -> Srs:
            raise AssertionError("nothing is rewritten here")

        accounts = Accounts(self.store.directory, lambda: builders.NOW, no_rewriting)
        queue = queue_over(self.store, FakeSchedule(lambda: builders.NOW, Clock()), lambda: builders.NOW, os.urandom)
        forwarder = Forwarder(
            queue, self.store.directory, accounts.hosts, no_rewriting, "mx.alpha.example", lambda: builders.NOW
        )
        self.deliverer = deliverer_over(
            *(self.store, accounts, queue, forwarder, self.events, self.thread),
            hostname="mail.alpha.example",
            clock=lambda: builders.NOW,
        )

    async def thread(self, work: Callable[[], T]) -> T:
        """No thread, but counted."""
        self.threaded += 1
        return work()

    def await_(self, work: Awaitable[T]) -> T:
        """The result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(work))  # type: ignore[arg-type]

    def deliver(
        self,
        *to: str,
        destination: str = LOCAL,
        account: str | None = None,
        content: bytes = CONTENT,
        queue_id: str = "q1",
    ) -> Sequence[Outcome]:
        """Attempt a job for these recipients."""
        plan = builders.plan_entry(0, destination, *to)
        message = builders.queued_message(queue_id, content, plan=[plan], account=account)
        (job,) = jobs_of(message)

        async def before_dot() -> bool:
            return True

        return self.await_(self.deliverer.attempt(message, job, content, before_dot))

    def inbox(self, account: str, folder: str = INBOX) -> list[Message]:
        """The messages of a folder."""
        rows = self.await_(self.store.messages.page(account, folder, None, 50))
        return [
            m for row in rows for m in self.await_(self.store.messages.messages(account, row.id)) if m.folder == folder
        ]

    def test_filed_unread_and_told(self) -> None:
        """The recipient has it, unread, and hears of the change."""
        heard: list[Event | None] = []
        self.events.subscribe("bob", heard.append)
        heard.clear()
        (outcome,) = self.deliver(BOB)
        self.assertIs(outcome.state, RecipientState.DELIVERED)
        (message,) = self.inbox("bob")
        self.assertEqual((message.description.subject, message.seen, message.own), ("hello", False, False))
        self.assertEqual(message.reverse_path, "ann@alpha.example")
        self.assertEqual([type(event) for event in heard], [Changed])

    def test_what_port_25_found_out_is_kept(self) -> None:
        """Our topmost Authentication-Results, of a message that no account submitted, and of no other host."""
        ours = b"Authentication-Results: Mail.Alpha.example;\r\n\tspf=pass smtp.mailfrom=a.example;\r\n\tdkim=fail"
        ours += b' reason="no; dkim=pass" header.d=a.example;\r\n\tdkim=pass header.d=b.example;\r\n\tdmarc=pass'
        ours += b" header.from=a.example;\r\n\tarc=fail\r\n"
        self.deliver(BOB, content=ours + CONTENT)
        (message,) = self.inbox("bob")
        self.assertEqual(message.verdict, Authentication("pass", "pass", "pass", "fail", "a.example"))
        foreign = b"Authentication-Results: mail.other.example; dmarc=pass header.from=a.example\r\n"
        for queue_id, account, content in (
            ("q2", None, foreign + CONTENT),
            ("q3", None, foreign + ours + CONTENT),
            ("q4", None, CONTENT + ours),
            ("q5", "ann", ours + CONTENT),
        ):
            self.deliver(BOB, account=account, content=content, queue_id=queue_id)
            (found,) = [m for m in self.inbox("bob") if m.id > message.id]
            self.assertEqual(found.verdict, NOT_JUDGED, queue_id)
            message = found

    def test_a_repetition_files_nothing_twice(self) -> None:
        """The same job again, as after a crash, is delivered and there once."""
        self.deliver(BOB)
        (outcome,) = self.deliver(BOB)
        self.assertIs(outcome.state, RecipientState.DELIVERED)
        self.assertEqual(len(self.inbox("bob")), 1)

    def test_nobody_there(self) -> None:
        """An unknown recipient fails with 5.1.1; the others are served."""
        bob, nobody = self.deliver(BOB, "nobody@alpha.example")
        self.assertIs(bob.state, RecipientState.DELIVERED)
        self.assertIs(nobody.state, RecipientState.FAILED)
        self.assertEqual((nobody.status.code, nobody.status.enhanced), (550, "5.1.1"))

    def test_the_copy_in_sent(self) -> None:
        """Read, own, and with the blind recipients, which no header field shows."""
        plan = [builders.plan_entry(0, SENT_COPY, ANN)]
        message = builders.queued_message("q2", CONTENT, plan=plan, account="ann")
        (job,) = jobs_of(message)

        async def before_dot() -> bool:
            return True

        self.await_(self.deliverer.attempt(message, job, CONTENT, before_dot))
        (copy,) = self.inbox("ann", SENT)
        self.assertTrue(copy.seen and copy.own)
        # builders' envelope goes to bob@beta.example, the To field names bob@alpha.example.
        self.assertEqual([box.address for box in copy.bcc], ["bob@beta.example"])

    def test_what_is_suspect_goes_to_spam(self) -> None:
        """A plan that says quarantine files into Spam, and only there."""
        plan = [replace(builders.plan_entry(0, LOCAL, BOB), quarantine=True)]
        message = builders.queued_message("q3", CONTENT, plan=plan)
        (job,) = jobs_of(message)

        async def before_dot() -> bool:
            return True

        self.await_(self.deliverer.attempt(message, job, CONTENT, before_dot))
        self.assertEqual((len(self.inbox("bob", SPAM)), len(self.inbox("bob"))), (1, 0))

    def test_a_notice_is_said_aloud(self) -> None:
        """A delivery report makes a toast beside the change."""
        heard: list[Event | None] = []
        self.events.subscribe("bob", heard.append)
        heard.clear()
        report = (
            b"From: MAILER-DAEMON@x.example\r\nSubject: Undelivered: hello\r\n"
            b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            b"--b\r\n\r\nno\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            b"Reporting-MTA: dns; x\r\n\r\n--b--\r\n"
        )
        self.deliver(BOB, content=report)
        self.assertEqual([type(event) for event in heard], [Changed, Toast])

    def test_what_cannot_be_parsed_is_filed(self) -> None:
        """Any bytes are a message."""
        self.deliver(BOB, content=bytes(range(256)) * 4)
        self.assertEqual(len(self.inbox("bob")), 1)

    def test_a_fault_of_the_parser_keeps_nothing_back(self) -> None:
        """The message is filed whole and marked; the fault is logged once."""
        self.patch(deliver_module, "describe", lambda content: 1 // 0)
        self.deliver(BOB)
        (message,) = self.inbox("bob")
        self.assertEqual((message.description.structure.start, message.description.structure.end), (0, len(CONTENT)))
        self.assertTrue(message.description.defects)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_large_messages_are_parsed_in_a_thread(self) -> None:
        """The reactor is not held up."""
        self.deliver(BOB)
        self.assertEqual(self.threaded, 0)
        self.deliver(ANN, content=CONTENT + b"x\r\n" * INLINE)
        self.assertEqual(self.threaded, 1)
