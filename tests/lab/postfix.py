"""A real Postfix on a loopback port, in a directory of its own (needs root, as Postfix does)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("peer_postfix.sh")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


class Postfix:
    """Takes mail for any user of ``domain`` into a Maildir; ``settings`` are main.cf lines."""

    def __init__(self, domain: str, *settings: str, port: int = 0) -> None:
        self.domain = domain
        self.port = port or free_port()
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
        self._run("start", str(self.directory), self.domain, "127.0.0.1", str(self.port), *self._settings)
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                    if s.recv(3) == b"220":
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"Postfix does not answer: {self.log()}")
            time.sleep(0.1)

    def configure(self, *settings: str) -> None:
        """Change main.cf lines while it runs, also for sessions that are open: these end."""
        for setting in settings:
            subprocess.run(
                ["postconf", "-c", str(self.directory / "etc"), "-e", setting],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        subprocess.run(
            ["postfix", "-c", str(self.directory / "etc"), "reload"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        # An smtpd keeps its old settings as long as its client stays idle: until smtpd_timeout.
        deadline = time.monotonic() + 20
        while self.log().count(": connect from") > self.log().count(": disconnect from"):
            if time.monotonic() > deadline:
                raise AssertionError("a session of Postfix does not end")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop and delete everything."""
        self._run("stop", str(self.directory))
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, *arguments: str) -> None:
        # Its daemons inherit what they get: a pipe that nobody reads would freeze them.
        with (self.directory / "control.log").open("ab") as log:
            subprocess.run(
                ["bash", str(SCRIPT), *arguments], check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def mails(self) -> list[bytes]:
        """The messages delivered so far, in no order."""
        new = self.directory / "mail" / "all" / "new"
        return [path.read_bytes() for path in new.iterdir()] if new.exists() else []

    def log(self) -> str:
        """Its log."""
        path = self.directory / "maillog"
        return path.read_text() if path.exists() else ""
