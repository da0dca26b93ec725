"""The name servers of this machine, for whoever sets none (resolv.conf(5))."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from mailsuite.runtime.network_values import ServerAddress

_OURSELVES = ("127.0.0.1", "::1")


def nameservers(path: Path = Path("/etc/resolv.conf")) -> tuple[ServerAddress, ...]:
    """The servers that the file names, in its order; none when it cannot be read.

    127.0.0.1 and ::1 are left out: there our own DNS service answers, which would ask itself.
    """
    found = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver" or words[1] in _OURSELVES:
            continue
        try:
            found.append(ServerAddress(str(ip_address(words[1])), 53))
        except ValueError:
            continue
    return tuple(found)
