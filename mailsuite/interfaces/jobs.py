"""IJobStore: queued messages and jobs; the truth of the queue and the right to send."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.job import Job, JobUpdate, Lane, NotClaimable, QueuedMessage


class IJobStore(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now. Times are ms since 1970."""

    async def commit(message: QueuedMessage, content: bytes) -> bool:
        """Write content, message and its jobs durably: the commit point of an acceptance.

        ``message.blob`` is the SHA-256 of ``content``. False, and nothing is written, when the id or the
        (account, idempotency key) is there already.
        """

    async def message(queue_id: str) -> QueuedMessage | None:
        """The queued message, None when unknown."""

    async def content(queue_id: str) -> tuple[QueuedMessage, bytes]:
        """The queued message with its content. NotThere when either is gone; raises Undecodable for a damaged row."""

    async def message_by_key(account: str, idempotency_key: str) -> QueuedMessage | None:
        """The message that this account submitted under this key."""

    async def job(job_id: str) -> Job | None:
        """The job, None when unknown."""

    async def jobs(queue_id: str) -> Sequence[Job]:
        """All jobs of a message, by number."""

    async def claim(job_id: str, worker: str, now: int, until: int) -> Job | NotClaimable:
        """The compare-and-set: {id, pending, next attempt <= now, no live claim} -> epoch + 1 and the claim.

        The job returned bears the new epoch. A claim whose ``until`` is <= now is dead.
        """

    async def renew(job_id: str, epoch: int, until: int) -> bool:
        """Prolong the claim of this epoch; False when it is no longer the claim."""

    async def dot(job_id: str, epoch: int, at: int) -> bool:
        """Journal that the final dot is about to be sent; False when this epoch no longer holds the claim."""

    async def record(job_id: str, epoch: int, update: JobUpdate, durable: bool = True) -> bool:
        """Write an attempt's result and clear the claim; False, and nothing written, when the epoch has moved on.

        ``durable`` False: the result may be lost if the machine loses its power, because a repetition of the attempt
        does no harm. A process that is killed loses it in no case.
        """

    async def release(job_id: str, epoch: int, next_attempt: int) -> bool:
        """Give a claim back without an attempt; the job is due again at ``next_attempt``."""

    async def free_slot(slot: str, incarnation: str) -> int:
        """Clear the claims of workers named ``<slot>/...`` other than ``incarnation``; how many."""

    async def pending(lane: Lane, after: str, limit: int) -> Sequence[Job]:
        """Pending jobs of a lane in the order of their ids, from the first id above ``after`` ("" to begin)."""

    async def overdue(lane: Lane, before: int, now: int, limit: int, after: tuple[int, str] = (0, "")) -> Sequence[Job]:
        """Pending jobs due before ``before`` that bear no claim alive at ``now``: what the schedule may have lost.

        In the order of (next attempt, id), from the first one above ``after``.
        """

    async def expired(lane: Lane, now: int, limit: int) -> Sequence[Job]:
        """Pending jobs due at ``now``, without a live claim, of messages that expired before, longest due first."""

    async def park(job_id: str, text: str, at: int) -> bool:
        """Set a pending job aside for a person to look at; ``text`` goes into its history."""

    async def forget(closed_before: int, limit: int) -> int:
        """Delete messages all of whose jobs are done or cancelled and that were created before; how many."""

    async def depth(lane: Lane) -> int:
        """How many jobs of the lane are pending."""
