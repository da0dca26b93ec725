"""ARC chains made by dkimpy, whole and damaged."""

from __future__ import annotations

import logging
from pathlib import Path

import dkim
from twisted.trial.unittest import TestCase

from mailsuite.mailauth.arc import examine_chain, judge_chain
from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.signature import Bodies
from mailsuite.model.verdict import ArcResult
from mailsuite.testing.fake_resolver import FakeResolver
from tests.mailauth.support import DOMAIN, MESSAGE, NOW, ed25519_key, publish, record, rsa_key

CORPORA = Path(__file__).parent.parent / "corpora"
QUIET = logging.getLogger("tests.mailauth.arc")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


def sealed(content: bytes, sets: int = 1) -> bytes:
    """The content with a chain of so many sets by dkimpy."""
    for number in range(sets):
        result = "none" if number == 0 else "pass"
        content = (
            f"Authentication-Results: lists.{DOMAIN}; arc={result}; spf=pass smtp.mailfrom=a@b.example\r\n".encode()
            + content
        )
        fields = dkim.arc_sign(
            content,
            b"r1",
            DOMAIN.encode(),
            rsa_key().private.encode(),
            f"lists.{DOMAIN}".encode(),
            include_headers=[b"from", b"to", b"subject"],
            timestamp=NOW,
            logger=QUIET,
        )
        assert fields
        content = b"".join(fields) + content.partition(b"\r\n")[2]
    return content


def by_dkimpy(content: bytes) -> str:
    """What dkimpy says of a chain."""
    found = dkim.arc_verify(content, dnsfunc=lambda name, timeout=5: record(rsa_key()).encode(), logger=QUIET)
    return str((found[0] or b"fail").decode())


class ArcTests(TestCase):
    """examine_chain and judge_chain."""

    def setUp(self) -> None:
        self.resolver = FakeResolver()
        publish(self.resolver, rsa_key())

    async def judged(self, content: bytes) -> ArcResult:
        """The result."""
        header = read_header(content)
        return await judge_chain(examine_chain(header, Bodies(content[header.body_start :])), self.resolver.lookup)

    async def test_whole_chains_pass(self) -> None:
        """One, two and five sets; the sealers are named."""
        for count in (1, 2, 5):
            content = sealed(MESSAGE, count)
            self.assertEqual(by_dkimpy(content), "pass")
            found = await self.judged(content)
            self.assertEqual((found.result, found.sealers), ("pass", (DOMAIN,) * count), found.reason)

    async def test_no_chain(self) -> None:
        """none."""
        self.assertEqual((await self.judged(MESSAGE)).result, "none")

    async def test_damaged_chains_fail(self) -> None:
        """What dkimpy fails, we fail, and we say why."""
        whole = sealed(MESSAGE, 2)
        damaged = {
            "body": whole + b"more\r\n",
            "message signature of set 2": whole.replace(b"Subject: Lunch", b"Subject: Dinner"),
            "seal": whole.replace(b"smtp.mailfrom=a@b.example", b"smtp.mailfrom=x@b.example"),
            "cv=": whole.replace(b"cv=pass", b"cv=fail"),
            "not complete": whole.replace(b"ARC-Authentication-Results: i=1", b"X-Gone: i=1"),
        }
        for reason, content in damaged.items():
            self.assertNotEqual(content, whole)
            found = await self.judged(content)
            self.assertEqual(found.result, "fail", reason)
            self.assertEqual(by_dkimpy(content), "fail", reason)
            self.assertIn(reason, found.reason)

    async def test_keys(self) -> None:
        """No key, or no answer: fail, which costs nothing since nothing is built on ARC."""
        content = sealed(MESSAGE)
        self.resolver.fail(f"r1._domainkey.{DOMAIN}", "TXT")
        self.assertEqual((await self.judged(content)).result, "fail")
        self.resolver.heal(f"r1._domainkey.{DOMAIN}", "TXT")
        self.resolver.add(f"r1._domainkey.{DOMAIN}", "TXT", ["v=DKIM1; p="])
        found = await self.judged(content)
        self.assertEqual(found.result, "fail")
        self.assertIn("revoked", found.reason)

    async def test_a_weak_or_other_key(self) -> None:
        """A key of less than 1024 bits, or of another kind, proves nothing."""
        content = sealed(MESSAGE)
        for text in (f"v=DKIM1; p={(CORPORA / 'rsa512.key').read_text().strip()}", record(ed25519_key())):
            self.resolver.add(f"r1._domainkey.{DOMAIN}", "TXT", [text])
            found = await self.judged(content)
            self.assertEqual(found.result, "fail")
            self.assertIn("not of a kind that counts", found.reason)

    async def test_sets_that_cannot_be(self) -> None:
        """RFC 8617 sections 4.1 and 5.2: each fault is named."""
        content = sealed(MESSAGE)
        changes = {
            (b"ARC-Seal: i=1", b"ARC-Seal: j=1"): "no i=",
            (b"i=1;", b"i=51;"): "1 to 50",
            (b"ARC-Seal:", b"ARC-Message-Signature:"): "two fields",
            (b"cv=none;", b"cv=none; h=from;"): "has h=",
            (b"cv=none;", b"cv=pass;"): "cv=pass",
            (b"cv=none;", b""): "cv= is missing",
            (b"a=rsa-sha256;", b"a=rsa-sha1;"): "proves nothing",
            (b"c=relaxed/relaxed;", b"c=relaxed/relaxed; l=1;"): "l=",
            (b"h=from : to", b"h=arc-seal : from : to"): "ARC-Seal",
        }
        for (old, new), reason in changes.items():
            self.assertIn(old, content)
            found = await self.judged(content.replace(old, new))
            self.assertEqual(found.result, "fail", new)
            self.assertIn(reason, found.reason)
