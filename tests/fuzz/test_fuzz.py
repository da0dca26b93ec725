"""Each target holds for the corpus, and for what Atheris makes of it in a minute (MAILSUITE_FUZZ_SECONDS)."""

from __future__ import annotations

import importlib
import os
import platform
from unittest import skipUnless

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.temporary import temporary_directory
from tests.fuzz import TARGETS
from tests.fuzz.run import SEEDS, run
from tests.fuzz.seeds import CORPUS

SECONDS = int(os.environ.get("MAILSUITE_FUZZ_SECONDS", "60"))


class FuzzTests(SynchronousTestCase):
    """What strangers can send."""

    def test_seeds(self) -> None:
        """No input of the corpus shows a fault; no target and no case is without its file."""
        self.assertEqual(sorted(CORPUS), sorted(TARGETS))
        for target in TARGETS:
            check = importlib.import_module(f"tests.fuzz.{target}").check
            paths = sorted((SEEDS / target).iterdir())
            self.assertEqual({path.name.rpartition("_")[0] for path in paths}, set(CORPUS[target]))
            for path in (*paths, SEEDS / f"{target}.dict"):
                check(path.read_bytes())

    @pytest.mark.slow
    @skipUnless(platform.machine() == "x86_64", "Atheris has no wheel for this machine")
    def test_with_coverage(self) -> None:
        """Two targets at a time; each is executed, and none finds anything."""
        folder = temporary_directory(self)
        for outcome in run(TARGETS, SECONDS, 2, folder):
            log = outcome.log.read_text("utf-8", "replace")
            found = [path.read_bytes() for path in outcome.findings]
            self.assertEqual(found, [], f"{outcome.target}: {log[-4000:]}")
            self.assertGreater(outcome.executions, 100, log[-4000:])
