"""A real NSD, without privileges, as an oracle for our DNS service and as its secondary."""

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
  ip-address: {host}@{port}
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
    """Serves ``zones`` at ``host`` and ``port`` from construction to :meth:`stop`; files go to ``directory``."""

    def __init__(
        self,
        zones: Sequence[Zone],
        directory: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        prefix: Sequence[str] = (),
    ) -> None:
        program = _program()
        assert program is not None, "nsd is not installed"
        self.host, self.port = host, port or free_port()
        self._prefix = prefix
        self._log = directory / "log"
        text = _CONFIGURATION.format(host=host, port=self.port, directory=directory)
        text += self._zones(zones, directory)
        (directory / "conf").write_text(text)
        self._process = subprocess.Popen(  # noqa: S603
            [*prefix, program, "-d", "-c", str(directory / "conf")],
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

    def _zones(self, zones: Sequence[Zone], directory: Path) -> str:
        text = ""
        for number, zone in enumerate(zones):
            path = directory / f"{number}.zone"
            path.write_text(zone_file(zone))
            text += f'zone:\n  name: "{zone.origin}"\n  zonefile: "{path}"\n'
        return text

    def _wait(self, origin: str, seconds: float = 20.0) -> None:
        if self._prefix:  # in another network namespace: who made it has to wait
            return
        deadline = time.monotonic() + seconds
        query = dns.message.make_query(origin, "SOA")
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                dns.query.udp(query, self.host, timeout=0.1, port=self.port)
            except (dns.exception.DNSException, OSError):
                continue
            return
        raise AssertionError(f"nsd did not start: {self.log()}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

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


class NsdSecondary(Nsd):
    """Fetches zones from the server at 127.0.0.1 and ``primary``; ``key`` is name, algorithm, base64."""

    def __init__(
        self,
        zones: Sequence[Zone],
        directory: Path,
        primary: int,
        key: tuple[str, str, str] | None = None,
        port: int = 0,
    ) -> None:
        self._primary = primary
        self._key = key
        super().__init__(zones, directory, port=port)

    def _zones(self, zones: Sequence[Zone], directory: Path) -> str:
        name, text = "NOKEY", ""
        if self._key is not None:
            name, algorithm, secret = self._key
            text = f'key:\n  name: "{name}"\n  algorithm: {algorithm}\n  secret: "{secret}"\n'
        for number, zone in enumerate(zones):
            text += (
                f'zone:\n  name: "{zone.origin}"\n  zonefile: "{directory}/{number}.zone"\n'
                f"  allow-notify: 127.0.0.1 NOKEY\n  request-xfr: 127.0.0.1@{self._primary} {name}\n"
            )
        return text
