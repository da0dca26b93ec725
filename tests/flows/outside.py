"""The running demonstration with one scripted host outside, which is that of target.example and remote.example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailsuite.testing.ports import free_port
from mailsuite.testing.smtp_peers import Received, ScriptedServer
from tests.flows.demo import SMTP, Demo, Stranger, WithDemo, until
from tests.flows.names import Names

T = TypeVar("T")
reactor: Any = _reactor

SENDER = "Sam@remote.example"
RECORDS = {
    ("remote.example.", "TXT"): '"v=spf1 ip4:203.0.113.0/24 -all"',
    ("remote.example.", "MX"): "10 mx.remote.example.",
}


class OutsideCase(WithDemo, TestCase):
    """One demonstration for all; target.example and remote.example are one scripted host."""

    names: Names
    port: int

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """127.0.0.0/8 is a balancer, outside names are those of RECORDS."""
        cls.names = Names(RECORDS)
        cls.names.start()
        cls.port = free_port()
        demo.set("mx", "proxy_from", '["127.0.0.0/8"]')
        demo.set("dns", "upstreams", f'["127.0.0.1:{cls.names.port}"]')
        for domain in ("target.example", "remote.example"):
            demo.route(domain, f"127.0.0.1:{cls.port}")

    @classmethod
    def tearDownClass(cls) -> None:
        """End both."""
        super().tearDownClass()
        cls.names.stop()

    async def setUp(self) -> None:  # type: ignore[override]
        """The other host."""
        self.server = ScriptedServer({"RCPT never@target.example": ["550 5.7.26 DMARC says no"]})
        await self.server.listen(reactor, port=self.port)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.close()))

    async def aside(self, work: Callable[[], T]) -> T:
        """Blocking work, while the other host answers."""
        return await deferToThread(work)

    def stranger(self) -> Stranger:
        """A session."""
        session = Stranger(SMTP + self.demo.offset, "203.0.113.5", "mx.remote.example")
        self.addCleanup(session.close)
        return session

    def send(self, to: str, subject: str) -> None:
        """SPF passes for what the stranger sends."""
        text = f"From: {SENDER}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nhello\r\n"
        self.stranger().sendmail(SENDER, [to], text.encode())

    def arrived(self, recipient: str, words: bytes) -> Received:
        """The transaction for a recipient with these words in its content."""

        def find() -> list[Received]:
            came = [one for one in self.server.transactions if one.complete and words in one.content]
            return [one for one in came if one.rcpts[0].startswith(f"RCPT TO:<{recipient}>")]

        (one,) = until(find, f"the mail for {recipient}")
        return one

    def reverse_path(self, transaction: Received) -> str:
        """Its reverse-path."""
        return transaction.mail.partition("<")[2].partition(">")[0]

    def inbox(self, address: str, subject: str) -> None:
        """It is in the inbox, once."""
        pages = self.demo.browser(address)
        until(lambda: subject in pages.subjects("inbox"), f"{subject} in the inbox of {address}")
        self.assertEqual(pages.subjects("inbox").count(subject), 1)
