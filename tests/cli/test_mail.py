"""mailctl mail import and export, as an admin types them, killed in the middle too."""

from __future__ import annotations

import mailbox
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from email.message import EmailMessage

from tests.cli.case import MailctlCase

MESSAGES = 4000
PATIENCE = 60
ANN = "ann@alpha.example"


class MailTests(MailctlCase):
    """Files as the standard library writes them."""

    def mbox(self, count: int) -> str:
        """A file with so many messages."""
        path = self.config.with_name("mail.mbox")
        box = mailbox.mbox(path)
        for n in range(count):
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = "eve@x.example", ANN, f"number {n}"
            message["Message-ID"] = f"<{n}@x.example>"
            message["Date"] = "Thu, 01 Jan 2026 10:00:00 +0000"
            message.set_content(f"From here on\nit is {n}\n")
            box.add(message)
        box.close()
        return str(path)

    def count(self) -> int:
        """Messages in the store; 0 while there is none."""
        with closing(sqlite3.connect(self.config.with_name("mailsuite.db"))) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM message").fetchone()[0])

    def test_round_trip(self) -> None:
        """Out, in for another account, and again."""
        path = self.mbox(3)
        self.assertEqual(
            self.run_("mail", "import", ANN, path, "--dry-run"),
            "3 would be imported (0 damaged), 0 there already, 0 failed\n",
        )
        self.assertEqual(self.count(), 0)
        self.run_("mail", "import", ANN, path, "--folder", "Old/Mail")
        for form in ("mbox", "maildir", "eml"):
            out = str(self.config.with_name(form))
            self.assertEqual(self.run_("mail", "export", ANN, "--format", form, out), f"3 messages written to {out}\n")
            expected = "3 imported (0 damaged), 0 there already, 0 failed\n"
            if form != "mbox":
                expected = "0 imported (0 damaged), 3 there already, 0 failed\n"
            self.assertEqual(self.run_("mail", "import", "bob@alpha.example", out), expected)
        self.assertEqual(self.run_("check"), "ok\n")

    def test_errors(self) -> None:
        """In words."""
        path = self.mbox(1)
        self.refused("there is no account", "mail", "import", "x@alpha.example", path)
        self.refused("No such file", "mail", "import", ANN, path + "x")
        self.refused("no mbox, no directory of mail, and no message", "mail", "import", ANN, sys.executable)
        self.refused("a name must not be empty", "mail", "import", ANN, path, "--folder", "a//b")
        self.refused("is not empty", "mail", "export", ANN, str(self.config.parent))

    def test_failed(self) -> None:
        """What could not be imported makes the exit status 1; the rest is there."""
        directory = self.config.with_name("files")
        directory.mkdir()
        (directory / "a.eml").write_bytes(b"")
        (directory / "b.eml").write_bytes(b"Subject: b\r\n\r\nb\r\n")
        self.run_("mail", "import", ANN, str(directory), status=1)
        self.assertEqual(self.count(), 1)

    def test_kill(self) -> None:
        """Killed in the middle and begun again: nothing twice, nothing lost, and the counters are right."""
        path = self.mbox(MESSAGES)
        command = [sys.executable, "-m", "mailsuite.cli.main", "-c", str(self.config), "mail", "import", ANN, path]
        reached = 0
        for part in (8, 4):
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                deadline = time.monotonic() + PATIENCE
                while self.count() < MESSAGES // part and time.monotonic() < deadline:
                    time.sleep(0.01)
                process.kill()
                process.communicate()
                self.assertEqual(process.returncode, -signal.SIGKILL)
            self.assertGreater(self.count(), reached)
            reached = self.count()
        self.assertLess(reached, MESSAGES)
        self.assertEqual(
            self.run_("mail", "import", ANN, path),
            f"{MESSAGES - reached} imported (0 damaged), {reached} there already, 0 failed\n",
        )
        self.assertEqual(self.count(), MESSAGES)
        self.assertEqual(self.run_("check"), "ok\n")
        self.assertIn(f"0 imported (0 damaged), {MESSAGES} there already", self.run_("mail", "import", ANN, path))
