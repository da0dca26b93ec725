"""Attempt: what a worker does with a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from mailsuite.model.job import Job, Outcome, QueuedMessage


class Attempt(Protocol):
    """One try of a job: an outcome for each open recipient. MailError counts for all of them.

    DestinationDown is a fault of the destination and uses up no attempt of the jobs that merely meet it; Postponed is
    no attempt at all.

    ``before_dot`` is awaited before what cannot be taken back; False: the claim is lost, send nothing.
    """

    async def __call__(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]: ...
