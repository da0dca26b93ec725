"""One process per role: the same mail path, the roles meeting in the store and in Redis alone."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import DNS, PASSWORD, SMTP, WEB, Pages, free_offset, until

pytestmark = pytest.mark.slow

ROLES = ("web", "mx", "mda", "out", "dns", "tend")  # an order in which most have to wait for what they need
ALICE, BOB = "alice@alpha.example", "bob@alpha.example"

CONFIG = """\
[server]
hostname = "mail.alpha.example"
data = "{data}"
[log]
format = "text"
[mx]
listen = ["127.0.0.1:{smtp}"]
[dns]
listen = ["127.0.0.1:{dns}"]
addresses = ["127.0.0.1"]
[web]
listen = ["127.0.0.1:{web}"]
public_url = "http://127.0.0.1:{web}"
"""


class SplitTests(SynchronousTestCase):
    """mailsuite-web, -mx, -mda, -out, -dns and -tend beside each other, as twistd starts them."""

    def setUp(self) -> None:
        """Make domain and accounts by mailctl, start the daemons."""
        self.ending = ExitStack()
        self.addCleanup(self.ending.close)
        folder = Path(self.ending.enter_context(tempfile.TemporaryDirectory()))
        offset = free_offset()
        self.smtp, self.web = SMTP + offset, WEB + offset
        self.config = folder / "mailsuite.toml"
        self.config.write_text(
            CONFIG.format(data=folder / "data", smtp=self.smtp, dns=DNS + offset, web=self.web), "utf-8"
        )
        self.mailctl("domain", "add", "alpha.example")
        for address in (ALICE, BOB):
            self.mailctl("account", "add", address, "--password-stdin", words=f"{PASSWORD}\n")
        self.logs = {role: folder / f"{role}.log" for role in ROLES}
        self.daemons = {role: self.start(role) for role in ROLES}

    def mailctl(self, *arguments: str, words: str = "") -> None:
        """Run mailctl, or fail."""
        command = [sys.executable, "-m", "mailsuite.cli.main", "--config", str(self.config), *arguments]
        done = subprocess.run(command, check=False, input=words, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def start(self, role: str) -> subprocess.Popen[bytes]:
        """One daemon; it is stopped at the test's end."""
        with self.logs[role].open("wb") as log:
            daemon = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("twistd")),
                    *("-n", "--pidfile=", f"mailsuite-{role}", "-c", str(self.config)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.ending.callback(daemon.wait, 30)
        self.ending.callback(daemon.send_signal, signal.SIGTERM)
        return daemon

    def send(self, subject: str) -> bool:
        """Hand a message for alice in; False while the port is not there."""
        try:
            with smtplib.SMTP("127.0.0.1", self.smtp, timeout=20) as session:
                session.sendmail("ann@remote.example", [ALICE], f"Subject: {subject}\r\n\r\nhi\r\n")
        except ConnectionRefusedError:
            return False
        return True

    def pages(self, address: str) -> Pages:
        """A logged-in client."""
        pages = Pages(self.web)
        pages.login(address)
        return pages

    def up(self) -> bool:
        """Does the web say that all is well?"""
        try:
            return Pages(self.web).ask("GET", "/healthz")[0] == 200
        except ConnectionRefusedError:
            return False

    def test_the_whole_path(self) -> None:
        """In by mx, filed by mda, read by web; sent from web, filed for bob by mda; one killed role loses nothing."""
        until(self.up, "health", 60)
        until(lambda: self.send("through the parts"), "port 25", 60)
        alice, bob = self.pages(ALICE), self.pages(BOB)
        until(lambda: "through the parts" in alice.subjects("inbox"), "the message", 60)
        alice.send(BOB, "to bob", "hello")
        alice.send(ALICE, "to myself", "hello")
        self.assertIn("to myself", alice.subjects("inbox"))
        until(lambda: "to bob" in bob.subjects("inbox"), "bob's message", 60)
        self.daemons["mda"].kill()
        self.daemons["mda"].wait(20)
        self.assertTrue(self.send("while nobody files"))
        self.start("mda")
        until(lambda: "while nobody files" in alice.subjects("inbox"), "the message that waited", 60)
        self.assertEqual(alice.subjects("inbox").count("while nobody files"), 1)
