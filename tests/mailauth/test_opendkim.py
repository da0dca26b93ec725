"""Our verifier and our signatures beside a real opendkim."""

from __future__ import annotations

import random
import re
from unittest import skipUnless

import dkim
import pytest
from twisted.trial.unittest import TestCase

from mailsuite.testing.fake_resolver import FakeResolver
from mailsuite.testing.mailauth_opendkim import find_opendkim, judge_with_opendkim
from mailsuite.testing.temporary import temporary_directory
from tests.mailauth.support import DOMAIN, MESSAGE, dkim_results, ed25519_key, publish, record, rsa_key, signed

COUNT = 50


def generated(seed: int) -> tuple[str, bytes]:
    """A message and the name of its kind: signed by dkimpy or by us, then left alone or changed."""
    choose = random.Random(seed)
    words = ["one", "two  ", "\tthree", "", " ", "four\t\tfive", "Grüße"]
    body = "".join(choose.choice(words) + "\r\n" for _ in range(choose.randrange(12))).encode()
    head = MESSAGE.partition(b"\r\n\r\n")[0] + choose.choice([b"", b"\r\nX-Odd:   a\r\n\tb  "])
    content = head + b"\r\n\r\n" + body
    kind = ("pass", "altered body", "altered subject", "l=", "two From", "refolded", "ed25519", "both")[seed % 8]
    key = rsa_key()
    if kind in ("ed25519", "both"):
        return kind, signed(content, *((key,) if kind == "both" else ()), ed25519_key())
    forms = (choose.choice([b"simple", b"relaxed"]), choose.choice([b"simple", b"relaxed"]))
    field = dkim.sign(
        content,
        b"r1",
        DOMAIN.encode(),
        key.private.encode(),
        canonicalize=forms,
        length=kind == "l=",
        include_headers=[b"from", b"from", b"to", b"subject", b"date"],
    )
    if kind == "altered body":
        content += b"more\r\n"
    elif kind == "altered subject":
        content = content.replace(b"Lunch", b"Dinner")
    elif kind == "l=":
        content += choose.choice([b"", b"appended\r\n"])
    elif kind == "two From":
        content = b"From: ceo@alpha.example\r\n" + content
    elif kind == "refolded":
        content = content.replace(b"Lunch  at\tone", b"Lunch\r\n at one").replace(b"two  ", b"two ")
    return kind, field + content


@pytest.mark.peers
@skipUnless(find_opendkim(), "opendkim is not installed")
class BesideOpendkimTests(TestCase):
    """opendkim 2.11 knows rsa-sha256 and ed25519-sha256."""

    def keys(self) -> dict[str, str]:
        """The records of both keys."""
        return {f"{key.selector}._domainkey.{DOMAIN}": record(key) for key in (rsa_key(), ed25519_key())}

    async def test_fifty_messages(self) -> None:
        """Both agree on each: only l= we do not count, which opendkim passes."""
        resolver = FakeResolver()
        publish(resolver, rsa_key(), ed25519_key())
        cases = [generated(seed) for seed in range(COUNT)]
        theirs = judge_with_opendkim(temporary_directory(self), self.keys(), [content for _, content in cases])
        seen: set[str] = set()
        for (kind, content), expected in zip(cases, theirs, strict=True):
            ours = tuple(one.result for one in await dkim_results(content, resolver.lookup))
            self.assertEqual(tuple("pass" if one == "policy" else one for one in ours), expected, (kind, content))
            if kind == "l=":
                self.assertEqual(ours, ("policy",))
            seen.update(ours)
        self.assertEqual(seen, {"pass", "fail", "policy"})

    async def test_f040_white_space_at_the_end(self) -> None:
        """F040: opendkim passes what we sign over bodies that end in white space."""
        head = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        bodies = (b"Hi\r\n  \r\n\r\n", b"Hi\r\n\t\r\n \r\nx\r\n", b"Hi", b"  \r\n", b"")
        # Its test mode reads lines: the one without CRLF gets it afterwards, as it would on the way.
        messages = [signed(head + body, rsa_key(), ed25519_key()) for body in bodies]
        messages = [content if content.endswith(b"\n") else content + b"\r\n" for content in messages]
        found = judge_with_opendkim(temporary_directory(self), self.keys(), messages)
        self.assertEqual(found, [("pass", "pass")] * len(bodies))

    async def test_f042_a_second_from_field(self) -> None:
        """F042: for opendkim too our signature breaks when a From is added above or below."""
        content = signed(MESSAGE)
        above = b"From: ceo@alpha.example\r\n" + content
        below = re.sub(rb"\r\nTo:", b"\r\nFrom: ceo@alpha.example\r\nTo:", content)
        found = judge_with_opendkim(temporary_directory(self), self.keys(), [content, above, below])
        self.assertEqual(found, [("pass",), ("fail",), ("fail",)])
