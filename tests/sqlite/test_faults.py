"""Faults of the disk and of neighbours: StoreUnavailable, said once, and recovery without a restart."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase

from mailsuite.model.errors import StoreUnavailable
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.store import Store
from mailsuite.testing.builders import queued_message
from mailsuite.testing.temporary import temporary_directory

_EXCLUSIVE = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


def locker(path: Path) -> subprocess.Popen[bytes]:
    """A process that holds the database's exclusive lock until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _EXCLUSIVE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))


class FaultTests(TestCase):
    """A store that is locked, full or broken."""

    def make(self, path: Path) -> Store:
        """A store that waits for a lock for 50 ms."""
        store = Store(path, reactor, lambda: 1, patience=0.05)
        store.start()
        self.addCleanup(store.stop)
        self.keeper = BlobKeeper(store, path.parent / "blobs")
        self.jobs = JobStore(store, self.keeper)
        self.blobs = BlobStore(store, self.keeper)
        return store

    async def fails(self, store: Store) -> str:
        """Committing is refused; the detail."""
        try:
            await self.jobs.commit(queued_message("no", b"no"), b"no")
        except StoreUnavailable as error:
            self.assertEqual("451 4.3.0 the mail store is not available, try again later", str(error.status))
            return error.detail
        return self.fail("it was committed")

    async def works(self, store: Store, queue_id: str) -> None:
        """Committing and asking work."""
        self.assertTrue(await self.jobs.commit(queued_message(queue_id, b"x"), b"x"))
        self.assertIsNotNone(await self.jobs.message(queue_id))
        await store.ping()

    async def test_locked_by_another_process(self) -> None:
        """While another process holds the database for longer than the time-out, writes are refused; then they work."""
        store = self.make(temporary_directory(self) / "s")
        other = locker(store.path)
        self.addCleanup(other.communicate)
        with capturedLogs() as events:
            for _ in range(3):
                self.assertIn("locked", await self.fails(store))
            await self.assertFailure(Deferred.fromCoroutine(store.ping()), StoreUnavailable)
            self.assertIsNone(await self.jobs.message("q1"))
            other.communicate(b"go\n")
            await self.works(store, "q1")
        levels = [event["log_level"] for event in events if "store {path}" in (event["log_format"] or "")]
        self.assertEqual([LogLevel.error, LogLevel.info], levels)

    async def test_turn_held_by_another_process(self) -> None:
        """A neighbour that keeps the turn to write is waited for as long, then it is as a lock."""
        store = self.make(temporary_directory(self) / "s")
        fd = os.open(f"{store.path}.lock", os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX)
        self.assertIn("locked", await self.fails(store))
        os.close(fd)
        await self.works(store, "q1")

    async def test_locked_at_start(self) -> None:
        """A store that cannot be opened at the start says so, and can be started later."""
        path = temporary_directory(self) / "s"
        holder = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN EXCLUSIVE")
        store = Store(path, reactor, lambda: 1, patience=0.05)
        self.assertRaises(StoreUnavailable, store.start)
        holder.execute("ROLLBACK")
        store.start()
        await store.ping()
        await store.stop()

    async def test_full(self) -> None:
        """A full database refuses what does not fit, keeps what was acknowledged, and goes on when there is room."""
        store = self.make(temporary_directory(self) / "s")
        await self.works(store, "q0")
        pages = await store.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await store.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 8}").fetchone()[0])
        kept = ["q0"]
        detail = ""
        while not detail and len(kept) < 100:
            content = os.urandom(20_000)
            queue_id = f"q{len(kept)}"
            try:
                await self.jobs.commit(queued_message(queue_id, content), content)
            except StoreUnavailable as error:
                detail = error.detail
            else:
                kept.append(queue_id)
        self.assertIn("full", detail)
        self.assertIsNone(await self.jobs.message(f"q{len(kept)}"))
        self.assertEqual([], list(await self.jobs.jobs(f"q{len(kept)}")))
        # The connection was opened anew, without the limit: that is the room.
        self.assertTrue(await self.jobs.commit(queued_message(f"q{len(kept)}", content), content))
        await self.works(store, "more")
        for queue_id in kept:
            message = await self.jobs.message(queue_id)
            assert message is not None
            await self.blobs.read(message.blob)

    def small_disk(self) -> Path:
        """A file system of 4 MB."""
        mount = temporary_directory(self) / "disk"
        mount.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            raise SkipTest("only root can mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", str(mount)], check=True)
        return mount

    async def test_full_disk(self) -> None:
        """On a full disk commits and blob files are refused, none half; when there is room again both work."""
        mount = self.small_disk()
        store = self.make(mount / "s")
        await self.works(store, "q0")
        fill(mount / "ballast")
        large, small = os.urandom(500_000), os.urandom(60_000)
        with capturedLogs():
            await self.assertFailure(Deferred.fromCoroutine(self.blobs.put(large)), StoreUnavailable)
            commits = [
                Deferred.fromCoroutine(self.jobs.commit(queued_message(f"f{n}", small + b"%d" % n), small + b"%d" % n))
                for n in range(30)
            ]
            results: list[tuple[bool, Any]] = await DeferredList(commits, consumeErrors=True)
        acknowledged = {f"f{n}" for n, (good, _) in enumerate(results) if good}
        self.assertLess(len(acknowledged), 30)
        self.assertEqual({StoreUnavailable}, {type(result.value) for good, result in results if not good})
        there = {f"f{n}" for n in range(30) if await self.jobs.message(f"f{n}") is not None}
        self.assertEqual(acknowledged, there)
        self.assertEqual([], [path for path in (mount / "blobs").rglob("*") if path.is_file()])
        (mount / "ballast").unlink()
        await self.works(store, "q1")
        self.assertEqual(large, await self.blobs.read(await self.blobs.put(large)))

    async def test_vanished_file(self) -> None:
        """A reader that finds no file says so; nobody makes a new, empty store in its place."""
        store = self.make(temporary_directory(self) / "s")
        store.path.rename(store.path.with_name("away"))
        with capturedLogs():
            await self.assertFailure(Deferred.fromCoroutine(self.jobs.message("x")), StoreUnavailable)
        self.assertFalse(store.path.exists())
        store.path.with_name("away").rename(store.path)
        await self.works(store, "q1")

    def test_damaged_file(self) -> None:
        """A file that is no database is refused at the start as not available, and left alone."""
        path = temporary_directory(self) / "s"
        path.write_bytes(b"not a database, whatever its name says" * 100)
        before = path.read_bytes()
        self.assertRaises(StoreUnavailable, Store(path, reactor, lambda: 1, patience=0.05).start)
        self.assertEqual(before, path.read_bytes())

    async def test_a_bug_is_not_an_outage(self) -> None:
        """A wrong statement fails as itself: it must not look as if the store were down, nor be logged as that."""
        store = self.make(temporary_directory(self) / "s")
        with capturedLogs() as events:
            for call in (store.write, store.read):
                failing = Deferred.fromCoroutine(call(lambda c: c.execute("SELECT nothing")))
                await self.assertFailure(failing, sqlite3.OperationalError)
        self.assertEqual([], [event for event in events if "store {path}" in (event["log_format"] or "")])
