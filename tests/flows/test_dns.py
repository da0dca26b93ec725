"""dig asks the running demonstration."""

from __future__ import annotations

import base64

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import DNS, Demo, WithDemo
from tests.flows.names import Names

pytestmark = [pytest.mark.slow, pytest.mark.peers]


class DnsFlowTests(WithDemo, SynchronousTestCase):
    """The records that mail for a hosted domain needs, as a stranger's dig sees them."""

    upstream: Names

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """An upstream of ours."""
        cls.upstream = Names({("www.outside.example.", "A"): "192.0.2.80"})
        cls.upstream.start()
        demo.set("dns", "upstreams", f'["127.0.0.1:{cls.upstream.port}"]')

    @classmethod
    def tearDownClass(cls) -> None:
        """End both."""
        super().tearDownClass()
        cls.upstream.stop()

    def test_records_of_both_domains(self) -> None:
        """MX, the address of the mail host, SPF, DMARC, SOA and NS, over UDP and TCP."""
        for domain in ("alpha.example", "beta.example"):
            for options in ((), ("+tcp",)):
                (mx,) = self.demo.dig(domain, "MX", *options)
                preference, host = mx.split()
                self.assertEqual(preference, "10")
                self.assertEqual(self.demo.dig(host, "A", *options), ["127.0.0.1"])
                (spf,) = self.demo.dig(domain, "TXT", *options)
                self.assertTrue(spf.startswith('"v=spf1 ') and spf.endswith(' -all"'), spf)
                (dmarc,) = self.demo.dig(f"_dmarc.{domain}", "TXT", *options)
                self.assertTrue(dmarc.startswith('"v=DMARC1; p='), dmarc)
                self.assertEqual(len(self.demo.dig(domain, "SOA", *options)), 1)
                self.assertEqual(len(self.demo.dig(domain, "NS", *options)), 1)

    def test_the_dkim_key_is_a_key(self) -> None:
        """The published p= is an RSA key of at least 2048 bits."""
        (listed,) = [line for line in self.demo.mailctl("domain", "list").splitlines() if "alpha.example" in line]
        found = [self.demo.dig(f"{name}._domainkey.alpha.example", "TXT") for name in listed.split()[1:]]
        keys = ["".join(part for part in answer[0].split('"')[1::2]) for answer in found]
        rsa = [key for key in keys if "k=rsa" in key]
        self.assertTrue(rsa, keys)
        public = base64.b64decode(rsa[0].split("p=")[1].split(";")[0])
        key = load_der_public_key(public)
        assert isinstance(key, RSAPublicKey)
        self.assertGreaterEqual(key.key_size, 2048)

    def test_authority(self) -> None:
        """Own names are answered with AA; a name that is not there is NXDOMAIN with the SOA."""
        query = dns.message.make_query("nothere.alpha.example", "A")
        answer = dns.query.udp(query, "127.0.0.1", port=DNS + self.demo.offset, timeout=5)
        self.assertEqual(answer.rcode(), dns.rcode.NXDOMAIN)
        self.assertTrue(answer.flags & dns.flags.AA)
        self.assertEqual(len(answer.authority), 1)

    def test_the_ttl_is_the_configured_one(self) -> None:
        """The demonstration's records live a minute."""
        (line,) = self.demo.dig("alpha.example", "MX", "+noshort", "+noall", "+answer")
        self.assertEqual(line.split()[1], "60")

    def test_the_rest_is_forwarded(self) -> None:
        """An outside name is answered through the upstream."""
        self.assertEqual(self.demo.dig("www.outside.example", "A"), ["192.0.2.80"])

    def test_auth_check_names_the_record_that_decided(self) -> None:
        """mailctl judges a saved message by our own zones: accepted from the mail host, quarantined from elsewhere."""
        saved = self.demo.directory / "saved.eml"
        saved.write_text("From: Alice <alice@alpha.example>\nSubject: x\n\nhello\n")
        options = ("auth-check", str(saved), "--from", "alice@alpha.example", "--helo", "mail.alpha.example")
        resolver = ("--resolver", f"127.0.0.1:{DNS + self.demo.offset}")
        good = self.demo.mailctl(*options, *resolver, "--ip", "127.0.0.1")
        self.assertIn("record: v=spf1 mx -all", good)
        self.assertIn("accept:", good)
        bad = self.demo.mailctl(*options, *resolver, "--ip", "203.0.113.9")
        self.assertIn("record: v=DMARC1; p=quarantine", bad)
        self.assertIn("quarantine:", bad)
