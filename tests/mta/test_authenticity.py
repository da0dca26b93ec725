"""Port 25 judges where a message comes from; the rules themselves are tested in tests/mailauth."""

from __future__ import annotations

import email
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.checks import Decision
from mailsuite.interfaces.reception import Client
from mailsuite.model.errors import Deferral
from mailsuite.mta.authenticity import INLINE, AuthenticityCheck, StripResultsCheck
from mailsuite.mta.checks import Checks
from mailsuite.testing import builders
from mailsuite.testing.fake_resolver import FakeResolver

T = TypeVar("T")
HOST = "mail.alpha.example"
CONTENT = b"From: Ann <ann@remote.example>\r\nTo: bob@alpha.example\r\nSubject: x\r\n\r\nhello\r\n"
FORGED = b"Authentication-Results: mail.alpha.example; dmarc=pass header.from=bank.example\r\n"


class AuthenticityTests(SynchronousTestCase):
    """RFC 7208, RFC 9989, RFC 8601 section 5."""

    def setUp(self) -> None:
        """remote.example sends from 203.0.113.9 only, and wants forgeries rejected."""
        self.dns = FakeResolver()
        self.dns.add("remote.example", "TXT", ["v=spf1 ip4:203.0.113.9 -all"])
        self.policy("reject")
        self.threaded = 0
        self.patience = True

    def policy(self, p: str) -> None:
        """What remote.example wants."""
        self.dns.add("_dmarc.remote.example", "TXT", [f"v=DMARC1; p={p}"])

    async def thread(self, work: Callable[[], T]) -> T:
        """No thread, but counted."""
        self.threaded += 1
        return work()

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """The work, or no time for it."""
        if not self.patience:
            work.close()
            raise TimeoutError
        return await work

    def now(self, work: Awaitable[T]) -> T:
        """The result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(work))  # type: ignore[arg-type]

    def check(self) -> AuthenticityCheck:
        """The check under test."""
        return AuthenticityCheck(self.dns, HOST, self.thread, self.within, lambda: builders.NOW)

    def judge(self, address: str, content: bytes = CONTENT) -> tuple[Decision, Client]:
        """MAIL and the end of the message from an address."""
        check, client = self.check(), Client(address, 25, "mx.remote.example", True)
        envelope = builders.envelope("ann@remote.example", "bob@alpha.example")
        self.assertIsNone(self.now(check.mail(client, envelope, 0)).status)
        return self.now(check.body(client, envelope, content)), client

    def test_what_proves_its_origin_passes(self) -> None:
        """SPF is known to later checks; the results stand on top, the message below them is unchanged."""
        decision, client = self.judge("203.0.113.9")
        self.assertEqual((decision.status, decision.forged, decision.quarantine), (None, False, False))
        self.assertEqual((client.visit.spf, client.visit.spf_domain), ("pass", "remote.example"))
        assert decision.content is not None
        self.assertTrue(decision.content.endswith(CONTENT))
        results = " ".join(email.message_from_bytes(decision.content)["Authentication-Results"].split())
        self.assertTrue(results.startswith(f"{HOST};"), results)
        self.assertIn("spf=pass", results)
        self.assertIn("dmarc=pass", results)

    def test_a_forgery_is_refused_as_its_domain_asks(self) -> None:
        """550 5.7.26 for reject; the greylist hears of it."""
        decision, client = self.judge("198.51.100.66")
        assert decision.status is not None
        self.assertEqual((decision.status.code, decision.status.enhanced), (550, "5.7.26"))
        self.assertTrue(decision.forged)
        self.assertEqual(client.visit.spf, "fail")

    def test_quarantine(self) -> None:
        """Taken, and marked for Spam; the mark survives the chain of checks."""
        self.policy("quarantine")
        decision, client = self.judge("198.51.100.66")
        self.assertEqual((decision.status, decision.quarantine, decision.forged), (None, True, True))
        chain = Checks([StripResultsCheck(HOST), Checks([self.check()])])
        envelope = builders.envelope("ann@remote.example", "bob@alpha.example")
        self.assertTrue(self.now(chain.body(client, envelope, CONTENT)).quarantine)

    def test_dns_that_does_not_answer_defers(self) -> None:
        """A policy that cannot be looked up is 451, never a guess; a time-out too."""
        self.dns.fail("_dmarc.remote.example", "TXT")
        decision, _ = self.judge("198.51.100.66")
        assert decision.status is not None
        self.assertEqual(decision.status.code, 451)
        self.patience = False
        client = Client("198.51.100.66", 25, "x.example", True)
        envelope = builders.envelope("ann@remote.example", "bob@alpha.example")
        self.assertIsNone(self.now(self.check().mail(client, envelope, 0)).status)
        self.failureResultOf(Deferred.fromCoroutine(self.check().body(client, envelope, CONTENT)), Deferral)

    def test_two_authors_are_refused(self) -> None:
        """F042: a second From field is 5.6.0."""
        decision, _ = self.judge("203.0.113.9", b"From: ceo@alpha.example\r\n" + CONTENT)
        assert decision.status is not None
        self.assertEqual((decision.status.code, decision.status.enhanced), (550, "5.6.0"))

    def test_forged_results_are_taken_away(self) -> None:
        """A field with our name that came with the message is gone; one of another host stays."""
        other = b"Authentication-Results: other.example; spf=pass\r\n"
        client = Client("203.0.113.9", 25)
        decision = self.now(StripResultsCheck(HOST).body(client, builders.envelope(), FORGED + other + CONTENT))
        self.assertEqual(decision.content, other + CONTENT)

    def test_large_messages_are_hashed_in_a_thread(self) -> None:
        """The reactor is not held up."""
        self.judge("203.0.113.9")
        self.assertEqual(self.threaded, 0)
        self.judge("203.0.113.9", CONTENT + b"x\r\n" * INLINE)
        self.assertEqual(self.threaded, 1)
