"""A real Unbound on loopback that validates zones which we signed ourselves (BIND's dnssec-signzone)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from mailsuite.testing.nsd import free_port

_CONFIGURATION = """
server:
  interface: 127.0.0.1@{port}
  directory: "{directory}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  logfile: "{directory}/log"
  do-daemonize: no
  module-config: "validator iterator"
  num-threads: 1
  val-log-level: 2
remote-control:
  control-enable: no
"""
_ZONE = """
auth-zone:
  name: "{origin}"
  zonefile: "{path}"
  for-upstream: yes
  for-downstream: no
"""


def unbound_available() -> bool:
    """Are the programs installed?"""
    return all(_program(name) for name in ("unbound", "dnssec-signzone", "dnssec-keygen"))


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def sign(origin: str, text: str, directory: Path, *, expired: bool = False) -> tuple[Path, str]:
    """A signed zone file, and the DNSKEY record by which it is trusted. ``origin`` ends in a dot."""
    directory.mkdir(parents=True, exist_ok=True)
    keygen = [_program("dnssec-keygen"), "-q", "-K", directory, "-a", "ECDSAP256SHA256", "-f", "KSK", origin]
    key = _run(keygen, directory).strip()
    plain, signed = directory / "plain", directory / "signed"
    plain.write_text(text)
    times = ["-s", "now-10d", "-e", "now-1d"] if expired else ["-s", "now-1h", "-e", "now+1d"]
    signzone = [_program("dnssec-signzone"), "-q", "-P", "-S", "-z", "-K", directory, "-o", origin, *times]
    _run([*signzone, "-f", signed, plain], directory)
    public = (directory / f"{key}.key").read_text().splitlines()
    return signed, next(line for line in public if not line.startswith(";"))


def _run(command: Sequence[object], directory: Path) -> str:
    done = subprocess.run(  # noqa: S603
        [str(word) for word in command], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


class Unbound:
    """Resolves from ``zones`` (origin to file) at 127.0.0.1 and ``port``, until :meth:`stop`.

    Zones at or below the ``anchors`` (DNSKEY records) are validated, others are insecure.
    """

    def __init__(self, zones: Mapping[str, Path], anchors: list[str], directory: Path) -> None:
        program = _program("unbound")
        assert program is not None, "unbound is not installed"
        self.port = free_port()
        self._log = directory / "log"
        (directory / "anchors").write_text("".join(anchor + "\n" for anchor in anchors))
        text = _CONFIGURATION.format(port=self.port, directory=directory)
        text = text.replace("remote-control:", f'  trust-anchor-file: "{directory}/anchors"\nremote-control:')
        text += "".join(_ZONE.format(origin=origin, path=path) for origin, path in zones.items())
        (directory / "conf").write_text(text)
        self._process = subprocess.Popen(  # noqa: S603
            [program, "-d", "-c", str(directory / "conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait(next(iter(zones)))
        except BaseException:
            self.stop()
            raise

    def _wait(self, origin: str, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        query = dns.message.make_query(origin, "SOA")
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                dns.query.udp(query, "127.0.0.1", timeout=1, port=self.port)
            except (dns.exception.DNSException, OSError):
                continue
            return
        raise AssertionError(f"unbound did not start: {self.log()}")

    def log(self) -> str:
        """What it complained of."""
        return self._log.read_text() if self._log.exists() else ""

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5)
