"""mailctl check, as an admin types it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.temporary import temporary_directory


class CheckTests(SynchronousTestCase):
    """A data directory of its own; each command is a process."""

    def setUp(self) -> None:
        self.data = temporary_directory(self)
        self.config = self.data / "mailsuite.toml"
        self.config.write_text(f'[server]\nhostname = "mx.alpha.example"\ndata = "{self.data}"\n')

    def check(self, *options: str, status: int = 0) -> str:
        """What the command prints; its exit status is as expected."""
        command = [sys.executable, "-m", "mailsuite.cli.main", "--config", str(self.config), "check", *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        self.assertEqual((status, ""), (done.returncode, done.stderr))
        return done.stdout

    def test_check(self) -> None:
        """Says what is wrong and ends with 1; repaired, all is well."""
        self.assertEqual("ok\n", self.check())
        database = sqlite3.connect(self.data / "mailsuite.db")
        self.addCleanup(database.close)
        database.execute("INSERT INTO change_seq (account, seq, octets) VALUES ('x', 1, 7)")
        database.commit()
        told = "x: it keeps 0 octets in 0 messages, and says otherwise"
        self.assertEqual(f"{told}\n", self.check(status=1))
        self.assertEqual(f"{told} (repaired)\nok\n", self.check("--repair"))
        self.assertEqual("ok\n", self.check())
