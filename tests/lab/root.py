"""Test cases that make network namespaces: root's work, which others do by sudo."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase


class RootCase(SynchronousTestCase):
    """Runs as root. For another user all tests of the class run once in a pytest under ``sudo -n``."""

    _verdict: ClassVar[tuple[int, str]]

    def __init_subclass__(cls, **options: Any) -> None:
        """Put the run under sudo in the place of the tests, where it is needed."""
        super().__init_subclass__(**options)
        if os.geteuid() == 0:
            return
        where = f"{sys.modules[cls.__module__].__file__}::{cls.__name__}"

        def run_all(case: type[RootCase]) -> None:
            sets = (f"PYTHONPATH={os.getcwd()}", "PYTHONDONTWRITEBYTECODE=1")
            command = ["sudo", "-n", "env", *sets, sys.executable, "-m", "pytest", where]
            done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            case._verdict = (done.returncode, done.stdout + done.stderr)

        def judge(case: RootCase) -> None:
            code, output = case._verdict
            case.assertEqual(code, 0, output)

        cls.setUpClass = classmethod(run_all)  # type: ignore[assignment]
        cls.tearDownClass = classmethod(lambda case: None)  # type: ignore[assignment]
        for name in dir(cls):
            if name.startswith("test"):
                setattr(cls, name, judge)
