"""The demonstration under attack: its memory is bounded, and other clients are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import SMTP, Demo, until
from tests.flows.store import filed_subjects

ALLOWED = 96 * 2**20
"""Octets by which the resident memory of the whole suite in one process may grow under any of the attacks."""
PROMPT = 0.1
"""Seconds in which nine of ten other clients are greeted and have their EHLO answered."""
IDLE = 1000
EHLO = b"EHLO client.example\r\n"
START = EHLO + b"MAIL FROM:<eve@remote.example>\r\nRCPT TO:<alice@alpha.example>\r\nDATA\r\n"


@pytest.mark.slow
class HoldOutTests(SynchronousTestCase):
    """Each attack goes on for as long as it takes; a probe asks again and again."""

    def setUp(self) -> None:
        self.demo = Demo()
        self.addCleanup(self.demo.remove)
        self.demo.set("mx", "max_sessions", str(IDLE + 100))
        self.demo.start()
        for number in range(5):
            self.demo.send("alice@alpha.example", f"warm {number}")

    def connect(self) -> socket.socket:
        """A client of port 25."""
        return socket.create_connection(("127.0.0.1", SMTP + self.demo.offset), 20)

    def resident(self) -> int:
        """Octets of memory."""
        status = Path(f"/proc/{self.demo.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024

    def probe(self) -> float:
        """How long another client takes to its answer to EHLO."""
        began = time.monotonic()
        with self.connect() as peer:
            peer.recv(4096)
            peer.sendall(EHLO)
            said = b""
            while b"\r\n250 " not in said:
                said += peer.recv(4096) or b"\r\n250 "
        return time.monotonic() - began

    @contextlib.contextmanager
    def bounded(self, attack: str, before: int = 0) -> Iterator[None]:
        """While it lasts memory and the time of others are watched; ``before``: the memory before the attack."""
        before = before or self.resident()
        highest = self.resident()
        times: list[float] = []
        over = threading.Event()

        def watch() -> None:
            nonlocal highest
            while not over.is_set() or len(times) < 10:
                times.append(self.probe())
                highest = max(highest, self.resident())
                over.wait(0.02)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join(60)
        self.assertGreaterEqual(len(times), 10, f"{attack}: another client was not served at all")
        late = sorted(times)[len(times) * 9 // 10]
        print(f"{attack}: +{(highest - before) / 2**20:.0f} MiB, nine of ten in {late * 1000:.0f} ms")
        self.assertLess(highest - before, ALLOWED, attack)
        self.assertLess(late, PROMPT, attack)

    def pour(self, prelude: bytes, block: bytes, octets: int, end: bytes) -> bytes:
        """Send so much as fast as it is taken; what the server says at the end."""
        with self.connect() as peer:
            peer.sendall(prelude)
            sent = 0
            with contextlib.suppress(ConnectionError):
                while sent < octets:
                    peer.sendall(block)
                    sent += len(block)
                peer.sendall(end)
            said = b""
            with contextlib.suppress(ConnectionError):
                while chunk := peer.recv(65_536):
                    said += chunk
            return said

    def test_idle_connections(self) -> None:
        """A thousand clients that say nothing, each greeted."""
        before = self.resident()
        with contextlib.ExitStack() as stack:
            for _ in range(IDLE):
                peer = stack.enter_context(self.connect())
                self.assertEqual(peer.recv(4), b"220 ")
            with self.bounded("1,000 idle connections", before):
                for _ in range(20):
                    self.probe()

    def test_endless_lines(self) -> None:
        """F006: 200 MB without a line end, as a command and as content: refused at the end, as long as it takes."""
        with self.bounded("200 MB of one command"):
            said = self.pour(b"", b"A" * 65_536, 200_000_000, b"\r\nQUIT\r\n")
        self.assertIn(b"500 5.5.2", said)
        with self.bounded("200 MB of one line of content"):
            said = self.pour(START, b"A" * 65_536, 200_000_000, b"\r\n.\r\nQUIT\r\n")
        self.assertRegex(said.rpartition(b"354 ")[2], rb"\r\n55[024] 5\.")

    def test_f031_f033_messages_that_are_slow_to_read(self) -> None:
        """Nesting bombs and endless lists are accepted or refused, and listed; nobody waits for them."""
        bombs = (
            b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
            b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000)),
            b"\r\n" * 50_000,
            b"To: " + b",\r\n " * 20_000 + b"\r\n\r\n",
            b"To: " + b",\r\n ".join(b"a%d@b.example" % n for n in range(12_000)) + b"\r\n\r\n",
            b"X-Subject: " + b"=?utf-8?q?=C3=A4?=\r\n " * 10_000 + b"\r\n\r\n",
            b"To: " + b"(" * 900 + b")" * 900 + b"\r\n\r\n",
        )
        with self.bounded("messages that are slow to read"):
            for number, bomb in enumerate(bombs):
                head = b"From: eve@remote.example\r\nSubject: slow %d\r\n" % number
                said = self.pour(START, head + bomb, 1, b"\r\n.\r\nQUIT\r\n").rpartition(b"354 ")[2]
                self.assertRegex(said, rb"\r\n(250 2\.0\.0|55[24] 5\.)")
                if b"\r\n250 2.0.0" in said:
                    subject = f"slow {number}"
                    until(lambda subject=subject: subject in filed_subjects(self.demo.directory), subject)  # type: ignore[misc]

    def test_header_of_100_mb(self) -> None:
        """A header that does not end is refused when it does."""
        with self.bounded("100 MB of header"):
            said = self.pour(START, b"X-Field: value\r\n" * 4096, 100_000_000, b"\r\n\r\n.\r\nQUIT\r\n")
        self.assertRegex(said.rpartition(b"354 ")[2], rb"\r\n55[024] 5\.")

    def test_ten_thousand_recipients(self) -> None:
        """A thousand are taken, the others deferred; the engine's limit of commands is no further away."""
        recipients = b"RCPT TO:<alice@alpha.example>\r\n" * 10_000
        with self.bounded("10,000 recipients"):
            said = self.pour(EHLO + b"MAIL FROM:<>\r\n", recipients, 1, b"QUIT\r\n")
        self.assertEqual(said.count(b"250 2.1.5"), 1000)
        self.assertIn(b"452 4.5.3", said)

    def test_clients_that_never_read(self) -> None:
        """Ten clients that ask for help for ever and take no answer."""
        with contextlib.ExitStack() as stack, self.bounded("ten clients that never read"):
            for _ in range(10):
                peer = stack.enter_context(self.connect())
                peer.settimeout(0.3)
                with contextlib.suppress(TimeoutError, ConnectionError):
                    for _ in range(1000):
                        peer.sendall(b"HELP\r\n" * 10_000)
