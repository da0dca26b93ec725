"""One attempt: which host is asked, what comes out, and what it holds meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailsuite.interfaces.transfer import Host, ITransferClient
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import (
    DestinationBusy,
    DestinationDown,
    LookupFailed,
    Postponed,
    Refusal,
    ScheduleUnavailable,
)
from mailsuite.model.job import Claim, Outcome, QueuedMessage, RecipientState, jobs_of
from mailsuite.model.status import Status
from mailsuite.model.tls_policy import TlsLevel, TlsPolicy
from mailsuite.mta.relay import Relay
from mailsuite.mta.route import Router
from mailsuite.testing.builders import plan_entry, queued_message
from mailsuite.testing.fake_resolver import FakeResolver

CONTENT = b"Subject: x\r\n\r\nx\r\n"
OK = Status(250, "2.0.0", "queued")


@implementer(ITransferClient)
class Client:
    """Hosts answer by name, with a status or by what is raised."""

    def __init__(self, answers: dict[str, Exception | Status]) -> None:
        self.answers = answers
        self.asked: list[Host] = []
        self.contents: list[bytes] = []
        self.gate: Deferred[None] | None = None

    async def transfer(
        self,
        host: Host,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        content: bytes,
        before_dot: Callable[[], Awaitable[bool]],
    ) -> Sequence[Outcome]:
        self.asked.append(host)
        self.contents.append(content)
        if self.gate is not None:
            await self.gate
        answer = self.answers[host.name]
        if isinstance(answer, Exception):
            raise answer
        return [Outcome(recipient, RecipientState.DELIVERED, answer, host.name) for recipient in recipients]


class Site:
    """Gives ``until``, or raises it; notes who enters."""

    def __init__(self, until: int | Exception = 0) -> None:
        self.until = until
        self.entered: list[tuple[str, str, str]] = []

    async def enter(self, worker: str, job_id: str, site: str) -> int:
        """As IDeliverySchedule.enter."""
        self.entered.append((worker, job_id, site))
        if isinstance(self.until, Exception):
            raise self.until
        return self.until


async def go() -> bool:
    """Lets the dot pass."""
    return True


class RelayTests(SynchronousTestCase):
    """beta.example has the hosts mx1 and mx2 of mail.example."""

    def setUp(self) -> None:
        """A resolver with two hosts."""
        self.dns = FakeResolver()
        self.dns.add("beta.example", "MX", ["10 mx1.mail.example.", "20 mx2.mail.example."])
        self.dns.add("mx1.mail.example", "A", ["203.0.113.1"])
        self.dns.add("mx2.mail.example", "A", ["203.0.113.2"])
        self.message: QueuedMessage = queued_message(
            content=CONTENT, plan=[plan_entry(0, "beta.example", "bob@beta.example", "cat@beta.example")]
        )

    def attempt(self, client: Client, **parts: object) -> Deferred[Sequence[Outcome]]:
        """Begin one."""
        router = Router(self.dns, {}, [], [], lambda names: names.sort())
        relay = Relay(router, client, **parts)  # type: ignore[arg-type]
        (job,) = jobs_of(self.message)
        job = replace(job, claim=Claim("h/1/a", 0))
        return Deferred.fromCoroutine(relay.attempt(self.message, job, CONTENT, go))

    def states(self, client: Client) -> list[str]:
        """How one ended: state, code and host of each recipient."""
        outcomes = self.successResultOf(self.attempt(client))
        return [f"{o.state} {o.status.code} {o.mx}" for o in outcomes]

    def test_first_host(self) -> None:
        """The best host takes it: nobody else is asked."""
        client = Client({"mx1.mail.example": OK})
        self.assertEqual(self.states(client), ["delivered 250 mx1.mail.example"] * 2)
        self.assertEqual(client.contents, [CONTENT])

    def test_next_host(self) -> None:
        """A host that is down, busy or refuses the session is passed over."""
        for error in (
            DestinationDown(451, "4.4.1", "x"),
            DestinationBusy(421, "4.7.0", "x"),
            Refusal(554, "5.7.1", "go away"),
            Refusal(550, "5.7.30", "no REQUIRETLS"),
        ):
            client = Client({"mx1.mail.example": error, "mx2.mail.example": OK})
            self.assertEqual(self.states(client), ["delivered 250 mx2.mail.example"] * 2)

    def test_all_refuse(self) -> None:
        """When all refuse the recipients fail, with the best host's words."""
        client = Client(
            {"mx1.mail.example": Refusal(554, "5.7.1", "listed"), "mx2.mail.example": Refusal(550, "5.3.2", "no mail")}
        )
        self.assertEqual(self.states(client), ["failed 554 mx1.mail.example"] * 2)

    def test_down(self) -> None:
        """When one is down nothing is final; the best host's words count, and a busy one's above all."""
        down, other = DestinationDown(451, "4.4.1", "first"), DestinationDown(421, "4.3.2", "second")
        busy, refusal = DestinationBusy(421, "4.7.0", "too many"), Refusal(554, "5.7.1", "no")
        for first, second, raised in (
            (down, other, down),
            (down, busy, busy),
            (busy, down, busy),
            (refusal, down, down),
            (down, refusal, down),
        ):
            client = Client({"mx1.mail.example": first, "mx2.mail.example": second})
            error = self.failureResultOf(self.attempt(client)).value
            self.assertIs(error, raised)

    def test_no_host(self) -> None:
        """What the router says comes out, and nobody is asked."""
        self.dns.fail("beta.example", "MX")
        client = Client({})
        self.failureResultOf(self.attempt(client), LookupFailed)
        self.assertEqual(client.asked, [])

    def test_signed(self) -> None:
        """What is signed is what leaves, to each host that is asked the same."""

        async def sign(content: bytes) -> bytes:
            return b"Signature: x\r\n" + content

        client = Client({"mx1.mail.example": DestinationDown(451, "4.4.1", "x"), "mx2.mail.example": OK})
        self.successResultOf(self.attempt(client, sign=sign))
        self.assertEqual(client.contents, [b"Signature: x\r\n" + CONTENT] * 2)

    def test_protected(self) -> None:
        """Hosts are used as the policies give them; when none is left the reason comes out."""
        policy = TlsPolicy(TlsLevel.ENCRYPT, source="x")

        async def protect(domain: str, hosts: Sequence[Host]) -> Sequence[Host]:
            self.assertEqual(domain, "beta.example")
            return [replace(hosts[1], tls=policy)]

        async def refuse(domain: str, hosts: Sequence[Host]) -> Sequence[Host]:
            raise DestinationDown(451, "4.7.5", "none may be used")

        client = Client({"mx2.mail.example": OK})
        self.successResultOf(self.attempt(client, protect=protect))
        self.assertEqual(client.asked, [Host("mx2.mail.example", ("203.0.113.2",), tls=policy)])
        self.failureResultOf(self.attempt(Client({}), protect=refuse), DestinationDown)

    def test_site(self) -> None:
        """The worker's job counts at the site of the best host, before anybody is asked."""
        site = Site()
        client = Client({"mx1.mail.example": OK})
        client.gate = Deferred()
        attempt = self.attempt(client, enter=site.enter)
        self.assertEqual(site.entered, [("h/1/a", "q1.0", "mail.example")])
        client.gate.callback(None)
        self.successResultOf(attempt)
        self.assertEqual(len(site.entered), 1)

    def test_full_site(self) -> None:
        """Then the attempt is none: postponed until the time that was told, nobody is asked."""
        client = Client({})
        error = self.failureResultOf(self.attempt(client, enter=Site(until=1_800_000_005_000).enter), Postponed).value
        assert isinstance(error, Postponed)
        self.assertEqual(error.until, 1_800_000_005_000)
        self.assertIn("mail.example", error.reason)
        self.assertEqual(client.asked, [])

    def test_redis_down(self) -> None:
        """Without Redis nobody counts, and mail goes on."""
        site = Site(ScheduleUnavailable("down"))
        self.successResultOf(self.attempt(Client({"mx1.mail.example": OK}), enter=site.enter))
        self.assertEqual(len(site.entered), 1)
