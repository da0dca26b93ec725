"""kill -9 of the whole process after a 250: the message is filed after the next start, once (ADR 0009)."""

from __future__ import annotations

import os
import random
import smtplib
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import Demo, until
from tests.flows.store import filed_subjects

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("MAILSUITE_KILL_ROUNDS", "200"))
FAULTS = 100
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
    """The promise of 250 (field case F013)."""

    def test_f013_every_250_is_one_filed_message(self) -> None:
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

    def test_f013_fsync_fails(self) -> None:
        """The disk says EIO between the final dot and the reply: 451 4.3.0; what got a 250 is there once all the same.

        Every other fsync of the database fails, by strace's fault injection; then the process is killed.
        """
        demo = Demo()
        self.addCleanup(demo.remove)
        demo.start()
        calls = "fsync,fdatasync"
        told = demo.directory / "strace"
        tracer = subprocess.Popen(
            f"exec strace -f -q -y -o {told} -p {demo.pid} -e trace={calls} -e inject={calls}:error=EIO:when=1+2",
            shell=True,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(tracer.communicate)
        self.addCleanup(tracer.kill)
        tracers = Path(f"/proc/{demo.pid}/status")
        until(lambda: "TracerPid:\t0\n" not in tracers.read_text(), "strace")
        accepted, deferred = [], 0
        with demo.smtp() as session:
            session.ehlo()
            for number in range(FAULTS):
                content = f"From: a@remote.example\r\nSubject: fault {number}\r\n\r\n{'x' * 500}\r\n"
                try:
                    session.sendmail("a@remote.example", [RECIPIENTS[0]], content)
                    accepted.append(f"fault {number}")
                except smtplib.SMTPDataError as error:
                    self.assertEqual((error.smtp_code, error.smtp_error[:5]), (451, b"4.3.0"))
                    deferred += 1
        calls = told.read_text()
        self.assertGreater(calls.count("(INJECTED)"), FAULTS // 2)
        # After a fault the log is taken into the database: parts of it may never have reached the disk.
        self.assertGreater(calls.count("mailsuite.db>) = 0"), FAULTS // 20)
        self.assertGreater(deferred, 0)  # most are written again at once, and then the disk takes them
        self.assertGreater(len(accepted), FAULTS // 10)
        demo.kill()
        tracer.wait(20)
        demo.start()
        until(lambda: set(accepted) <= set(filed_subjects(demo.directory)), "all accepted messages filed", 60)
        times = Counter(filed_subjects(demo.directory))
        self.assertEqual([subject for subject in accepted if times[subject] != 1], [])
        demo.send(RECIPIENTS[0], "the disk is well again")
        until(lambda: "the disk is well again" in filed_subjects(demo.directory), "a new message")
