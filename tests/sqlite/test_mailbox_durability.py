"""A mailbox stays consistent whoever is killed in the middle of whatever, and with many processes at once."""

from __future__ import annotations

import random
import signal

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.testing.builders import NOW
from mailsuite.testing.temporary import temporary_directory
from tests.sqlite.children import kill, start
from tests.sqlite.immediate import ImmediateStore, now_done

ROUNDS = 15
PROCESSES = 8


@pytest.mark.slow
class MailboxDurabilityTests(SynchronousTestCase):
    """Real processes on a real file."""

    def setUp(self) -> None:
        self.path = temporary_directory(self) / "store.sqlite"

    def check(self) -> None:
        """Nothing is wrong but the contents, which these messages never had."""
        store = ImmediateStore(lambda: NOW, str(self.path))
        try:
            upkeep = MailboxUpkeep(store.as_store(), lambda blob: True)
            now_done(MailSearch(store.as_store()).index())
            self.assertEqual([], now_done(upkeep.check_store(False)))
            self.assertEqual([], [each for each in now_done(upkeep.check("bob", False)) if not each.lost])
        finally:
            store.connection.close()

    def test_kill(self) -> None:
        """Killed at any moment, inside any operation, it leaves a mailbox that is consistent."""
        moments = random.Random(1)
        for turn in range(ROUNDS):
            process = start("changer", self.path, f"r{turn}", 0)
            _, err = kill(process, moments.uniform(0, 0.2))
            self.assertEqual(-signal.SIGKILL, process.returncode, err.decode())
            self.check()

    def test_many_processes(self) -> None:
        """Eight processes change one mailbox together: all get through, and all that is counted is right."""
        processes = [start("changer", self.path, f"p{n}", 60) for n in range(PROCESSES)]
        results = [process.communicate() for process in processes]
        errors = [err.decode() for _, err in results if err]
        self.assertEqual([0] * PROCESSES, [process.returncode for process in processes], errors)
        self.assertEqual(60 * PROCESSES, sum(out.count(b"\n") for out, _ in results))
        self.check()
