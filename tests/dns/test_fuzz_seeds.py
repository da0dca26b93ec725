"""The fuzz targets of the DNS service hold for their seeds, and for some arbitrary octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import dns_blocklist, dns_query, dns_response, dns_seeds, dns_zone

TARGETS = {
    "dns_query": dns_query.check,
    "dns_response": dns_response.check,
    "dns_zone": dns_zone.check,
    "dns_blocklist": dns_blocklist.check,
}


class SeedTests(SynchronousTestCase):
    """What strangers can send."""

    def test_seeds(self) -> None:
        """Each alone, and cut anywhere."""
        self.assertEqual(set(TARGETS), set(dns_seeds.CORPUS))
        for target, check in TARGETS.items():
            for seed in dns_seeds.CORPUS[target].values():
                for end in range(len(seed) + 1):
                    check(seed[:end])

    @given(st.binary(max_size=80))
    def test_any_octets(self, data: bytes) -> None:
        """All targets."""
        for check in TARGETS.values():
            check(data)
