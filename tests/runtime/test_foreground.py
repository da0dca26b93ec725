"""A daemon in a process of its own, with real signals and a real session."""

import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

# One port that greets, a session that ends 0.5 s after it was asked to, settings that SIGHUP reads again.
CHILD = """
import sys
from functools import partial
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from mailsuite.runtime.daemon import Daemon, Stage
from mailsuite.runtime.foreground import run
from mailsuite.runtime.listener import Listener
from mailsuite.runtime.logs import LogOutput
from mailsuite.runtime.settings import load
from mailsuite.runtime.sockets import stream_endpoints

class Session(Protocol):
    def connectionMade(self):
        self.factory.sessions.append(self)
        self.transport.write(b"220 hello\\r\\n")

class Sessions(Factory):
    protocol = Session
    sessions = []
    async def drain(self, seconds):
        await deferLater(reactor, 0.5)
        for session in self.sessions:
            session.transport.write(b"421 4.3.2 bye\\r\\n")
            await deferLater(reactor, 0.1)
            session.transport.loseConnection()

path = sys.argv[1]
output = LogOutput(sys.stderr, "text")
daemon = Daemon(reactor, output, partial(load, path))
listener = Listener(stream_endpoints(reactor, load(path).mx.listen), Sessions())
daemon.add(listener, Stage.DOOR)
async def check():
    if "broken" in sys.argv:
        raise RuntimeError("not today")
daemon.before_ready(check)
daemon.on_ready(lambda: print("ready", flush=True))
daemon.on_reload(lambda settings: print(settings.log.level, flush=True))
sys.exit(run(reactor, daemon, output))
"""


class ForegroundTests(SynchronousTestCase):
    """From start to stop."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.config = Path(directory.name, "mailsuite.toml")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.write("info")

    def write(self, level: str) -> None:
        """The settings file."""
        self.config.write_text(
            f'[server]\nhostname = "mail.example.org"\n[mx]\nlisten = ["127.0.0.1:{self.port}"]\n'
            f'[log]\nformat = "text"\nlevel = "{level}"\n'
        )

    def start(self, *extra: str) -> subprocess.Popen[str]:
        """The process."""
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(self.config), *extra],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stderr is not None
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def test_from_ready_to_drained(self) -> None:
        """It says when it is ready, reads its settings at SIGHUP, lets the session end at SIGTERM, exits with 0."""
        child = self.start()
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), "ready\n")
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as session:
            lines = session.makefile("rb")
            self.assertEqual(lines.readline(), b"220 hello\r\n")

            self.write("warn")
            child.send_signal(signal.SIGHUP)
            self.assertEqual(child.stdout.readline(), "warn\n")

            child.send_signal(signal.SIGTERM)
            self.assertEqual(lines.readline(), b"421 4.3.2 bye\r\n")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port), timeout=10)
            self.assertEqual(lines.read(), b"")
        _, errors = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 0, errors)

    def test_a_taken_port_ends_it(self) -> None:
        """It does not stay alive without its port, and says which."""
        with socket.create_server(("127.0.0.1", self.port)):
            child = self.start()
            out, errors = child.communicate(timeout=30)
        self.assertNotEqual(child.returncode, 0)
        self.assertEqual(out, "")
        self.assertIn(f"127.0.0.1:{self.port}", errors)

    def test_a_failed_check_ends_it(self) -> None:
        """It never says that it is ready, and exits with 1."""
        out, errors = self.start("broken").communicate(timeout=30)
        self.assertEqual(out, "")
        self.assertIn("RuntimeError: not today", errors)
        child = self.start("broken")
        child.communicate(timeout=30)
        self.assertEqual(child.returncode, 1)
