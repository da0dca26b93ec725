"""No message and no DNS answer makes this room raise."""

from __future__ import annotations

import random
import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.dkimkey import read_key
from mailsuite.mailauth.dmarcrecord import read_record
from mailsuite.mailauth.fields import read_header, without
from mailsuite.mailauth.lookups import Lookup
from mailsuite.mailauth.results import strip_results
from mailsuite.mailauth.taglist import parse_tags
from mailsuite.mailauth.verdict import authenticate
from mailsuite.mime.headers import Headers
from mailsuite.model.errors import LookupFailed, Refusal
from mailsuite.model.verdict import Verdict
from tests.mailauth.support import MESSAGE, NOW, record, rsa_key, signed

TEXTS = (
    "v=spf1 mx a ptr include:%{d1r} exists:%{ir}.%{v}.%{l}.x.example -all exp=e.%{h}",
    "v=spf1 redirect=%{o}.example",
    "v=spf1 include:b.example ~all",
    "v=DMARC1; p=reject; psd=y",
    "v=DMARC1; p=quarantine; sp=x",
    "%{i} %{p} %{c}",
)
PIECES = st.sampled_from(
    re.split(
        r"\|",
        "v=spf1 | |a|mx|ptr|exists:|include:|%{|}|d|i|r|1|/|//|24|.|x.example|redirect=|exp=|all|-|~|?|ip4:|1.2.3.4"
        "|ip6:|::1|%%|%_|%-|é|:|=|;|v=DMARC1|p=",
    )
)
RECORDS = st.lists(PIECES, max_size=12).map("".join)
TAGS = st.lists(
    st.sampled_from(
        ["v", "a", "b", "bh", "d", "h", "s", "i", "l", "x", "=", ";", " ", "\r\n\t", "1", "@", "é", ":", "from"]
    ),
    max_size=40,
).map("".join)


def ended(
    content: bytes, lookup: Lookup, mail_from: str = "ann@alpha.example", helo: str = "mx.alpha.example"
) -> Verdict:
    """The verdict, from a look-up that answers at once; forged results are stripped before."""
    strip_results(content, "mx.beta.example")
    task = authenticate(
        content,
        ip="2001:db8::1",
        helo=helo,
        mail_from=mail_from,
        hostname="mx.beta.example",
        lookup=lookup,
        now=NOW * 1000,
    )
    found: list[Verdict] = []
    Deferred.fromCoroutine(task).addCallback(found.append)
    return found[0]


class AnyOctetsTests(SynchronousTestCase):
    """Fuzz."""

    @settings(max_examples=150, deadline=None)
    @given(st.integers(), st.lists(RECORDS, max_size=4), RECORDS, RECORDS)
    def test_any_answers(self, seed: int, texts: list[str], local: str, helo: str) -> None:
        """Records of any form, broken hosts, failures and names that cannot be, for odd paths."""
        choose = random.Random(seed)

        async def lookup(name: str, type: str) -> Answer:
            kind = choose.randrange(8)
            if kind == 0:
                raise LookupFailed(name, "time-out")
            if kind == 1:
                raise Refusal(550, "5.1.2", "no name")
            data = {
                "TXT": [choose.choice([*TEXTS, *texts, record(rsa_key())])],
                "MX": [choose.choice(["10 x.example.", "0 .", "5 a..b", "odd", "10 é.example."])] * choose.randrange(3),
                "PTR": [choose.choice(["x.example.", ".", "a..b."])],
                "A": ["192.0.2.1"],
                "AAAA": [choose.choice(["2001:db8::1", "2001:db8::2"])],
            }[type]
            return Answer(name, type, True, tuple(data))

        ended(signed(MESSAGE), lookup, f"{local}@alpha.example", helo)

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"DKIM-Signature:",
                    b"ARC-Seal:",
                    b"From:",
                    b"\r\n",
                    b"\n",
                    b"\r",
                    b" ",
                    b"i=1",
                    b"\0",
                    b"\xff",
                    b"a@b",
                ]
            )
            | TAGS.map(str.encode),
            max_size=20,
        ).map(b"".join)
    )
    def test_any_message(self, content: bytes) -> None:
        """Octets of any kind; the header is the one that mime.headers reads."""

        async def lookup(name: str, type: str) -> Answer:
            return Answer(name, type, False, ())

        ended(content, lookup)
        header, shown = read_header(content), Headers.parse(content)
        self.assertEqual(header.body_start, shown.body_start)
        self.assertEqual(tuple(field.name.decode() for field in header.fields), shown.names())
        self.assertEqual(without(content, ()), content)
        if header.fields:
            rest = b"".join(field.raw for field in header.fields)
            self.assertEqual(len(without(content, header.fields)), len(content) - len(rest))

    @given(TAGS | st.text(max_size=100))
    def test_any_tag_list(self, text: str) -> None:
        """Only ValueError, and what was read is what stands there."""
        try:
            tags = parse_tags(text)
        except ValueError:
            return
        for name, value in tags.items():
            self.assertIn(name, text)
            self.assertIn(value, text)

    @given(st.text(max_size=200) | TAGS.map("v=DMARC1;".__add__) | TAGS.map("v=DKIM1;p=".__add__))
    def test_any_record(self, text: str) -> None:
        """Keys raise only ValueError, policies nothing."""
        read_record(text)
        try:
            read_key(text)
        except ValueError as error:
            self.assertTrue(str(error))

    def test_large_headers_are_read_in_linear_time(self) -> None:
        """256 kB of what is slow for a careless expression: under a second of CPU each."""

        async def lookup(name: str, type: str) -> Answer:
            return Answer(name, type, False, ())

        for piece in (b" ", b";", b"b=", b"(", b'"', b'"\\', b"a:", b"\r\n ", b"=?", b","):
            filling = piece * (250_000 // len(piece))
            for name in (b"DKIM-Signature: ", b"From: ", b"ARC-Seal: ", b"Authentication-Results: "):
                begun = time.process_time()
                ended(name + filling + b"\r\n\r\nHi\r\n", lookup)
                self.assertLess(time.process_time() - begun, 1, (name, piece))
