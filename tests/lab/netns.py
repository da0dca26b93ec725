"""Two hosts, each a network namespace with port 25 of its own, and the wire between them. Root's work.

Nothing leads out of them: what runs inside reaches the other host and itself.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(
        ["ip", *arguments], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )
    if done.returncode:
        raise AssertionError(f"ip {' '.join(arguments)}: {done.stderr}")


def _enter(path: str) -> None:
    with open(path, "rb") as namespace:
        if _libc.setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


class Host:
    """A namespace with loopback and one wire; ``address`` is its IPv4 there, the first of a /24 of its own.

    Programs started by ``command`` find ``resolver`` in their /etc/resolv.conf.
    """

    def __init__(self, namespace: str, address: str, resolver: str = "127.0.0.1") -> None:
        self.namespace = namespace
        self.address = address
        self.network = f"{address.rpartition('.')[0]}.0/24"
        self._etc = Path("/etc/netns", namespace)  # `ip netns exec` mounts its files over those of /etc
        self.resolver = resolver
        self._wire = f"{namespace}-w"

    def up(self) -> None:
        """Make it, with nothing but loopback."""
        _ip("netns", "add", self.namespace)
        _ip("-n", self.namespace, "link", "set", "lo", "up")
        self._etc.mkdir(parents=True)
        (self._etc / "resolv.conf").write_text(f"nameserver {self.resolver}\n")
        (self._etc / "hosts").write_text("127.0.0.1 localhost\n")

    def know_users(self, *names: str) -> None:
        """Let programs started by ``command`` find these system users, which the machine does not have."""
        for file, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"), ("group", "{0}:x:{1}:\n")):
            text = Path("/etc", file).read_text()
            known = {entry.partition(":")[0] for entry in text.splitlines()}
            new = [line.format(name, 61_000 + n) for n, name in enumerate(names) if name not in known]
            (self._etc / file).write_text(text + "".join(new))

    def down(self) -> None:
        """Delete it. What runs inside has to be stopped before."""
        with suppress(AssertionError):
            _ip("netns", "delete", self.namespace)
        shutil.rmtree(self._etc, ignore_errors=True)

    def join(self, other: Host) -> None:
        """Lay a wire to another host."""
        ends = ("netns", self.namespace, "type", "veth", "peer", "name", other._wire, "netns", other.namespace)
        _ip("link", "add", self._wire, *ends)  # the ends are born inside: the machine's own network never sees them
        for host in (self, other):
            _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", host._wire)
        self.mend(other)
        other.mend(self)

    def cut(self) -> None:
        """Pull the plug of the wire."""
        _ip("-n", self.namespace, "link", "set", self._wire, "down")

    def mend(self, other: Host) -> None:
        """Put the plug in again; the way to the other host has gone with the wire."""
        _ip("-n", self.namespace, "link", "set", self._wire, "up")
        _ip("-n", self.namespace, "route", "replace", other.network, "dev", self._wire)

    def also(self, address: str) -> None:
        """Give it a further address of its network."""
        _ip("-n", self.namespace, "address", "add", f"{address}/24", "dev", self._wire)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread's new sockets, and the programs it starts, are on this host's network."""
        with open("/proc/thread-self/ns/net", "rb") as outside:
            _enter(f"/run/netns/{self.namespace}")
            try:
                yield
            finally:
                if _libc.setns(outside.fileno(), _CLONE_NEWNET):
                    os._exit(70)  # everything after this would run in the wrong network

    def command(self, *command: str) -> Sequence[str]:
        """What starts a program here, with this host's /etc/resolv.conf."""
        return ("ip", "netns", "exec", self.namespace, *command)


class Lab:
    """Alpha (198.51.100.1) and beta (203.0.113.1), joined; labs of several test runs do not meet."""

    def __init__(self) -> None:
        number = os.getpid()
        self.alpha = Host(f"a{number}", "198.51.100.1")
        self.beta = Host(f"b{number}", "203.0.113.1")

    def up(self) -> None:
        """Make both, or nothing."""
        try:
            self.alpha.up()
            self.beta.up()
            self.alpha.join(self.beta)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Delete both."""
        self.alpha.down()
        self.beta.down()
