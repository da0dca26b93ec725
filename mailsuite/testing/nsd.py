"""A real NSD on loopback, without privileges, as an oracle for our DNS service."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from mailsuite.model.zone import Zone

_CONFIGURATION = """
server:
  ip-address: 127.0.0.1@{port}
  database: ""
  username: ""
  chroot: ""
  pidfile: "{directory}/pid"
  xfrdfile: "{directory}/xfrd"
  xfrdir: "{directory}"
  zonelistfile: "{directory}/zone.list"
  logfile: "{directory}/log"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""


def nsd_available() -> bool:
    """Is the program installed?"""
    return _program() is not None


def _program() -> str | None:
    return shutil.which("nsd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def zone_file(zone: Zone) -> str:
    """The zone as other servers read it."""
    lines = [f"$ORIGIN {zone.origin}", *(f"{r.name} {r.ttl} IN {r.type} {r.data}" for r in zone.records)]
    return "\n".join(lines) + "\n"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses over UDP or TCP just now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, socket.socket() as stream:
            datagram.bind(("127.0.0.1", 0))
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                stream.bind(datagram.getsockname())
                return int(datagram.getsockname()[1])


class Nsd:
    """Serves ``zones`` at 127.0.0.1 and ``port`` from construction to :meth:`stop`; files go to ``directory``.

    Port 0 is a free one.
    """

    def __init__(self, zones: Sequence[Zone], directory: Path, port: int = 0) -> None:
        program = _program()
        assert program is not None, "nsd is not installed"
        self.port = port or free_port()
        self._log = directory / "log"
        text = _CONFIGURATION.format(port=self.port, directory=directory)
        for number, zone in enumerate(zones):
            path = directory / f"{number}.zone"
            path.write_text(zone_file(zone))
            text += f'zone:\n  name: "{zone.origin}"\n  zonefile: "{path}"\n'
        (directory / "conf").write_text(text)
        self._process = subprocess.Popen(  # noqa: S603
            [program, "-d", "-c", str(directory / "conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait(zones[0].origin)
        except BaseException:
            self.stop()
            raise

    def _wait(self, origin: str, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        query = dns.message.make_query(origin, "SOA")
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                dns.query.udp(query, "127.0.0.1", timeout=0.1, port=self.port)
            except (dns.exception.DNSException, OSError):
                continue
            return
        raise AssertionError(f"nsd did not start: {self.log()}")

    def log(self) -> str:
        """What it complained of."""
        return self._log.read_text() if self._log.exists() else ""

    def stop(self) -> None:
        """End it and its children."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5)
