"""What the originator of a message is told (RFC 3464, RFC 3461 sections 4 and 6, RFC 5321 section 6.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256

from twisted.logger import Logger
from zope.interface import implementer

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.mime.dsn import Action
from mailsuite.mime.dsn_write import Report, Reported, write_notice
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import NotThere
from mailsuite.model.job import Job, QueuedMessage, RecipientResult

log = Logger()

_KINDS = {Action.FAILED: "f", Action.DELAYED: "d", Action.DELIVERED: "s", Action.RELAYED: "r"}
_POSTMASTER = "p"
_NOTICE_ID = re.compile(r"-[fdsr][0-9]*(?:-[0-9a-f]{8})?\Z")


@implementer(INotices)
class Notices:
    """INotices over the queue: one notice for each attempt and kind.

    A notice that itself cannot be delivered is reported to ``postmaster``, and that report to nobody.
    """

    def __init__(
        self,
        queue: ISubmissionQueue,
        blobs: IBlobStore,
        hostname: str,
        postmaster: Address,
        clock: Callable[[], int],
    ) -> None:
        self._queue = queue
        self._blobs = blobs
        self._hostname = hostname
        self._postmaster = postmaster
        self._clock = clock

    async def failed(self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult]) -> None:
        """See INotices. A null reverse-path is never answered."""
        if message.envelope.reverse_path is None:
            if message.account is None and _NOTICE_ID.search(message.id):
                await self._send(message, job, results, Action.FAILED, _POSTMASTER + _of(job, results), to_admin=True)
            return
        wanted = [result for result in results if result.recipient.wants("FAILURE")]
        await self._send(message, job, wanted, Action.FAILED, _KINDS[Action.FAILED] + _of(job, wanted))

    async def delayed(self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult], until: int) -> None:
        """See INotices. Its id is the job's alone: there is one in a job's life."""
        wanted = [result for result in results if result.recipient.wants("DELAY")]
        await self._send(message, job, wanted, Action.DELAYED, _KINDS[Action.DELAYED], until)

    async def succeeded(
        self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult], relayed: bool
    ) -> None:
        """See INotices."""
        wanted = [result for result in results if result.recipient.wants("SUCCESS")]
        action = Action.RELAYED if relayed else Action.DELIVERED
        await self._send(message, job, wanted, action, _KINDS[action] + _of(job, wanted))

    async def _send(
        self,
        message: QueuedMessage,
        job: Job,
        results: Sequence[RecipientResult],
        action: Action,
        kind: str,
        until: int = 0,
        to_admin: bool = False,
    ) -> None:
        to = self._postmaster if to_admin else message.envelope.reverse_path
        if to is None or not results:
            return
        try:
            original = await self._blobs.read(message.blob)
        except NotThere:
            original = b""
        notice = f"{job.id.replace('.', '-')}-{kind}"
        report = Report(
            action=action,
            reporting_mta=self._hostname,
            original=original,
            envelope=message.envelope,
            recipients=[Reported(str(r.recipient.address), r.status, r.mx, r.recipient.orcpt, r.at) for r in results],
            arrived=message.created,
            date=self._clock(),
            message_id=f"<{notice}@{self._hostname}>",
            boundary=f"=_{notice}"[:60],
            until=until,
            to=to if to_admin else None,
        )
        content = write_notice(report)
        envelope = Envelope(
            None,
            (Recipient(to),),
            smtputf8=report.smtputf8 or not str(to).isascii(),
            body="" if content.isascii() else "8BITMIME",
            require_tls=message.envelope.require_tls,
        )
        await self._queue.accept(Submission(envelope, content, id=notice))
        log.info(
            "{queue_id}: notice {notice} ({action}) to <{to}> for {count} recipients",
            queue_id=message.id,
            notice=notice,
            action=action.value,
            to=str(to),
            count=len(results),
        )


def _of(job: Job, results: Sequence[RecipientResult]) -> str:
    """The attempt and whom it concerns: when a repetition ends otherwise for others, they are told too."""
    keys = "\n".join(sorted(result.recipient.address.key for result in results))
    return f"{job.attempts + 1}-{sha256(keys.encode()).hexdigest()[:8]}"
