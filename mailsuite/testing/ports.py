"""Ports for servers of tests."""

from __future__ import annotations

import socket
from contextlib import suppress


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses over UDP or TCP just now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, socket.socket() as stream:
            datagram.bind(("127.0.0.1", 0))
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                stream.bind(datagram.getsockname())
                return int(datagram.getsockname()[1])
