"""The zone of a mail domain."""

from __future__ import annotations

import dns.rdata
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.builder import compile_table
from mailsuite.dns.records import hosted_zones, mail_domain_zone, text_data
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.zone import Record, Zone
from tests.dns.building import ask, lines

PUBLIC = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" + "x" * 360
ALPHA = Domain(
    "alpha.example",
    1_700_000_000_000,
    (DkimKey("s1", "rsa", "secret", PUBLIC), DkimKey("s2", "ed25519", "secret", "k" * 44)),
)


def made(
    domain: Domain = ALPHA,
    custom: tuple[Record, ...] = (),
    nameservers: tuple[str, ...] = (),
    hostname: str = "mail.alpha.example",
) -> Zone:
    """The zone with one IPv4 and one IPv6 address of the mail host."""
    return mail_domain_zone(
        domain,
        hostname=hostname,
        addresses=("127.0.0.1", "2001:db8::25"),
        nameservers=nameservers,
        serial=5,
        custom=custom,
    )


class MailDomainZoneTests(SynchronousTestCase):
    """Which records there are, as a client sees them."""

    def answers(self, zone: Zone, name: str, kind: str) -> list[str]:
        """The answer section over UDP with room enough, without names and TTLs."""
        return [line.split(f" IN {kind} ")[1] for line in lines(ask([zone], name, kind, payload=1232).answer)]

    def test_all_records(self) -> None:
        """SOA, NS, MX, SPF, DMARC, DKIM keys and the addresses of the mail host."""
        zone = made()
        self.assertEqual(self.answers(zone, "alpha.example", "MX"), ["10 mail.alpha.example."])
        self.assertEqual(self.answers(zone, "alpha.example", "NS"), ["mail.alpha.example."])
        self.assertEqual(self.answers(zone, "alpha.example", "TXT"), ['"v=spf1 mx -all"'])
        self.assertEqual(self.answers(zone, "mail.alpha.example", "A"), ["127.0.0.1"])
        self.assertEqual(self.answers(zone, "mail.alpha.example", "AAAA"), ["2001:db8::25"])
        self.assertEqual(
            self.answers(zone, "alpha.example", "SOA"),
            ["mail.alpha.example. postmaster.alpha.example. 5 7200 900 1209600 300"],
        )
        self.assertEqual(
            self.answers(zone, "_dmarc.alpha.example", "TXT"),
            ['"v=DMARC1; p=quarantine; rua=mailto:postmaster@alpha.example"'],
        )

    def test_dkim_key(self) -> None:
        """A key longer than a string is cut in several, which joined without spaces are the key (RFC 6376 3.6.2.2)."""
        (found,) = self.answers(made(), "s1._domainkey.alpha.example", "TXT")
        strings = found[1:-1].split('" "')
        self.assertEqual("".join(strings), f"v=DKIM1; k=rsa; p={PUBLIC}")
        self.assertTrue(len(strings) == 2 and all(len(string) <= 255 for string in strings))
        (found,) = self.answers(made(), "s2._domainkey.alpha.example", "TXT")
        self.assertEqual(found, f'"v=DKIM1; k=ed25519; p={"k" * 44}"')

    def test_mail_host_elsewhere(self) -> None:
        """A domain whose mail host has another name points to it, and has no address records."""
        zone = made(Domain("beta.example", 0))
        self.assertEqual(self.answers(zone, "beta.example", "MX"), ["10 mail.alpha.example."])
        self.assertEqual([record.type for record in zone.records if record.type in ("A", "AAAA")], [])
        compile_table([zone])

    def test_mail_host_is_the_domain(self) -> None:
        """The mail host may be the apex itself."""
        self.assertEqual(self.answers(made(hostname="Alpha.Example."), "alpha.example", "A"), ["127.0.0.1"])

    def test_name_servers(self) -> None:
        """Named ones take the place of the mail host; the first is the primary."""
        zone = made(nameservers=("ns1.hoster.test", "ns2.hoster.test."))
        self.assertEqual(self.answers(zone, "alpha.example", "NS"), ["ns1.hoster.test.", "ns2.hoster.test."])
        self.assertTrue(self.answers(zone, "alpha.example", "SOA")[0].startswith("ns1.hoster.test. "))

    def test_custom_records_win(self) -> None:
        """Over those of the same name and type, and only those."""
        custom = (
            Record("alpha.example.", "TXT", 60, '"v=spf1 -all"'),
            Record("alpha.example.", "TXT", 60, '"verify=1"'),
            Record("www.alpha.example.", "A", 60, "192.0.2.80"),
        )
        zone = made(custom=custom)
        self.assertEqual(self.answers(zone, "alpha.example", "TXT"), ['"v=spf1 -all"', '"verify=1"'])
        self.assertEqual(self.answers(zone, "alpha.example", "MX"), ["10 mail.alpha.example."])
        self.assertEqual(self.answers(zone, "www.alpha.example", "A"), ["192.0.2.80"])


class HostedZonesTests(SynchronousTestCase):
    """Custom records find their zone; serials rise."""

    def test_records_go_to_the_deepest_zone(self) -> None:
        """And those that lie in none are given back."""
        domains = [Domain("alpha.example", 0), Domain("sub.alpha.example", 0)]
        inner, outer, lost = (
            Record(name, "A", 60, "192.0.2.1")
            for name in ("a.sub.alpha.example.", "a.alpha.example.", "xalpha.example.")
        )
        zones, orphans = hosted_zones(
            domains, [inner, outer, lost], hostname="mail.alpha.example", addresses=["127.0.0.1"], generation=1
        )
        self.assertEqual(orphans, [lost])
        self.assertTrue(outer in zones[0].records and inner not in zones[0].records)
        self.assertTrue(inner in zones[1].records and outer not in zones[1].records)

    def test_serials_rise(self) -> None:
        """With the generation (RFC 1982: within 32 bits)."""
        serials = []
        for generation in (1, 2):
            zones, _ = hosted_zones([ALPHA], [], hostname="mail.alpha.example", addresses=[], generation=generation)
            serials.append(int(zones[0].records[0].data.split()[2]))
        self.assertEqual(serials[1] - serials[0], 1)
        self.assertLess(serials[1], 2**32)


class TextDataTests(SynchronousTestCase):
    """Presentation form of character strings."""

    @settings(max_examples=200)
    @given(st.text(max_size=600))
    def test_any_text_survives(self, text: str) -> None:
        """dnspython reads back what was written."""
        rdata = dns.rdata.from_text("IN", "TXT", text_data(text))
        assert isinstance(rdata, TXT)
        self.assertEqual(b"".join(rdata.strings), text.encode())
