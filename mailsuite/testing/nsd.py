"""A real NSD, without privileges, as an oracle for our DNS service and as its secondary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mailsuite.dns.zonefile import write_zone_file
from mailsuite.model.zone import Zone
from mailsuite.testing.name_server import NameServer, program
from mailsuite.testing.ports import free_port

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
  verbosity: 2
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""


def nsd_available() -> bool:
    """Is the program installed?"""
    return program("nsd") is not None


class Nsd(NameServer):
    """Serves ``zones`` at ``host`` and ``port``."""

    def __init__(
        self,
        zones: Sequence[Zone],
        directory: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        prefix: Sequence[str] = (),
    ) -> None:
        port = port or free_port()
        text = _CONFIGURATION.format(host=host, port=port, directory=directory) + self._zones(zones, directory)
        super().__init__(["nsd", "-d"], text, directory, zones[0].origin, host=host, port=port, prefix=prefix)

    def _zones(self, zones: Sequence[Zone], directory: Path) -> str:
        text = ""
        for number, zone in enumerate(zones):
            path = directory / f"{number}.zone"
            path.write_text(write_zone_file(zone))
            text += f'zone:\n  name: "{zone.origin}"\n  zonefile: "{path}"\n'
        return text


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
                f"  allow-notify: 127.0.0.1 {name}\n  request-xfr: 127.0.0.1@{self._primary} {name}\n"
            )
        return text
