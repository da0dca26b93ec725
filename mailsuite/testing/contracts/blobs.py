"""BlobStoreContract: what every IBlobStore must do."""

from __future__ import annotations

from hashlib import sha256

from mailsuite.model.errors import NotThere
from mailsuite.testing.builders import DAY, NOW, filing, queued_message
from mailsuite.testing.contracts.jobs import close
from mailsuite.testing.contracts.stores import StoreContract

LARGE = bytes(range(256)) * 1000
"""Larger than any threshold that an adapter may have for keeping a blob elsewhere: 256,000 octets."""


class BlobStoreContract(StoreContract):
    """Mix into a trial TestCase."""

    async def test_put_and_read(self) -> None:
        """What was put is read back octet for octet under its SHA-256, whatever its size."""
        for content in (b"", b"\0", b"a\r\n.\r\nb", LARGE[:65536], LARGE[:65537], LARGE):
            blob = await self.stores.blobs.put(content)
            self.assertEqual(sha256(content).hexdigest(), blob)
            self.assertEqual(content, await self.stores.blobs.read(blob))

    async def test_ranges(self) -> None:
        """A range is what slicing gives; beyond the end there is nothing."""
        for content in (b"0123456789", LARGE):
            blob = await self.stores.blobs.put(content)
            size = len(content)
            for start, length in ((0, 3), (4, None), (4, 0), (size - 2, 9), (size, None), (size, 5), (size + 7, 3)):
                wanted = content[start : None if length is None else start + length]
                self.assertEqual(wanted, await self.stores.blobs.read(blob, start, length), (start, length))

    async def test_same_content_twice(self) -> None:
        """The same octets are one blob, also when they are put at the same time."""
        for content in (b"twice", LARGE):
            blobs = await self.together(self.stores.blobs.put(content) for _ in range(5))
            self.assertEqual([sha256(content).hexdigest()] * 5, blobs)
        self.assertEqual(2, await self.stores.blobs.sweep(NOW + 1))

    async def test_unknown(self) -> None:
        """A blob that was never put is not there."""
        for unknown in ("0" * 64, "", "../../etc/passwd"):
            await self.raises(NotThere, self.stores.blobs.read(unknown))

    async def test_sweep_takes_what_is_old_and_unreferenced(self) -> None:
        """A sweep forgets blobs put before the mark, no younger ones."""
        old = [await self.stores.blobs.put(content) for content in (b"old", LARGE)]
        self.now += DAY
        young = await self.stores.blobs.put(b"young")
        self.assertEqual(2, await self.stores.blobs.sweep(NOW + 1))
        for blob in old:
            await self.raises(NotThere, self.stores.blobs.read(blob))
        self.assertEqual(b"young", await self.stores.blobs.read(young))
        self.assertEqual(0, await self.stores.blobs.sweep(NOW + 1))

    async def test_sweep_spares_what_was_put_again(self) -> None:
        """Putting a blob again makes it young."""
        for content in (b"again", LARGE):
            self.now = NOW
            await self.stores.blobs.put(content)
            self.now += DAY
            blob = await self.stores.blobs.put(content)
            self.assertEqual(0, await self.stores.blobs.sweep(NOW + DAY))
            self.assertEqual(content, await self.stores.blobs.read(blob))

    async def test_sweep_spares_what_is_referenced(self) -> None:
        """What a queued or filed message refers to stays however old it is; it goes when the last reference did."""
        for content in (b"queued", LARGE + b"queued"):
            message = queued_message("q" + str(len(content)), content)
            await self.stores.jobs.commit(message, content)
        for content in (b"filed", LARGE + b"filed"):
            blob = await self.stores.blobs.put(content)
            await self.stores.messages.file(filing(f"k{len(content)}", blob=blob))
        self.assertEqual(0, await self.stores.blobs.sweep(NOW + 10 * DAY))
        for content in (b"queued", LARGE + b"queued", b"filed", LARGE + b"filed"):
            self.assertEqual(content, await self.stores.blobs.read(sha256(content).hexdigest()))

    async def test_sweep_after_the_last_reference(self) -> None:
        """A blob of a queued message that was forgotten may go, one that is filed too stays."""
        for name in (b"gone", b"filed"):
            message = queued_message(name.decode(), name)
            await self.stores.jobs.commit(message, name)
            job = (await self.stores.jobs.jobs(message.id))[0]
            await close(self.stores.jobs, job.id)
        await self.stores.messages.file(filing("k", blob=sha256(b"filed").hexdigest()))
        self.assertEqual(2, await self.stores.jobs.forget(NOW + 1, 10))
        self.assertEqual(1, await self.stores.blobs.sweep(NOW + 1))
        self.assertEqual(b"filed", await self.stores.blobs.read(sha256(b"filed").hexdigest()))

    async def test_many(self) -> None:
        """A sweep goes through any number of blobs."""
        await self.together(self.stores.blobs.put(b"%d" % n) for n in range(1203))
        kept = b"601"
        await self.stores.messages.file(filing("k", blob=sha256(kept).hexdigest()))
        self.assertEqual(1202, await self.stores.blobs.sweep(NOW + 1))
        self.assertEqual(kept, await self.stores.blobs.read(sha256(kept).hexdigest()))
