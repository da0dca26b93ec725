"""Daemons of their own for each role, as the units of the Debian package start them, in a directory of their own."""

from __future__ import annotations

import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.flows.demo import DNS, PASSWORD, SMTP, WEB, free_offset, until

SUBMISSION, SUBMISSIONS = 2587, 2465
ACCOUNT = "alice@alpha.example"


class Split:
    """One daemon for each of ``roles``; "all" is the one that holds them all, and tend brings Redis along.

    ``config`` is their settings file, in which {data} stands for its directory, {smtp}, {submission}, {submissions},
    {dns} and {web} for ports.
    """

    def __init__(self, roles: Sequence[str], config: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mailsuite-split-"))
        self.data = self.directory / "data"
        offset = free_offset()
        self.port = SMTP + offset
        self.config = self.directory / "mailsuite.toml"
        ports = {"smtp": SMTP, "submission": SUBMISSION, "submissions": SUBMISSIONS, "dns": DNS, "web": WEB}
        moved = {name: port + offset for name, port in ports.items()}
        self.config.write_text(config.format(data=self.data, **moved))
        self._roles = roles
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Make domain and account, start the daemons, wait until each has said that it serves."""
        self.mailctl("domain", "add", "alpha.example")
        self.mailctl("account", "add", ACCOUNT, "--password-stdin", words=f"{PASSWORD}\n")
        for role in self._roles:
            self.daemons[role] = self._run(role)
        until(self._up, "port 25", 60)

    def mailctl(self, *arguments: str, words: str = "") -> str:
        """Run mailctl beside the daemons; what it prints."""
        command = [sys.executable, "-m", "mailsuite.cli.main", "--config", str(self.config), *arguments]
        return subprocess.run(command, check=True, input=words, capture_output=True, text=True).stdout

    def log(self, role: str) -> str:
        """What a daemon said."""
        return (self.directory / f"{role}.log").read_text()

    def newest(self) -> bytes:
        """The content of the message that was filed last; it must be a small one."""
        newest = "SELECT content FROM message JOIN blob ON blob.hash = message.blob ORDER BY number DESC LIMIT 1"
        connection = sqlite3.connect(f"file:{self.data / 'mailsuite.db'}?mode=ro", uri=True, timeout=30)
        try:
            return bytes(connection.execute(newest).fetchone()[0])
        finally:
            connection.close()

    def _run(self, role: str) -> subprocess.Popen[bytes]:
        name = "mailsuite" if role == "all" else f"mailsuite-{role}"
        with (self.directory / f"{role}.log").open("wb") as log:
            return subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("twistd")),
                    *("-n", "--pidfile=", name, "-c", str(self.config)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _up(self) -> bool:
        for role, daemon in self.daemons.items():
            if daemon.poll() is not None:
                raise AssertionError(f"{role} ended:\n{self.log(role)[-4000:]}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as session:
                return session.recv(3) == b"220"
        except OSError:
            return False

    def remove(self) -> None:
        """Stop all and delete the directory."""
        for daemon in self.daemons.values():
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons.values():
            daemon.wait(40)
        shutil.rmtree(self.directory, ignore_errors=True)
