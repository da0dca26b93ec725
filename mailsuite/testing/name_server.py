"""A real name server as a child, without privileges: what BIND, NSD, Knot and Unbound have in common."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query


def program(name: str) -> str | None:
    """The path of an installed program; None: there is none."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class NameServer:
    """Runs from construction to :meth:`stop`, in ``directory``, where its log is the file ``log``.

    ``command`` is a program, then its options, to which the file of the ``configuration`` is added. It is waited for
    until it answers for ``origin``, unless ``prefix`` puts it into another network namespace: who made that waits.
    """

    def __init__(
        self,
        command: Sequence[str],
        configuration: str,
        directory: Path,
        origin: str,
        *,
        host: str = "127.0.0.1",
        port: int,
        prefix: Sequence[str] = (),
    ) -> None:
        name, *options = command
        path = program(name)
        assert path is not None, f"{name} is not installed"
        self.host, self.port = host, port
        self._name = name
        self._log = directory / "log"
        (directory / "conf").write_text(configuration)
        self._process = subprocess.Popen(  # noqa: S603
            [*prefix, path, *options, "-c", str(directory / "conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if not prefix:
                self._wait(origin)
        except BaseException:
            self.stop()
            raise

    def _wait(self, origin: str, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        query = dns.message.make_query(origin, "SOA")
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                dns.query.udp(query, self.host, timeout=0.5, port=self.port)
            except (dns.exception.DNSException, OSError):
                time.sleep(0.02)  # a closed port is refused at once
                continue
            return
        raise AssertionError(f"{self._name} did not start: {self.log()}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def log(self) -> str:
        """What it said."""
        return self._log.read_text() if self._log.exists() else ""

    def stop(self) -> None:
        """End it and its children."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5)
