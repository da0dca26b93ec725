"""A real Knot on loopback, without privileges, as an oracle for our DNS service and as its secondary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mailsuite.dns.zonefile import write_zone_file
from mailsuite.model.zone import Zone
from mailsuite.testing.name_server import NameServer, program
from mailsuite.testing.ports import free_port

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
{signed}
"""


def knot_available() -> bool:
    """Is the program installed?"""
    return program("knotd") is not None


class Knot(NameServer):
    """Serves ``zones``.

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
        port = port or free_port()
        more = signing = ""
        if key is not None:
            signing = f'key:\n  - id: "{key[0]}"\n    algorithm: {key[1]}\n    secret: {key[2]}\n'
        if primary:
            signed = f'    key: "{key[0]}"' if key else ""
            more = _SECONDARY.format(primary=primary, key=signing, signed=signed)
        text = _CONFIGURATION.format(port=port, directory=directory, more=more)
        for number, zone in enumerate(zones):
            path = directory / f"{number}.zone"
            text += f'  - domain: "{zone.origin}"\n    file: "{path}"\n'
            if primary:
                text += "    master: primary\n    acl: notify\n"
            else:
                path.write_text(write_zone_file(zone))
        super().__init__(["knotd"], text, directory, zones[-1].origin, port=port)
