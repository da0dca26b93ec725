"""Zone checks: what is refused, and that the refusal names the record."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.builder import TableBuilder, compile_table
from mailsuite.dns.zonedata import read_zone
from mailsuite.model.zone import Record, Zone
from tests.dns.building import APEX, SOA, zone


class RefusalTests(SynchronousTestCase):
    """Each broken rule is a ValueError whose text names record and rule."""

    def refused(self, *lines: str, apex: tuple[str, ...] = APEX) -> str:
        """The text of the error for a zone with these records."""
        return str(self.assertRaises(ValueError, read_zone, zone("alpha.example.", *lines, apex=apex)))

    def test_cname_stands_alone(self) -> None:
        """A CNAME beside other data, or a second one (RFC 1034 section 3.6.2, RFC 2181 section 10.1)."""
        text = self.refused("www 60 CNAME ns", "www 60 A 192.0.2.1")
        self.assertIn("www.alpha.example. A 192.0.2.1: www.alpha.example. is a CNAME", text)
        self.assertIn("only one CNAME", self.refused("www 60 CNAME ns", "www 60 CNAME other"))
        self.assertIn("is a CNAME", self.refused("@ 60 CNAME elsewhere.test."))

    def test_targets_are_no_aliases(self) -> None:
        """MX and NS point to names with addresses (RFC 2181 section 10.3)."""
        for kind in ("MX 10", "NS"):
            text = self.refused(f"@ 60 {kind} www", "www 60 CNAME ns")
            self.assertIn(f"alpha.example. {kind} www: the target is a CNAME", text)

    def test_targets_are_no_addresses(self) -> None:
        """An address is not a name."""
        self.assertIn("MX 10 192.0.2.1: the target must be a name", self.refused("@ 60 MX 10 192.0.2.1"))
        self.assertIn("not an address", self.refused("sub 60 NS 192.0.2.1."))

    def test_name_servers_have_addresses(self) -> None:
        """A name server in the zone, or below the delegation that names it, needs an address."""
        self.assertIn("no A or AAAA", self.refused(apex=(SOA, "@ 60 NS ns")))
        self.assertIn("no A or AAAA", self.refused("sub 60 NS ns.sub"))
        self.assertIn("no A or AAAA", self.refused("sub 60 NS sub"))
        read_zone(zone("alpha.example.", "sub 60 NS ns.other", "other 60 NS far.test.", "sub 60 NS ns.far.test."))

    def test_apex(self) -> None:
        """One SOA, at the apex, and an NS."""
        self.assertIn("exactly one SOA", self.refused(apex=APEX[1:]))
        self.assertIn("exactly one SOA", self.refused(SOA.replace(" 7 ", " 8 ")))
        self.assertIn("only at the zone's own name", self.refused(SOA.replace("@", "sub")))
        self.assertIn("an NS record is needed", self.refused(apex=APEX[:1]))
        self.assertIn("above", self.refused("@ 60 DS 1 8 2 " + "ab" * 32))

    def test_single_records(self) -> None:
        """Data that does not parse, names outside, TTLs, types that are none."""
        self.assertIn("www.alpha.example. A 1.2.3", self.refused("www 60 A 1.2.3"))
        self.assertIn("www.alpha.example. WHAT x", self.refused("www 60 WHAT x"))
        self.assertIn(
            "www.beta.example. A 192.0.2.1: the name lies outside", self.refused("www.beta.example. 60 A 192.0.2.1")
        )
        self.assertIn("outside", self.refused("xalpha.example. 60 A 192.0.2.1"))
        self.assertIn("TTL", self.refused("www -1 A 192.0.2.1"))
        self.assertIn("TTL", self.refused("www 2147483648 A 192.0.2.1"))
        self.assertIn("for queries", self.refused("www 60 AXFR \\# 0"))
        self.assertIn("DNAME", self.refused("www 60 DNAME ns"))
        self.assertIn("wildcard", self.refused("*.www 60 NS ns"))
        self.assertIn("not a domain name", self.refused("x" * 64 + " 60 A 192.0.2.1"))
        self.assertIn("not a domain name", self.refused("a..b.alpha.example. 60 A 192.0.2.1"))
        self.assertIn("exceed", self.refused(*(f'big 60 TXT "{n}{"x" * 240}"' for n in range(300))))

    def test_accepted(self) -> None:
        """What only looks wrong."""
        read_zone(
            zone(
                "alpha.example.",
                "@ 60 MX 0 .",
                "@ 60 MX 10 ns",
                "www 60 CNAME ns",
                "WWW 60 CNAME NS",
                "sig 60 CNAME ns",
                "sig 60 NSEC ns A",
                "@ 60 MX 20 alias.beta.example.",
                "a_b 60 TXT ok",
            )
        )

    def test_ttls_of_a_set_are_one(self) -> None:
        """The smallest (RFC 2181 section 5.2); doubled records count once."""
        data = read_zone(zone("alpha.example.", "x 60 A 192.0.2.1", "x 30 A 192.0.2.2", "x 90 A 192.0.2.1"))
        found = data.names[b"\1x\5alpha\7example\0"][1]
        self.assertEqual((found.ttl, len(found.rdatas)), (30, 2))


class BuilderTests(SynchronousTestCase):
    """One bad zone harms no other."""

    GOOD = zone("alpha.example.", "www 60 A 192.0.2.1")
    BAD = Zone("alpha.example.", (*GOOD.records, Record("www.alpha.example.", "CNAME", 60, "x.test.")))
    OTHER = zone("beta.example.")

    def test_bad_zone_stays_as_it_was(self) -> None:
        """The old records are served and the fault is told; mended, the fault is gone."""
        builder = TableBuilder()
        key = b"\3www\5alpha\7example\0\0\1\0\1"
        self.assertIn(key, builder.build([self.GOOD, self.OTHER]).table.answers)
        built = builder.build([self.BAD, self.OTHER])
        self.assertIn(key, built.table.answers)
        self.assertIn("www.alpha.example.", built.faults["alpha.example."])
        self.assertEqual(builder.build([self.GOOD, self.OTHER]).faults, {})
        self.assertNotIn(key, builder.build([self.OTHER]).table.answers)

    def test_zone_inside_another(self) -> None:
        """When a zone comes, it takes its names over from the one above; when it goes, they come back."""
        builder = TableBuilder()
        outer = zone("example.", "www.alpha 60 A 192.0.2.1", "mail.alpha 60 A 192.0.2.2")
        key = b"\4mail\5alpha\7example\0\0\1\0\1"
        self.assertIn(key, builder.build([outer]).table.answers)
        self.assertNotIn(key, builder.build([outer, self.GOOD]).table.answers)
        self.assertIn(key, builder.build([outer]).table.answers)

    def test_bad_from_the_start(self) -> None:
        """It is left out; the others are served."""
        built = TableBuilder().build([self.BAD, self.OTHER])
        self.assertNotIn(b"\5alpha\7example\0", built.table.names)
        self.assertIn(b"\4beta\7example\0", built.table.names)
        self.assertRaises(ValueError, compile_table, [self.BAD])
