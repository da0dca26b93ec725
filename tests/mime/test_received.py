"""The Received field of a submission."""

import re
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.reception import Client
from mailsuite.mime.received import received
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.testing.builders import account, envelope

NOW = 1_795_608_000_000
"""2026-11-25 12:00:00 UTC."""
CLIENT = Client("192.0.2.7", 50000, "pc.alpha.example", True, "TLSv1.3 TLS_AES_256_GCM_SHA384", account())


def value(client: Client, about: Envelope) -> str:
    """The field's value, unfolded, by the standard library."""
    raw = received(client, about, "mx.alpha.example", "q1", NOW)
    text = str(message_from_bytes(raw + b"\r\n", policy=policy.compat32)["Received"])
    return re.sub(r"\s+", " ", text)


class ReceivedTests(SynchronousTestCase):
    """received."""

    def test_one_recipient(self) -> None:
        """From, by, with, id, for, date: the clauses of RFC 5321 section 4.4 in their order."""
        text, _, date = value(CLIENT, envelope()).rpartition("; ")
        self.assertEqual(
            text,
            "from pc.alpha.example ([192.0.2.7]) by mx.alpha.example with ESMTPSA id q1 for <bob@beta.example>",
        )
        self.assertEqual(parsedate_to_datetime(date).timestamp() * 1000, NOW)

    def test_several_recipients(self) -> None:
        """Nobody is named: some may be blind copies."""
        text = value(CLIENT, envelope("ann@alpha.example", "bob@beta.example", "carl@beta.example"))
        self.assertNotIn("beta", text)

    def test_ipv6(self) -> None:
        """An IPv6 address has its tag (RFC 5321 section 4.1.3)."""
        self.assertIn(" ([IPv6:2001:db8::1]) ", value(Client("2001:db8::1", 1, "[IPv6:2001:db8::1]"), envelope()))

    def test_protocols(self) -> None:
        """The with clause is of the IANA registry (RFC 3848, RFC 6531 section 4.3)."""
        plain = Envelope(None, (Recipient(Address.parse("jörg@beta.example")),))
        utf8 = Envelope(None, (Recipient(Address.parse("jörg@beta.example")),), smtputf8=True)
        clear = Client("192.0.2.7", 1, "pc", True, "", account())
        self.assertIn(" with ESMTPA id q1; ", value(clear, plain))
        self.assertIn(
            b" with UTF8SMTPA id q1\r\n\tfor <j\xc3\xb6rg@beta.example>;", received(clear, utf8, "mx", "q1", NOW)
        )

    @given(st.text(max_size=400))
    @settings(max_examples=200, deadline=None)
    def test_any_helo(self, helo: str) -> None:
        """Whatever a client calls itself, it is one field of short ASCII lines."""
        raw = received(Client("192.0.2.7", 1, helo), envelope(), "mx.alpha.example", "q1", NOW)
        self.assertTrue(raw.isascii() and raw.endswith(b"\r\n"))
        lines = raw.decode().split("\r\n")[:-1]
        self.assertTrue(all(line.isprintable() or line[1:].isprintable() for line in lines), lines)
        self.assertTrue(lines[0].startswith("Received: from ") and all(line[0] == "\t" for line in lines[1:]))
        self.assertLess(max(map(len, lines)), 500)
        self.assertEqual(raw.count(b"("), 1)
