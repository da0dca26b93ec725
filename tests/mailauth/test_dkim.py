"""DKIM verification: RFC 8463's own example, dkimpy's signatures, and what must not pass."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from twisted.trial.unittest import TestCase

from mailsuite.mailauth.fields import read_header
from mailsuite.testing.fake_resolver import FakeResolver
from tests.mailauth.support import DOMAIN, MESSAGE, NOW, dkim_results, ed25519_key, publish, record, rsa_key, signed

CORPORA = Path(__file__).parent.parent / "corpora"


def dkimpy_signed(
    content: bytes = MESSAGE, *, header: bytes = b"relaxed", body: bytes = b"relaxed", **more: object
) -> bytes:
    """The content with dkimpy's signature."""
    key = rsa_key()
    field: bytes = dkim.sign(
        content, key.selector.encode(), DOMAIN.encode(), key.private.encode(), canonicalize=(header, body), **more
    )
    return field + content


class Rfc8463Tests(TestCase):
    """The message of RFC 8463 appendix A."""

    def setUp(self) -> None:
        self.content = (CORPORA / "rfc8463.eml").read_bytes().replace(b"\n", b"\r\n")
        self.resolver = FakeResolver()
        for line in (CORPORA / "rfc8463.keys").read_text().splitlines():
            name, _, text = line.partition(" ")
            self.resolver.add(name, "TXT", [text])

    async def test_both_signatures_pass(self) -> None:
        """Ed25519 and RSA, as the RFC printed them."""
        results = await dkim_results(self.content, self.resolver.lookup)
        self.assertEqual(
            [(one.result, one.algorithm) for one in results], [("pass", "ed25519-sha256"), ("pass", "rsa-sha256")]
        )

    async def test_one_changed_octet_fails_both(self) -> None:
        """The body hash covers "hungry"."""
        results = await dkim_results(self.content.replace(b"hungry", b"Hungry"), self.resolver.lookup)
        self.assertEqual([one.result for one in results], ["fail", "fail"])


class VerifyTests(TestCase):
    """One signature at a time."""

    def setUp(self) -> None:
        self.resolver = FakeResolver()
        publish(self.resolver, rsa_key(), ed25519_key())

    async def check(self, content: bytes, result: str, reason: str = "", now: int = NOW) -> None:
        """The first signature of the content must have this result, and the reason must hold this text."""
        found = (await dkim_results(content, self.resolver.lookup, now))[0]
        self.assertEqual(found.result, result, found.reason)
        self.assertIn(reason, found.reason)

    def key_text(self, text: str, *more: str) -> None:
        """Publish this text for the RSA key."""
        self.resolver.add(f"r1._domainkey.{DOMAIN}", "TXT", [text, *more])

    async def test_dkimpy_signatures_pass_in_all_forms(self) -> None:
        """All four pairs of canonical forms."""
        for header in (b"simple", b"relaxed"):
            for body in (b"simple", b"relaxed"):
                await self.check(dkimpy_signed(header=header, body=body), "pass")

    async def test_f040_white_space_at_the_end(self) -> None:
        """F040: bodies that end in white space, or in nothing, hash as they do for dkimpy."""
        head = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        for body in (b"Hi\r\n  \r\n\r\n", b"Hi\r\n\t\r\n \r\nx\r\n", b"Hi", b"  \r\n", b"", b"\r\n\r\n"):
            for form in (b"simple", b"relaxed"):
                await self.check(dkimpy_signed(head + body, body=form), "pass")

    async def test_f042_a_second_from_field(self) -> None:
        """F042: our signature covers From once more than it is there, so another above or below breaks it."""
        content = signed(MESSAGE)
        await self.check(b"From: ceo@alpha.example\r\n" + content, "fail")
        await self.check(content.replace(b"\r\nTo:", b"\r\nFrom: ceo@alpha.example\r\nTo:"), "fail")

    async def test_f044_body_length(self) -> None:
        """F044: l= never counts, whether or not something was appended; more than the body is permerror."""
        content = dkimpy_signed(length=True)
        await self.check(content, "policy", "l=")
        await self.check(content + b"<b>buy</b>\r\n", "policy", "l=")
        await self.check(re.sub(rb"l=\d+", b"l=9999", content), "permerror", "9999")
        await self.check(re.sub(rb"l=\d+", b"l=0", content), "fail")

    async def test_f045_key_in_pieces(self) -> None:
        """F045: a 4096-bit key, too long for one string, passes as the resolver joins it, with spaces in p= too."""
        key = rsa_key("big", 4096)
        publish(self.resolver, key)
        await self.check(signed(MESSAGE, key), "pass")
        spaced = record(key).replace("p=", "p= ")[:300] + " " + record(key).replace("p=", "p= ")[300:]
        self.resolver.add(f"big._domainkey.{DOMAIN}", "TXT", [spaced])
        await self.check(signed(MESSAGE, key), "pass")

    async def test_f045_faulty_key_records(self) -> None:
        """F045: two records, a revoked key, backslashes, no key: permerror that names the fault."""
        good = record(rsa_key())
        faults = {
            (good, good): "2 TXT records",
            ("v=DKIM1; p=",): "revoked",
            (good.replace(";", "\\;"),): "backslashes",
            ("v=DKIM2; p=AAAA",): "v=",
            (good.replace("v=DKIM1; k=rsa; ", "k=rsa; v=DKIM1; "),): "first tag",
            ("v=DKIM1; k=rsa",): "no p=",
            ("v=DKIM1; p=!!!",): "base64",
            ("v=DKIM1; p=AAAA",): "not an RSA key",
            ("v=DKIM1; k=dsa; p=AAAA",): "k=dsa",
            ("v=DKIM1; k=ed25519; p=AAAA",): "32",
            (record(ed25519_key()),): "the key is ed25519",
            (good.replace("k=rsa", "h=sha1"),): "sha256",
            (good.replace("k=rsa", "s=tlsrpt"),): "service",
            ("hello",): "tag-list",
        }
        for texts, reason in faults.items():
            self.key_text(*texts)
            await self.check(signed(MESSAGE), "permerror", reason)
        await self.check(signed(MESSAGE, rsa_key("gone")), "permerror", "no key")

    async def test_key_records_that_are_right(self) -> None:
        """v= may be missing, s= and h= may list several, n= is a note; PKCS #1 is a form of the key too."""
        key = rsa_key()
        public = load_der_public_key(base64.b64decode(key.public))
        assert isinstance(public, RSAPublicKey)
        bare = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
        for text in (f"p={key.public}", f"h=sha1:sha256; s=x:email; n=note; p={key.public};", f"v=DKIM1;p={bare}"):
            self.key_text(text)
            await self.check(signed(MESSAGE), "pass")

    async def test_a_strict_key_allows_no_subdomain(self) -> None:
        """t=s: i= must be of the domain itself."""
        content = dkimpy_signed(identity=b"@sub." + DOMAIN.encode())
        await self.check(content, "pass")
        self.key_text(record(rsa_key()) + "; t=s")
        await self.check(content, "permerror", "t=s")
        await self.check(signed(MESSAGE), "pass")

    async def test_a_testing_key_says_so(self) -> None:
        """t=y: the result stands, and the reason tells (RFC 6376 section 3.6.1)."""
        self.key_text(record(rsa_key()) + "; t=y")
        await self.check(signed(MESSAGE), "pass", "t=y")

    async def test_sha1_fails(self) -> None:
        """RFC 8301: rsa-sha1 is a failure even when it is right."""
        await self.check(dkimpy_signed(signature_algorithm=b"rsa-sha1"), "fail", "rsa-sha1")

    async def test_a_short_key_fails(self) -> None:
        """RFC 8301: less than 1024 bits."""
        key = rsa_key("short", 1024)
        publish(self.resolver, key)
        await self.check(signed(MESSAGE, key), "pass")
        short = (CORPORA / "rsa512.key").read_text().split()
        self.resolver.add(f"short._domainkey.{DOMAIN}", "TXT", [f"v=DKIM1; p={short[0]}"])
        await self.check(signed(MESSAGE, key), "fail", "1024 bits")

    async def test_an_expired_signature_fails(self) -> None:
        """x= is past, with five minutes for clocks that differ."""
        content = signed(MESSAGE).replace(b"; t=", b"; x=%d; t=" % (NOW + 60))
        await self.check(content, "fail", "signature is not right")
        await self.check(content, "fail", "expired", now=NOW + 361)

    async def test_a_failed_look_up_is_temporary(self) -> None:
        """temperror, and the name is in the reason."""
        self.resolver.fail(f"r1._domainkey.{DOMAIN}", "TXT")
        await self.check(signed(MESSAGE), "temperror", "r1._domainkey")

    async def test_signatures_that_cannot_be(self) -> None:
        """Each fault of the field itself has its result and says what is wrong."""
        content = signed(MESSAGE)
        changes = {
            (b"v=1;", b"v=2;"): ("neutral", "v=2"),
            (b"v=1; ", b""): ("neutral", "v="),
            (b"a=rsa-sha256", b"a=rsa-md5"): ("neutral", "rsa-md5"),
            (b"c=relaxed/relaxed", b"c=relaxed/odd"): ("neutral", "c="),
            (b"s=r1;", b"s=r1; s=r2;"): ("neutral", "twice"),
            (b"d=alpha.example", b"d=alpha example"): ("neutral", "domain"),
            (b"bh=", b"bh=!"): ("neutral", "bh="),
            (b"h=from:from:", b"h="): ("permerror", "From"),
            (b"s=r1;", b"s=r1; q=ldap;"): ("permerror", "q="),
            (b"s=r1;", b"s=r1; i=@beta.example;"): ("permerror", "i="),
            (b"s=r1;", b"s=r1; i=@xalpha.example;"): ("permerror", "i="),
            (b"s=r1;", b"s=r1; x=5;"): ("permerror", "expires"),
            (b"s=r1;", b"s=r1; x=soon;"): ("neutral", "x="),
        }
        for (old, new), (result, reason) in changes.items():
            self.assertIn(old, content)
            await self.check(content.replace(old, new, 1), result, reason)

    async def test_refolded_is_still_right(self) -> None:
        """Relaxed: other folding, other case of names, other runs of white space."""
        content = (
            signed(MESSAGE)
            .replace(b"Subject: Lunch  at\tone", b"SUBJECT:Lunch\r\n at   one  ")
            .replace(b"is one", b"is\tone")
        )
        await self.check(content, "pass")

    async def test_ten_signatures_are_judged(self) -> None:
        """The eleventh is not looked at; one key costs one look-up."""
        field = signed(MESSAGE).removesuffix(MESSAGE)
        self.resolver.asked.clear()
        results = await dkim_results(field * 11 + MESSAGE, self.resolver.lookup)
        self.assertEqual([one.result for one in results], ["pass"] * 10)
        self.assertEqual(len(self.resolver.asked), 1)

    async def test_the_names_that_were_signed(self) -> None:
        """The result names the selector, the algorithm and the fields of h=."""
        found = (await dkim_results(signed(MESSAGE, ed25519_key()), self.resolver.lookup))[0]
        self.assertEqual((found.selector, found.algorithm, found.domain), ("e1", "ed25519-sha256", DOMAIN))
        self.assertLessEqual({"from", "to", "subject", "date", "message-id"}, set(found.signed))

    async def test_the_header_is_read_as_mime_reads_it(self) -> None:
        """A line before the header that is none does not shift what is judged."""
        header = read_header(b"From me Fri Jan 15\r\n" + MESSAGE)
        self.assertEqual(len(header.named(b"from")), 1)
