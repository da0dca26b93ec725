"""INotices: what the originator of a message is told (RFC 3461, RFC 3464)."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.job import Job, QueuedMessage, RecipientResult


class INotices(Interface):
    """Each method is safe to repeat: a notice's id follows from the job as it was before the attempt.

    ``results`` are what the attempt gave for the recipients concerned. Whom NOTIFY spares and the null reverse-path
    are left out here, not by the caller. Raises StoreUnavailable: then the attempt's result is not recorded either.
    """

    async def failed(message: QueuedMessage, job: Job, results: Sequence[RecipientResult]) -> None:
        """These recipients failed for good."""

    async def delayed(message: QueuedMessage, job: Job, results: Sequence[RecipientResult], until: int) -> None:
        """These are still waiting after the delay time; they are tried until ``until`` (ms)."""

    async def succeeded(message: QueuedMessage, job: Job, results: Sequence[RecipientResult], relayed: bool) -> None:
        """These were filed here, or (``relayed``) given to a host that does not promise notices of its own."""
