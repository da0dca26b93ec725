"""Large blobs as files: never half, never lost to a sweep, and what a crash leaves behind goes."""

from __future__ import annotations

import os
from hashlib import sha256

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from mailsuite.model.errors import NotThere
from mailsuite.runtime import clock
from mailsuite.sqlite.blobs import INLINE, BlobKeeper, BlobStore
from mailsuite.sqlite.store import Store
from mailsuite.testing.builders import DAY, NOW
from mailsuite.testing.temporary import temporary_directory

LARGE = os.urandom(INLINE + 1)
BLOB = sha256(LARGE).hexdigest()


class BlobFileTests(TestCase):
    """BlobStore on a directory."""

    def setUp(self) -> None:
        self.now = NOW
        data = temporary_directory(self)
        self.directory = data / "blobs"
        self.store = Store(data / "store.sqlite", reactor, lambda: self.now)
        self.store.start()
        self.addCleanup(self.store.stop)
        self.keeper = BlobKeeper(self.store, self.directory)
        self.blobs = BlobStore(self.store, self.keeper)

    def files(self) -> list[str]:
        """What is in the directory."""
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.rglob("*") if path.is_file())

    async def test_where(self) -> None:
        """Blobs of more than 64 kB are files under the first two digits of their hash, smaller ones are not."""
        await self.blobs.put(LARGE)
        await self.blobs.put(LARGE[:INLINE])
        self.assertEqual([f"{BLOB[:2]}/{BLOB[2:]}"], self.files())
        self.assertEqual(LARGE, (self.directory / BLOB[:2] / BLOB[2:]).read_bytes())

    async def test_missing_file(self) -> None:
        """A blob whose file was deleted is not there, until the same content is put again."""
        await self.blobs.put(LARGE)
        (self.directory / BLOB[:2] / BLOB[2:]).unlink()
        await self.assertFailure(Deferred.fromCoroutine(self.blobs.read(BLOB)), NotThere)
        await self.blobs.put(LARGE)
        self.assertEqual(LARGE, await self.blobs.read(BLOB))

    async def test_swept_between_file_and_row(self) -> None:
        """A sweep that takes the old file just before the row is written costs nothing: it is written again."""
        await self.blobs.put(LARGE)
        self.now += DAY
        await self.keeper.prepare(LARGE)
        self.assertEqual(1, await self.blobs.sweep(NOW + 1))
        self.assertEqual([], self.files())
        await self.store.write(lambda c: self.keeper.keep(c, BLOB, LARGE, self.now))
        self.assertEqual(LARGE, await self.blobs.read(BLOB))

    async def test_puts_and_sweeps_together(self) -> None:
        """Whatever the order of puts and sweeps, what was put last is there."""
        # The times of files are real, so the sweeps must look back from the real time as well.
        self.now = clock.now() - 10 * DAY
        for _ in range(20):
            self.now += 1000
            calls: list[Deferred[object]] = [Deferred.fromCoroutine(self.blobs.sweep(self.now)) for _ in range(3)]
            calls.append(Deferred.fromCoroutine(self.blobs.put(LARGE)))
            calls += [Deferred.fromCoroutine(self.blobs.sweep(self.now)) for _ in range(3)]
            await gatherResults(calls)
            self.assertEqual(LARGE, await self.blobs.read(BLOB))

    async def test_leftovers(self) -> None:
        """Files without a row and temporary files go once they are old; young ones may belong to a put under way."""
        await self.blobs.put(LARGE)
        orphan, temporary, young = self.directory / "ab" / "cd", self.directory / ".tmp123", self.directory / ".young"
        orphan.parent.mkdir(exist_ok=True)
        for path in (orphan, temporary, young):
            path.write_bytes(b"x")
        for path in (orphan, temporary, self.directory / BLOB[:2] / BLOB[2:]):
            os.utime(path, ns=((NOW - DAY) * 1_000_000,) * 2)
        os.utime(young, ns=(NOW * 1_000_000,) * 2)
        self.assertEqual(0, await self.blobs.sweep(NOW - 1))
        self.assertEqual(sorted([".young", f"{BLOB[:2]}/{BLOB[2:]}"]), self.files())
        self.assertEqual(LARGE, await self.blobs.read(BLOB))
