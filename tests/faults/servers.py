"""Child processes of the fault tests: Redis in all its ways to lose data, and everything else."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from valkey import Valkey
from valkey.exceptions import ValkeyError

from mailsuite.testing.redis_server import executables


class Child:
    """A process that ends with us."""

    def __init__(self, command: list[str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @classmethod
    def python(cls, log: Path, module: str, *arguments: str) -> Child:
        """``python -m module``."""
        return cls([sys.executable, "-m", module, *arguments], log)

    @property
    def alive(self) -> bool:
        """Has it not ended?"""
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal that ends it, and wait for that."""
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        self._process.wait(20)


class LossyRedis:
    """One address, a unix socket, behind which servers come and go with less data than their predecessor had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self._path = folder / "s"
        self.url = f"unix://{self._path}"
        self._number = 0
        self._server = self._start()

    @property
    def client(self) -> Any:
        """A connection to the present server; it is made anew each time."""
        return Valkey(unix_socket_path=str(self._path), socket_timeout=5)

    def _start(self, *options: str) -> Child:
        return self._launch(self._path, *options)

    def _launch(self, path: Path, *options: str) -> Child:
        self._number += 1
        self._port = _free_port()
        # fmt: off
        command = [
            executables()["redis"], "--unixsocket", str(path), "--port", str(self._port), "--bind", "127.0.0.1",
            "--dir", str(self._folder), "--dbfilename", f"{self._number}.rdb", "--save", "", "--appendonly", "no",
            "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "100000", "--loglevel", "warning", *options,
        ]
        # fmt: on
        server = Child(command, self._folder / "log")
        deadline = time.monotonic() + 20
        while True:
            try:
                Valkey(unix_socket_path=str(path), socket_timeout=5).ping()
            except ValkeyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return server

    def flush(self) -> None:
        """Everything is deleted under a running server."""
        self.client.flushall()

    def restart(self, pause: float) -> None:
        """Killed; it comes back with nothing."""
        self._server.end()
        time.sleep(pause)
        self._server = self._start()

    def keep(self) -> None:
        """Write the data as they are now to a file."""
        self.client.save()
        shutil.copyfile(self._folder / f"{self._number}.rdb", self._folder / "kept.rdb")

    def restart_from_file(self) -> None:
        """Killed; it comes back with what ``keep`` wrote last, however old that is."""
        self._server.end()
        if (self._folder / "kept.rdb").exists():
            shutil.copyfile(self._folder / "kept.rdb", self._folder / f"{self._number + 1}.rdb")
        self._server = self._start()

    def promote_empty_replica(self) -> None:
        """The primary dies while its only replica waits for the first sync; the replica takes over (F098)."""
        replica = self._launch(self._folder / "r", "--replicaof", "127.0.0.1", str(self._port))
        self._server.end()
        heir = Valkey(unix_socket_path=str(self._folder / "r"), socket_timeout=5)
        assert heir.dbsize() == 0, "the replica has had its first sync"
        heir.replicaof("NO", "ONE")
        os.rename(self._folder / "r", self._path)
        self._server = replica

    def freeze(self, seconds: float) -> None:
        """It stands still for a while."""
        self._server.send(signal.SIGSTOP)
        time.sleep(seconds)
        self._server.send(signal.SIGCONT)

    def end(self) -> None:
        """End the server."""
        self._server.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
