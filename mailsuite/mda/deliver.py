"""Files mail into mailboxes, each message once (RFC 5321 section 4.4: final delivery)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from twisted.logger import Logger

from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.final_delivery import Plain
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.threads import InThread
from mailsuite.mailauth.results import kept_results
from mailsuite.mda.accounts import Accounts
from mailsuite.mda.expand import Route
from mailsuite.mda.forward import NOTICE, Forwarder
from mailsuite.mda.sorting import INLINE, Sorter
from mailsuite.mda.vacation import Why
from mailsuite.mime.describe import describe, opaque
from mailsuite.mime.loop import looped
from mailsuite.mime.searchable import searchable
from mailsuite.model import folder
from mailsuite.model.account import Account
from mailsuite.model.address import Address, Mailbox
from mailsuite.model.alias import rewritten
from mailsuite.model.envelope import Recipient
from mailsuite.model.event import Changed, Toast
from mailsuite.model.job import SENT, Job, Outcome, QueuedMessage, RecipientState
from mailsuite.model.message import Description, Filed, Filing
from mailsuite.model.rule import Decision
from mailsuite.model.status import Status
from mailsuite.model.verdict import NOT_JUDGED, Authentication

log = Logger()


class _Read(NamedTuple):
    """What a message says: for lists, for the search, and who it is from."""

    description: Description
    text: str
    verdict: Authentication

    def why(self, decision: Decision) -> Why:
        """As the vacation looks at it."""
        return Why(self.description, self.verdict, decision)


class Deliverer:
    """The attempt of the local lane; ``hostname`` is our authserv-id."""

    def __init__(
        self,
        accounts: Accounts,
        messages: IMessageStore,
        events: IEventBus,
        thread: InThread,
        forwarder: Forwarder,
        sorter: Sorter,
        hostname: str,
    ) -> None:
        self._accounts = accounts
        self._messages = messages
        self._events = events
        self._thread = thread
        self._forwarder = forwarder
        self._sorter = sorter
        self._hostname = hostname

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """File the message for each open recipient, or send it on; a repetition does nothing twice.

        Raises StoreUnavailable.
        """
        read = await self._read(message, job, content)
        outcomes = []
        for recipient in job.open_recipients:
            status, passed = await self._deliver(message, job, recipient, content, read)
            state = RecipientState.DELIVERED if status.positive else RecipientState.FAILED
            outcomes.append(Outcome(recipient, state, status, dsn_passed=passed))
        return outcomes

    async def plain(self, message: QueuedMessage, job: Job, content: bytes) -> Plain | None:
        """What the job comes to when all its recipients are mailboxes here and nothing else is to be done."""
        recipients = job.open_recipients
        if job.destination == SENT or message.id.startswith(NOTICE) or message.quarantines(job):
            return None
        accounts: dict[str, tuple[Account, Address]] = {}
        for recipient in recipients:
            if rewritten(recipient.address):
                return None
            route = await self._accounts.route(recipient.address)
            if route.problem is not None or route.foreign or not route.filed:
                return None
            for account in route.filed:
                accounts.setdefault(account.id, (account, recipient.address))
        read = await self._read(message, job, content)
        filings = []
        for account, address in accounts.values():
            decision = await self._decide(message, account, address, content, read)
            if account.rules and not await self._sorter.is_filing(message, account, content, read.why(decision)):
                return None
            filings.append(_sorted(message, account, read, decision))
            self._sorter.note(message, account, decision)
        outcomes = tuple(Outcome(r, RecipientState.DELIVERED, Status(250, "2.1.5", "filed")) for r in recipients)
        return Plain(tuple(filings), outcomes)

    async def _deliver(
        self,
        message: QueuedMessage,
        job: Job,
        recipient: Recipient,
        content: bytes,
        read: _Read,
    ) -> tuple[Status, bool]:
        """What became of it, and whether the notices that the sender asked for are left to others."""
        address = recipient.address
        returned = rewritten(address) and await self._accounts.hosts(address.domain)
        route = Route() if returned else await self._accounts.route(address)
        if job.destination == SENT:
            return await self._file_all(message, job, folder.SENT, route.direct, read), False
        if message.id.startswith(NOTICE):
            return await self._file_all(message, job, folder.INBOX, route.direct, read), False
        refused = await self._accounts.answer(message.envelope, address) if returned else route.problem
        if refused is not None:
            return refused, False
        if message.quarantines(job):
            return await self._keep_suspect(message, job, address, route, read), False
        if returned:
            return await self._forwarder.give_back(message, recipient, content, read.description.structure), False
        if route.foreign and looped(address, content):
            return Status(554, "5.4.6", f"mail for {address} came back: it was sent on from here before"), False
        alone = not route.filed and len(route.foreign) == 1
        for onward in route.foreign:
            await self._forwarder.forward(message, recipient, onward, content, alone)
        if not route.filed:
            return Status(250, "2.1.5", "sent on"), alone
        for account in route.filed:
            await self._take_in(message, recipient, account, content, read)
        return Status(250, "2.1.5", "filed"), False

    async def _take_in(
        self, message: QueuedMessage, recipient: Recipient, account: Account, content: bytes, read: _Read
    ) -> None:
        """File it as the account's rules want, and do what else they want; a repetition does nothing twice."""
        decision = await self._decide(message, account, recipient.address, content, read)
        await self._sorter.forward(message, recipient, account, content, decision)
        filed = await self._file(_sorted(message, account, read, decision))
        if decision.folders:
            # The first of them may be one that was deleted.
            decision = replace(decision, folders=(filed.folder,))
        if filed.new:
            self._sorter.note(message, account, decision)
        if account.rules:
            await self._sorter.answer(message, account, content, read.why(decision))

    async def _decide(
        self, message: QueuedMessage, account: Account, address: Address, content: bytes, read: _Read
    ) -> Decision:
        if not account.rules:
            return Decision()
        return await self._sorter.decide(message, account, address, content, *read)

    async def _keep_suspect(
        self,
        message: QueuedMessage,
        job: Job,
        address: Address,
        route: Route,
        read: _Read,
    ) -> Status:
        """Other hosts would blame us for it: it is in Spam here, of those it was for, else of who answers for us."""
        keepers = route.direct
        if not keepers and (role := await self._accounts.role(address.domain)) is not None:
            keepers = (role,)
        return await self._file_all(message, job, folder.SPAM, keepers, read)

    async def _file_all(
        self,
        message: QueuedMessage,
        job: Job,
        where: str,
        accounts: Sequence[Account],
        read: _Read,
    ) -> Status:
        for account in accounts:
            await self._file(_filing(message, where, account, read))
        if not accounts:
            return Status(550, "5.1.1", "there is no such mailbox")
        return Status(250, "2.1.5", "filed in Sent" if job.destination == SENT else "filed")

    async def _read(self, message: QueuedMessage, job: Job, content: bytes) -> _Read:
        # What a person submits may bear a field that looks like ours; what comes in by port 25 has lost it there.
        verdict = kept_results(content, self._hostname) if message.account is None else NOT_JUDGED
        try:
            described = _describe(content) if len(content) <= INLINE else await self._thread(lambda: _describe(content))
        except Exception:
            # A fault of our parser must not keep the message from its reader: it is filed and shown raw.
            log.failure("{job_id}: the message could not be parsed", job_id=job.id)
            described = opaque(content), ""
        return _Read(*described, verdict)

    async def _file(self, filing: Filing) -> Filed:
        # The queue keeps it durably until long after this; a repetition files nothing twice.
        filed = await self._messages.file(filing, durable=False)
        await self._events.publish(Changed(filing.account, filed.folder, filed.seq))
        if filed.new and filing.description.structure.content_type == "multipart/report":
            await self._events.publish(Toast(filing.account, filing.description.subject, filed.conversation))
        return filed


def _describe(content: bytes) -> tuple[Description, str]:
    description = describe(content)
    return description, searchable(content, description.structure)


def _sorted(message: QueuedMessage, account: Account, read: _Read, decision: Decision) -> Filing:
    """What the account's rules make of a message that comes to it."""
    where, *otherwise = decision.places
    filing = _filing(message, where, account, read)
    if not decision.rules:
        return filing
    return replace(
        filing,
        otherwise=tuple(otherwise),
        labels=decision.labels,
        flagged=decision.starred,
        seen=filing.seen or decision.read,
    )


def _filing(message: QueuedMessage, where: str, account: Account, read: _Read) -> Filing:
    sent = where == folder.SENT
    return Filing(
        account=account.id,
        folder=where,
        # By whichever recipients, jobs and aliases the message comes to an account, it has it once.
        delivery_key=f"{message.id}:sent" if sent else message.id,
        blob=message.blob,
        size=message.size,
        received_at=message.created,
        description=read.description,
        reverse_path=message.envelope.sender,
        bcc=_blind(message, read.description) if sent else (),
        seen=sent,
        own=message.account == account.id,
        verdict=read.verdict,
        text=read.text,
    )


def _blind(message: QueuedMessage, description: Description) -> tuple[Mailbox, ...]:
    """The recipients that no header field names: only the sender's own copy knows them."""
    named = {box.address.lower() for box in (*description.to, *description.cc)}
    return tuple(
        Mailbox("", str(r.address)) for r in message.envelope.recipients if str(r.address).lower() not in named
    )
