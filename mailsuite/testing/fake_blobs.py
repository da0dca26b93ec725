"""FakeBlobStore: IBlobStore in memory."""

from __future__ import annotations

from collections.abc import Callable, Set
from hashlib import sha256

from zope.interface import implementer

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.model.errors import NotThere
from mailsuite.runtime.clock import Clock


@implementer(IBlobStore)
class FakeBlobStore:
    """See IBlobStore. ``content`` is what is kept; tests may take something away."""

    def __init__(self, clock: Clock, check: Callable[[], None]) -> None:
        self.content: dict[str, bytes] = {}
        self.referrers: list[Callable[[], Set[str]]] = []
        self._put_at: dict[str, int] = {}
        self._clock = clock
        self._check = check

    async def put(self, content: bytes) -> str:
        self._check()
        return self.keep(content, self._clock())

    def keep(self, content: bytes, now: int) -> str:
        blob = sha256(content).hexdigest()
        self.content[blob] = content
        self._put_at[blob] = max(now, self._put_at.get(blob, 0))
        return blob

    async def read(self, blob: str, start: int = 0, length: int | None = None) -> bytes:
        self._check()
        if blob not in self.content:
            raise NotThere(f"there is no blob {blob}")
        return self.content[blob][start : None if length is None else start + length]

    async def sweep(self, older_than: int) -> int:
        self._check()
        used = {blob for referrer in self.referrers for blob in referrer()}
        gone = [blob for blob, at in self._put_at.items() if at < older_than and blob not in used]
        for blob in gone:
            del self._put_at[blob]
            self.content.pop(blob, None)
        return len(gone)
