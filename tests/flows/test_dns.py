"""dig asks the running demonstration."""

from __future__ import annotations

import base64
import socket
import subprocess
import threading

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import DNS, Demo

pytestmark = [pytest.mark.slow, pytest.mark.peers]


class Upstream(threading.Thread):
    """A resolver that knows one address for every name."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                data, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query, recursion_available=True)
            answer.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "A", "192.0.2.80"))
            self._socket.sendto(answer.to_wire(), client)

    def stop(self) -> None:
        """End the thread."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", self.port))
        self.join(5)
        self._socket.close()


class DnsFlowTests(SynchronousTestCase):
    """The records that mail for a hosted domain needs, as a stranger's dig sees them."""

    demo: Demo
    upstream: Upstream

    @classmethod
    def setUpClass(cls) -> None:
        """Start the demonstration with an upstream of ours."""
        cls.demo = Demo()
        cls.demo.start()
        cls.demo.stop()
        cls.upstream = Upstream()
        cls.upstream.start()
        cls.demo.set("dns", "upstreams", f'["127.0.0.1:{cls.upstream.port}"]')
        cls.demo.start()

    @classmethod
    def tearDownClass(cls) -> None:
        """End both."""
        cls.demo.remove()
        cls.upstream.stop()

    def dig(self, name: str, kind: str, *options: str) -> list[str]:
        """The short answer of dig."""
        done = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(DNS + self.demo.offset), "+short", "+tries=1", *options, name, kind],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.splitlines()

    def test_records_of_both_domains(self) -> None:
        """MX, the address of the mail host, SPF, DMARC, SOA and NS, over UDP and TCP."""
        for domain in ("alpha.example", "beta.example"):
            for options in ((), ("+tcp",)):
                (mx,) = self.dig(domain, "MX", *options)
                preference, host = mx.split()
                self.assertEqual(preference, "10")
                self.assertEqual(self.dig(host, "A", *options), ["127.0.0.1"])
                (spf,) = self.dig(domain, "TXT", *options)
                self.assertTrue(spf.startswith('"v=spf1 ') and spf.endswith(' -all"'), spf)
                (dmarc,) = self.dig(f"_dmarc.{domain}", "TXT", *options)
                self.assertTrue(dmarc.startswith('"v=DMARC1; p='), dmarc)
                self.assertEqual(len(self.dig(domain, "SOA", *options)), 1)
                self.assertEqual(len(self.dig(domain, "NS", *options)), 1)

    def test_the_dkim_key_is_a_key(self) -> None:
        """The published p= is an RSA key of at least 2048 bits."""
        (listed,) = [line for line in self.demo.mailctl("domain", "list").splitlines() if "alpha.example" in line]
        found = [self.dig(f"{name}._domainkey.alpha.example", "TXT") for name in listed.split()[1:]]
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
        done = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(DNS + self.demo.offset), "+noall", "+answer", "alpha.example", "MX"],
            check=True,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.stdout.split()[1], "60")

    def test_the_rest_is_forwarded(self) -> None:
        """An outside name is answered through the upstream."""
        self.assertEqual(self.dig("www.outside.example", "A"), ["192.0.2.80"])

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
