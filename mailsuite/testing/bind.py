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
  pid-file none;
  session-keyfile none;
  managed-keys-directory "{directory}";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  notify no;
  dnssec-validation no;
}};
controls {{ }};
logging {{
  channel all {{ file "{directory}/log"; severity info; print-category yes; }};
  category default {{ all; }};
}};
key "{key[0]}" {{ algorithm {key[1]}; secret "{key[2]}"; }};
"""

_ZONE = """
zone "{origin}" {{
  type secondary;
  file "{directory}/{number}.zone";
  masterfile-format text;
  primaries {{ 127.0.0.1 port {primary} key "{key}"; }};
}};
"""


def bind_available() -> bool:
    """Is the program installed?"""
    return program("named") is not None


class BindSecondary(NameServer):
    """Fetches zones from the server at 127.0.0.1 and ``primary``; ``key`` is name, algorithm, base64."""

    def __init__(
        self, zones: Sequence[Zone], directory: Path, primary: int, key: tuple[str, str, str], port: int = 0
    ) -> None:
        port = port or free_port()
        text = _CONFIGURATION.format(directory=directory, port=port, key=key)
        for number, zone in enumerate(zones):
            text += _ZONE.format(origin=zone.origin, directory=directory, number=number, primary=primary, key=key[0])
        super().__init__(["named", "-f", "-n", "1"], text, directory, zones[0].origin, port=port)
