"""IFinalDelivery: filing a message and closing its job in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailsuite.model.job import Job, JobUpdate, Outcome
from mailsuite.model.message import Filed, Filing


@dataclass(frozen=True, slots=True)
class Plain:
    """A job that is nothing but filing: what is filed, and how each recipient fares."""

    filings: tuple[Filing, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """A job as it was when it was accepted, what it files, and how it ends."""

    job: Job
    filings: tuple[Filing, ...]
    update: JobUpdate


class IFinalDelivery(Interface):
    """Raises StoreUnavailable when the store cannot serve now: then nothing was written, or the jobs are still due."""

    async def deliver(endings: Sequence[Ending]) -> Sequence[Sequence[Filed] | None]:
        """For each: what was filed, once per (account, delivery key) as IMessageStore does; the job is closed.

        None, and nothing is written, for a job that is no longer as it was: {pending, its epoch, never claimed}.
        It may be lost if the machine loses its power, and is then repeated: the queue still has it.
        """
