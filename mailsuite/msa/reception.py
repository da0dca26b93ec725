"""What ports 587 and 465 take: mail of people who logged in (RFC 6409, RFC 8314, RFC 4954 section 6)."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from mailsuite.interfaces.credentials import ICredentialChecker
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.interfaces.reception import Client, IReception
from mailsuite.interfaces.threads import InThread
from mailsuite.mime.received import received
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Refusal
from mailsuite.model.ids import ordered_id
from mailsuite.model.status import Status
from mailsuite.msa.allowance import Allowance
from mailsuite.msa.content import submitted
from mailsuite.msa.identity import Identities

INLINE = 256 * 1024
"""Messages up to this size (octets) are read on the reactor thread."""

_LOGIN_FIRST = Status(530, "5.7.0", "authentication required")


@implementer(IReception)
class SubmissionReception:
    """IReception for the own people's programs. ``thread`` takes what is too long for the reactor thread."""

    def __init__(
        self,
        checker: ICredentialChecker,
        queue: ISubmissionQueue,
        allowance: Allowance,
        identities: Identities,
        thread: InThread,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        hostname: str,
        max_recipients: int = 1000,
    ) -> None:
        self._checker = checker
        self._queue = queue
        self._allowance = allowance
        self._identities = identities
        self._thread = thread
        self._clock = clock
        self._random = random
        self._hostname = hostname
        self._max_recipients = max_recipients

    async def connect(self, client: Client) -> Status | None:
        """Everybody may try to log in."""
        return None

    async def authenticate(self, client: Client, identity: str, password: str) -> Account | None:
        """By address and password; Deferral 421 4.7.0 after too many failures."""
        return await self._checker.check(identity, password, client.address)

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Status:
        """The reverse-path must be the account's, or null for the receipts that a program sends (RFC 8098).

        Raises Deferral when the account has sent as much as it may.
        """
        account = client.account
        if account is None:
            return _LOGIN_FIRST
        path = envelope.reverse_path
        if path is not None and not await self._identities.owns(account, path):
            return Status(550, "5.7.1", f"<{envelope.sender}> does not belong to {account.address}")
        await self._allowance.left(account)
        return Status(250, "2.1.0", "sender ok")

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> Status:
        """Any address: what cannot be delivered comes back as a notice."""
        if client.account is None:
            return _LOGIN_FIRST
        if len(envelope.recipients) >= self._max_recipients:
            return Status(452, "4.5.3", f"at most {self._max_recipients} recipients in one message")
        return Status(250, "2.1.5", "recipient ok")

    async def message(self, client: Client, envelope: Envelope, content: bytes) -> Status:
        """250 when the queue has it durably.

        Raises Refusal for a From field that is not the account's, Deferral when the account's allowance is spent.
        """
        account = client.account
        if account is None:
            return _LOGIN_FIRST
        now = self._clock()
        queue_id = ordered_id(now, self._random)
        trace = received(client, envelope, self._hostname, queue_id, now)

        def work() -> tuple[bytes, Address]:
            return submitted(content, account, trace, now, f"<{queue_id}@{self._hostname}>")

        finished, author = work() if len(content) <= INLINE else await self._thread(work)
        if not await self._identities.owns(account, author):
            raise Refusal(550, "5.7.1", f"From: {author} does not belong to {account.address}")
        await self._allowance.take(account, len(envelope.recipients))
        await self._queue.accept(
            Submission(
                envelope,
                finished,
                account=account.id,
                self_address=account.address,
                sent_copy=True,
                id=queue_id,
            )
        )
        client.visit.queue_id = queue_id
        return Status(250, "2.0.0", f"queued as {queue_id}")
