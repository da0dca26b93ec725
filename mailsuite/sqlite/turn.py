"""Turn: whose turn it is to write, among the processes that share a database file."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from mailsuite.model.errors import StoreUnavailable

_LONGEST_NAP = 0.01


class Turn:
    """An advisory lock on ``path``, held around each transaction and the checkpoint that may follow it.

    SQLite has a lock of its own, but up to 3.51.2 a checkpoint in one process that meets a commit in another can
    damage the file (the "WAL-reset bug"; Debian 12 ships 3.40.1). The kernel frees the lock of a killed process.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._fd = -1

    def __enter__(self) -> None:
        """Wait for the lock; StoreUnavailable after ``patience`` seconds."""
        deadline = time.monotonic() + self._patience
        nap = 0.00005  # another process holds it for a fraction of a millisecond, mostly
        try:
            if self._fd < 0:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            while True:
                try:
                    fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise
                time.sleep(nap)
                nap = min(nap * 2, _LONGEST_NAP)
        except BlockingIOError:
            raise StoreUnavailable(f"another process has kept {self._path} locked for {self._patience} s") from None
        except OSError as error:
            raise StoreUnavailable(f"{self._path}: {error.strerror}") from error

    def __exit__(self, *_: object) -> None:
        """Let the next one write."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Forget the lock file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
