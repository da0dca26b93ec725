"""A real Unbound on loopback that validates zones which we signed ourselves (BIND's dnssec-signzone)."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailsuite.testing.name_server import NameServer, program
from mailsuite.testing.ports import free_port

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
    return all(program(name) for name in ("unbound", "dnssec-signzone", "dnssec-keygen"))


def sign(origin: str, text: str, directory: Path, *, expired: bool = False) -> tuple[Path, str]:
    """A signed zone file, and the DNSKEY record by which it is trusted. ``origin`` ends in a dot."""
    directory.mkdir(parents=True, exist_ok=True)
    keygen = [program("dnssec-keygen"), "-q", "-K", directory, "-a", "ECDSAP256SHA256", "-f", "KSK", origin]
    key = _run(keygen, directory).strip()
    plain, signed = directory / "plain", directory / "signed"
    plain.write_text(text)
    times = ["-s", "now-10d", "-e", "now-1d"] if expired else ["-s", "now-1h", "-e", "now+1d"]
    signzone = [program("dnssec-signzone"), "-q", "-P", "-S", "-z", "-K", directory, "-o", origin, *times]
    _run([*signzone, "-f", signed, plain], directory)
    public = (directory / f"{key}.key").read_text().splitlines()
    return signed, next(line for line in public if not line.startswith(";"))


def _run(command: Sequence[object], directory: Path) -> str:
    done = subprocess.run(  # noqa: S603
        [str(word) for word in command], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


class Unbound(NameServer):
    """Resolves from ``zones`` (origin to file).

    Zones at or below the ``anchors`` (DNSKEY records) are validated, others are insecure.
    """

    def __init__(self, zones: Mapping[str, Path], anchors: list[str], directory: Path) -> None:
        port = free_port()
        (directory / "anchors").write_text("".join(anchor + "\n" for anchor in anchors))
        text = _CONFIGURATION.format(port=port, directory=directory)
        text = text.replace("remote-control:", f'  trust-anchor-file: "{directory}/anchors"\nremote-control:')
        text += "".join(_ZONE.format(origin=origin, path=path) for origin, path in zones.items())
        super().__init__(["unbound", "-d"], text, directory, next(iter(zones)), port=port)
