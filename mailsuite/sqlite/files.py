"""BlobFiles: large blobs as files beside the database, ``ab/cdef…`` under one directory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mailsuite.model.errors import NotThere


class BlobFiles:
    """Every method blocks and raises OSError when the disk does.

    A file appears under its name whole and durable, or not at all; it belongs to a store as soon as a row names it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _path(self, blob: str) -> Path:
        return self._directory / blob[:2] / blob[2:]

    def exists(self, blob: str) -> bool:
        """Is the file there?"""
        return self._path(blob).exists()

    def write(self, blob: str, content: bytes) -> None:
        """Make the file durable; nothing is written when it is there."""
        path = self._path(blob)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fd, temporary = tempfile.mkstemp(prefix=".", dir=self._directory)
            try:
                with open(fd, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(fd)
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        # Also for a file that was there: who made it may not have come as far as this.
        for directory in (path.parent, self._directory, self._directory.parent):
            _sync(directory)

    def read(self, blob: str, start: int, length: int) -> bytes:
        """``length`` octets from ``start``, fewer at the end; NotThere when the file is missing."""
        try:
            with open(self._path(blob), "rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            raise NotThere(f"the file of blob {blob} is missing") from None

    def remove(self, blob: str) -> None:
        """Delete the file if it is there."""
        self._path(blob).unlink(missing_ok=True)

    def older(self, than: int) -> Iterator[str]:
        """Blobs whose files were written before ``than`` (ms); removes temporary files as old on the way."""
        if not self._directory.is_dir():
            return
        for entry in sorted(self._directory.iterdir()):
            if entry.is_dir():
                yield from (entry.name + path.name for path in sorted(entry.iterdir()) if _is_older(path, than))
            elif _is_older(entry, than):
                entry.unlink(missing_ok=True)


def _is_older(path: Path, than: int) -> bool:
    try:
        return path.stat().st_mtime_ns // 1_000_000 < than
    except FileNotFoundError:
        return False


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
