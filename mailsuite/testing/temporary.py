"""temporary_directory: a place for a test's files (trial's mktemp leaves them in the tree under pytest)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


def temporary_directory(case: SynchronousTestCase) -> Path:
    """A new, empty directory; it goes after the cleanups that the test registers later."""
    path = Path(tempfile.mkdtemp(prefix="mailsuite-"))
    case.addCleanup(shutil.rmtree, path)
    return path
