"""JobStoreContract: what every IJobStore must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.jobs import IJobStore
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import NotThere, Undecodable
from mailsuite.model.job import (
    LOCAL,
    SENT,
    Attempt,
    Claim,
    Job,
    JobState,
    JobUpdate,
    Lane,
    NotClaimable,
    Priority,
    RecipientResult,
    RecipientState,
    jobs_of,
)
from mailsuite.model.status import Status
from mailsuite.testing.builders import NOW, plan_entry, queued_message, recipients
from mailsuite.testing.contracts.stores import StoreContract

WORKER = "host/1/aaaa"
OTHER = "host/2/bbbb"
UNTIL = NOW + 120_000
CONTENT = b"Subject: hello\r\n\r\nhello\r\n"


def update_of(job: Job, state: JobState = JobState.DONE, **changes: int) -> JobUpdate:
    """The result of an attempt: all delivered when done, else deferred."""
    recipient_state = RecipientState.DELIVERED if state is JobState.DONE else RecipientState.DEFERRED
    status = Status(250, "2.0.0", 'ok "ü" \\') if state is JobState.DONE else Status(451, "", "later")
    return JobUpdate(
        state=state,
        next_attempt=changes.get("next_attempt", NOW + 60_000),
        attempts=job.attempts + 1,
        recipients=tuple(
            RecipientResult(r.recipient, recipient_state, status, "mx.example", NOW) for r in job.recipients
        ),
        history=(*job.history, Attempt(NOW, WORKER, "tried")),
        delay_notice_at=changes.get("delay_notice_at", 0),
    )


async def close(jobs: IJobStore, job_id: str) -> None:
    """Deliver a job."""
    job = await jobs.claim(job_id, WORKER, NOW, UNTIL)
    assert isinstance(job, Job)
    assert await jobs.record(job_id, job.epoch, update_of(job))


class JobSteps(StoreContract):
    """What tests of an IJobStore do again and again."""

    @property
    def jobs(self) -> IJobStore:
        return self.stores.jobs

    async def commit(self, queue_id: str = "q1", *destinations: str, created: int = NOW) -> str:
        """Commit a message with a job for each destination (one local job by default); the first job's id."""
        plan = [plan_entry(n, destination) for n, destination in enumerate(destinations or (LOCAL,))]
        self.assertTrue(await self.jobs.commit(queued_message(queue_id, CONTENT, plan=plan, created=created), CONTENT))
        return f"{queue_id}.0"

    async def claimed(self, job_id: str, worker: str = WORKER, now: int = NOW, until: int = UNTIL) -> Job:
        """Claim a job that can be claimed."""
        job = await self.jobs.claim(job_id, worker, now, until)
        assert isinstance(job, Job)
        return job

    async def known(self, job_id: str) -> Job:
        """A job that is there."""
        job = await self.jobs.job(job_id)
        assert job is not None
        return job


class JobStoreContract(JobSteps):
    """Mix into a trial TestCase. Commit, lists, parking, forgetting; claims have a suite of their own."""

    # Commit

    async def test_the_content_comes_with_the_message(self) -> None:
        """A small one, a large one, and none."""
        for number, content in enumerate((CONTENT, b"Subject: large\r\n\r\n" + b"x" * 200_000 + b"\r\n")):
            message = queued_message(f"q{number}", content)
            await self.jobs.commit(message, content)
            self.assertEqual(await self.jobs.content(message.id), (message, content))
        await self.raises(NotThere, self.jobs.content("q9"))

    async def test_commit_keeps_all(self) -> None:
        """Message, plan, envelope, content and jobs are read back as they were given."""
        entry = plan_entry(0, LOCAL, "Ann.B@alpha.example", '"o d d"@[192.0.2.1]', eager=True)
        to = (
            Recipient(entry.recipients[0].address, ("SUCCESS", "FAILURE"), "rfc822;Ann+2BB@alpha.example"),
            *recipients('"\\"\\\\ü"@beta.example'),
        )
        message = replace(
            queued_message("q1", CONTENT, plan=(entry, plan_entry(7, "beta.example")), account="acc", key="k'1"),
            envelope=Envelope(entry.recipients[0].address, to, True, "8BITMIME", "HDRS", "en+2Bv", True),
            priority=Priority.INTERACTIVE,
        )
        self.assertTrue(await self.jobs.commit(message, CONTENT))
        self.assertEqual(message, await self.jobs.message("q1"))
        self.assertEqual(message, await self.jobs.message_by_key("acc", "k'1"))
        self.assertEqual(list(jobs_of(message)), list(await self.jobs.jobs("q1")))
        self.assertEqual(jobs_of(message)[1], await self.jobs.job("q1.7"))
        self.assertEqual(CONTENT, await self.stores.blobs.read(message.blob))

    async def test_commit_null_reverse_path(self) -> None:
        """The null reverse-path stays null, and a message without an account has none."""
        message = replace(queued_message("q1", CONTENT), envelope=Envelope(None, recipients("a@b.example")))
        await self.jobs.commit(message, CONTENT)
        self.assertEqual(message, await self.jobs.message("q1"))

    async def test_commit_large_content(self) -> None:
        """Content of megabytes is committed like a small one."""
        content = bytes(range(256)) * 8192
        self.assertTrue(await self.jobs.commit(queued_message("q1", content), content))
        self.assertEqual(content, await self.stores.blobs.read(queued_message("q1", content).blob))

    async def test_commit_same_id(self) -> None:
        """The same id again: False, and the first message stands."""
        await self.commit("q1")
        other = b"other"
        self.assertFalse(await self.jobs.commit(queued_message("q1", other, plan=[plan_entry(3)]), other))
        self.assertEqual(queued_message("q1", CONTENT), await self.jobs.message("q1"))
        self.assertEqual(1, len(await self.jobs.jobs("q1")))

    async def test_commit_same_key(self) -> None:
        """The same (account, idempotency key) again: False; the key of another account is another key."""
        self.assertTrue(await self.jobs.commit(queued_message("q1", CONTENT, account="a", key="k"), CONTENT))
        self.assertFalse(await self.jobs.commit(queued_message("q2", CONTENT, account="a", key="k"), CONTENT))
        self.assertTrue(await self.jobs.commit(queued_message("q3", CONTENT, account="b", key="k"), CONTENT))
        self.assertTrue(await self.jobs.commit(queued_message("q4", CONTENT, account="a", key="l"), CONTENT))
        self.assertIsNone(await self.jobs.message("q2"))
        self.assertEqual([], list(await self.jobs.jobs("q2")))
        self.assertEqual("q1", getattr(await self.jobs.message_by_key("a", "k"), "id", None))
        self.assertIsNone(await self.jobs.message_by_key("c", "k"))

    async def test_commit_races(self) -> None:
        """Of commits under one key at the same time one wins."""
        messages = [queued_message(f"q{n}", CONTENT, account="a", key="k") for n in range(20)]
        results = await self.together(self.jobs.commit(message, CONTENT) for message in messages)
        self.assertEqual(1, results.count(True))
        winner = await self.jobs.message_by_key("a", "k")
        self.assertEqual(messages[results.index(True)], winner)

    async def test_commit_wrong_blob(self) -> None:
        """Content that does not belong to the blob's name is refused; nothing is written."""
        await self.raises(ValueError, self.jobs.commit(queued_message("q1", b"this"), b"that"))
        self.assertIsNone(await self.jobs.message("q1"))

    async def test_unknown(self) -> None:
        """What is not there is None, empty, closed or False."""
        self.assertIsNone(await self.jobs.message("q"))
        self.assertIsNone(await self.jobs.message_by_key("a", "k"))
        self.assertIsNone(await self.jobs.job("q.0"))
        self.assertEqual([], list(await self.jobs.jobs("q")))
        self.assertEqual(NotClaimable(closed=True), await self.jobs.claim("q.0", WORKER, NOW, UNTIL))
        for call in (
            self.jobs.renew("q.0", 1, UNTIL),
            self.jobs.dot("q.0", 1, NOW),
            self.jobs.release("q.0", 1, NOW),
            self.jobs.park("q.0", "why", NOW),
        ):
            self.assertFalse(await call)

    # Lists

    async def test_pending(self) -> None:
        """Pending jobs of a lane come in pages by id, claimed ones too; each once."""
        wanted = []
        for n in range(7):
            await self.commit(f"q{n}", LOCAL, "beta.example", SENT)
            wanted += [f"q{n}.0", f"q{n}.2"]
        await close(self.jobs, "q3.0")
        wanted.remove("q3.0")
        await self.claimed("q4.0")
        seen: list[Job] = []
        while page := await self.jobs.pending(Lane.LOCAL, seen[-1].id if seen else "", 4):
            self.assertLessEqual(len(page), 4)
            seen += page
        self.assertEqual(wanted, [job.id for job in seen])
        self.assertEqual(Claim(WORKER, UNTIL), next(job for job in seen if job.id == "q4.0").claim)
        self.assertEqual(13, await self.jobs.depth(Lane.LOCAL))
        self.assertEqual(7, await self.jobs.depth(Lane.REMOTE))

    async def test_overdue(self) -> None:
        """Overdue is what was due before a time and bears no live claim, longest due first."""
        for n in range(5):
            await self.commit(f"q{n}", created=NOW + 10 - n)
        await self.commit("remote", "beta.example")
        await self.claimed("q2.0", now=NOW + 100, until=NOW + 200)
        await close(self.jobs, (await self.commit("closed")))

        async def overdue(before: int, now: int, limit: int = 10, after: tuple[int, str] = (0, "")) -> list[str]:
            return [job.id for job in await self.jobs.overdue(Lane.LOCAL, before, now, limit, after)]

        self.assertEqual(["q4.0", "q3.0"], await overdue(NOW + 8, NOW + 100))
        self.assertEqual(["q4.0", "q3.0", "q1.0", "q0.0"], await overdue(NOW + 11, NOW + 199))
        self.assertEqual(["q4.0", "q3.0", "q2.0", "q1.0", "q0.0"], await overdue(NOW + 11, NOW + 200))
        self.assertEqual(["q4.0"], await overdue(NOW + 11, NOW + 200, 1))
        self.assertEqual(["q2.0", "q1.0"], await overdue(NOW + 11, NOW + 200, 2, (NOW + 7, "q3.0")))
        self.assertEqual(["q3.0"], await overdue(NOW + 11, NOW + 200, 1, (NOW + 7, "q3")))

    async def test_expired(self) -> None:
        """Jobs of messages that are over, unless somebody is at work on them or they are not due."""
        for n, created in enumerate((NOW - 4, NOW - 3, NOW - 2, NOW - 1)):
            await self.commit(f"q{n}", LOCAL, created=created)
        await self.commit("remote", "beta.example", created=NOW - 9)
        end = queued_message("q1", CONTENT, created=NOW).expires
        await self.claimed("q1.0", until=end + 100)
        job = await self.claimed("q2.0")
        await self.jobs.release("q2.0", job.epoch, end + 50)

        async def expired(now: int, limit: int = 10) -> list[str]:
            return [job.id for job in await self.jobs.expired(Lane.LOCAL, now, limit)]

        self.assertEqual([], await expired(end - 4))
        self.assertEqual(["q0.0"], await expired(end - 3))
        self.assertEqual(["q0.0", "q3.0"], await expired(end))
        self.assertEqual(["q0.0"], await expired(end, 1))
        self.assertEqual(["q0.0", "q1.0", "q3.0", "q2.0"], await expired(end + 100))

    async def test_jobs_by_number(self) -> None:
        """The jobs of a message come by number, not by the letters of their ids."""
        await self.commit("q1", *(f"d{n}.example" for n in range(12)))
        self.assertEqual([f"q1.{n}" for n in range(12)], [job.id for job in await self.jobs.jobs("q1")])

    # Parking and forgetting

    async def test_park(self) -> None:
        """A parked job is not pending, says why, and its claim is over."""
        job_id = await self.commit()
        job = await self.claimed(job_id)
        self.assertTrue(await self.jobs.park(job_id, "its worker died three times", NOW + 1))
        parked = await self.known(job_id)
        self.assertEqual((JobState.PARKED, None), (parked.state, parked.claim))
        self.assertEqual([(NOW + 1, "its worker died three times")], [(a.at, a.text) for a in parked.history])
        self.assertFalse(await self.jobs.park(job_id, "again", NOW + 2))
        self.assertFalse(await self.jobs.record(job_id, job.epoch, update_of(job)))
        self.assertEqual(NotClaimable(closed=True), await self.jobs.claim(job_id, OTHER, UNTIL, UNTIL + 1))
        self.assertEqual([], list(await self.jobs.pending(Lane.LOCAL, "", 10)))

    async def test_history_is_short(self) -> None:
        """The history remembers the last 20 lines."""
        job_id = await self.commit()
        job = await self.claimed(job_id)
        full = tuple(Attempt(n, WORKER, str(n)) for n in range(20))
        await self.jobs.record(job_id, job.epoch, replace(update_of(job, JobState.PENDING), history=full))
        await self.jobs.park(job_id, "why", NOW)
        history = (await self.known(job_id)).history
        self.assertEqual((20, "1", "why"), (len(history), history[0].text, history[-1].text))

    async def test_undecodable(self) -> None:
        """A damaged job says so to whoever takes it and changes nothing; lists show it, and it can be parked."""
        good, bad = await self.commit("good"), await self.commit("bad")
        await self.stores.spoil(bad)
        await self.raises(Undecodable, self.jobs.job(bad))
        await self.raises(Undecodable, self.jobs.claim(bad, WORKER, NOW, UNTIL))
        pending = await self.jobs.pending(Lane.LOCAL, "", 10)
        self.assertEqual([(bad, 0, None), (good, 0, None)], [(job.id, job.epoch, job.claim) for job in pending])
        self.assertEqual([(), 1], [pending[0].recipients, len(pending[1].recipients)])
        self.assertEqual(2, len(await self.jobs.overdue(Lane.LOCAL, NOW + 1, NOW + 1, 10)))
        self.assertEqual([bad], [job.id for job in await self.jobs.jobs("bad")])
        self.assertTrue(await self.jobs.park(bad, "undecodable", NOW))
        self.assertEqual([good], [job.id for job in await self.jobs.pending(Lane.LOCAL, "", 10)])
        self.assertEqual(JobState.PARKED, (await self.jobs.jobs("bad"))[0].state)

    async def test_forget(self) -> None:
        """Only old messages all of whose jobs are closed are forgotten, the oldest first, with their jobs."""
        await self.commit("open", LOCAL, LOCAL)
        await close(self.jobs, "open.0")
        await self.commit("parked")
        await self.jobs.park("parked.0", "why", NOW)
        for name, created in (("old", NOW - 3), ("older", NOW - 4), ("young", NOW)):
            await close(self.jobs, await self.commit(name, created=created))
        self.assertEqual(1, await self.jobs.forget(NOW, 1))
        self.assertIsNone(await self.jobs.message("older"))
        self.assertIsNone(await self.jobs.job("older.0"))
        self.assertIsNotNone(await self.jobs.message("old"))
        self.assertEqual(1, await self.jobs.forget(NOW, 10))
        self.assertEqual(1, await self.jobs.forget(NOW + 1, 10))
        self.assertEqual(0, await self.jobs.forget(NOW + 1, 10))
        for name in ("open", "parked"):
            self.assertIsNotNone(await self.jobs.message(name))
