"""sd_notify(3), heard by a real socket."""

import os
import socket
import tempfile
import time

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime.sdnotify import notify, reloading


class NotifyTests(SynchronousTestCase):
    """What the supervisor receives."""

    def hear(self, address: str) -> socket.socket:
        """A supervisor's socket."""
        supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(supervisor.close)
        supervisor.bind(address)
        supervisor.settimeout(5)
        return supervisor

    def test_by_path(self) -> None:
        """One datagram with the state."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "notify")
            supervisor = self.hear(path)
            self.assertTrue(notify("READY=1", {"NOTIFY_SOCKET": path}))
            self.assertEqual(supervisor.recv(100), b"READY=1")

    def test_in_the_abstract_namespace(self) -> None:
        """An @ stands for the NUL of an abstract address."""
        name = f"mailsuite-test-{os.getpid()}-{time.monotonic_ns()}"
        supervisor = self.hear("\0" + name)
        self.assertTrue(notify("STOPPING=1", {"NOTIFY_SOCKET": "@" + name}))
        self.assertEqual(supervisor.recv(100), b"STOPPING=1")

    def test_reloading(self) -> None:
        """A reload says when it began, in microseconds of the monotonic clock."""
        name = f"mailsuite-test-{os.getpid()}-{time.monotonic_ns()}"
        supervisor = self.hear("\0" + name)
        before = time.monotonic_ns() // 1000
        self.assertTrue(reloading({"NOTIFY_SOCKET": "@" + name}))
        after = time.monotonic_ns() // 1000
        state, when = supervisor.recv(100).decode().split("\n")
        self.assertEqual(state, "RELOADING=1")
        self.assertTrue(before <= int(when.removeprefix("MONOTONIC_USEC=")) <= after, when)

    def test_without_a_supervisor(self) -> None:
        """Nobody to tell, or nobody there any more: that is no error."""
        self.assertFalse(notify("READY=1", {}))
        self.assertFalse(notify("READY=1", {"NOTIFY_SOCKET": "/nonexistent/notify"}))
