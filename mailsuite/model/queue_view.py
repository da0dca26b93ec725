"""The queue as a person looks at it: which jobs are meant, what was found, what there is in all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mailsuite.model.address import Address
from mailsuite.model.job import Job, JobState, Lane, QueuedMessage

NULL = "<>"
"""How a person writes the null reverse-path."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job with its message."""

    job: Job
    message: QueuedMessage


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs are meant; what is empty does not count, the rest must all hold.

    ``id`` is a queue id or a job id. ``sender`` and ``recipient`` are addresses or ``@domain``, letter case does not
    count; a sender ``<>`` is the null reverse-path. A recipient counts while it is not reached and not failed.
    """

    id: str = ""
    sender: str = ""
    recipient: str = ""
    destination: str = ""
    states: Collection[JobState] = ()

    def matches(self, entry: Entry) -> bool:
        """Is this job meant?"""
        job, message = entry.job, entry.message
        return (
            (not self.id or self.id in (job.id, job.queue_id))
            and (not self.destination or job.destination == self.destination.lower())
            and (not self.states or job.state in self.states)
            and (not self.sender or _named(message.envelope.reverse_path, self.sender))
            and (not self.recipient or any(_named(r.address, self.recipient) for r in job.open_recipients))
        )


@dataclass(frozen=True, slots=True)
class Share:
    """The jobs of one lane, destination and state: how many, the earliest next attempt, and the oldest message."""

    lane: Lane
    destination: str
    state: JobState
    jobs: int
    next_attempt: int
    oldest: int


def _named(address: Address | None, wanted: str) -> bool:
    """Is the address the wanted one, or of the wanted ``@domain``?"""
    wanted = wanted.lower()
    if address is None:
        return wanted == NULL
    return address.key == wanted or (wanted.startswith("@") and f"@{address.domain}" == wanted)
