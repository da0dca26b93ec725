"""Which worker of this host we are: a number that is ours while we live (scheduler: host/slot/uuid)."""

from __future__ import annotations

import fcntl
import os
import socket
from itertools import count
from pathlib import Path
from typing import BinaryIO


class Slot:
    """The lowest number of a role that no living process of this data directory has.

    A process that starts again gets the number of its dead predecessor, and so may free at once what it held.
    """

    def __init__(self, data: Path, role: str, random: bytes) -> None:
        self._lock, number = _take(data, role)
        self._base = f"{socket.gethostname()}:{role}-{number}"
        self._incarnation = random.hex()

    def worker(self, lane: str) -> str:
        """The name of this process's worker for a lane."""
        return f"{self._base}/{lane}/{self._incarnation}"

    def close(self) -> None:
        """Give the number back."""
        self._lock.close()


def _take(data: Path, role: str) -> tuple[BinaryIO, int]:
    folder = data / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    for number in count():
        lock = (folder / f"{role}-{number}").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            os.set_inheritable(lock.fileno(), False)
            return lock, number
    raise AssertionError("numbers do not end")
