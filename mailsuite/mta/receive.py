"""What port 25 takes: mail for our own addresses, from anybody (RFC 5321 sections 3.3, 3.6.1, 7.9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zope.interface import implementer

from mailsuite.interfaces.checks import Decision, IMessageCheck
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.interfaces.reception import Client, IReception
from mailsuite.mime.received import received
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.ids import ordered_id
from mailsuite.model.status import Status

Hosts = Callable[[str], Awaitable[bool]]
"""Is a domain one of ours (mda.accounts)?"""

Answer = Callable[[Envelope, Address], Awaitable[Status | None]]
"""Why a recipient of ours is refused, None when it is taken (mda.accounts)."""


@implementer(IReception)
class Reception:
    """IReception for mail from other hosts, as far as ``checks`` (mta.checks.Checks) let it pass."""

    def __init__(
        self,
        queue: ISubmissionQueue,
        hosts: Hosts,
        answer: Answer,
        hostname: str,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        checks: IMessageCheck,
    ) -> None:
        self._queue = queue
        self._hosts = hosts
        self._answer = answer
        self._hostname = hostname
        self._clock = clock
        self._random = random
        self._checks = checks

    async def connect(self, client: Client) -> Status | None:
        """Whom the checks let in."""
        decision: Decision = await self._checks.connect(client)
        return decision.status

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Status:
        """What the checks say; the engine has judged syntax and size."""
        client.visit.spf = client.visit.spf_domain = ""  # of the transaction before
        decision: Decision = await self._checks.mail(client, envelope, size)
        return decision.status or Status(250, "2.1.0", "sender ok")

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> Status:
        """What leads to our mailboxes, or on from them: never relay for others, and say at once who is unknown."""
        if not await self._hosts(recipient.address.domain) and not self._postmaster(recipient.address):
            return Status(550, "5.7.1", f"relaying denied: {recipient.address.domain} is not served here")
        refused = await self._answer(envelope, recipient.address)
        decision: Decision = await self._checks.rcpt(client, envelope, recipient, refused is None)
        return decision.status or refused or Status(250, "2.1.5", "recipient ok")

    def _postmaster(self, address: Address) -> bool:
        # RFC 5321 section 4.5.1: <postmaster> without a domain reaches this host whatever it is called.
        return address.key == f"postmaster@{self._hostname}"

    async def message(self, client: Client, envelope: Envelope, content: bytes) -> Status:
        """250 when the checks have passed it and the queue has it durably."""
        decision: Decision = await self._checks.body(client, envelope, content)
        if decision.status is not None:
            return decision.status
        if decision.content is not None:
            content = decision.content
        now = self._clock()
        queue_id = ordered_id(now, self._random)
        traced = received(client, envelope, self._hostname, queue_id, now) + content
        await self._queue.accept(Submission(envelope, traced, id=queue_id, quarantine=decision.quarantine))
        client.visit.queue_id = queue_id
        return Status(250, "2.0.0", f"queued as {queue_id}")

    async def authenticate(self, client: Client, identity: str, password: str) -> Account | None:
        """Nobody logs in on port 25."""
        return None
