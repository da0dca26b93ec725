"""A real BIND on loopback, without privileges, as a secondary of our DNS service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mailsuite.model.zone import Zone
from mailsuite.testing.name_server import NameServer, program
from mailsuite.testing.ports import free_port

_CONFIGURATION = """
options {{
  directory "{directory}";
  pid-file "{directory}/pid";
  session-keyfile "{directory}/session.key";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
}};
controls {{ }};
logging {{
  channel all {{ file "{directory}/log"; severity info; }};
  category default {{ all; }};
}};
key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};
"""

_ZONE = """
zone "{origin}" {{
  type secondary;
  file "{directory}/{number}.zone";
  primaries {{ 127.0.0.1 port {primary} key "{name}"; }};
}};
"""


def bind_available() -> bool:
    """Is the program installed?"""
    return program("named") is not None


class BindSecondary(NameServer):
    """Fetches ``zones`` from that port of 127.0.0.1; ``key`` is name, algorithm, base64."""

    def __init__(
        self, zones: Sequence[Zone], directory: Path, primary: int, key: tuple[str, str, str], port: int = 0
    ) -> None:
        port = port or free_port()
        name, algorithm, secret = key
        text = _CONFIGURATION.format(directory=directory, port=port, name=name, algorithm=algorithm, secret=secret)
        for number, zone in enumerate(zones):
            text += _ZONE.format(origin=zone.origin, directory=directory, number=number, primary=primary, name=name)
        super().__init__(["named", "-f"], text, directory, zones[-1].origin, port=port)
