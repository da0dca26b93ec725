"""mailctl dns beside the running demonstration: a change is served within a second."""

from __future__ import annotations

import subprocess
import time

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import DNS, WithDemo, until

pytestmark = [pytest.mark.slow, pytest.mark.peers]


class DnsControlTests(WithDemo, SynchronousTestCase):
    """What an admin changes, as dig sees it."""

    def dig(self, name: str, kind: str) -> str:
        """The short answer of dig."""
        return "\n".join(self.demo.dig(name, kind))

    def refused(self, *arguments: str) -> str:
        """What mailctl says when it fails."""
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            self.demo.mailctl(*arguments)
        return str(caught.exception.stderr)

    def test_a_new_domain_has_all_its_records_within_a_second(self) -> None:
        """A new domain has all its records within a second."""
        self.demo.mailctl("domain", "add", "gamma.example")
        began = time.monotonic()
        until(lambda: self.dig("gamma.example", "MX") == "10 mail.alpha.example.", "the new domain's MX", 5)
        print(f"served after {time.monotonic() - began:.2f} s")
        for name, kind, start in (
            ("gamma.example", "SOA", "mail.alpha.example. "),
            ("gamma.example", "TXT", '"v=spf1 '),
            ("_dmarc.gamma.example", "TXT", '"v=DMARC1; '),
            ("_mta-sts.gamma.example", "TXT", '"v=STSv1; id='),
            ("_smtp._tls.gamma.example", "TXT", '"v=TLSRPTv1; '),
            ("_submissions._tcp.gamma.example", "SRV", "0 1 465 mail.alpha.example."),
            ("_imaps._tcp.gamma.example", "SRV", "0 0 0 ."),
            ("mta-sts.gamma.example", "A", "127.0.0.1"),
            ("autoconfig.gamma.example", "MX", "0 ."),
        ):
            self.assertTrue(self.dig(name, kind).startswith(start), (name, kind, self.dig(name, kind)))

    def test_custom_records_come_and_go(self) -> None:
        """Custom records come and go."""
        self.demo.mailctl("dns", "record", "add", "www.beta.example", "A", "192.0.2.80", "--ttl", "60")
        until(lambda: self.dig("www.beta.example", "A") == "192.0.2.80", "the custom record", 5)
        self.assertEqual(
            self.demo.mailctl("dns", "record", "list", "beta.example"), "www.beta.example. 60 A 192.0.2.80\n"
        )
        self.demo.mailctl("dns", "record", "remove", "www.beta.example", "A")
        until(lambda: self.dig("www.beta.example", "A") == "", "the end of it", 5)

    def test_bad_records_are_refused_with_the_reason(self) -> None:
        """Bad records are refused with the reason."""
        self.assertIn("lies in no hosted zone", self.refused("dns", "record", "add", "www.far.test", "A", "192.0.2.1"))
        self.assertIn("300", self.refused("dns", "record", "add", "www.beta.example", "A", "192.0.2.300"))
        self.assertIn("must be a name", self.refused("dns", "record", "add", "x.beta.example", "MX", "10 192.0.2.1"))
        self.assertIn("not hosted", self.refused("dns", "zone", "far.test"))
        self.assertIn(
            "the target is a CNAME",
            self.refused("dns", "record", "add", "mail.alpha.example", "CNAME", "www.far.test."),
        )
        self.assertIn("no custom record", self.refused("dns", "record", "remove", "no.beta.example", "A"))
        self.assertIn("--resolver", self.refused("dns", "lookup", "--resolver", "no address", "beta.example"))

    def test_the_same_record_twice(self) -> None:
        """The same record twice."""
        record = ("www2.beta.example", "A", "192.0.2.80")
        self.demo.mailctl("dns", "record", "add", *record)
        self.assertIn("there already", self.refused("dns", "record", "add", *record))

    def test_a_resolver_that_does_not_answer(self) -> None:
        """A resolver that does not answer."""
        said = self.refused("dns", "lookup", "--resolver", "127.0.0.1:9", "beta.example")
        self.assertIn("127.0.0.1", said)

    def test_the_zone_as_a_file_is_what_is_served(self) -> None:
        """The zone as a file is what is served."""
        lines = self.demo.mailctl("dns", "zone", "alpha.example").splitlines()
        self.assertEqual(lines[0], "$ORIGIN alpha.example.")
        for line in lines[1:]:
            name, _, _, kind, data = line.split(None, 4)
            if kind == "SOA":  # its serial counts what a server has served
                continue
            served = self.dig(name, kind).splitlines()
            self.assertIn(data.lower().replace(" ", ""), [each.lower().replace(" ", "") for each in served], line)

    def test_lookup_says_what_the_suite_sees(self) -> None:
        """Lookup says what the suite sees."""
        resolver = ("--resolver", f"127.0.0.1:{DNS + self.demo.offset}")
        found = self.demo.mailctl("dns", "lookup", *resolver, "alpha.example", "mx")
        self.assertEqual(found, "alpha.example 60 MX 10 mail.alpha.example.\n")
        self.assertIn("does not exist", self.demo.mailctl("dns", "lookup", *resolver, "no.alpha.example"))
        self.assertIn("has no AAAA", self.demo.mailctl("dns", "lookup", *resolver, "mail.alpha.example", "AAAA"))

    def test_the_policy_is_served_for_hosted_domains_only(self) -> None:
        """The policy is served for hosted domains only."""
        web = f"http://127.0.0.1:{8080 + self.demo.offset}/.well-known/mta-sts.txt"

        def ask(host: str) -> str:
            done = subprocess.run(
                ["curl", "-s", "-o", "-", "-w", "%{http_code}", "-H", f"Host: {host}", web],
                check=True,
                capture_output=True,
                text=True,
            )
            return done.stdout

        self.assertEqual(
            ask("mta-sts.beta.example"),
            "version: STSv1\nmode: testing\nmx: mail.alpha.example\nmax_age: 86400\n200",
        )
        self.assertTrue(ask("mta-sts.far.test").endswith("404"))
        self.assertTrue(ask("mail.alpha.example").endswith("404"))
