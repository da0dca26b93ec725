"""Short texts straight to the kernel: a transport's own write waits for the next turn of the reactor."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import ISystemHandle


class PromptWrites:
    """Writes to ``transport`` in order, at once as long as the other side takes all of it.

    A transport puts octets aside, asks epoll to be told when it may write, and asks it to stop: three system calls and
    a turn of the reactor for each of the short commands and replies of an SMTP session, and nearly always the socket is
    ready. The first time that it is not, the transport gets the rest and all that follows, and its producer hears of it
    as usual.
    """

    def __init__(self, transport: Any) -> None:
        """TLS and what is no TCP connection of the reactor is left to the transport."""
        self._transport = transport
        handle = transport.getHandle() if ISystemHandle.providedBy(transport) else None
        self._socket = handle if isinstance(handle, socket.socket) else None

    def stop(self) -> None:
        """From now on (STARTTLS) octets pass through the transport."""
        self._socket = None

    def write(self, octets: bytes) -> None:
        """Send them, now or as soon as they are taken."""
        if self._socket is not None:
            try:
                sent = self._socket.send(octets)
            except OSError:
                # Not ready, or gone: the transport finds out which.
                sent = 0
            if sent == len(octets):
                return
            octets = octets[sent:]
            self._socket = None
        self._transport.write(octets)
