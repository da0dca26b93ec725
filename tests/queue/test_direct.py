"""Filing right after acceptance: who hears of it."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailsuite.interfaces.final_delivery import Ending, IFinalDelivery, Plain
from mailsuite.model.event import Changed
from mailsuite.model.folder import INBOX
from mailsuite.model.job import Job, Outcome, QueuedMessage, RecipientState, jobs_of
from mailsuite.model.message import Filed
from mailsuite.model.status import Status
from mailsuite.queue.direct import Direct
from mailsuite.queue.settle import RetryPolicy
from mailsuite.testing import builders
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_store import FakeStore


@implementer(IFinalDelivery)
class _Files:
    """Files into a store."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def deliver(self, endings: Sequence[Ending]) -> Sequence[Sequence[Filed] | None]:
        """Each filing."""
        return [[await self._store.messages.file(filing) for filing in ending.filings] for ending in endings]


class DirectTests(SynchronousTestCase):
    """Over the fake store."""

    def test_the_folder_that_has_it_is_told(self) -> None:
        """Not the one that a rule named and that was deleted."""
        events = FakeEvents()
        scheduled: list[Job] = []
        filing = builders.filing("q1", folder="f9", otherwise=(INBOX,))

        async def prepare(message: QueuedMessage, job: Job, content: bytes) -> Plain:
            delivered = (Outcome(job.open_recipients[0], RecipientState.DELIVERED, Status(250, "2.1.5", "filed")),)
            return Plain((filing,), delivered)

        async def sleep(seconds: float) -> None:
            pass

        direct = Direct(
            *(prepare, _Files(FakeStore(lambda: builders.NOW)), events, scheduled.append, RetryPolicy((1,))),
            clock=lambda: builders.NOW,
            sleep=sleep,
            seconds=lambda: 0.0,
            name="h/s/u",
            counted=lambda outcome: None,
        )
        message = builders.queued_message()
        self.assertTrue(direct.take(message, jobs_of(message)[0], b""))
        self.successResultOf(Deferred.fromCoroutine(direct.stop()))
        self.assertEqual(events.published, [Changed("bob", INBOX, 1)])
        self.assertEqual(scheduled, [])
