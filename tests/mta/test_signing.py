"""What leaves is signed: by whom, with which keys; dkimpy says whether the signatures hold."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import dkim
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.errors import StoreUnavailable
from mailsuite.mta.signing import FRESH, INLINE, Signing
from mailsuite.testing.fake_resolver import FakeResolver
from mailsuite.testing.fake_store import FakeStore
from tests.mailauth.support import MESSAGE, dkim_results, ed25519_key, publish, record, rsa_key

T = TypeVar("T")
HOUR = 3_600_000


class SigningTests(SynchronousTestCase):
    """alpha.example is hosted with two keys; this host is mail.alpha.example."""

    def setUp(self) -> None:
        """A directory and a clock."""
        self.now = 1_700_000_000_000
        self.store = FakeStore(lambda: self.now)
        self.threads = 0
        self.host("alpha.example", rsa_key(), ed25519_key())
        self.signing = Signing(self.store.directory, "mail.alpha.example", HOUR, self.in_thread, lambda: self.now)

    def host(self, name: str, *keys: DkimKey) -> None:
        """Host a domain."""
        self.successResultOf(Deferred.fromCoroutine(self.store.directory.add_domain(Domain(name, 0, keys))))

    def in_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        """At once."""
        self.threads += 1
        return succeed(work())

    def sign(self, content: bytes) -> bytes:
        """The message as it leaves."""
        return self.successResultOf(Deferred.fromCoroutine(self.signing.sign(content)))

    def selectors(self, content: bytes = MESSAGE) -> list[str]:
        """Who signed, each signature judged by dkimpy."""
        signed = self.sign(content)
        self.assertTrue(signed.endswith(content))
        fields = re.findall(rb"(?ms)^DKIM-Signature:.*?\r\n(?![ \t])", signed[: len(signed) - len(content)])
        found = []
        for number, field in enumerate(fields):
            domain, selector = (re.search(rb"\b%s=([^;\s]+)" % tag, field)[1].decode() for tag in (b"d", b"s"))  # type: ignore[index]
            self.assertTrue(self.valid(signed, number), selector)
            found.append(f"{selector} {domain}")
        return found

    def valid(self, content: bytes, number: int = 0) -> bool:
        """Does a signature, counted from the top, hold? dkimpy must agree, except on Ed25519, which it cannot read."""
        keys = {key.selector: key for key in self.all_keys()}
        dns = FakeResolver()
        for key in keys.values():
            for domain in ("alpha.example", "mail.alpha.example", "fresh.example"):
                publish(dns, key, domain=domain)
        ours = self.successResultOf(Deferred.fromCoroutine(dkim_results(content, dns.lookup, self.now // 1000)))
        held = ours[number].result == "pass"

        def txt(name: bytes, timeout: int = 5) -> bytes:
            return record(keys[name.decode().split(".")[0]]).encode()

        if b"a=rsa" in content.split(b"DKIM-Signature:")[number + 1]:
            self.assertEqual(held, dkim.DKIM(content).verify(idx=number, dnsfunc=txt))
        return held

    def all_keys(self) -> tuple[DkimKey, ...]:
        """What the DNS shows."""
        domains = self.successResultOf(Deferred.fromCoroutine(self.store.directory.domains()))
        return tuple(key for domain in domains for key in domain.keys)

    def test_both_algorithms(self) -> None:
        """Each key signs, for the author's domain."""
        self.assertEqual(self.selectors(), ["r1 alpha.example", "e1 alpha.example"])

    def test_whose(self) -> None:
        """Only authors of hosted domains with keys are signed for; what is forwarded for others goes as it is."""
        self.host("keyless.example")
        for author in (b"x@other.example", b"x@keyless.example", b"x@sub.alpha.example", b"nobody", b""):
            message = MESSAGE.replace(b"Ann <ann@alpha.example>", author)
            self.assertEqual(self.sign(message), message)
        self.assertEqual(self.sign(MESSAGE.removeprefix(b"From: Ann <ann@alpha.example>\r\n")), MESSAGE[31:])

    def test_several_authors(self) -> None:
        """The first author whose domain is ours counts; of two From fields none does."""
        two = MESSAGE.replace(b"Ann <ann@alpha.example>", b"x@other.example, ann@Alpha.Example")
        self.assertEqual(self.selectors(two), ["r1 alpha.example", "e1 alpha.example"])
        double = b"From: ceo@alpha.example\r\n" + MESSAGE
        self.assertEqual(self.sign(double), double)

    def test_notices(self) -> None:
        """What this host writes is signed by the hosted domain that the host is in."""
        notice = MESSAGE.replace(b"ann@alpha.example", b"mailer-daemon@mail.alpha.example")
        self.assertEqual(self.selectors(notice), ["r1 alpha.example", "e1 alpha.example"])
        self.host("mail.alpha.example", rsa_key("own"))
        self.now += FRESH
        self.assertEqual(self.selectors(notice), ["own mail.alpha.example"])

    def test_f042_second_author(self) -> None:
        """F042: a From that is added to our mail, above or below, breaks our signatures."""
        signed = self.sign(MESSAGE)
        self.assertTrue(self.valid(signed))
        for forged in (
            b"From: ceo@alpha.example\r\n" + signed,
            signed.replace(b"\r\nTo: ", b"\r\nFrom: ceo@alpha.example\r\nTo: "),
        ):
            self.assertFalse(any(self.valid(forged, number) for number in (0, 1)))

    def test_f050_one_click(self) -> None:
        """F050: List-Unsubscribe and List-Unsubscribe-Post are signed, and a second one breaks the signature."""
        fields = (
            b"List-Unsubscribe: <https://alpha.example/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        )
        signed = self.sign(fields + MESSAGE)
        self.assertTrue(self.valid(signed))
        for changed in (
            signed.replace(b"/u/1", b"/u/2"),
            signed.replace(b"One-Click", b"One-Klick"),
            b"List-Unsubscribe: <https://evil.example/>\r\n" + signed,
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + signed,
        ):
            self.assertFalse(any(self.valid(changed, number) for number in (0, 1)))

    def test_rotation(self) -> None:
        """New keys sign when they are older than the TTL; at once where there were none; removed ones no more."""
        new = (replace(rsa_key("r2"), created=self.now), replace(ed25519_key("e2"), created=self.now))
        self.selectors()
        self.successResultOf(Deferred.fromCoroutine(self.store.directory.add_keys("alpha.example", new)))
        self.now += HOUR - 1
        self.assertEqual(self.selectors(), ["r1 alpha.example", "e1 alpha.example"])
        self.now += FRESH + 1
        self.assertEqual(self.selectors(), ["r2 alpha.example", "e2 alpha.example"])
        self.successResultOf(Deferred.fromCoroutine(self.store.directory.remove_key("alpha.example", "r2")))
        self.now += 5000
        self.assertEqual(self.selectors(), ["r1 alpha.example", "e2 alpha.example"])
        self.host("fresh.example", replace(rsa_key("r3"), created=self.now))
        self.assertEqual(
            self.selectors(MESSAGE.replace(b"ann@alpha.example", b"ann@fresh.example")), ["r3 fresh.example"]
        )

    def test_remembered(self) -> None:
        """The directory is asked once in a while; signers are made once; a change counts within 5 s."""
        self.selectors()
        made = self.threads
        self.store.fault = "gone"
        self.sign(MESSAGE)
        self.now += 5000
        self.failureResultOf(Deferred.fromCoroutine(self.signing.sign(MESSAGE)), StoreUnavailable)
        self.store.fault = ""
        self.selectors()
        self.assertEqual(self.threads, made)

    def test_large(self) -> None:
        """A large message is signed in a thread."""
        self.selectors()
        before = self.threads
        self.assertEqual(self.selectors(MESSAGE + b"x" * 70 * 10 + b"\r\n"), ["r1 alpha.example", "e1 alpha.example"])
        self.assertEqual(self.threads, before)
        self.assertEqual(
            self.selectors(MESSAGE + (b"x" * 70 + b"\r\n") * (INLINE // 72 + 1)),
            ["r1 alpha.example", "e1 alpha.example"],
        )
        self.assertEqual(self.threads, before + 1)
