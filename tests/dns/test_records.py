"""The zone of a mail domain."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import dns.rdata
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.builder import compile_table
from mailsuite.dns.records import MailHost, hosted_zones, mail_domain_zone, text_data
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
    host = MailHost(hostname, ("127.0.0.1", "2001:db8::25"), nameservers)
    return mail_domain_zone(domain, host, serial=5, custom=custom)


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
            ['"v=DMARC1; p=quarantine; sp=reject; np=reject; rua=mailto:postmaster@alpha.example"'],
        )

    def test_services(self) -> None:
        """SRV for what is offered, "0 0 0 ." for what is not (RFC 6186 section 3.4), and no mail to helper names."""
        zone = mail_domain_zone(ALPHA, MailHost("mail.alpha.example", ("192.0.2.25",), sts="testing"), serial=5)
        self.assertEqual(self.answers(zone, "_submission._tcp.alpha.example", "SRV"), ["0 1 587 mail.alpha.example."])
        self.assertEqual(self.answers(zone, "_submissions._tcp.alpha.example", "SRV"), ["0 1 465 mail.alpha.example."])
        self.assertEqual(self.answers(zone, "_imaps._tcp.alpha.example", "SRV"), ["0 0 0 ."])
        for label in ("mta-sts", "autoconfig", "autodiscover"):
            self.assertEqual(self.answers(zone, f"{label}.alpha.example", "A"), ["192.0.2.25"])
            self.assertEqual(self.answers(zone, f"{label}.alpha.example", "MX"), ["0 ."])
            self.assertEqual(self.answers(zone, f"{label}.alpha.example", "TXT"), ['"v=spf1 -all"'])
        self.assertEqual(self.answers(zone, "mail.alpha.example", "TXT"), ['"v=spf1 a -all"'])
        self.assertEqual(
            self.answers(zone, "_smtp._tls.alpha.example", "TXT"),
            ['"v=TLSRPTv1; rua=mailto:postmaster@alpha.example"'],
        )

    def test_mta_sts(self) -> None:
        """The id changes with the policy, and only then (RFC 8461 section 3.1); without a mode there is nothing."""
        ids: dict[str, list[list[str]]] = {}
        for mode in ("testing", "enforce", "testing", ""):
            zone = mail_domain_zone(ALPHA, MailHost("mail.alpha.example", ("192.0.2.25",), sts=mode), serial=5)
            ids.setdefault(mode, []).append(self.answers(zone, "_mta-sts.alpha.example", "TXT"))
        self.assertEqual(ids[""], [[]])
        self.assertEqual(ids["testing"][0], ids["testing"][1])
        self.assertNotEqual(ids["testing"][0], ids["enforce"][0])
        self.assertRegex(ids["enforce"][0][0], r'\A"v=STSv1; id=[0-9a-f]{1,32}"\Z')

    def test_caa_and_tlsa(self) -> None:
        """When they are known."""
        host = MailHost("mail.alpha.example", ("192.0.2.25",), tlsa="3 1 1 " + "ab" * 32, caa=("ca.example",))
        zone = mail_domain_zone(ALPHA, host, serial=5)
        self.assertEqual(self.answers(zone, "alpha.example", "CAA"), ['0 issue "ca.example"'])
        self.assertEqual(self.answers(zone, "_25._tcp.mail.alpha.example", "TLSA"), ["3 1 1 " + "ab" * 32])

    def test_a_custom_alias_takes_the_place_of_all(self) -> None:
        """And a custom record that of a generated alias."""
        alias = Record("autoconfig.alpha.example.", "CNAME", 60, "conf.far.test.")
        self.assertEqual(self.answers(made(custom=(alias,)), "autoconfig.alpha.example", "CNAME"), ["conf.far.test."])
        text = Record("autoconfig.alpha.example.", "TXT", 60, '"x"')
        host = MailHost("mail.beta.example", nameservers=("ns.beta.example",))
        zone = mail_domain_zone(ALPHA, host, serial=5, custom=(text,))
        self.assertEqual(self.answers(zone, "autoconfig.alpha.example", "CNAME"), [])
        self.assertEqual(self.answers(zone, "autodiscover.alpha.example", "CNAME"), ["mail.beta.example."])

    def test_dkim_key(self) -> None:
        """A key longer than a string is cut in several, which joined without spaces are the key (RFC 6376 3.6.2.2)."""
        (found,) = self.answers(made(), "s1._domainkey.alpha.example", "TXT")
        strings = found[1:-1].split('" "')
        self.assertEqual("".join(strings), f"v=DKIM1; k=rsa; p={PUBLIC}")
        self.assertTrue(len(strings) == 2 and all(len(string) <= 255 for string in strings))
        (found,) = self.answers(made(), "s2._domainkey.alpha.example", "TXT")
        self.assertEqual(found, f'"v=DKIM1; k=ed25519; p={"k" * 44}"')

    def test_mail_host_elsewhere(self) -> None:
        """A domain whose mail host has another name points to it, and has no address records of it."""
        zone = made(Domain("beta.example", 0))
        self.assertEqual(self.answers(zone, "beta.example", "MX"), ["10 mail.alpha.example."])
        self.assertEqual([record for record in zone.records if record.name.startswith("mail.")], [])
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
            domains, [inner, outer, lost], MailHost("mail.alpha.example", ("127.0.0.1",)), generation=1
        )
        self.assertEqual(orphans, [lost])
        self.assertTrue(outer in zones[0].records and inner not in zones[0].records)
        self.assertTrue(inner in zones[1].records and outer not in zones[1].records)

    def test_reverse_zones(self) -> None:
        """A PTR for each address of the host in the network; custom ones join them."""
        host = MailHost("mail.alpha.example", ("198.51.100.2", "2001:db8:5::2", "203.0.113.9"))
        networks = [ip_network("198.51.100.0/24"), ip_network("2001:db8:5::/48")]
        more = Record("7.100.51.198.in-addr.arpa.", "PTR", 60, "other.alpha.example.")
        zones, orphans = hosted_zones([ALPHA], [more], host, generation=1, networks=networks)
        self.assertEqual(orphans, [])
        self.assertEqual(
            [z.origin for z in zones[1:]], ["100.51.198.in-addr.arpa.", "5.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."]
        )
        pointers = {r.name: r.data for z in zones for r in z.records if r.type == "PTR"}
        self.assertEqual(
            pointers,
            {
                "2.100.51.198.in-addr.arpa.": "mail.alpha.example.",
                "7.100.51.198.in-addr.arpa.": "other.alpha.example.",
                f"{ip_address('2001:db8:5::2').reverse_pointer}.": "mail.alpha.example.",
            },
        )
        compile_table(zones)

    def test_serials_rise(self) -> None:
        """With the generation (RFC 1982: within 32 bits)."""
        serials = []
        for generation in (1, 2):
            zones, _ = hosted_zones([ALPHA], [], MailHost("mail.alpha.example"), generation=generation)
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
