"""Which jobs a message needs: the sender's copy, local filing, one per remote destination."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import count

from mailsuite.interfaces.queue import Submission
from mailsuite.model.address import Address
from mailsuite.model.envelope import Recipient
from mailsuite.model.job import LOCAL, RECIPIENTS_PER_JOB, SENT, PlanEntry


def _chunks(recipients: Sequence[Recipient]) -> Iterator[tuple[Recipient, ...]]:
    for start in range(0, len(recipients), RECIPIENTS_PER_JOB):
        yield tuple(recipients[start : start + RECIPIENTS_PER_JOB])


def _once(recipients: Sequence[Recipient]) -> list[Recipient]:
    """The recipients without repetitions: a message goes to each mailbox once."""
    seen: dict[str, Recipient] = {}
    for recipient in recipients:
        seen.setdefault(recipient.address.key, recipient)
    return list(seen.values())


def plan(submission: Submission, local_domains: Collection[str]) -> tuple[PlanEntry, ...]:
    """The entries in a fixed order, so that a repetition of the same submission gives the same jobs.

    The Sent copy and what a person sends to the own address are eager.
    """
    own: list[Recipient] = []
    local: list[Recipient] = []
    remote: dict[str, list[Recipient]] = {}
    for recipient in _once(submission.envelope.recipients):
        if submission.self_address and recipient.address.key == submission.self_address:
            own.append(recipient)
        elif recipient.address.domain in local_domains:
            local.append(recipient)
        else:
            remote.setdefault(recipient.address.domain, []).append(recipient)
    number = count()
    entries: list[PlanEntry] = []
    if submission.sent_copy:
        copy = Recipient(Address.parse(submission.self_address))
        entries.append(PlanEntry(next(number), SENT, (copy,), eager=True))
    if own:
        entries.append(PlanEntry(next(number), LOCAL, tuple(own), eager=True))
    entries.extend(PlanEntry(next(number), LOCAL, chunk, quarantine=submission.quarantine) for chunk in _chunks(local))
    for destination, recipients in sorted(remote.items()):
        entries.extend(PlanEntry(next(number), destination, chunk) for chunk in _chunks(recipients))
    return tuple(entries)
