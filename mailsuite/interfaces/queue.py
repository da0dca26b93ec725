"""ISubmissionQueue: the one door through which all mail goes."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import Interface

from mailsuite.model.envelope import Envelope
from mailsuite.model.job import Priority, QueuedMessage


@dataclass(frozen=True, slots=True)
class Submission:
    """What is handed in at the door.

    ``account`` is the id of the account that submits, None for mail from other hosts and for notices.
    ``sent_copy``: file a copy in the submitter's Sent folder. ``id``: a deterministic id (notices), else made.
    ``self_address``: the submitter's own address (key form): its recipients are filed at once. ``quarantine``: it is
    suspect, and is filed into Spam. ``not_before`` (ms since 1970): nothing happens with it until then, not even the
    Sent copy, so that what is withdrawn leaves no trace; its lifetime begins then.
    """

    envelope: Envelope
    content: bytes
    account: str | None = None
    self_address: str = ""
    sent_copy: bool = False
    priority: Priority = Priority.NORMAL
    id: str = ""
    idempotency_key: str | None = None
    quarantine: bool = False
    not_before: int = 0
    lifetime: int | None = None
    """Milliseconds until it expires; None: the configured time."""


class ISubmissionQueue(Interface):
    """Accept: the message is durable when this returns."""

    async def accept(submission: Submission) -> QueuedMessage:
        """Commit, schedule, run eager jobs.

        Raises StoreUnavailable (nothing was accepted), Refusal when a limit forbids the message.
        The same id or (account, idempotency key) again gives the message that is there.
        """
