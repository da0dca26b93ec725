"""What was acknowledged is there, whoever is killed; several processes share one file."""

from __future__ import annotations

import random
import signal
import sqlite3
from hashlib import sha256

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.sqlite.files import BlobFiles
from mailsuite.testing.temporary import temporary_directory
from tests.sqlite.children import kill, start

ROUNDS = 30
PROCESSES = 8


@pytest.mark.slow
class DurabilityTests(SynchronousTestCase):
    """Real processes on a real file."""

    def setUp(self) -> None:
        self.directory = temporary_directory(self)
        self.path = self.directory / "store.sqlite"

    def check(self, acknowledged: set[str]) -> None:
        """Every acknowledged message is there with content, jobs and mailbox row, and the file is sound."""
        c = sqlite3.connect(self.path)
        self.addCleanup(c.close)
        self.assertEqual("ok", c.execute("PRAGMA integrity_check").fetchone()[0])
        files = BlobFiles(self.directory / "blobs")
        blobs = dict(c.execute("SELECT id, blob FROM queued"))
        jobs = dict(c.execute("SELECT queue_id, COUNT(*) FROM job GROUP BY queue_id"))
        filed = {row[0] for row in c.execute("SELECT delivery_key FROM message")}
        self.assertEqual(set(), acknowledged - blobs.keys())
        self.assertEqual(set(), acknowledged - filed)
        self.assertEqual({2}, set(jobs.values()))
        self.assertEqual(blobs.keys(), jobs.keys())
        for queue_id, blob in blobs.items():
            size, content = c.execute("SELECT size, content FROM blob WHERE hash = ?", (blob,)).fetchone()
            content = files.read(blob, 0, size) if content is None else content
            self.assertEqual((blob, size), (sha256(content).hexdigest(), len(content)), queue_id)
        total, unread, uid_next = c.execute(
            "SELECT total, unread, uid_next FROM folder WHERE name = 'inbox'"
        ).fetchone()
        self.assertEqual((len(filed), len(filed), len(filed) + 1), (total, unread, uid_next))
        self.assertEqual([(len(filed),)], c.execute("SELECT seq FROM change_seq").fetchall())

    def test_kill(self) -> None:
        """Killed at any moment, a writer has lost nothing of what it acknowledged, and leaves nothing half."""
        moments = random.Random(1)
        acknowledged: set[str] = set()
        for turn in range(ROUNDS):
            process = start("committer", self.path, f"r{turn}", 0)
            out, err = kill(process, moments.uniform(0, 0.15))
            self.assertEqual(-signal.SIGKILL, process.returncode, err.decode())
            # The last line may have been cut off by the kill: it counts only when it is whole.
            acknowledged.update(out.decode().rpartition("\n")[0].splitlines())
        self.assertGreater(len(acknowledged), ROUNDS)
        self.check(acknowledged)

    def test_many_processes(self) -> None:
        """Eight processes that create and write one file together lose nothing, and none is refused."""
        count = 60
        processes = [start("committer", self.path, f"p{n}", count) for n in range(PROCESSES)]
        results = [process.communicate() for process in processes]
        self.assertEqual([0] * PROCESSES, [process.returncode for process in processes], results)
        acknowledged = {line for out, _ in results for line in out.decode().splitlines()}
        self.assertEqual({f"p{n}-{m}" for n in range(PROCESSES) for m in range(count)}, acknowledged)
        self.check(acknowledged)
