"""A real Knot on loopback, without privileges, as an oracle for our DNS service and as its secondary."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from mailsuite.model.zone import Zone
from mailsuite.testing.nsd import free_port, zone_file

_CONFIGURATION = """
server:
  listen: 127.0.0.1@{port}
  rundir: "{directory}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: "{directory}/log"
    any: info
database:
  storage: "{directory}/db"
{more}
template:
  - id: default
    zonefile-sync: -1
    journal-content: none
zone:
"""

_SECONDARY = """
{key}
remote:
  - id: primary
    address: 127.0.0.1@{primary}
{signed}
acl:
  - id: notify
    address: 127.0.0.1
    action: notify
"""


def knot_available() -> bool:
    """Is the program installed?"""
    return _program() is not None


def _program() -> str | None:
    return shutil.which("knotd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Knot:
    """Serves ``zones`` from construction to :meth:`stop`; files go to ``directory``.

    With ``primary`` it fetches them from that port of 127.0.0.1, by ``key`` (name, algorithm, base64) if there is one.
    """

    def __init__(
        self,
        zones: Sequence[Zone],
        directory: Path,
        primary: int = 0,
        key: tuple[str, str, str] | None = None,
        port: int = 0,
    ) -> None:
        program = _program()
        assert program is not None, "knot is not installed"
        self.port = port or free_port()
        self._log = directory / "log"
        more = signing = ""
        if key is not None:
            signing = f'key:\n  - id: "{key[0]}"\n    algorithm: {key[1]}\n    secret: {key[2]}\n'
        if primary:
            signed = f'    key: "{key[0]}"' if key else ""
            more = _SECONDARY.format(primary=primary, key=signing, signed=signed)
        text = _CONFIGURATION.format(port=self.port, directory=directory, more=more)
        for number, zone in enumerate(zones):
            path = directory / f"{number}.zone"
            text += f'  - domain: "{zone.origin}"\n    file: "{path}"\n'
            if primary:
                text += "    master: primary\n    acl: notify\n"
            else:
                path.write_text(zone_file(zone))
        (directory / "conf").write_text(text)
        self._process = subprocess.Popen(  # noqa: S603
            [program, "-c", str(directory / "conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait(zones[-1].origin)
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
                time.sleep(0.05)
                continue
            return
        raise AssertionError(f"knotd did not start: {self.log()}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def log(self) -> str:
        """What it said."""
        return self._log.read_text() if self._log.exists() else ""

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
