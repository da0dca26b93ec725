"""JobControlContract: what every IJobControl must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.job_control import IJobControl
from mailsuite.model.envelope import Envelope
from mailsuite.model.job import LOCAL, JobState, Lane, NotClaimable, RecipientState
from mailsuite.model.queue_view import JobQuery, Share
from mailsuite.testing.builders import ANN, NOW, envelope, plan_entry, queued_message
from mailsuite.testing.contracts.jobs import CONTENT, UNTIL, WORKER, JobSteps, close, update_of

OPEN = (JobState.PENDING, JobState.HELD, JobState.PARKED)


class JobControlContract(JobSteps):
    """Mix into a trial TestCase."""

    @property
    def control(self) -> IJobControl:
        return self.stores.control

    async def found(self, query: JobQuery, after: str = "", limit: int = 100) -> list[str]:
        """The ids of the jobs that match."""
        return [entry.job.id for entry in await self.control.find(query, after, limit)]

    async def commit_as(self, queue_id: str, wanted: Envelope, *destinations: str, not_before: int = 0) -> None:
        """Commit a message with a job for each destination, to an address at it."""
        plan = [plan_entry(n, d, f"u@{d}") for n, d in enumerate(destinations)]
        message = replace(queued_message(queue_id, CONTENT, plan=plan), envelope=wanted, not_before=not_before)
        self.assertTrue(await self.jobs.commit(message, CONTENT))

    async def test_find_by_each_field(self) -> None:
        """Find by each field."""
        await self.commit_as("q1", envelope(ANN), "beta.example", "gamma.example")
        await self.commit_as("q2", envelope(""), "beta.example")
        await close(self.jobs, "q2.0")
        self.assertEqual(await self.found(JobQuery()), ["q1.0", "q1.1", "q2.0"])
        self.assertEqual(await self.found(JobQuery(id="q1")), ["q1.0", "q1.1"])
        self.assertEqual(await self.found(JobQuery(id="q1.1")), ["q1.1"])
        self.assertEqual(await self.found(JobQuery(id="q")), [])
        self.assertEqual(await self.found(JobQuery(sender="ANN@alpha.example")), ["q1.0", "q1.1"])
        self.assertEqual(await self.found(JobQuery(sender="@alpha.example")), ["q1.0", "q1.1"])
        self.assertEqual(await self.found(JobQuery(sender="<>")), ["q2.0"])
        self.assertEqual(await self.found(JobQuery(recipient="U@gamma.example")), ["q1.1"])
        # Who was reached is no longer a recipient.
        self.assertEqual(await self.found(JobQuery(recipient="@beta.example")), ["q1.0"])
        self.assertEqual(await self.found(JobQuery(destination="Beta.example")), ["q1.0", "q2.0"])
        self.assertEqual(await self.found(JobQuery(states=OPEN)), ["q1.0", "q1.1"])
        self.assertEqual(await self.found(JobQuery(states=(JobState.DONE,), destination="beta.example")), ["q2.0"])

    async def test_find_gives_the_message_too(self) -> None:
        """Find gives the message too."""
        await self.commit_as("q1", envelope(ANN), "beta.example", not_before=NOW + 5)
        (entry,) = await self.control.find(JobQuery(), "", 10)
        self.assertEqual(entry.message, await self.jobs.message("q1"))
        self.assertEqual(entry.job, await self.known("q1.0"))

    async def test_find_by_pages(self) -> None:
        """Find by pages."""
        for n in range(5):
            await self.commit_as(f"q{n}", envelope(ANN), "beta.example")
        query = JobQuery(sender=ANN)
        self.assertEqual(await self.found(query, "", 2), ["q0.0", "q1.0"])
        self.assertEqual(await self.found(query, "q1.0", 2), ["q2.0", "q3.0"])
        self.assertEqual(await self.found(query, "q3.0", 2), ["q4.0"])

    async def test_a_damaged_job_is_listed_without_its_recipients(self) -> None:
        """A damaged job is listed without its recipients."""
        await self.commit("q1")
        await self.stores.spoil("q1.0")
        (entry,) = await self.control.find(JobQuery(), "", 10)
        self.assertEqual((entry.job.id, entry.job.recipients), ("q1.0", ()))

    async def test_hold_and_release(self) -> None:
        """Hold and release."""
        await self.commit("q1")
        before = await self.known("q1.0")
        self.assertTrue(await self.control.switch("q1.0", OPEN, JobState.HELD, NOW, "a note", NOW))
        held = await self.known("q1.0")
        self.assertEqual((held.state, held.history[-1].text, held.epoch), (JobState.HELD, "a note", before.epoch + 1))
        self.assertEqual(await self.jobs.claim("q1.0", WORKER, NOW, UNTIL), NotClaimable(closed=True))
        self.assertEqual(await self.jobs.overdue(Lane.LOCAL, NOW + 1, NOW, 10), [])
        self.assertFalse(await self.control.switch("q1.0", (JobState.PENDING,), JobState.HELD, NOW, "", NOW))
        later = NOW + 1000
        self.assertTrue(await self.control.switch("q1.0", (JobState.HELD,), JobState.PENDING, later, "go", later))
        self.assertEqual((await self.known("q1.0")).next_attempt, later)
        await self.claimed("q1.0", now=later, until=later + 1)

    async def test_no_switch_under_a_living_claim(self) -> None:
        """No switch under a living claim."""
        await self.commit("q1")
        job = await self.claimed("q1.0")
        self.assertFalse(await self.control.switch("q1.0", OPEN, JobState.CANCELLED, NOW, "", UNTIL - 1))
        self.assertTrue(await self.control.switch("q1.0", OPEN, JobState.CANCELLED, NOW, "", UNTIL))
        # The worker that was thought dead comes too late.
        self.assertFalse(await self.jobs.record("q1.0", job.epoch, update_of(job)))
        self.assertEqual((await self.known("q1.0")).state, JobState.CANCELLED)

    async def test_a_parked_job_begins_anew(self) -> None:
        """A parked job begins anew."""
        await self.commit("q1")
        for turn in range(2):
            await self.claimed("q1.0", f"host/{turn}/a", now=NOW + turn, until=NOW + turn + 1)
        await self.jobs.park("q1.0", "poison", NOW)
        self.assertTrue(await self.control.switch("q1.0", (JobState.PARKED,), JobState.PENDING, NOW, "go", NOW))
        job = await self.known("q1.0")
        self.assertEqual((job.state, job.crashes, job.claim), (JobState.PENDING, 0, None))

    async def test_switch_of_what_is_not_there(self) -> None:
        """Switch of what is not there."""
        self.assertFalse(await self.control.switch("q9.0", OPEN, JobState.HELD, NOW, "", NOW))

    async def test_close_a_held_job(self) -> None:
        """Close a held job."""
        await self.commit("q1")
        job = await self.known("q1.0")
        self.assertFalse(await self.control.close("q1.0", job.epoch, update_of(job)))
        await self.control.switch("q1.0", OPEN, JobState.HELD, NOW, "", NOW)
        job = await self.known("q1.0")
        self.assertFalse(await self.control.close("q1.0", job.epoch - 1, update_of(job)))
        self.assertTrue(await self.control.close("q1.0", job.epoch, update_of(job)))
        job = await self.known("q1.0")
        self.assertEqual((job.state, job.recipients[0].state), (JobState.DONE, RecipientState.DELIVERED))

    async def test_withdraw_until_its_time(self) -> None:
        """Withdraw until its time."""
        await self.commit_as("q1", envelope(ANN), "alpha.example", "beta.example", not_before=NOW + 10)
        self.assertEqual(await self.jobs.claim("q1.0", WORKER, NOW, UNTIL), NotClaimable(False, NOW + 10))
        self.assertTrue(await self.control.withdraw("q1", NOW + 9))
        self.assertEqual({job.state for job in await self.jobs.jobs("q1")}, {JobState.CANCELLED})
        self.assertFalse(await self.control.withdraw("q1", NOW + 9))

    async def test_withdraw_too_late(self) -> None:
        """Withdraw too late."""
        await self.commit_as("q1", envelope(ANN), "beta.example", not_before=NOW + 10)
        self.assertFalse(await self.control.withdraw("q1", NOW + 10))
        await self.commit_as("q2", envelope(ANN), "beta.example")
        self.assertFalse(await self.control.withdraw("q2", NOW))
        self.assertFalse(await self.control.withdraw("q9", NOW))
        self.assertEqual((await self.known("q1.0")).state, JobState.PENDING)

    async def test_withdraw_of_what_was_begun(self) -> None:
        """Withdraw of what was begun."""
        await self.commit_as("q1", envelope(ANN), "beta.example", "gamma.example", not_before=NOW + 10)
        await self.control.switch("q1.1", (JobState.PENDING,), JobState.PENDING, NOW, "tried now", NOW)
        await self.claimed("q1.1")
        self.assertFalse(await self.control.withdraw("q1", NOW))
        self.assertEqual((await self.known("q1.0")).state, JobState.PENDING)

    async def test_shares(self) -> None:
        """Shares."""
        await self.commit("q1", LOCAL, "beta.example")
        await self.commit("q2", "beta.example", created=NOW - 5)
        await self.commit("q3", "beta.example")
        await self.control.switch("q3.0", OPEN, JobState.HELD, NOW, "", NOW)
        await self.commit("q4", "beta.example")
        await close(self.jobs, "q4.0")
        self.assertEqual(
            await self.control.shares(),
            [
                Share(Lane.LOCAL, LOCAL, JobState.PENDING, 1, NOW, NOW),
                Share(Lane.REMOTE, "beta.example", JobState.HELD, 1, NOW, NOW),
                Share(Lane.REMOTE, "beta.example", JobState.PENDING, 2, NOW - 5, NOW - 5),
            ],
        )
