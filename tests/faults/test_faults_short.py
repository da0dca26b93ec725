"""The fault tests in a short form; ``make faults`` runs the long one."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.faults.harness import Harness
from tests.faults.runs import CONTROLS, lossless

pytestmark = pytest.mark.slow


class FaultTests(SynchronousTestCase):
    """Real stores, a real Redis, real worker processes."""

    def test_F096_F098_nothing_is_lost_or_sent_twice(self) -> None:
        """Workers, Redis and the accepting process die, freeze and forget at random: each 250 is one delivery."""
        report = Harness(1200, seed=1).run()
        self.assertTrue(lossless(report), str(report))
        self.assertEqual(1200, report.accepted)
        self.assertGreater(sum(report.faults.values()), 15, str(report))

    def test_F098_an_empty_replica_is_promoted(self) -> None:
        """The primary dies during the first sync of its replica, again and again."""
        report = Harness(150, 2, {"redis replica promoted": 1.0}, hold=(0.05, 0.3)).run()
        self.assertTrue(lossless(report), str(report))
        self.assertGreater(report.faults["redis replica promoted"], 3)

    def test_the_harness_sees_what_is_missing(self) -> None:
        """Without the compare-and-set, the reconciler or the restoring of leases these tests fail."""
        for control in CONTROLS:
            report = control.run(seed=3, jobs=90)
            self.assertTrue(control.shows(report), f"without the {control.without}: {report}")
