"""RedisServer: a real Redis or Valkey for tests and benches, on a unix socket in a directory of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from valkey import Valkey
from valkey.exceptions import ConnectionError as NotThere

from mailsuite.redis.server import wheel_server


def executables() -> dict[str, str]:
    """The servers to test with: the one that the system installs, and the one in the wheel."""
    installed = shutil.which("redis-server")
    if installed is None:
        raise RuntimeError("the tests need redis-server: apt install redis-server")
    return {"redis": installed, "valkey": str(wheel_server())}


class RedisServer:
    """Blocking calls: start, freeze, kill, stop. It keeps nothing on disk and ends with this process."""

    def __init__(self, kind: str = "redis", *options: str, password: str = "") -> None:
        """``kind`` is "redis" or "valkey"; ``options`` go to the server, e.g. ``"--databases", "4"``."""
        self._executable = executables()[kind]
        self._options = (*options, "--requirepass", password)
        self._folder = tempfile.mkdtemp(prefix="redis-test-")
        self.socket = str(Path(self._folder, "s"))
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Any = Valkey(unix_socket_path=self.socket, password=password or None, decode_responses=True)
        """A synchronous client, made by others."""

    def start(self) -> RedisServer:
        """Start it and wait until it answers."""
        command = ["setpriv", "--pdeathsig", "KILL", self._executable, "--port", "0", "--unixsocket", self.socket]
        command += ["--save", "", "--appendonly", "no", *self._options]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)  # noqa: S603
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client.ping()
            except NotThere:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return self

    def freeze(self) -> None:
        """Stop it as it is; calls and connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once; all data is lost."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self.client.connection_pool.disconnect()

    def stop(self) -> None:
        """End it and remove its directory."""
        self.kill()
        shutil.rmtree(self._folder)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
