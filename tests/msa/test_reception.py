"""Ports 587 and 465, without the wire."""

from __future__ import annotations

from dataclasses import replace

from zope.interface.verify import verifyObject

from mailsuite.interfaces.reception import Client, IReception
from mailsuite.login.checker import CredentialChecker
from mailsuite.login.passwords import Passwords
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Refusal, StoreUnavailable
from mailsuite.model.job import QueuedMessage
from mailsuite.model.status import Status
from mailsuite.msa.identity import Identities
from mailsuite.msa.reception import INLINE, SubmissionReception
from mailsuite.testing.builders import envelope, recipients
from mailsuite.testing.fake_counter import FakeCounter
from tests.msa.case import QueueCase, generous

CONTENT = b"From: ann@alpha.example\r\nTo: bob@beta.example\r\nBcc: carl@beta.example\r\n\r\nhi\r\n"


class SubmissionReceptionTests(QueueCase):
    """SubmissionReception."""

    def setUp(self) -> None:
        super().setUp()
        checker = CredentialChecker(self.store.directory, FakeCounter(self.clock), self.in_thread, Passwords())
        self.reception = SubmissionReception(
            checker,
            self.queue,
            generous(),
            Identities(self.store.directory, "+"),
            self.in_thread,
            self.clock,
            self.random,
            "mx.alpha.example",
        )
        self.stranger = Client("192.0.2.7", 50000, "pc", True, "TLSv1.3")
        self.client = replace(self.stranger, account=self.ann)

    def rule(self, status: Status) -> tuple[int, str]:
        """Reply code and enhanced code."""
        return status.code, status.enhanced

    def queued(self, status: Status) -> QueuedMessage:
        """The message that a 250 tells of."""
        self.assertEqual(self.rule(status), (250, "2.0.0"))
        message = self.result(self.store.jobs.message(status.text.split()[-1]))
        assert message is not None
        return message

    def test_interface(self) -> None:
        """It is an IReception."""
        verifyObject(IReception, self.reception)

    def test_login(self) -> None:
        """AUTH asks the directory: the account, or None."""
        self.result(self.store.directory.set_password(self.ann.id, Passwords().hash("correct horse battery")))
        found = self.result(self.reception.authenticate(self.stranger, "Ann@alpha.example", "correct horse battery"))
        assert found is not None
        self.assertEqual(found.id, self.ann.id)
        self.assertIsNone(self.result(self.reception.authenticate(self.stranger, "ann@alpha.example", "wrong")))

    def test_before_login(self) -> None:
        """Nothing goes before AUTH: 530 5.7.0 (RFC 4954 section 6)."""
        self.assertIsNone(self.result(self.reception.connect(self.stranger)))
        bob = Recipient(Address.parse("bob@beta.example"))
        for reply in (
            self.reception.mail(self.stranger, Envelope(Address.parse("ann@alpha.example"), ()), 0),
            self.reception.rcpt(self.stranger, envelope(), bob),
            self.reception.message(self.stranger, envelope(), CONTENT),
        ):
            self.assertEqual(self.rule(self.result(reply)), (530, "5.7.0"))
        self.assertEqual(self.store.blobs.content, {})

    def test_reverse_path(self) -> None:
        """It belongs to the account, whatever its letter case, or is null; others are named and refused."""
        for path, code in (
            (Address.parse("ann@alpha.example"), (250, "2.1.0")),
            (Address.parse("Ann@ALPHA.example"), (250, "2.1.0")),
            (None, (250, "2.1.0")),
            (Address.parse("bob@alpha.example"), (550, "5.7.1")),
            (Address.parse("ann@beta.example"), (550, "5.7.1")),
        ):
            status = self.result(self.reception.mail(self.client, Envelope(path, ()), 0))
            self.assertEqual(self.rule(status), code, path)
            if code[0] == 550:
                self.assertIn(str(path), status.text)

    def test_recipients(self) -> None:
        """A thousand of any kind, then 452 4.5.3."""
        many = recipients(*(f"r{n}@beta.example" for n in range(1000)))
        nobody = Recipient(Address.parse("nobody@alpha.example"))
        for before, code in ((many[:999], (250, "2.1.5")), (many, (452, "4.5.3"))):
            status = self.result(self.reception.rcpt(self.client, Envelope(None, before), nobody))
            self.assertEqual(self.rule(status), code)

    def test_message(self) -> None:
        """It is queued for the account, with its Sent copy, and the reply bears the queue id of the trace."""
        about = envelope("ann@alpha.example", "bob@beta.example", "carl@beta.example")
        message = self.queued(self.result(self.reception.message(self.client, about, CONTENT)))
        self.assertEqual((message.account, message.envelope), ("ann", about))
        self.assertEqual([entry.destination for entry in message.plan], ["sent", "beta.example"])
        head, _, rest = self.content(message).partition(b"\r\nDate: ")
        self.assertTrue(head.startswith(b"Received: from pc ([192.0.2.7])\r\n"))
        self.assertIn(f"with ESMTPSA id {message.id};".encode(), head)
        self.assertEqual(rest.partition(b"\r\n")[0], b"Wed, 25 Nov 2026 12:00:00 +0000")
        self.assertTrue(rest.endswith(b"From: ann@alpha.example\r\nTo: bob@beta.example\r\n\r\nhi\r\n"))

    def test_to_oneself(self) -> None:
        """Mail to the own address is filed at once, as from the browser."""
        message = self.queued(
            self.result(
                self.reception.message(self.client, envelope("ann@alpha.example", "ann@alpha.example"), CONTENT)
            )
        )
        self.assertEqual([(e.destination, e.eager) for e in message.plan], [("sent", True), ("local", True)])

    def test_two_messages(self) -> None:
        """The same content twice is two messages."""
        first = self.queued(self.result(self.reception.message(self.client, envelope(), CONTENT)))
        second = self.queued(self.result(self.reception.message(self.client, envelope(), CONTENT)))
        self.assertNotEqual(first.id, second.id)

    def test_foreign_author(self) -> None:
        """A From field of somebody else is refused and nothing queued."""
        content = CONTENT.replace(b"ann@", b"boss@")
        failure = self.failureResultOf(self.deferred(self.reception.message(self.client, envelope(), content)), Refusal)
        self.assertEqual(self.rule(failure.value.status), (550, "5.7.1"))
        self.assertEqual(self.store.blobs.content, {})

    def test_long_message(self) -> None:
        """What is longer than 256 kB is read in a thread, with the same result and the same refusals."""
        long = CONTENT + b"x" * INLINE
        self.queued(self.result(self.reception.message(self.client, envelope(), CONTENT)))
        self.assertEqual(self.offloaded, 0)
        message = self.queued(self.result(self.reception.message(self.client, envelope(), long)))
        self.assertEqual(self.offloaded, 1)
        self.assertTrue(self.content(message).endswith(long[-INLINE:]))
        self.failureResultOf(
            self.deferred(self.reception.message(self.client, envelope(), long.replace(b"From", b"X"))), Refusal
        )

    def test_store_away(self) -> None:
        """No 250 without the durable commit."""
        self.store.fault = "disk full"
        self.failureResultOf(self.deferred(self.reception.message(self.client, envelope(), CONTENT)), StoreUnavailable)
