"""mailctl queue explain: the reason that counts is named, and what ends the wait."""

from __future__ import annotations

from dataclasses import replace
from unittest import TestCase

from mailsuite.interfaces.schedule import DestinationState, Turn
from mailsuite.model.job import Attempt, Claim, Job, JobState, RecipientResult, RecipientState, jobs_of
from mailsuite.model.status import Status
from mailsuite.queue.explain import explain, moment
from mailsuite.testing.builders import NOW, plan_entry, queued_message, recipients

MESSAGE = queued_message(plan=[plan_entry(0, "beta.example")])
JOB = jobs_of(MESSAGE)[0]
TURN = Turn("ready", NOW)
FREE = DestinationState("beta.example", in_flight=0, ready=3, max_concurrency=20)
DEFERRED = RecipientResult(
    recipients("bob@beta.example")[0],
    RecipientState.DEFERRED,
    Status(451, "4.7.1", "greylisted"),
    "mx.beta.example",
    NOW,
)


class ExplainTests(TestCase):
    """One test a reason."""

    def said(
        self,
        job: Job = JOB,
        turn: Turn | None = TURN,
        destination: DestinationState | None = FREE,
        not_before: int = 0,
    ) -> list[tuple[str, str, str]]:
        message = replace(MESSAGE, not_before=not_before)
        return [(r.kind, r.why, r.ends) for r in explain(message, job, turn, destination, NOW)]

    def only(self, *words: str, **given: object) -> None:
        """There is one reason, of the first word's kind, which has all other words in it."""
        (reason,) = self.said(**given)  # type: ignore[arg-type]
        self.assertEqual(reason[0], words[0])
        for word in words[1:]:
            self.assertIn(word, f"{reason[1]} | {reason[2]}")

    def test_closed_jobs_wait_for_nothing(self) -> None:
        """Closed jobs wait for nothing."""
        for state in (JobState.DONE, JobState.CANCELLED):
            self.assertEqual(self.said(replace(JOB, state=state)), [])

    def test_hold(self) -> None:
        """Hold."""
        held = replace(JOB, state=JobState.HELD, history=(Attempt(NOW, "", "mailctl: is held"),))
        self.only("hold", "mailctl: is held", "queue release", job=held)

    def test_parked(self) -> None:
        """Parked."""
        parked = replace(JOB, state=JobState.PARKED, history=(Attempt(NOW, "", "its worker died three times"),))
        self.only("parked", "its worker died three times", "queue release", "queue bounce", job=parked)

    def test_hold_time(self) -> None:
        """Hold time."""
        later = replace(JOB, next_attempt=NOW + 9000)
        self.only("hold time", moment(NOW + 9000), "take it back", job=later, not_before=NOW + 9000)

    def test_retry_time_with_the_last_answer(self) -> None:
        """Retry time with the last answer."""
        tried = replace(JOB, next_attempt=NOW + 60_000, attempts=2, recipients=(DEFERRED,))
        words = (
            "tried 2 times",
            "mx.beta.example: 451 4.7.1 greylisted",
            moment(NOW + 60_000),
            moment(MESSAGE.expires),
        )
        self.only("retry", *words, job=tried)

    def test_breaker(self) -> None:
        """Breaker."""
        down = replace(FREE, open_until=NOW + 120_000, failures=2, reason="451 4.4.1 connection refused")
        self.only("breaker", "2 tries in a row", "connection refused", moment(NOW + 120_000), destination=down)
        # It has its retry time and the breaker to wait for: both are told.
        tried = replace(JOB, next_attempt=NOW + 60_000, attempts=1)
        self.assertEqual([kind for kind, _, _ in self.said(tried, destination=down)], ["retry", "breaker"])
        # One that has closed again is no reason.
        self.only("turn", destination=replace(down, open_until=NOW))

    def test_limit_and_gap(self) -> None:
        """Limit and gap."""
        self.only("limit", "20 messages to beta.example", destination=replace(FREE, in_flight=20))
        self.only("site", "hosts of big.example", destination=replace(FREE, site="big.example"))
        self.only("gap", moment(NOW + 500), destination=replace(FREE, next_start=NOW + 500))

    def test_workers(self) -> None:
        """Workers."""
        alive = replace(JOB, claim=Claim("host/remote.0/abc", NOW + 1000))
        self.only("attempt", "host/remote.0/abc is delivering it", moment(NOW + 1000), job=alive)
        dead = replace(JOB, claim=Claim("host/remote.0/abc", NOW, dot_at=NOW - 5))
        self.only("dead worker", "died over it", "the final dot was due", "another takes over", job=dead)
        self.only("worker", "host/remote.1/x has its turn", turn=Turn("leased", 0, "host/remote.1/x", NOW + 1))

    def test_schedule(self) -> None:
        """Schedule."""
        self.only("schedule", "Redis does not answer", destination=None, turn=None)
        self.only("schedule", "does not know it yet", "30 s", turn=None)
        self.only("schedule", "gave its turn back", moment(NOW + 7000), turn=Turn("waiting", NOW + 7000))
        self.only("poison", "three workers died", turn=Turn("poison", NOW))
        self.only("turn", "3 messages to beta.example are ready", "free hand")
