"""Bulk mail does not go where an address is known not to exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from twisted.logger import Logger

from mailsuite.interfaces.suppressions import ISuppressionList
from mailsuite.model.envelope import Recipient
from mailsuite.model.errors import MailError, Refusal, StoreUnavailable
from mailsuite.model.job import Job, Outcome, Priority, QueuedMessage, RecipientState
from mailsuite.model.status import Status
from mailsuite.model.suppression import Suppression
from mailsuite.queue.attempt import Attempt

log = Logger()

LASTING = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Enhanced codes that say of an address, and not of a message, that it takes no mail (RFC 3463, RFC 7505)."""


class Suppressing:
    """An Attempt that fails suppressed recipients of bulk mail, leaves the others to ``attempt`` and learns from it.

    Mail that people write is never suppressed.
    """

    def __init__(self, attempt: Attempt, suppressions: ISuppressionList, clock: Callable[[], int]) -> None:
        self._attempt = attempt
        self._suppressions = suppressions
        self._clock = clock

    async def __call__(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """See Attempt."""
        account = message.account
        if message.priority is not Priority.BULK or account is None:
            return await self._attempt(message, job, content, before_dot)
        known = await self._suppressions.find(account, [r.address.key for r in job.open_recipients])
        refused = [
            Outcome(r, RecipientState.FAILED, _suppressed(known[r.address.key]))
            for r in job.open_recipients
            if r.address.key in known
        ]
        going = replace(job, recipients=tuple(r for r in job.recipients if r.recipient.address.key not in known))
        if not going.open_recipients:
            return refused
        try:
            outcomes = list(await self._attempt(message, going, content, before_dot))
        except StoreUnavailable:
            raise
        except Refusal as refusal:
            outcomes = _all(going.open_recipients, RecipientState.FAILED, refusal.status)
        except MailError as error:
            if not refused:
                raise
            # The refused ones are told of now: the others may wait for days.
            outcomes = _all(going.open_recipients, RecipientState.DEFERRED, error.status)
        await self._learn(account, outcomes)
        return [*refused, *outcomes]

    async def _learn(self, account: str, outcomes: Sequence[Outcome]) -> None:
        try:
            for outcome in outcomes:
                if outcome.state is RecipientState.FAILED and outcome.status.enhanced in LASTING:
                    address = outcome.recipient.address.key
                    if await self._suppressions.record(Suppression(account, address, outcome.status, self._clock())):
                        log.info(
                            "<{address}> is suppressed for bulk mail of {account}", address=address, account=account
                        )
        except StoreUnavailable as error:
            # The attempt is over and must be recorded; the next one learns it again.
            log.warn("a suppression was not recorded: {error}", error=error.detail)


def _all(recipients: Collection[Recipient], state: RecipientState, status: Status) -> list[Outcome]:
    return [Outcome(recipient, state, status) for recipient in recipients]


def _suppressed(entry: Suppression) -> Status:
    since = datetime.fromtimestamp(entry.at / 1000, UTC).date().isoformat()
    return replace(entry.status, text=f"suppressed since {since}: {entry.status.text}")
