"""Which TLSA records bind us (RFC 7671, RFC 7672 section 2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.transfer import Host
from mailsuite.model.errors import LookupFailed
from mailsuite.model.tls_policy import Tlsa, TlsLevel, TlsPolicy
from mailsuite.mta.dane import Dane, policy_of, usable
from mailsuite.testing.fake_resolver import FakeResolver

D256, D512 = "ab" * 32, "cd" * 64
B256, B512 = bytes.fromhex(D256), bytes.fromhex(D512)


class UsableTests(SynchronousTestCase):
    """RFC 7672 section 3.1."""

    def test_usable(self) -> None:
        """Usage 2 and 3 with both selectors and all matching types; long data comes in pieces."""
        for text, record in (
            (f"3 1 1 {D256}", Tlsa(3, 1, 1, B256)),
            (f"3 0 2 {D512}", Tlsa(3, 0, 2, B512)),
            (f"2 0 1 {D256.upper()}", Tlsa(2, 0, 1, B256)),
            (f"2 1 0 {D256} {D512}", Tlsa(2, 1, 0, B256 + B512)),
        ):
            self.assertEqual((record,), usable([text]))

    def test_unusable(self) -> None:
        """Usage 0, 1 and unknown; unknown selectors and types; digests of the wrong length; no data; no record."""
        for text in (
            f"0 0 1 {D256}",
            f"1 1 1 {D256}",
            f"4 1 1 {D256}",
            f"255 1 1 {D256}",
            f"3 2 1 {D256}",
            f"3 1 3 {D256}",
            f"3 1 1 {D256}ab",
            f"3 1 2 {D256}",
            f"3 1 1 {D256[:-2]}",
            f"3 1 1 {D256[:-1]}",
            "3 1 0 ",
            "3 1 1",
            "",
            "\\# 2 abcd",
        ):
            self.assertEqual((), usable([text]), text)

    def test_strongest_digest(self) -> None:
        """SHA-512 makes SHA-256 of the same usage and selector mean nothing (RFC 7671 section 9), but nothing else."""
        weak, strong, whole = f"3 1 1 {D256}", f"3 1 2 {D512}", "3 1 0 abcd"
        others = [f"3 0 1 {D256}", f"2 1 1 {D256}"]
        found = usable([weak, strong, whole, *others, weak])
        self.assertEqual(
            [Tlsa(3, 1, 2, B512), Tlsa(3, 1, 0, b"\xab\xcd"), Tlsa(3, 0, 1, B256), Tlsa(2, 1, 1, B256)], list(found)
        )

    def test_policy(self) -> None:
        """Usable records bind; others still ask for encryption (RFC 7672 section 2.2)."""
        self.assertEqual(
            TlsPolicy(TlsLevel.DANE, ("mx.b.example", "b.example"), (Tlsa(3, 1, 1, B256),), "DANE for mx.b.example"),
            policy_of("mx.b.example", ("mx.b.example", "mx.b.example", "b.example"), [f"3 1 1 {D256}", "0 0 0 ab"]),
        )
        self.assertEqual(
            TlsPolicy(TlsLevel.ENCRYPT, source="DANE for mx.b.example"),
            policy_of("mx.b.example", ("mx.b.example",), [f"1 1 1 {D256}"]),
        )

    @given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.binary(max_size=70))
    def test_any_record(self, usage: int, selector: int, matching: int, data: bytes) -> None:
        """A record counts when all its parts are known and its digest has its length."""
        right = {0: len(data) > 0, 1: len(data) == 32, 2: len(data) == 64}.get(matching, False)
        expected = right and usage in (2, 3) and selector in (0, 1)
        self.assertEqual(expected, bool(usable([f"{usage} {selector} {matching} {data.hex()}"])))

    @given(st.lists(st.text(), max_size=3))
    def test_any_text(self, texts: list[str]) -> None:
        """Nothing raises."""
        usable(texts)


class LookupTests(SynchronousTestCase):
    """RFC 7672 section 2: what must be validated, and which names are asked for."""

    HOST = Host("mx.beta.example", ("192.0.2.1",))

    def setUp(self) -> None:
        """A host with an address and a record, all validated."""
        self.dns = FakeResolver()
        self.dns.add("mx.beta.example", "A", ["192.0.2.1"], authenticated=True)
        self.dns.add("_25._tcp.mx.beta.example", "TLSA", [f"3 1 1 {D256}"], authenticated=True)

    def policy(self, host: Host = HOST) -> TlsPolicy | None:
        return self.successResultOf(Deferred.fromCoroutine(Dane(self.dns).policy("beta.example", host)))

    def asked(self) -> list[str]:
        """The TLSA names that were asked for."""
        return [name for name, kind in self.dns.asked if kind == "TLSA"]

    def test_records(self) -> None:
        """A host with validated records is bound by them, for its own name and the domain's."""
        policy = self.policy()
        assert policy is not None
        self.assertEqual(TlsLevel.DANE, policy.level)
        self.assertEqual(("mx.beta.example", "beta.example"), policy.names)

    def test_port(self) -> None:
        """The records of the port that is connected to count."""
        self.assertIsNone(self.policy(Host("mx.beta.example", ("192.0.2.1",), 587)))
        self.assertEqual(["_587._tcp.mx.beta.example"], self.asked())

    def test_no_records(self) -> None:
        """No name, no records, records that are not validated: no DANE. An address has none either."""
        self.dns.add("_25._tcp.plain.beta.example", "TLSA", [f"3 1 1 {D256}"])
        for name in ("none", "plain"):
            self.dns.add(f"{name}.beta.example", "A", ["192.0.2.1"], authenticated=True)
            self.assertIsNone(self.policy(Host(f"{name}.beta.example", ("192.0.2.1",))))
        self.assertIsNone(self.policy(Host("192.0.2.1", ("192.0.2.1",))))

    def test_unsigned_host(self) -> None:
        """The servers of an unsigned zone are not asked for records, which they may choke on (section 2.2.2)."""
        self.dns.add("mx.gamma.example", "A", ["192.0.2.1"])
        self.dns.fail("_25._tcp.mx.gamma.example", "TLSA")
        self.assertIsNone(self.policy(Host("mx.gamma.example", ("192.0.2.1",))))
        self.assertEqual([], self.asked())

    def test_failing(self) -> None:
        """When the records may be there and cannot be had, nobody says there are none."""
        self.dns.fail("_25._tcp.mx.beta.example", "TLSA")
        self.failureResultOf(Deferred.fromCoroutine(Dane(self.dns).policy("beta.example", self.HOST)), LookupFailed)

    def test_alias(self) -> None:
        """The name that a validated alias leads to goes first, then the host's own (section 2.2.2)."""
        self.dns.add("mail.beta.example", "CNAME", ["mx.beta.example."], authenticated=True)
        host = Host("mail.beta.example", ("192.0.2.1",))
        policy = self.policy(host)
        assert policy is not None
        self.assertEqual(("mx.beta.example", "mail.beta.example", "beta.example"), policy.names)
        self.assertEqual("DANE for mx.beta.example", policy.source)
        self.dns.add("_25._tcp.mx.beta.example", "TLSA", [])
        self.dns.add("_25._tcp.mail.beta.example", "TLSA", [f"3 1 1 {D256}"], authenticated=True)
        policy = self.policy(host)
        assert policy is not None
        self.assertEqual("DANE for mail.beta.example", policy.source)

    def test_alias_out_of_the_signed(self) -> None:
        """A validated alias to an unsigned name: only the host's own name is asked for."""
        self.dns.add("mail.beta.example", "CNAME", ["mx.gamma.example."], authenticated=True)
        self.dns.add("mx.gamma.example", "A", ["192.0.2.9"])
        self.dns.add("_25._tcp.mail.beta.example", "TLSA", [f"3 1 1 {D256}"], authenticated=True)
        self.assertIsNotNone(self.policy(Host("mail.beta.example", ("192.0.2.9",))))
        self.assertEqual(["_25._tcp.mail.beta.example"], self.asked())

    def test_unsigned_alias(self) -> None:
        """An alias that is not validated may be anyone's."""
        self.dns.add("mail.gamma.example", "CNAME", ["mx.beta.example."])
        self.assertIsNone(self.policy(Host("mail.gamma.example", ("192.0.2.1",))))
