"""Master files: read as NSD's checker reads them, written so that others can."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.records import MailHost, mail_domain_zone, text_data
from mailsuite.dns.zonedata import read_zone
from mailsuite.dns.zonefile import read_zone_file, write_zone_file
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.zone import Record, Zone
from mailsuite.testing.temporary import temporary_directory

HEAD = """\
$TTL 1h
@ IN SOA ns1 postmaster ( 7 ; serial
        2h 15m 14d 5m )
  NS ns1
ns1 A 192.0.2.53
"""


def reading(**files: str) -> Zone:
    """Read example.net.zone, whose text is ``main``; other files by their names without a dot."""

    def read(path: Path) -> str:
        name = "main" if path.name == "example.net.zone" else path.name
        if name not in files:
            raise FileNotFoundError(2, "not there", str(path))
        return files[name]

    return read_zone_file(Path("/zones/example.net.zone"), read)


class ReadTests(SynchronousTestCase):
    """Directives, relative names, errors in words."""

    def found(self, zone: Zone, name: str) -> list[tuple[str, int, str]]:
        """The records of a name."""
        return [(r.type, r.ttl, r.data) for r in zone.records if r.name == name]

    def test_names_are_relative_to_the_file_name(self) -> None:
        """Names are relative to the file name."""
        zone = reading(main=HEAD)
        self.assertEqual(zone.origin, "example.net.")
        self.assertEqual(self.found(zone, "ns1.example.net."), [("A", 3600, "192.0.2.53")])
        ((_, _, soa),) = [each for each in self.found(zone, "example.net.") if each[0] == "SOA"]
        self.assertEqual(soa, "ns1.example.net. postmaster.example.net. 7 7200 900 1209600 300")

    def test_origin_and_ttl(self) -> None:
        """Origin and ttl."""
        zone = reading(
            main="$ORIGIN other.example.\n" + HEAD + "$TTL 60\n$ORIGIN sub\na A 192.0.2.1\nb 5 A 192.0.2.2\n"
        )
        self.assertEqual(zone.origin, "other.example.")
        self.assertEqual(self.found(zone, "a.sub.other.example."), [("A", 60, "192.0.2.1")])
        self.assertEqual(self.found(zone, "b.sub.other.example."), [("A", 5, "192.0.2.2")])

    def test_include(self) -> None:
        """RFC 1035 section 5.1: an included file does not change the origin of the one that includes it."""
        main = HEAD + "$ORIGIN deep\n$INCLUDE hosts\n$INCLUDE hosts inner ; twice\nlast A 192.0.2.3\n"
        zone = reading(main=main, hosts="h A 192.0.2.1\n$ORIGIN elsewhere.example.net.\nx A 192.0.2.2\n")
        for name in ("h.deep", "h.inner.deep", "x.elsewhere"):
            self.assertEqual(len(self.found(zone, f"{name}.example.net.")), 1, name)
        self.assertEqual(self.found(zone, "last.deep.example.net."), [("A", 3600, "192.0.2.3")])

    def test_generic_types(self) -> None:
        """RFC 3597: unknown types, and known ones in generic form."""
        zone = reading(main=HEAD + "u TYPE65280 \\# 3 00ff10\na TYPE1 \\# 4 c0000201\n")
        self.assertEqual(self.found(zone, "u.example.net.")[0][0], "TYPE65280")
        self.assertEqual(self.found(zone, "a.example.net."), [("A", 3600, "192.0.2.1")])
        read_zone(zone)

    def test_text_with_semicolons_is_whole(self) -> None:
        """Text with semicolons is whole."""
        zone = reading(main=HEAD + 's._domainkey TXT "v=DKIM1; k=rsa; p=AAAA" "BBBB"\n')
        self.assertEqual(self.found(zone, "s._domainkey.example.net.")[0][2], '"v=DKIM1; k=rsa; p=AAAA" "BBBB"')

    def test_faults_name_the_file(self) -> None:
        """Faults name the file."""
        for main, word in (
            ("", "no SOA record"),
            (HEAD + "a A 300.1.1.1\n", "example.net.zone"),
            (HEAD + "a CNAME b\na A 192.0.2.1\n", "example.net.zone"),
            (HEAD + "$INCLUDE\n", "needs a file"),
            (HEAD + "$BOGUS x\n", "BOGUS"),
            (HEAD + "$INCLUDE example.net.zone\n", "include each other"),
        ):
            with self.assertRaises(ValueError) as caught:
                reading(main=main)
            self.assertIn(word, str(caught.exception))
        with self.assertRaises(OSError):
            reading(main=HEAD + "$INCLUDE missing\n")

    @settings(max_examples=300)
    @given(st.text(st.sampled_from('$INCLUDEORGTL"\\;()@. \n\t_*abc019:'), max_size=80))
    def test_any_text_is_read_or_refused(self, tail: str) -> None:
        """Any text is read or refused."""
        with contextlib.suppress(ValueError, OSError):
            reading(main=HEAD + tail)


class WriteTests(SynchronousTestCase):
    """What mailctl dns zone prints."""

    zone = mail_domain_zone(
        Domain("alpha.example", 0, (DkimKey("s1", "rsa", "x", "A" * 392), DkimKey("s2", "ed25519", "x", "k" * 44))),
        MailHost(
            "mail.alpha.example",
            ("192.0.2.25", "2001:db8::25"),
            tlsa="3 1 1 " + "ab" * 32,
            caa=("ca.example",),
            sts="enforce",
        ),
        serial=5,
        custom=(Record("x.alpha.example.", "TXT", 60, text_data('a "quoted" ; text')),),
    )

    def test_it_is_read_back(self) -> None:
        """It is read back."""
        again = read_zone_file(Path("alpha.example.zone"), lambda _: write_zone_file(self.zone))
        self.assertEqual(read_zone(again), read_zone(self.zone))

    @pytest.mark.peers
    def test_named_checkzone_takes_it(self) -> None:
        """BIND's checker, which looks at MX, SRV and glue too."""
        path = temporary_directory(self) / "zone"
        path.write_text(write_zone_file(self.zone))
        done = subprocess.run(
            [
                "named-checkzone",
                "-i",
                "local",
                *["-k", "fail", "-m", "fail", "-n", "fail", "-S", "fail", "-M", "fail"],
                "alpha.example",
                str(path),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("OK", done.stdout)
