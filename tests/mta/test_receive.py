"""What port 25 takes, and the trace it leaves."""

from __future__ import annotations

import email
import re
from collections.abc import Awaitable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailsuite.interfaces.checks import PASS, Decision, IMessageCheck
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.interfaces.reception import Client, Visit
from mailsuite.mime.received import protocol, received
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.job import QueuedMessage
from mailsuite.model.status import Status
from mailsuite.mta.checks import BaseCheck
from mailsuite.mta.receive import Reception
from mailsuite.testing import builders

T = TypeVar("T")
CLIENT = Client("203.0.113.9", 4711, "mx.remote.example", True)
CONTENT = b"Subject: x\r\n\r\nhello\r\n"


@implementer(ISubmissionQueue)
class Door:
    """A queue that notes, or that is out of order."""

    def __init__(self) -> None:
        self.taken: list[Submission] = []
        self.fault: Exception | None = None

    async def accept(self, submission: Submission) -> QueuedMessage:
        """See ISubmissionQueue."""
        if self.fault is not None:
            raise self.fault
        self.taken.append(submission)
        return builders.queued_message(submission.id, submission.content)


@implementer(IMessageCheck)
class Judge(BaseCheck):
    """A check that says what it is told to."""

    def __init__(self) -> None:
        self.says: dict[str, Decision] = {}
        self.known: list[bool] = []

    async def connect(self, client: Client) -> Decision:
        return self.says.get("connect", PASS)

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        return self.says.get("mail", PASS)

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient, known: bool) -> Decision:
        self.known.append(known)
        return self.says.get("rcpt", PASS)

    async def body(self, client: Client, envelope: Envelope, content: bytes) -> Decision:
        return self.says.get("body", PASS)


class ReceptionTests(SynchronousTestCase):
    """RFC 5321 sections 3.3, 4.4, 7.9."""

    def setUp(self) -> None:
        """ann@alpha.example is ours."""
        self.door = Door()
        self.check = Judge()
        self.reception = Reception(
            self.door,
            self.hosts,
            self.answer,
            "mail.alpha.example",
            lambda: builders.NOW,
            lambda n: b"\x01" * n,
            self.check,
        )

    async def hosts(self, domain: str) -> bool:
        """One domain."""
        return domain == "alpha.example"

    async def answer(self, envelope: Envelope, address: Address) -> Status | None:
        """Ann and the postmaster; an alias that leads to itself."""
        known = ("ann@alpha.example", "postmaster@alpha.example", "postmaster@mail.alpha.example")
        if address.key == "loop@alpha.example":
            return Status(550, "5.4.6", "it loops")
        return None if address.key in known else Status(550, "5.1.1", "no mailbox")

    def now(self, work: Awaitable[T]) -> T:
        """The result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(work))  # type: ignore[arg-type]

    def rcpt(self, address: str) -> tuple[int, str]:
        """The reply to a recipient."""
        envelope = Envelope(None, ())
        status = self.now(self.reception.rcpt(CLIENT, envelope, Recipient(Address.parse(address))))
        return status.code, status.enhanced

    def test_recipients(self) -> None:
        """Ours are taken, unknown ones 5.1.1, foreign ones 5.7.1, whatever trick the local part plays."""
        self.assertEqual(self.rcpt("ann@alpha.example"), (250, "2.1.5"))
        self.assertEqual(self.rcpt("Ann@Alpha.Example"), (250, "2.1.5"))
        self.assertEqual(self.rcpt("nobody@alpha.example"), (550, "5.1.1"))
        self.assertEqual(self.rcpt("u@other.example"), (550, "5.7.1"))
        self.assertEqual(self.rcpt("u%other.example@alpha.example"), (550, "5.1.1"))
        self.assertEqual(self.rcpt('"u@other.example"@alpha.example'), (550, "5.1.1"))
        self.assertEqual(self.rcpt("u@[198.51.100.2]"), (550, "5.7.1"))
        self.assertEqual(self.rcpt("loop@alpha.example"), (550, "5.4.6"))

    def test_a_check_decides_at_each_step(self) -> None:
        """Its status is the reply, and nothing is queued; relaying is denied without asking it."""
        status = Status(451, "4.7.1", "later")
        self.check.says = dict.fromkeys(("connect", "mail", "rcpt", "body"), Decision(status))
        envelope = builders.envelope("bob@remote.example", "ann@alpha.example")
        self.assertEqual(self.now(self.reception.connect(CLIENT)), status)
        self.assertEqual(self.now(self.reception.mail(CLIENT, envelope, 0)), status)
        self.assertEqual(self.rcpt("ann@alpha.example"), (451, "4.7.1"))
        self.assertEqual(self.rcpt("nobody@alpha.example"), (451, "4.7.1"))
        self.assertEqual(self.rcpt("u@other.example"), (550, "5.7.1"))
        self.assertEqual(self.check.known, [True, False])
        self.assertEqual(self.now(self.reception.message(CLIENT, envelope, CONTENT)), status)
        self.assertEqual(self.door.taken, [])

    def test_spf_is_of_one_transaction(self) -> None:
        """The result of the last transaction is forgotten at MAIL."""
        client = replace(CLIENT, visit=Visit())
        client.visit.spf, client.visit.spf_domain = "pass", "old.example"
        self.now(self.reception.mail(client, builders.envelope(), 0))
        self.assertEqual((client.visit.spf, client.visit.spf_domain), ("", ""))

    def test_a_check_changes_the_content(self) -> None:
        """What it gives is queued, below our Received field; the visit bears the queue id."""
        changed = b"Authentication-Results: mail.alpha.example; none\r\n" + CONTENT
        self.check.says = {"body": Decision(content=changed)}
        client = replace(CLIENT, visit=Visit())
        client.visit.reverse_name = "out.remote.example"
        self.now(self.reception.message(client, builders.envelope("b@remote.example", "ann@alpha.example"), CONTENT))
        (taken,) = self.door.taken
        self.assertTrue(taken.content.endswith(b"\r\n" + changed))
        self.assertIn(b"from mx.remote.example (out.remote.example [203.0.113.9])\r\n", taken.content)
        self.assertEqual(client.visit.queue_id, taken.id)

    def test_postmaster_of_the_host(self) -> None:
        """Bare <postmaster> is this host's (the engine adds the host name); nobody else at the host name is."""
        self.assertEqual(self.rcpt("postmaster@mail.alpha.example"), (250, "2.1.5"))
        self.assertEqual(self.rcpt("ann@mail.alpha.example"), (550, "5.7.1"))

    def test_accepted_with_one_trace_field_on_top(self) -> None:
        """The content follows our Received field unchanged; the reply bears the queue id that the field bears."""
        envelope = builders.envelope("bob@remote.example", "ann@alpha.example")
        status = self.now(self.reception.message(CLIENT, envelope, CONTENT))
        (taken,) = self.door.taken
        self.assertEqual((status.code, status.enhanced), (250, "2.0.0"))
        self.assertTrue(status.text.endswith(taken.id))
        self.assertTrue(taken.content.endswith(CONTENT))
        parsed = email.message_from_bytes(taken.content)
        self.assertEqual(parsed.keys(), ["Received", "Subject"])
        trace = " ".join(parsed["Received"].split())
        self.assertIn("from mx.remote.example ([203.0.113.9])", trace)
        self.assertIn(f"by mail.alpha.example with ESMTP id {taken.id}", trace)
        self.assertIn("for <ann@alpha.example>;", trace)
        date = parsedate_to_datetime(trace.rpartition(";")[2])
        self.assertEqual(round(date.timestamp() * 1000), builders.NOW)
        self.assertIsNone(taken.account)
        self.assertFalse(taken.sent_copy)

    def test_several_recipients_are_not_named(self) -> None:
        """Who gets a blind copy must not be told to the others."""
        envelope = builders.envelope("bob@remote.example", "ann@alpha.example", "x@alpha.example")
        self.assertNotIn(b"for <", received(CLIENT, envelope, "h", "q", 0))

    def test_nothing_from_the_client_breaks_out_of_the_field(self) -> None:
        """A HELO name with line ends, quotes or non-ASCII stays one harmless word."""
        client = Client("2001:db8::1", 1, 'x\r\nBcc: v@x.example\r\n "(\u00fc', True)
        trace = received(client, builders.envelope(), "h.example", "q1", builders.NOW)
        parsed = email.message_from_bytes(trace + b"\r\n")
        self.assertEqual(parsed.keys(), ["Received"])
        self.assertIn(b"([IPv6:2001:db8::1])", trace)
        self.assertTrue(all(len(line) <= 998 for line in trace.split(b"\r\n")))
        self.assertEqual(re.sub(rb"[\x20-\x7e\t]|\r\n", b"", trace), b"")

    def test_with_keywords(self) -> None:
        """RFC 3848 and RFC 6531 section 3.7.3."""
        tls = Client("192.0.2.1", 1, "x", True, "TLSv1.3 X")
        self.assertEqual(protocol(Client("192.0.2.1", 1, "x", False), False), "SMTP")
        self.assertEqual(protocol(CLIENT, False), "ESMTP")
        self.assertEqual(protocol(tls, False), "ESMTPS")
        self.assertEqual(protocol(tls, True), "UTF8SMTPS")

    def test_a_store_that_is_down_is_a_deferral(self) -> None:
        """451 4.3.0: the client tries again."""
        self.door.fault = StoreUnavailable("disk full")
        work = Deferred.fromCoroutine(self.reception.message(CLIENT, builders.envelope(), CONTENT))
        error = self.failureResultOf(work, StoreUnavailable).value
        assert isinstance(error, StoreUnavailable)
        self.assertEqual((error.status.code, error.status.enhanced), (451, "4.3.0"))
