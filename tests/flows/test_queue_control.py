"""mailctl queue beside the running demonstration."""

from __future__ import annotations

import re

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.ports import free_port
from tests.flows.demo import Demo, WithDemo, until

pytestmark = [pytest.mark.slow]

ALICE = "alice@alpha.example"


class QueueControlTests(WithDemo, SynchronousTestCase):
    """The host of remote.example is down."""

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """Three deliveries at a time."""
        demo.route("remote.example", f"127.0.0.1:{free_port()}")
        demo.set("delivery", "destination_concurrency", "3")

    def waiting(self, subject: str) -> str:
        """The id of a job that was tried once."""
        before = set(self.jobs())
        self.demo.browser(ALICE).send("u@remote.example", subject, "hello")

        def tried() -> str:
            new = [line for id, line in self.jobs().items() if id not in before]
            return next((line.split()[0] for line in new if "127.0.0.1" in line), "")

        return until(tried, "the first attempt")

    def jobs(self) -> dict[str, str]:
        """The lines of the open jobs by id."""
        return {line.split()[0]: line for line in self.demo.mailctl("queue", "list").splitlines()}

    def test_a_job_from_hold_to_bounce(self) -> None:
        """Explained while it waits, held, released, and given up: then its writer has the notice."""
        job = self.waiting("never arrives")
        self.assertRegex(self.demo.mailctl("queue", "explain", job), rf"{re.escape(job)} waits \((retry|breaker)\): ")
        self.demo.mailctl("queue", "hold", job)
        self.assertIn(f"{job} waits (hold): it is held: mailctl: is held.", self.demo.mailctl("queue", "explain", job))
        self.demo.mailctl("queue", "release", job)
        self.assertNotIn("(hold)", self.demo.mailctl("queue", "explain", job))
        self.demo.mailctl("queue", "hold", job)  # now no attempt is in the way
        self.demo.mailctl("queue", "bounce", job)
        self.assertIn("not every recipient was reached", self.demo.mailctl("queue", "explain", job))
        alice = self.demo.browser(ALICE)
        until(lambda: "never arrives" in alice.subjects("inbox"), "the conversation with its notice")
        self.assertIn("given up by the administrator", alice.thread("inbox", "never arrives"))

    def test_stats_know_the_configured_limit(self) -> None:
        """As many at a time as the configuration says, not as many as is usual."""
        self.waiting("counts")
        self.assertRegex(self.demo.mailctl("queue", "stats"), r"(?m)^remote\.example: \d of 3 in work, ")
