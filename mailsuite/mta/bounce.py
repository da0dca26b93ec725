"""Notices of failure to the originator (RFC 3464, RFC 3461 section 6, RFC 5321 section 6.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.mime.dsn import FailedRecipient, failed_notice
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import NotThere
from mailsuite.model.job import Job, QueuedMessage, RecipientResult
from mailsuite.model.status import Status

log = Logger()


def _wanted(result: RecipientResult) -> bool:
    """Did the originator ask to be told of failures? Not saying is asking (RFC 3461 section 4.1)."""
    return not result.recipient.notify or "FAILURE" in result.recipient.notify


class Bouncer:
    """Writes a failed notice into the queue, once per attempt of a job."""

    def __init__(self, queue: ISubmissionQueue, blobs: IBlobStore, hostname: str, clock: Callable[[], int]) -> None:
        self._queue = queue
        self._blobs = blobs
        self._hostname = hostname
        self._clock = clock

    async def failed(self, message: QueuedMessage, job: Job, failures: Sequence[RecipientResult]) -> None:
        """Tell the reverse-path who was not reached; a null reverse-path is never answered.

        The notice's id follows from the job and its attempt, so that a repetition after a crash is the same notice.
        """
        reverse_path = message.envelope.reverse_path
        wanted = [failure for failure in failures if _wanted(failure)]
        if reverse_path is None or not wanted:
            return
        try:
            original = await self._blobs.read(message.blob)
        except NotThere:
            original = b""
        notice = f"{job.id.replace('.', '-')}-f{job.attempts + 1}"
        content = failed_notice(
            reporting_mta=self._hostname,
            original=original,
            envelope=message.envelope,
            failures=[
                FailedRecipient(
                    address=str(failure.recipient.address),
                    status=failure.status or Status(550, "5.0.0", "no reason was given"),
                    mx=failure.mx,
                    orcpt=failure.recipient.orcpt,
                )
                for failure in wanted
            ],
            arrived=message.created,
            date=self._clock(),
            message_id=f"<{notice}@{self._hostname}>",
            boundary=f"=_{notice}",
        )
        await self._queue.accept(Submission(Envelope(None, (Recipient(reverse_path),)), content, id=notice))
        log.info(
            "{queue_id}: notice {notice} to <{originator}> for {count} recipients",
            queue_id=message.id,
            notice=notice,
            originator=str(reverse_path),
            count=len(wanted),
        )
