"""Sends mail on to other hosts for aliases and forwards, and gives their notices back (RFC 5321 section 3.9).

The reverse-path is rewritten, for no domain's SPF record lists us for mail of other domains. Only a sender whom SPF
proved hears of a failure: others did not send it. The owner of a forward hears of it once a day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from hashlib import sha256

from twisted.logger import Logger

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.results import NAME, read_results
from mailsuite.mda.expand import Onward
from mailsuite.mda.returned import returned_notice
from mailsuite.mda.rewriting import Rewriting
from mailsuite.mime.dsn import Action, NoticeRecipient, parse_notice
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import QueuedMessage
from mailsuite.model.message import Part
from mailsuite.model.status import Status

log = Logger()

NOTICE = "fn-"
"""Begins the queue id of what tells an owner that a forward failed; such mail is never forwarded."""

_DAY = 86_400_000


class Forwarder:
    """Hands what goes on in at the door. ``hosts`` tells our domains, ``hostname`` is our authserv-id."""

    def __init__(
        self,
        queue: ISubmissionQueue,
        directory: IAccountDirectory,
        hosts: Callable[[str], Awaitable[bool]],
        rewriting: Callable[[], Awaitable[Rewriting]],
        hostname: str,
        clock: Callable[[], int],
    ) -> None:
        self._queue = queue
        self._directory = directory
        self._hosts = hosts
        self._rewriting = rewriting
        self._hostname = hostname
        self._clock = clock

    async def forward(
        self, message: QueuedMessage, recipient: Recipient, onward: Onward, content: bytes, alone: bool
    ) -> None:
        """Queue the copy for ``onward``; a repetition queues nothing twice.

        ``alone``: nobody else gets the recipient's mail, so that NOTIFY=SUCCESS goes on too (RFC 3461 section 5.2.7).
        """
        path = await self._reverse_path(message, recipient.address, onward.owner, content)
        notify = recipient.notify
        if not alone and "SUCCESS" in notify:
            notify = tuple(word for word in notify if word != "SUCCESS") or ("NEVER",)
        target = replace(recipient, address=onward.address, notify=notify)
        await self._send_on(message, path, recipient.address, target, content, message.account)

    async def _send_on(
        self,
        message: QueuedMessage,
        path: Address | None,
        via: Address,
        target: Recipient,
        content: bytes,
        account: str | None = None,
    ) -> None:
        utf8 = message.envelope.smtputf8 or not str(target.address).isascii()
        envelope = replace(message.envelope, reverse_path=path, recipients=(target,), smtputf8=utf8)
        # Only added on top, so that signatures stay whole.
        delivered = f"Delivered-To: {via}\r\n".encode("utf-8", "replace")
        digest = sha256(target.address.key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        copy = await self._queue.accept(
            Submission(
                envelope,
                delivered + content,
                account=account,
                priority=message.priority,
                id=f"{message.id}-w{digest}",
            )
        )
        log.info(
            "{queue_id}: sent on for <{via}> to <{target}> as {copy} from <{sender}>",
            queue_id=message.id,
            via=str(via),
            target=str(target.address),
            copy=copy.id,
            sender=envelope.sender,
        )

    async def _reverse_path(
        self, message: QueuedMessage, via: Address, owner: Account | None, content: bytes
    ) -> Address | None:
        path = message.envelope.reverse_path
        if path is None:
            return None
        proved = message.account is not None or self._proved(path, content)
        ours = await self._hosts(path.domain)
        if proved and ours:
            return path
        rewriting = await self._rewriting()
        home = Address.parse(owner.address) if owner else Address("postmaster", via.domain)
        tag = rewriting.tag(owner.id if owner else "")
        found = rewriting.rewrite(path, home.domain, tag) if proved else None
        return found or rewriting.rewrite(home, home.domain, tag) or home

    def _proved(self, path: Address, content: bytes) -> bool:
        """Did SPF pass for the reverse-path? Our own field says it, others of our name were taken away at the door."""
        for field in read_header(content).named(NAME):
            authserv_id, results = read_results(field.text)
            if authserv_id == self._hostname.lower():
                return any(
                    one.method == "spf" and one.result == "pass" and ("smtp", "mailfrom", path.domain) in one.properties
                    for one in results
                )
        return False

    async def give_back(self, message: QueuedMessage, recipient: Recipient, content: bytes, structure: Part) -> Status:
        """A notice to a rewritten reverse-path: tell the owner of the forward, and the sender if it names one."""
        rewriting = await self._rewriting()
        try:
            sender, tag = rewriting.reverse(recipient.address)
        except ValueError as error:
            return Status(550, "5.7.1", f"<{recipient.address}> takes no mail: {error}")
        home = await self._hosts(sender.domain)
        notice = parse_notice(content, structure)
        failures = [] if notice is None else [r for r in notice.recipients if r.action is Action.FAILED]
        # Of delays and the like the owner is not told; what is no report is taken as word of a failure.
        if failures or (home and notice is None):
            forwarding = await self._directory.forwarding()
            owner = next((one for one in forwarding if rewriting.tag(one.id) == tag), None)
            if owner is not None or home:
                await self._tell(sender, owner, failures)
        if not home:
            await self._send_on(message, None, recipient.address, Recipient(sender), content)
        return Status(250, "2.1.5", "the notice found back")

    async def _tell(self, home: Address, owner: Account | None, failures: Sequence[NoticeRecipient]) -> None:
        to = Address.parse(owner.address) if owner else home
        now = self._clock()
        # The queue keeps what it has delivered for a day: the same id again is nothing new.
        notice = f"{NOTICE}{now // _DAY}-{sha256(to.key.encode()).hexdigest()[:16]}"
        content = returned_notice(
            hostname=self._hostname,
            to=to,
            failures=failures,
            kept=owner.forward.keep if owner and owner.forward else None,
            date=now,
            message_id=f"<{notice}@{self._hostname}>",
        )
        await self._queue.accept(Submission(Envelope(None, (Recipient(to),)), content, id=notice))
