"""A zip archive of attachments that is made while it is sent (PKWARE APPNOTE 6.3.10)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from io import RawIOBase
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from mailsuite.interfaces.threads import InThread

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""Nothing earlier can be said in a zip archive."""


class _Sink(RawIOBase):
    """Where ZipFile writes; what it has written is taken out again. It cannot seek, so ZipFile never tries to."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        octets = memoryview(data)  # type: ignore[arg-type]
        self._written += octets
        return octets.nbytes

    def take(self) -> bytes:
        """What was written since."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


async def archive(files: AsyncIterator[tuple[str, bytes]], at: int, thread: InThread) -> AsyncIterator[bytes]:
    """The archive piece by piece, one file in memory at a time, all of them dated ``at`` (ms).

    Files are stored as they are: attachments are mostly compressed. Of equal names, in any case, later ones get a
    number. A name has no "/" and no "\\".
    """
    sink = _Sink()
    date = max(_FIRST_DAY, time.gmtime(at // 1000)[:6])
    taken: set[str] = set()
    with ZipFile(sink, "w", ZIP_STORED) as zipped:
        async for name, content in files:
            info = ZipInfo(_free(name, taken), date)
            info.external_attr = 0o600 << 16
            await thread(lambda info=info, content=content: zipped.writestr(info, content))  # type: ignore[misc]
            yield sink.take()
    yield sink.take()


def _free(name: str, taken: set[str]) -> str:
    """``name``, with a number before its ending when it is taken; it is taken afterwards."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem} ({number}){dot}{ending}"
    taken.add(name.casefold())
    return name
