"""Processes of their own that work on a store, to be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(module: str, path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    """``tests.sqlite.<module>`` on the store at ``path``: a line for each thing done, without end for ``count`` 0."""
    command = [sys.executable, "-m", f"tests.sqlite.{module}", str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def kill(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, bytes]:
    """Kill it so long after its first line; all that it said, and its errors."""
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    out, err = process.communicate()
    return first + out, err
