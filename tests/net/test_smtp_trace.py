"""The traces that sessions leave."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.status import Status
from mailsuite.model.trace import STEPS
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.smtp.limits import Limits
from mailsuite.testing.builders import NOW
from mailsuite.testing.fake_traces import FakeTrace
from tests.net.smtp_support import Gate, Role

START = b"EHLO client.example\r\nMAIL FROM:<ann@alpha.example>\r\n"
RCPT = b"RCPT TO:<bob@beta.example>\r\n"
MESSAGE = b"DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"


class TraceTests(SynchronousTestCase):
    """One session in memory, on a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sink = FakeTrace()
        self.role = Role(self.hook)
        self.answers: dict[str, Status] = {}
        limits = Limits(size=2000, errors=10**6, recipients=10_000)
        config = ServerConfig("mx.alpha.example", limits, service="mx")
        self.factory = SmtpFactory(self.clock, self.role, config, trace=self.sink, clock=lambda: NOW)
        self.protocol = self.connect()
        self.addCleanup(lambda: self.factory.sessions and self.protocol.connectionLost())

    def connect(self) -> Any:
        """A new connection."""
        protocol = self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40000))
        protocol.makeConnection(StringTransport())
        return protocol

    async def hook(self, step: str, subject: Any) -> Status | None:
        """What the test wants."""
        return self.answers.get(step)

    def say(self, *octets: bytes) -> None:
        """Octets from the client, and as many turns of the reactor as they take."""
        self.protocol.dataReceived(b"".join(octets))
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)

    def steps(self, number: int = -1) -> list[str]:
        """Names and texts of a trace's steps."""
        return [f"{step.name} {step.text}" for step in self.sink.traces[number].steps]

    def test_accepted_message(self) -> None:
        """One trace a message: who, what, how it went; later ones of the session begin at MAIL."""
        self.say(START, RCPT, MESSAGE)
        (trace,) = self.sink.traces
        self.assertEqual(
            (trace.began, trace.service, trace.client, trace.helo, trace.sender, trace.recipients),
            (NOW, "mx", "192.0.2.1", "client.example", "ann@alpha.example", 1),
        )
        self.assertEqual(
            self.steps(),
            [
                "connect accepted",
                "mail <ann@alpha.example> 250 2.1.0 ok",
                "rcpt <bob@beta.example> 250 2.1.5 ok",
                "message 18 octets: 250 2.0.0 queued as 1",
            ],
        )
        self.say(b"MAIL FROM:<>\r\n", RCPT, MESSAGE, b"QUIT\r\n")
        self.protocol.connectionLost()
        self.assertEqual(len(self.sink.traces), 2)
        self.assertEqual(self.sink.traces[1].sender, "")
        self.assertEqual(self.steps()[0], "mail <> 250 2.1.0 ok")

    def test_queue_id(self) -> None:
        """The id that the role notes at its visit is the trace's, and not that of the next one."""

        async def hook(step: str, subject: Any) -> Status | None:
            if step == "message":
                self.role.clients[-1].visit.queue_id = "q1"
            return None

        self.role.hook = hook
        self.say(START, RCPT, MESSAGE)
        self.role.hook = None
        self.say(b"MAIL FROM:<>\r\n", RCPT, MESSAGE)
        self.assertEqual([trace.queue_id for trace in self.sink.traces], ["q1", ""])

    def test_refused_recipient(self) -> None:
        """An attempt without a message is told at its end: at the next MAIL, or with the session."""
        self.answers["rcpt"] = Status(451, "4.7.1", "greylisted")
        self.say(START, RCPT, b"RSET\r\nMAIL FROM:<b@b.example>\r\n")
        self.assertEqual(len(self.sink.traces), 1)
        self.assertEqual(self.steps()[-1], "rcpt <bob@beta.example> 451 4.7.1 greylisted")
        self.protocol.connectionLost()
        self.assertEqual([trace.sender for trace in self.sink.traces], ["ann@alpha.example", "b@b.example"])

    def test_nothing_happened(self) -> None:
        """Who only looks leaves no trace; who is refused at the door does."""
        self.say(b"EHLO x\r\nNOPE\r\nQUIT\r\n")
        self.protocol.connectionLost()
        self.assertEqual(self.sink.traces, [])
        self.answers["connect"] = Status(421, "4.7.0", "too many")
        self.connect().connectionLost()
        self.assertEqual(self.steps()[0], "connect 421 4.7.0 too many")
        self.assertIsNone(self.sink.traces[0].sender)

    def test_refusals_of_the_engine(self) -> None:
        """What the session refuses itself is there too: size, syntax."""
        self.say(START, RCPT, b"DATA\r\n", b"x" * 80 + b"\r\n" * 2000, b".\r\n")
        self.protocol.connectionLost()
        self.assertTrue(self.steps()[-1].startswith("session 552 5.3.4"), self.steps())

    def test_time(self) -> None:
        """Steps bear the ms since the session began, and how long the role took."""
        gate = Gate()

        async def hook(step: str, subject: Any) -> Status | None:
            await gate.wait()
            return None

        self.role.hook = hook
        self.clock.advance(1)
        self.say(START)
        self.clock.advance(0.25)
        gate.open()
        self.protocol.connectionLost()
        mail = self.sink.traces[0].steps[-1]
        self.assertEqual((mail.name, mail.at, mail.took), ("mail", 1250, 250))

    def test_bounded(self) -> None:
        """A thousand refused recipients leave a trace of 60 steps, the verdict the last; accepted ones count."""
        self.answers["rcpt"] = Status(550, "5.1.1", "x" * 1000)
        self.say(START, *(b"RCPT TO:<r%d@beta.example>\r\n" % n for n in range(1000)))
        del self.answers["rcpt"]
        self.say(*(b"RCPT TO:<r%d@beta.example>\r\n" % n for n in range(30)), MESSAGE)
        (trace,) = self.sink.traces
        self.assertEqual((len(trace.steps), trace.recipients, trace.steps[-1].name), (STEPS, 30, "message"))
        self.assertLessEqual(max(len(step.text) for step in trace.steps), 200)

    def test_others_get_their_turn(self) -> None:
        """A client that sends a thousand commands at once is answered fifty at a time, a turn of the reactor each."""
        turns: list[Deferred[None]] = []

        def turn() -> Deferred[None]:
            turns.append(Deferred())
            return turns[-1]

        self.patch(self.factory, "turn", turn)
        self.say(START)
        self.protocol.transport.clear()
        self.say(RCPT * 1000)
        answered = [self.protocol.transport.value().count(b"250 2.1.5")]
        while turns:
            turns.pop().callback(None)
            answered.append(self.protocol.transport.value().count(b"250 2.1.5"))
        self.assertEqual(answered[-1], 1000)
        self.assertLessEqual(max(after - before for before, after in pairwise([0, *answered])), 50)

    def test_few_accepted_recipients_are_named(self) -> None:
        """Of many only the first ten have a step of their own."""
        self.say(START, *(b"RCPT TO:<r%d@beta.example>\r\n" % n for n in range(30)), MESSAGE)
        self.assertEqual(sum(step.startswith("rcpt") for step in self.steps()), 10)

    def test_client_that_leaves_during_the_commit(self) -> None:
        """The trace waits for the end of the commit."""
        gate = Gate()

        async def hook(step: str, subject: Any) -> Status | None:
            if step == "message":
                await gate.wait()
            return None

        self.role.hook = hook
        self.say(START, RCPT, MESSAGE)
        self.protocol.connectionLost()
        self.assertEqual(self.sink.traces, [])
        gate.open()
        self.assertEqual(self.steps()[-1], "message 18 octets: 250 2.0.0 queued as 1")
