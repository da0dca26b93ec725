"""mailctl doctor in a small world: a right domain, a half right one, and one hosted elsewhere."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.zonefile import read_zone_file
from mailsuite.model.zone import Record, Zone
from mailsuite.testing.temporary import temporary_directory
from tests.lab.doctor_world import HOST, World, available, start_of

pytestmark = [pytest.mark.slow, pytest.mark.peers]

PROVIDER = "ns1.provider.example"
NO_PROBE = ("SMTP", f"{HOST}:25")
"""Whether port 25 is open to others is not known here, which is no fault."""
DOMAINS = {"right.example": HOST, "half.example": PROVIDER, "foreign.example": PROVIDER}


class DoctorTests(SynchronousTestCase):
    """Rows and exit statuses."""

    if not available():
        skip = "needs root, ip, unbound and nsd"

    def setUp(self) -> None:
        ending = ExitStack()
        self.world = World(temporary_directory(self), ending)
        self.addCleanup(ending.close)
        self.world.start({**DOMAINS, "dead.example": "ns1.nowhere.example"})
        self.world.settle()
        for domain in (*DOMAINS, "dead.example", "nobody.example"):
            code, said = self.world.mailctl("domain", "add", domain)
            self.assertEqual(code, 0, said)
        self.world.serve()
        self.world.provide([self.printed("foreign.example"), self.half()])

    def printed(self, domain: str) -> Zone:
        """What we tell an admin to publish, with the provider's own SOA and NS in place of ours."""
        _, text = self.world.mailctl("dns", "zone", domain)
        zone = read_zone_file(Path(f"{domain}.zone"), lambda _: text)
        kept = [record for record in zone.records if record.type not in ("SOA", "NS")]
        return Zone(zone.origin, (*start_of(zone.origin, f"{PROVIDER}."), *kept))

    def half(self) -> Zone:
        """No DMARC, an SPF record that forgets this host, another DKIM key, a website elsewhere."""
        kept: list[Record] = []
        for record in self.printed("half.example").records:
            if record.name.startswith("_dmarc."):
                continue
            bad = Record(record.name, "TXT", 60, '"v=spf1 ip4:192.0.2.1 -all"')
            kept.append(bad if "v=spf1 mx" in record.data else record)
        return Zone("half.example.", (*kept, Record("half.example.", "A", 60, "192.0.2.80")))

    def examine(self, domain: str) -> tuple[int, dict[str, Any]]:
        """Exit status and findings, within 15 s."""
        began = time.monotonic()
        code, text = self.world.mailctl("doctor", "--json", domain)
        self.assertLess(time.monotonic() - began, 15)
        return code, json.loads(text)

    def rows(self, diagnosis: dict[str, Any], *states: str) -> set[tuple[str, str]]:
        """Type and name of the findings in these states."""
        return {(f["type"], f["name"]) for f in diagnosis["findings"] if f["state"] in states}

    def test_all(self) -> None:
        """By the suite's own resolver, and by a foreign one."""
        for more in ("", 'resolver = "198.51.100.3:53"'):
            self.world.settle(more)
            self.right()
            self.half_right()
            self.foreign()
            self.dead()

    def right(self) -> None:
        """Hosted here: all green."""
        code, diagnosis = self.examine("right.example")
        self.assertEqual((code, diagnosis["hosted_here"]), (0, True), diagnosis)
        self.assertEqual(self.rows(diagnosis, "wrong", "missing", "unknown"), set(), diagnosis)
        self.assertEqual(self.rows(diagnosis, "choice"), {NO_PROBE}, diagnosis)
        for row in (("NS", "right.example"), ("MX", "right.example"), ("TXT", "_mta-sts.right.example"),
                    ("PTR", "25.100.51.198.in-addr.arpa"), ("A", HOST)):  # fmt: skip
            self.assertIn(row, self.rows(diagnosis, "right"))
        code, text = self.world.mailctl("doctor", "right.example")
        self.assertEqual(code, 0)
        self.assertIn("right   MX    right.example", text)

    def half_right(self) -> None:
        """What is missing and wrong is named, and nothing else is red."""
        code, diagnosis = self.examine("half.example")
        self.assertEqual((code, diagnosis["hosted_here"]), (1, False))
        self.assertEqual(self.rows(diagnosis, "missing"), {("TXT", "_dmarc.half.example")})
        self.assertEqual(self.rows(diagnosis, "wrong"), {("TXT", "half.example")})
        code, text = self.world.mailctl("doctor", "half.example")
        self.assertEqual(code, 1)
        self.assertIn("publish: v=spf1 mx -all", text)
        self.assertIn("its servers say: v=spf1 ip4:192.0.2.1 -all", text)

    def foreign(self) -> None:
        """F080: what we print, published elsewhere, has nothing red; that it is elsewhere is a choice."""
        code, diagnosis = self.examine("foreign.example")
        self.assertEqual((code, diagnosis["hosted_here"]), (0, False), diagnosis)
        self.assertEqual(self.rows(diagnosis, "wrong", "missing", "unknown"), set(), diagnosis)
        self.assertEqual(self.rows(diagnosis, "choice"), {("NS", "foreign.example"), NO_PROBE}, diagnosis)

    def dead(self) -> None:
        """F079: delegated to a server that is not there: unknown; not delegated: told; not hosted: told."""
        code, diagnosis = self.examine("dead.example")
        self.assertIn(("MX", "dead.example"), self.rows(diagnosis, "unknown"))
        self.assertEqual((code, self.rows(diagnosis, "wrong", "missing")), (2, set()), diagnosis)
        code, diagnosis = self.examine("nobody.example")
        self.assertEqual(code, 1)
        self.assertIn(("NS", "nobody.example"), self.rows(diagnosis, "missing"))
        code, text = self.world.mailctl("doctor", "other.example")
        self.assertEqual(code, 1)
        self.assertIn("not hosted here", text)
