"""mailctl as a child process."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.temporary import temporary_directory

PASSWORD = "correct-horse-battery"


class MailctlCase(SynchronousTestCase):
    """A data directory of its own; each command is a process."""

    def setUp(self) -> None:
        """alpha.example with two accounts."""
        data = temporary_directory(self)
        self.config = data / "mailsuite.toml"
        self.config.write_text(f'[server]\nhostname = "mx.alpha.example"\ndata = "{data}"\n')
        self.run_("domain", "add", "alpha.example")
        for address in ("ann@alpha.example", "bob@alpha.example"):
            self.run_("account", "add", address, "--password-stdin")

    def run_(self, *arguments: str, status: int = 0) -> str:
        """What a command prints; its exit status is as expected."""
        done = subprocess.run(
            [sys.executable, "-m", "mailsuite.cli.main", "--config", str(self.config), *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=PASSWORD + "\n",
        )
        self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def refused(self, words: str, *arguments: str) -> None:
        """The command fails with these words and without a traceback."""
        text = self.run_(*arguments, status=1)
        self.assertTrue(text.startswith("Error: "), text)
        self.assertIn(words, text)
