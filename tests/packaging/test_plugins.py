"""The plugins that twistd finds."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

DAEMONS = ("mx", "msa", "out", "mda", "dns", "web", "tend")
NAMES = {"mailsuite", *(f"mailsuite-{daemon}" for daemon in DAEMONS)}


def twistd(*arguments: str) -> str:
    """What twistd of this environment prints."""
    command = Path(sys.executable).with_name("twistd")
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [command, *arguments], capture_output=True, text=True, cwd=directory, check=True, timeout=60
        )
    return done.stdout


class PluginTests(SynchronousTestCase):
    """Every daemon has a name and options."""

    def test_twistd_lists_every_daemon(self) -> None:
        """The help of twistd, run as a user runs it, has a line for each."""
        listed = {line.split()[0] for line in twistd("--help").splitlines() if line.strip().startswith("mailsuite")}
        self.assertEqual(listed, NAMES)

    def test_every_daemon_has_options(self) -> None:
        """Its module can be imported and knows where its settings are."""
        found = {plugin.tapname: plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname in NAMES}
        self.assertEqual(set(found), NAMES)
        for name, plugin in found.items():
            options = plugin.options()
            self.assertEqual(options["config"], "/etc/mailsuite/mailsuite.toml", name)

    def test_mistakes_in_the_settings_are_words(self) -> None:
        """All of them, with file and line, and no traceback."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "bad.toml")
            Path(path).write_text('[server]\nhostname = "x"\n[mx]\nlisten = 5\n')
            command = Path(sys.executable).with_name("twistd")
            done = subprocess.run(
                [command, "--nodaemon", "--pidfile=", "mailsuite-mx", "--config", path],
                capture_output=True,
                text=True,
                cwd=directory,
                check=False,
                timeout=60,
            )
        said = done.stdout + done.stderr
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{path}:2: server.hostname: ", said)
        self.assertIn(f"{path}:4: mx.listen: must be a list", said)
        self.assertNotIn("Traceback", said)
