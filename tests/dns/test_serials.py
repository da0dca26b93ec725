"""Serials rise with a change, and with nothing else."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.records import MailHost, hosted_zones
from mailsuite.dns.serials import Serials
from mailsuite.model.account import Domain
from mailsuite.model.zone import Record

DOMAINS = [Domain("alpha.example", 1_000_000), Domain("beta.example", 2_000_000)]
HOST = MailHost("mail.alpha.example", ("192.0.2.25",))


class SerialsTests(SynchronousTestCase):
    """What a secondary sees."""

    def setUp(self) -> None:
        self.serials = Serials()

    def settle(self, generation: int, now: float, *custom: Record, host: MailHost = HOST) -> tuple[int, ...]:
        """The serials of both zones."""
        zones, _ = hosted_zones(DOMAINS, custom, host, generation=generation)
        return tuple(zone.serial for zone in self.serials.settle(zones, now))

    def test_only_the_changed_zone(self) -> None:
        """A record of one zone leaves the serial of the other as it is; a second change in a second counts."""
        first = self.settle(1, 5000.5)
        self.assertEqual(first, (5000, 5000))
        self.assertEqual(self.settle(2, 5001), first)
        www = Record("www.beta.example.", "A", 60, "192.0.2.1")
        self.assertEqual(self.settle(3, 5002, www), (5000, 5002))
        self.assertEqual(self.settle(4, 5002), (5000, 5003))
        self.assertEqual(self.settle(5, 4000, www), (5000, 5004))

    def test_restart_with_other_settings(self) -> None:
        """The generation is the same, the content another: the serial rises."""
        before = self.settle(1, 5000)
        self.serials = Serials()
        after = self.settle(1, 5100, host=MailHost("mail.alpha.example", ("192.0.2.26",)))
        self.assertTrue(all(new > old for old, new in zip(before, after, strict=True)))

    def test_a_transfer_gives_what_is_served(self) -> None:
        """The same serial, whatever generation the zone was made with."""
        self.settle(1, 5000)
        zones, _ = hosted_zones(DOMAINS[:1], (), HOST, generation=9)
        self.assertEqual(self.serials.settled(zones[0]).serial, 5000)

    def test_a_clock_that_is_wrong(self) -> None:
        """The time of the domain's creation and the generation hold against it."""
        self.assertEqual(self.settle(7, 0), (1007, 2007))
