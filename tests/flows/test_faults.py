"""Parts that break while mail comes: a clear line in the log, 4xx outside, recovery without a restart."""

from __future__ import annotations

import fcntl
import smtplib
import sqlite3
import subprocess

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.ports import free_port
from tests.flows.demo import WEB, Demo, Pages, WithDemo, until

pytestmark = [pytest.mark.slow]

ALICE = "alice@alpha.example"


class FaultTests(WithDemo, SynchronousTestCase):
    """One demonstration; each test leaves it whole."""

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """Its upstream DNS server is dead."""
        demo.set("dns", "upstreams", f'["127.0.0.1:{free_port()}"]')

    def health(self) -> tuple[int, str]:
        """What /healthz says."""
        status, text, _ = Pages(WEB + self.demo.offset).ask("GET", "/healthz")
        return status, text

    def log(self) -> str:
        """What was logged so far."""
        return self.demo.log.read_text()

    def redis(self) -> int:
        """The process id of the private Redis."""
        done = subprocess.run(["pgrep", "-P", str(self.demo.pid)], check=True, capture_output=True, text=True)
        (pid,) = done.stdout.split()
        return int(pid)

    def test_redis_killed(self) -> None:
        """Mail is accepted while Redis is away, Redis is started again, and the mail is filed."""
        alice = self.demo.browser(ALICE)
        subprocess.run(["kill", "-STOP", str(self.redis())], check=True)
        self.demo.send(ALICE, "while Redis hangs")
        subprocess.run(["kill", "-KILL", str(self.redis())], check=True)
        self.demo.send(ALICE, "while Redis is dead")
        until(lambda: {"while Redis hangs", "while Redis is dead"} <= set(alice.subjects("inbox")), "both messages", 60)
        self.assertIn("is gone: mail waits until it is back", self.log())
        until(lambda: self.health()[0] == 200, "health", 30)

    def test_store_locked(self) -> None:
        """451 4.3.0 while another program holds the database; the same message is taken afterwards."""
        locker = sqlite3.connect(self.demo.directory / "mailsuite.db", isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        try:
            with self.demo.smtp() as session:
                with self.assertRaises(smtplib.SMTPDataError) as refused:
                    session.sendmail("ann@remote.example", [ALICE], "Subject: locked out\r\n\r\nx\r\n")
                self.assertEqual((refused.exception.smtp_code, refused.exception.smtp_error[:5]), (451, b"4.3.0"))
                status, text = self.health()
                self.assertEqual(status, 503)
                self.assertIn("store", text)
                locker.execute("ROLLBACK")
                session.sendmail("ann@remote.example", [ALICE], "Subject: let in\r\n\r\nx\r\n")
        finally:
            locker.close()
        alice = self.demo.browser(ALICE)
        until(lambda: "let in" in alice.subjects("inbox"), "the message")
        self.assertNotIn("locked out", alice.subjects("inbox"))
        self.assertIn("cannot write", self.log())
        until(lambda: self.health()[0] == 200, "health")

    def test_another_process_holds_the_turn(self) -> None:
        """The lock file between processes, held for too long, is the same fault."""
        with (self.demo.directory / "mailsuite.db.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.demo.smtp() as session, self.assertRaises(smtplib.SMTPDataError) as refused:
                session.sendmail("ann@remote.example", [ALICE], "Subject: x\r\n\r\nx\r\n")
        self.assertEqual(refused.exception.smtp_code, 451)
        self.demo.send(ALICE, "after the turn")
        alice = self.demo.browser(ALICE)
        until(lambda: "after the turn" in alice.subjects("inbox"), "the message")

    def test_dns_dead(self) -> None:
        """Without an upstream mail out is deferred, not bounced; own names are answered all the same."""
        alice = self.demo.browser(ALICE)
        alice.send("u@somewhere.example", "into the void", "x")
        until(lambda: "DNS look-up of somewhere.example" in self.log(), "the deferral in the log", 60)
        self.assertEqual(self.health()[0], 200)
