"""A real Postfix, on a loopback port or in a namespace, in a directory of its own (needs root, as Postfix does)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from mailsuite.testing.ports import free_port
from tests.lab.netns import Host

SCRIPT = Path(__file__).with_name("peer_postfix.sh")


class Postfix:
    """Takes mail for any user of ``domain`` into a Maildir; ``settings`` are main.cf lines.

    With a ``host`` it runs there and listens on that host's address.
    """

    def __init__(self, domain: str, *settings: str, port: int = 0, host: Host | None = None) -> None:
        self.domain = domain
        self.port = port or free_port()
        self.address = host.address if host else "127.0.0.1"
        self._host = host
        # Postfix drops its privileges: it must reach its directory through world-searchable ones.
        self.directory = Path(tempfile.mkdtemp(prefix="postfix-", dir="/tmp"))
        self.directory.chmod(0o755)
        self._settings = settings

    @staticmethod
    def available() -> bool:
        """Is Postfix installed?"""
        return shutil.which("postfix", path="/usr/sbin:/usr/bin") is not None

    def start(self) -> None:
        """Start and wait until the port answers."""
        self._run("start", str(self.directory), self.domain, self.address, str(self.port), *self._settings)
        deadline = time.monotonic() + 20
        while True:
            try:
                with self._network(), socket.create_connection((self.address, self.port), 5) as s:
                    if s.recv(3) == b"220":
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"Postfix does not answer: {self.log()}")
            time.sleep(0.1)

    def _network(self) -> AbstractContextManager[None]:
        return self._host.inside() if self._host else nullcontext()

    def configure(self, *settings: str) -> None:
        """Change main.cf lines while it runs, also for sessions that are open: these end."""
        for setting in settings:
            self._quietly("postconf", "-c", str(self.directory / "etc"), "-e", setting)
        self._quietly("postfix", "-c", str(self.directory / "etc"), "reload")
        # An smtpd keeps its old settings as long as its client stays idle: until smtpd_timeout.
        deadline = time.monotonic() + 20
        while self.log().count(": connect from") > self.log().count(": disconnect from"):
            if time.monotonic() > deadline:
                raise AssertionError("a session of Postfix does not end")
            time.sleep(0.1)

    def add_service(self, line: str) -> None:
        """Add a line to master.cf while it runs."""
        with (self.directory / "etc" / "master.cf").open("a") as services:
            services.write(f"{line}\n")
        self._quietly("postfix", "-c", str(self.directory / "etc"), "reload")

    def _quietly(self, *command: str) -> None:
        nowhere = subprocess.DEVNULL
        subprocess.run(self._there(command), check=True, stdin=nowhere, stdout=nowhere, stderr=nowhere)

    def _there(self, command: Sequence[str]) -> Sequence[str]:
        return self._host.command(*command) if self._host else command

    def stop(self) -> None:
        """Stop and delete everything."""
        self._run("stop", str(self.directory))
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, *arguments: str) -> None:
        # Its daemons inherit what they get: a pipe that nobody reads would freeze them.
        command = ("bash", str(SCRIPT), *arguments)
        with (self.directory / "control.log").open("ab") as log:
            subprocess.run(self._there(command), check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def mails(self) -> list[bytes]:
        """The messages delivered so far, in no order."""
        new = self.directory / "mail" / "all" / "new"
        return [path.read_bytes() for path in new.iterdir()] if new.exists() else []

    def log(self) -> str:
        """Its log."""
        path = self.directory / "maillog"
        return path.read_text() if path.exists() else ""
