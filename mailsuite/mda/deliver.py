"""Files mail into mailboxes, each message once (RFC 5321 section 4.4: final delivery)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.logger import Logger

from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.threads import InThread
from mailsuite.mailauth.results import kept_results
from mailsuite.mda.accounts import Accounts
from mailsuite.mime.describe import describe
from mailsuite.model import folder
from mailsuite.model.account import Account
from mailsuite.model.address import Mailbox
from mailsuite.model.envelope import Recipient
from mailsuite.model.event import Changed, Toast
from mailsuite.model.job import SENT, Job, Outcome, QueuedMessage, RecipientState
from mailsuite.model.message import Description, Filing, Part
from mailsuite.model.status import Status
from mailsuite.model.verdict import NOT_JUDGED, Authentication

log = Logger()

INLINE = 64 * 1024
"""Messages up to this size (octets) are parsed where they are: a hop to a thread costs more."""


class Deliverer:
    """The attempt of the local lane; ``hostname`` is our authserv-id."""

    def __init__(
        self, accounts: Accounts, messages: IMessageStore, events: IEventBus, thread: InThread, hostname: str
    ) -> None:
        self._accounts = accounts
        self._messages = messages
        self._events = events
        self._thread = thread
        self._hostname = hostname

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """File the message for each open recipient; a repetition files nothing twice. Raises StoreUnavailable."""
        description = await self._describe(job, content)
        # What a person submits may bear a field that looks like ours; what comes in by port 25 has lost it there.
        by_host = message.account is None
        verdict = kept_results(content, self._hostname) if by_host else NOT_JUDGED
        outcomes = []
        for recipient in job.open_recipients:
            account = await self._accounts.find(recipient.address)
            if account is None:
                status = Status(550, "5.1.1", f"there is no mailbox {recipient.address}")
                outcomes.append(Outcome(recipient, RecipientState.FAILED, status))
                continue
            await self._file(message, job, recipient, account, description, verdict)
            status = Status(250, "2.1.5", "filed in Sent" if job.destination == SENT else "filed")
            outcomes.append(Outcome(recipient, RecipientState.DELIVERED, status))
        return outcomes

    async def _describe(self, job: Job, content: bytes) -> Description:
        try:
            return describe(content) if len(content) <= INLINE else await self._thread(lambda: describe(content))
        except Exception:
            # A fault of our parser must not keep the message from its reader: it is filed and shown raw.
            log.failure("{job_id}: the message could not be parsed", job_id=job.id)
            return _opaque(content)

    async def _file(
        self,
        message: QueuedMessage,
        job: Job,
        recipient: Recipient,
        account: Account,
        description: Description,
        verdict: Authentication,
    ) -> None:
        sent = job.destination == SENT
        where = folder.SENT if sent else folder.SPAM if _suspect(message, job) else folder.INBOX
        filed = await self._messages.file(
            Filing(
                account=account.id,
                folder=where,
                delivery_key=f"{job.id}:{recipient.address.key}",
                blob=message.blob,
                size=message.size,
                received_at=message.created,
                description=description,
                reverse_path=message.envelope.sender,
                bcc=_blind(message, description) if sent else (),
                seen=sent,
                own=message.account == account.id,
                verdict=verdict,
            ),
            # The queue keeps it durably until long after this; a repetition files nothing twice.
            durable=False,
        )
        await self._events.publish(Changed(account.id, where, filed.seq))
        if filed.new and description.structure.content_type == "multipart/report":
            await self._events.publish(Toast(account.id, description.subject, filed.conversation))


def _suspect(message: QueuedMessage, job: Job) -> bool:
    return any(entry.quarantine for entry in message.plan if job.id == f"{message.id}.{entry.n}")


def _opaque(content: bytes) -> Description:
    """A message as one piece of text."""
    whole = Part("1", "text/plain", "", "8bit", "", "", "", 0, len(content))
    defects = ("this message could not be parsed",)
    return Description("", (), (), (), (), (), "", None, whole, "", has_attachments=False, defects=defects)


def _blind(message: QueuedMessage, description: Description) -> tuple[Mailbox, ...]:
    """The recipients that no header field names: only the sender's own copy knows them."""
    named = {box.address.lower() for box in (*description.to, *description.cc)}
    return tuple(
        Mailbox("", str(r.address)) for r in message.envelope.recipients if str(r.address).lower() not in named
    )
