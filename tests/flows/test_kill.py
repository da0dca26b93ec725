"""kill -9 of the whole process after a 250: the message is filed after the next start, once (ADR 0009)."""

from __future__ import annotations

import os
import random
import smtplib
import threading
import time
from collections import Counter

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import Demo, until
from tests.flows.store import filed_subjects

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("MAILSUITE_KILL_ROUNDS", "200"))
RECIPIENTS = ("alice@alpha.example", "bob@alpha.example", "carol@beta.example")


class _Load(threading.Thread):
    """Sends numbered messages until the server is gone, and notes which were answered 250."""

    def __init__(self, demo: Demo, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._demo = demo
        self.accepted: list[str] = []
        self.sent = 0

    def run(self) -> None:
        try:
            with self._demo.smtp() as session:
                session.ehlo()
                while True:
                    subject = f"{self.name}-{self.sent}"
                    self.sent += 1
                    to = RECIPIENTS[self.sent % len(RECIPIENTS)]
                    content = f"From: load@remote.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{'x' * 500}\r\n"
                    session.sendmail("load@remote.example", [to], content)
                    self.accepted.append(subject)
        except (smtplib.SMTPException, OSError):
            return


class KillTests(SynchronousTestCase):
    """The promise of 250."""

    def test_every_250_is_one_filed_message(self) -> None:
        """SIGKILL at random moments under load from three senders: none is lost, none is there twice."""
        demo = Demo()
        self.addCleanup(demo.remove)
        moment = random.Random(20261125)
        accepted: list[str] = []
        for round_ in range(ROUNDS):
            demo.start()
            senders = [_Load(demo, f"{round_}-{n}") for n in range(3)]
            for sender in senders:
                sender.start()
            time.sleep(moment.uniform(0.0, 0.4))  # the moment of the crash, not a wait for something
            demo.kill()
            for sender in senders:
                sender.join(20)
                self.assertFalse(sender.is_alive())
                accepted.extend(sender.accepted)
        self.assertGreater(len(accepted), ROUNDS, "there was load")
        demo.start()

        def missing() -> set[str]:
            return set(accepted) - set(filed_subjects(demo.directory))

        until(lambda: not missing(), "all accepted messages filed", 120)
        twice = {subject: n for subject, n in Counter(filed_subjects(demo.directory)).items() if n > 1}
        self.assertEqual(twice, {})
        self.assertEqual(demo.stop(), 0)
