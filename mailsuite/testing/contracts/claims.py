"""ClaimContract: the right to attempt a job, and what becomes of it, in every IJobStore."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.model.job import Claim, Job, JobState, NotClaimable, RecipientState
from mailsuite.testing.builders import NOW
from mailsuite.testing.contracts.jobs import OTHER, UNTIL, WORKER, JobSteps, update_of


class ClaimContract(JobSteps):
    """Mix into a trial TestCase."""

    async def test_claim(self) -> None:
        """A claim raises the epoch and names worker and end; attempts do not change."""
        job_id = await self.commit()
        before = await self.known(job_id)
        job = await self.claimed(job_id)
        self.assertEqual(replace(before, epoch=1, claim=Claim(WORKER, UNTIL)), job)
        self.assertEqual(job, await self.known(job_id))

    async def test_claim_once(self) -> None:
        """While a claim lives nobody else gets the job, not even the same worker; they learn how long."""
        job_id = await self.commit()
        await self.claimed(job_id)
        for worker in (OTHER, WORKER):
            refused = await self.jobs.claim(job_id, worker, UNTIL - 1, UNTIL + 1)
            self.assertEqual(NotClaimable(closed=False, until=UNTIL), refused)

    async def test_claim_race(self) -> None:
        """Of many claims at the same time one wins."""
        job_id = await self.commit()
        results = await self.together(self.jobs.claim(job_id, f"host/{n}/x", NOW, UNTIL) for n in range(30))
        winners = [job for job in results if isinstance(job, Job)]
        self.assertEqual(1, len(winners))
        self.assertEqual(1, winners[0].epoch)
        self.assertEqual(winners[0], await self.known(job_id))

    async def test_claim_not_yet_due(self) -> None:
        """A job whose next attempt is later cannot be claimed before."""
        job_id = await self.commit(created=NOW + 5)
        refused = await self.jobs.claim(job_id, WORKER, NOW + 4, UNTIL)
        self.assertEqual(NotClaimable(closed=False, until=NOW + 5), refused)
        self.assertEqual(1, (await self.claimed(job_id, now=NOW + 5)).epoch)

    async def test_dead_claim(self) -> None:
        """A claim that has run out is dead: another worker takes over under the next epoch, and a crash is counted."""
        job_id = await self.commit()
        first = await self.claimed(job_id)
        second = await self.claimed(job_id, OTHER, now=UNTIL, until=UNTIL + 1000)
        self.assertEqual((2, Claim(OTHER, UNTIL + 1000)), (second.epoch, second.claim))
        self.assertEqual((1, first.attempts, ()), (second.crashes, second.attempts, second.history))
        self.assertFalse(await self.jobs.renew(job_id, first.epoch, UNTIL + 2000))
        self.assertFalse(await self.jobs.dot(job_id, first.epoch, NOW))
        self.assertFalse(await self.jobs.release(job_id, first.epoch, NOW))
        self.assertFalse(await self.jobs.record(job_id, first.epoch, update_of(first)))
        self.assertEqual(second, await self.known(job_id))

    async def test_an_attempt_clears_the_crashes(self) -> None:
        """What was recorded shows that the job does not kill its worker; a release shows nothing."""
        job_id = await self.commit()
        await self.claimed(job_id)
        second = await self.claimed(job_id, OTHER, now=UNTIL, until=UNTIL + 1000)
        self.assertTrue(await self.jobs.release(job_id, second.epoch, UNTIL))
        self.assertEqual(1, (await self.known(job_id)).crashes)
        third = await self.claimed(job_id, now=UNTIL, until=UNTIL + 1000)
        self.assertTrue(await self.jobs.record(job_id, third.epoch, update_of(third, JobState.PENDING)))
        self.assertEqual(0, (await self.known(job_id)).crashes)

    async def test_renew(self) -> None:
        """A renewed claim lives until the new time."""
        job_id = await self.commit()
        job = await self.claimed(job_id)
        self.assertTrue(await self.jobs.renew(job_id, job.epoch, UNTIL + 500))
        refused = await self.jobs.claim(job_id, OTHER, UNTIL + 499, UNTIL + 9000)
        self.assertEqual(NotClaimable(closed=False, until=UNTIL + 500), refused)
        self.assertFalse(await self.jobs.renew(job_id, job.epoch + 1, UNTIL + 500))

    async def test_dot(self) -> None:
        """The dot is journaled in the claim; a dead claim or another epoch gets no dot."""
        job_id = await self.commit()
        job = await self.claimed(job_id)
        self.assertFalse(await self.jobs.dot(job_id, job.epoch + 1, NOW + 7))
        self.assertFalse(await self.jobs.dot(job_id, job.epoch, UNTIL))
        self.assertTrue(await self.jobs.dot(job_id, job.epoch, NOW + 7))
        self.assertEqual(Claim(WORKER, UNTIL, NOW + 7), (await self.known(job_id)).claim)

    async def test_in_doubt(self) -> None:
        """When a claim ends unrecorded after its dot, the history says that the message may have gone out."""
        for end in ("dies", "freed", "released"):
            job_id = await self.commit(end)
            job = await self.claimed(job_id)
            await self.jobs.dot(job_id, job.epoch, NOW + 7)
            if end == "dies":
                after = await self.claimed(job_id, OTHER, now=UNTIL, until=UNTIL + 1)
            elif end == "freed":
                await self.jobs.free_slot("host/1", "host/1/cccc")
                after = await self.known(job_id)
            else:
                await self.jobs.release(job_id, job.epoch, NOW)
                after = await self.known(job_id)
            self.assertEqual([(NOW + 7, WORKER)], [(a.at, a.worker) for a in after.history], end)
            self.assertIn("in doubt", after.history[0].text)
            self.assertEqual(0, after.claim.dot_at if after.claim else 0)

    async def test_release(self) -> None:
        """Giving a claim back is no attempt: only the time of the next one changes."""
        job_id = await self.commit()
        before = await self.known(job_id)
        job = await self.claimed(job_id)
        self.assertFalse(await self.jobs.release(job_id, job.epoch - 1, NOW + 9))
        self.assertTrue(await self.jobs.release(job_id, job.epoch, NOW + 9))
        self.assertEqual(replace(before, epoch=1, next_attempt=NOW + 9), await self.known(job_id))
        self.assertFalse(await self.jobs.release(job_id, job.epoch, NOW + 10))

    async def test_record(self) -> None:
        """The result is kept whole, the claim is cleared; a closed job cannot be claimed or recorded again."""
        job_id = await self.commit("q1", "beta.example")
        job = await self.claimed(job_id)
        update = update_of(job, delay_notice_at=NOW + 3)
        self.assertTrue(await self.jobs.record(job_id, job.epoch, update))
        self.assertEqual(
            replace(
                job,
                claim=None,
                state=JobState.DONE,
                next_attempt=update.next_attempt,
                attempts=1,
                recipients=update.recipients,
                history=update.history,
                delay_notice_at=NOW + 3,
            ),
            await self.known(job_id),
        )
        self.assertEqual(NotClaimable(closed=True), await self.jobs.claim(job_id, OTHER, UNTIL, UNTIL + 1))
        self.assertFalse(await self.jobs.record(job_id, job.epoch, update))

    async def test_record_a_retry(self) -> None:
        """A deferred job is pending, due at its next attempt, and goes on under the next epoch."""
        job_id = await self.commit()
        job = await self.claimed(job_id)
        await self.jobs.record(job_id, job.epoch, update_of(job, JobState.PENDING, next_attempt=NOW + 60))
        refused = await self.jobs.claim(job_id, OTHER, NOW + 59, UNTIL)
        self.assertEqual(NotClaimable(closed=False, until=NOW + 60), refused)
        again = await self.claimed(job_id, OTHER, now=NOW + 60)
        self.assertEqual((2, 1, 0), (again.epoch, again.attempts, again.crashes))
        self.assertEqual(RecipientState.DEFERRED, again.recipients[0].state)

    async def test_record_with_a_stale_epoch(self) -> None:
        """A late result is refused and leaves the job as it is."""
        job_id = await self.commit()
        first = await self.claimed(job_id)
        await self.jobs.release(job_id, first.epoch, NOW)
        second = await self.claimed(job_id, OTHER)
        self.assertFalse(await self.jobs.record(job_id, first.epoch, update_of(first)))
        self.assertEqual(second, await self.known(job_id))

    async def test_free_slot(self) -> None:
        """A new incarnation clears the claims of the slot's earlier ones, no others; their jobs are free at once."""
        mine, earlier, neighbour, lookalike = [await self.commit(f"q{n}") for n in range(4)]
        await self.claimed(mine, "host/1/new")
        await self.claimed(earlier, "host/1/old")
        await self.claimed(neighbour, "host/10/old")
        await self.claimed(lookalike, "HOST/1/old")
        self.assertEqual(1, await self.jobs.free_slot("host/1", "host/1/new"))
        self.assertIsNone((await self.known(earlier)).claim)
        self.assertEqual(1, (await self.known(earlier)).crashes)
        for job_id in (mine, neighbour, lookalike):
            self.assertIsNotNone((await self.known(job_id)).claim)
        self.assertEqual(2, (await self.claimed(earlier, "host/1/new")).epoch)
        self.assertEqual(0, await self.jobs.free_slot("host_1", "host/1/new"))
        self.assertEqual(0, await self.jobs.free_slot("host/%", "host/1/new"))
