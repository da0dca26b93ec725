"""Where a daemon listens: sockets that systemd hands over by name (sd_listen_fds(3)), or an IP and a port.

Twisted's own reader of these descriptors runs when ``twisted.internet.endpoints`` is first imported, empties the
environment and knows no datagram sockets. They are read here instead, once, from the environment that the process
was started with. Nothing falls back to opening a port that was to be handed over: two would be bound, or none.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from twisted.internet.endpoints import AdoptedStreamServerEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint

from mailsuite.runtime.network_values import Listen


class Handed(NamedTuple):
    """One socket that was handed over, as it was then: who listens on it may close the descriptor."""

    descriptor: int
    family: int
    kind: int


HandedOver = Mapping[str, Sequence[Handed]]
"""Name -> the sockets of that name: several addresses, or TCP beside UDP."""

_FIRST = 3
_BACKLOG = 1024


class NotHandedOver(Exception):
    """A socket was to come from systemd and did not; the text says which, and what came."""


def descriptors(environ: Mapping[str, str], pid: int) -> Mapping[str, Sequence[int]]:
    """What the environment of process ``pid`` says was handed over to it; nothing when it speaks of another."""
    if environ.get("LISTEN_PID") != str(pid):
        return {}
    count = int(environ.get("LISTEN_FDS", "0"))
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[int]] = {}
    for place in range(count):
        found.setdefault(names[place] if place < len(names) else "unknown", []).append(_FIRST + place)
    return found


def probe(descriptor: int) -> Handed:
    """What a descriptor is. It is closed in children of this process."""
    with socket.socket(fileno=os.dup(descriptor)) as probed:
        os.set_inheritable(descriptor, False)
        return Handed(descriptor, probed.family, probed.type)


@cache
def inherited() -> HandedOver:
    """What was handed over to this process."""
    with open("/proc/self/environ", encoding="utf-8", errors="surrogateescape") as start:
        environ = dict(entry.split("=", 1) for entry in start.read().split("\0") if "=" in entry)
    return {name: [probe(each) for each in found] for name, found in descriptors(environ, os.getpid()).items()}


def _named(listen: Listen, kind: socket.SocketKind, handed: HandedOver) -> list[Handed]:
    found = [each for each in handed.get(listen.inherited, ()) if each.kind == kind]
    if not found:
        word = "stream" if kind == socket.SOCK_STREAM else "datagram"
        raise NotHandedOver(
            f"no {word} socket named {listen.inherited!r} was handed over by systemd (names that were:"
            f" {', '.join(sorted(handed)) or 'none'}); start the socket unit, or set an address to listen on"
        )
    return found


def stream_endpoints(
    reactor: Any, listens: Sequence[Listen], handed: HandedOver | None = None
) -> list[IStreamServerEndpoint]:
    """Endpoints for TCP. Raises NotHandedOver."""
    handed = inherited() if handed is None else handed
    endpoints: list[IStreamServerEndpoint] = []
    for listen in listens:
        if listen.inherited:
            for each in _named(listen, socket.SOCK_STREAM, handed):
                endpoints.append(AdoptedStreamServerEndpoint(reactor, each.descriptor, each.family))
        else:
            endpoint = TCP6ServerEndpoint if ":" in listen.host else TCP4ServerEndpoint
            endpoints.append(endpoint(reactor, listen.port, _BACKLOG, listen.host))
    return endpoints


def handed_sockets(listen: Listen, handed: HandedOver | None = None) -> list[socket.socket]:
    """The sockets of an inherited name: its datagram and its stream ones. Raises NotHandedOver unless both came."""
    handed = inherited() if handed is None else handed
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    found = [each for kind in kinds for each in _named(listen, kind, handed)]
    return [socket.socket(fileno=each.descriptor) for each in found]
