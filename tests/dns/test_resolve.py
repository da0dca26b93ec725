"""From responses to answers."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.resolve import Alias, question, read
from mailsuite.interfaces.resolver import Answer
from mailsuite.model.errors import LookupFailed, Refusal

SOA = "test. 3600 SOA ns.test. postmaster.test. 1 2 3 4 300"


def response(
    name: str, kind: str, *answer: str, authority: tuple[str, ...] = (), rcode: str = "NOERROR", flags: int = 0
) -> bytes:
    """A response; records as ``name TTL type data``."""
    message = dns.message.make_response(dns.message.make_query(name, kind))
    for section, records in ((message.answer, answer), (message.authority, authority)):
        for record in records:
            owner, ttl, rtype, data = record.split(maxsplit=3)
            name_, value = dns.name.from_text(owner), dns.rdata.from_text("IN", rtype, data)
            rrset = message.find_rrset(section, name_, value.rdclass, value.rdtype, create=True)
            rrset.add(value, int(ttl))
    message.flags |= flags
    message.set_rcode(dns.rcode.from_text(rcode))
    return message.to_wire()


class ReadTests(SynchronousTestCase):
    """What a response says."""

    def test_data(self) -> None:
        """An RRset in presentation form, absolute names with their dot, the smallest TTL, AD as it came."""
        message = response(
            "b.test", "MX", "b.test. 60 MX 20 Two.test.", "b.test. 60 MX 10 one.test.", flags=dns.flags.AD
        )
        found = read("b.test", "MX", message)
        assert isinstance(found, Answer)
        self.assertEqual(sorted(found.data), ["10 one.test.", "20 Two.test."])
        self.assertEqual((found.exists, found.authenticated, found.ttl), (True, True, 60))
        self.assertEqual(
            read("b.test", "MX", response("b.test", "MX", "b.test. 60 MX 0 .")),
            Answer("b.test", "MX", True, ("0 .",), False, 60),
        )

    def test_text(self) -> None:
        """Strings of a TXT record are joined without quotes or spaces (RFC 7208 section 3.3)."""
        found = read(
            "b.test",
            "TXT",
            response("b.test", "TXT", 'b.test. 60 TXT "v=spf1 a" "b \\" c\\195\\164" "" d', "b.test. 60 TXT \\255"),
        )
        assert isinstance(found, Answer)
        self.assertEqual(sorted(found.data), ['v=spf1 ab " cäd', "\ufffd"])

    def test_negative(self) -> None:
        """NXDOMAIN does not exist, NODATA does; both hold for min(SOA's TTL, minimum), zero without an SOA."""
        for rcode, exists in (("NXDOMAIN", False), ("NOERROR", True)):
            self.assertEqual(
                read("x.test", "A", response("x.test", "A", authority=(SOA,), rcode=rcode)),
                Answer("x.test", "A", exists, (), False, 300),
            )
            self.assertEqual(
                read("x.test", "A", response("x.test", "A", rcode=rcode)), Answer("x.test", "A", exists, (), False, 0)
            )

    def test_aliases(self) -> None:
        """CNAMEs are followed inside the answer, in any order; an end without data or proof is an Alias."""
        links = ("x.test. 60 CNAME Y.test.", "y.test. 30 CNAME z.test.")
        data = "z.test. 90 A 192.0.2.1"
        self.assertEqual(
            read("x.test", "A", response("x.test", "A", data, *links)),
            Answer("x.test", "A", True, ("192.0.2.1",), False, 30),
        )
        self.assertEqual(read("x.test", "A", response("x.test", "A", *links)), Alias("z.test.", 30, False))
        self.assertEqual(
            read("x.test", "A", response("x.test", "A", *links, authority=(SOA,))),
            Answer("x.test", "A", True, (), False, 30),
        )
        gone = response("x.test", "A", *links, authority=(SOA,), rcode="NXDOMAIN")
        self.assertEqual(read("x.test", "A", gone), Answer("x.test", "A", False, (), False, 30))
        self.assertEqual(
            read("x.test", "CNAME", response("x.test", "CNAME", links[0])),
            Answer("x.test", "CNAME", True, ("Y.test.",), False, 60),
        )
        loop = response("x.test", "A", "x.test. 60 CNAME y.test.", "y.test. 60 CNAME x.test.")
        self.assertRaises(LookupFailed, read, "x.test", "A", loop)

    def test_unasked_data_is_no_answer(self) -> None:
        """Records of another name are left alone."""
        found = read("x.test", "A", response("x.test", "A", "evil.test. 60 A 192.0.2.66"))
        self.assertEqual(found, Answer("x.test", "A", True, (), False, 0))

    def test_failures(self) -> None:
        """SERVFAIL, REFUSED and what cannot be read are temporary, and the text says which."""
        for rcode in ("SERVFAIL", "REFUSED"):
            error = self.assertRaises(LookupFailed, read, "x.test", "A", response("x.test", "A", rcode=rcode))
            self.assertIn(rcode, error.status.text)
            self.assertEqual((error.status.code, error.status.enhanced), (451, "4.4.3"))
        broken = response("x.test", "A", "x.test. 60 A 192.0.2.1")
        self.assertRaises(LookupFailed, read, "x.test", "A", broken[:39])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300), st.sampled_from(("A", "MX", "TXT")))
    def test_any_bytes(self, data: bytes, kind: str) -> None:
        """An answer or LookupFailed, nothing else."""
        for message in (data, response("x.test", kind)[:24] + data):
            try:
                read("x.test", kind, message)
            except LookupFailed:
                continue


class QuestionTests(SynchronousTestCase):
    """Names that can and cannot be asked."""

    def test_names(self) -> None:
        """Absolute, with or without the final dot, in any case; U-labels as A-labels; the root."""
        for name in ("B.test", "b.test."):
            self.assertEqual(question(name, "MX"), (b"\1b\4test\0", 15, False, False))
        self.assertEqual(question("bücher.test", "A").name, b"\x0dxn--bcher-kva\4test\0")
        self.assertEqual(question(".", "NS").name, b"\0")

    def test_impossible(self) -> None:
        """Permanent, 5.1.2: too long, empty labels, unknown types."""
        for name, kind in (
            ("x" * 64 + ".test", "A"),
            ("a..test", "A"),
            (".".join(["x" * 60] * 5), "A"),
            ("x.test", "WHAT"),
            ("", "A"),
        ):
            error = self.assertRaises(Refusal, question, name, kind)
            self.assertEqual(error.status.enhanced, "5.1.2")
