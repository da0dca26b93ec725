"""Control: what an admin does to the queue, on the fakes of its seams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailsuite.interfaces.notices import INotices
from mailsuite.interfaces.schedule import Idle, Lease
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.job import Job, JobState, Lane, QueuedMessage, RecipientResult, RecipientState
from mailsuite.model.queue_view import JobQuery
from mailsuite.queue.accept import due
from mailsuite.queue.control import Control, Told
from mailsuite.testing.builders import NOW, plan_entry, queued_message
from mailsuite.testing.fake_schedule import FakeSchedule
from mailsuite.testing.fake_store import FakeStore

CONTENT = b"Subject: hello\r\n\r\nhello\r\n"
HOUR = 3_600_000


@implementer(INotices)
class _Notices:
    def __init__(self) -> None:
        self.told: list[tuple[str, Sequence[RecipientResult]]] = []
        self.fault = False

    async def failed(self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult]) -> None:
        if self.fault:
            raise StoreUnavailable("full")
        self.told.append((job.id, results))

    async def delayed(self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult], until: int) -> None:
        raise AssertionError("nobody asked for it")

    async def succeeded(
        self, message: QueuedMessage, job: Job, results: Sequence[RecipientResult], relayed: bool
    ) -> None:
        raise AssertionError("nobody asked for it")


async def all_of(told: AsyncIterator[Told]) -> list[tuple[str, bool]]:
    """What was told, as (job id, done)."""
    return [(each.job.id, each.done) async for each in told]


class ControlTests(TestCase):
    """Each act, in the store and in the schedule."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.now = NOW
        self.store = FakeStore(lambda: self.now)
        self.schedule = FakeSchedule(lambda: self.now, Clock())
        await self.schedule.begin_rebuild("x")
        await self.schedule.end_rebuild("x")
        self.notices = _Notices()
        self.control = Control(
            self.store.jobs,
            self.store.control,
            dict.fromkeys(Lane, self.schedule),
            self.notices,
            lambda: self.now,
            "mailctl",
        )

    async def queue(self, queue_id: str = "q1", *destinations: str) -> None:
        """Commit and schedule a message."""
        plan = [plan_entry(n, name) for n, name in enumerate(destinations or ("beta.example",))]
        message = queued_message(queue_id, CONTENT, plan=plan)
        await self.store.jobs.commit(message, CONTENT)
        await self.schedule.add([due(job) for job in await self.store.jobs.jobs(queue_id)])

    async def state(self, job_id: str = "q1.0") -> JobState:
        """The job's state in the store."""
        job = await self.store.jobs.job(job_id)
        assert job is not None
        return job.state

    async def postpone(self, job_id: str = "q1.0") -> None:
        """As after an attempt that was deferred for an hour."""
        lease = await self.schedule.claim("h/1/a", 1000)
        assert isinstance(lease, Lease)
        job = await self.store.jobs.claim(job_id, "h/1/a", self.now, self.now + 1000)
        assert isinstance(job, Job)
        await self.store.jobs.release(job_id, job.epoch, self.now + HOUR)
        await self.schedule.retry("h/1/a", job_id, self.now + HOUR, 1)

    async def test_retry_brings_the_turn_forward(self) -> None:
        """Retry brings the turn forward."""
        await self.queue()
        await self.postpone()
        self.assertIsInstance(await self.schedule.claim("h/1/a", 1000), Idle)
        self.assertEqual(await all_of(self.control.retry(JobQuery(id="q1"))), [("q1.0", True)])
        lease = await self.schedule.claim("h/1/a", 1000)
        assert isinstance(lease, Lease)
        self.assertIsInstance(await self.store.jobs.claim(lease.job_id, "h/1/a", self.now, self.now + 1), Job)

    async def test_hold_and_release(self) -> None:
        """Hold and release."""
        await self.queue("q1", "beta.example", "gamma.example")
        self.assertEqual(await all_of(self.control.hold(JobQuery(destination="beta.example"))), [("q1.0", True)])
        self.assertEqual(await self.state(), JobState.HELD)
        self.assertIsNone(await self.schedule.turn("q1.0"))
        self.assertEqual(await all_of(self.control.release(JobQuery())), [("q1.0", True)])
        self.assertEqual(await self.state(), JobState.PENDING)
        self.assertIsNotNone(await self.schedule.turn("q1.0"))

    async def test_a_job_in_work_is_left_alone_and_that_is_told(self) -> None:
        """A job in work is left alone and that is told."""
        await self.queue()
        await self.store.jobs.claim("q1.0", "h/1/a", NOW, NOW + 1000)
        (told,) = [each async for each in self.control.hold(JobQuery())]
        self.assertFalse(told.done)
        self.assertIn("being delivered", told.text)
        self.assertEqual(await self.state(), JobState.PENDING)

    async def test_cancel_tells_nobody(self) -> None:
        """Cancel tells nobody."""
        await self.queue()
        self.assertEqual(await all_of(self.control.cancel(JobQuery(recipient="bob@beta.example"))), [("q1.0", True)])
        self.assertEqual(await self.state(), JobState.CANCELLED)
        self.assertEqual(self.notices.told, [])

    async def test_bounce_tells_the_originator_with_the_last_answer(self) -> None:
        """Bounce tells the originator with the last answer."""
        await self.queue()
        self.assertEqual(await all_of(self.control.bounce(JobQuery(id="q1.0"))), [("q1.0", True)])
        ((job_id, (failure,)),) = self.notices.told
        self.assertEqual((job_id, failure.state), ("q1.0", RecipientState.FAILED))
        job = await self.store.jobs.job("q1.0")
        assert job is not None
        self.assertEqual((job.state, job.recipients[0].status), (JobState.DONE, failure.status))

    async def test_a_notice_that_cannot_be_written_leaves_the_job_held(self) -> None:
        """A notice that cannot be written leaves the job held."""
        await self.queue()
        self.notices.fault = True
        with self.assertRaises(StoreUnavailable):
            await all_of(self.control.bounce(JobQuery()))
        self.assertEqual(await self.state(), JobState.HELD)
        self.notices.fault = False
        self.assertEqual(await all_of(self.control.bounce(JobQuery())), [("q1.0", True)])

    async def test_the_store_changes_even_without_redis(self) -> None:
        """The store changes even without redis."""
        await self.queue()
        self.schedule.down = True
        self.assertEqual(await all_of(self.control.hold(JobQuery())), [("q1.0", True)])
        self.assertEqual(await self.state(), JobState.HELD)

    async def test_acts_reach_every_page(self) -> None:
        """Acts reach every page."""
        for n in range(1201):
            await self.queue(f"q{n:05}")
        self.assertEqual(len(await all_of(self.control.hold(JobQuery()))), 1201)
        self.assertEqual(len(await all_of(self.control.release(JobQuery()))), 1201)

    async def test_acts_only_on_states_that_they_can_change(self) -> None:
        """Acts only on states that they can change."""
        await self.queue()
        await all_of(self.control.hold(JobQuery()))
        self.assertEqual(await all_of(self.control.hold(JobQuery())), [])
        self.assertEqual(await all_of(self.control.retry(JobQuery(states=(JobState.HELD,)))), [])
