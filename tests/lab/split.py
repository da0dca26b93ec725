"""Daemons of their own for each role, as the units of the Debian package start them, in a directory of their own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.flows.demo import DNS, PASSWORD, SMTP, free_offset, until

CONFIG = """\
[server]
hostname = "mail.alpha.example"
data = "{data}"
[log]
format = "text"
[mx]
listen = ["127.0.0.1:{smtp}"]
{mx}
[dns]
listen = ["127.0.0.1:{dns}"]
addresses = ["127.0.0.1"]
{more}
"""
ACCOUNT = "alice@alpha.example"


class Split:
    """mailsuite-tend (which brings Redis along) and the daemons of ``roles``; ``mx`` and ``more`` are TOML lines.

    A role called "all" is the daemon that holds all roles.
    """

    def __init__(self, roles: Sequence[str], mx: str = "", more: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mailsuite-split-"))
        self.data = self.directory / "data"
        offset = free_offset()
        self.port = SMTP + offset
        self.config = self.directory / "mailsuite.toml"
        self.config.write_text(CONFIG.format(data=self.data, smtp=self.port, dns=DNS + offset, mx=mx, more=more))
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
