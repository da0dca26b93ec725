"""The word that a zone has changed, and what counts as an answer."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.tsig
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.notify import Notice
from mailsuite.dns.transfer import TransferKey

KEY = TransferKey("key.alpha.example", "hmac-sha256", b"0123456789abcdef")
KEYRING = {dns.name.from_text(KEY.name): dns.tsig.Key(KEY.name, KEY.secret, KEY.algorithm)}


def answer(notice: Notice, keyring: object = None, rcode: str = "NOERROR") -> bytes:
    """What a secondary says, as dnspython writes it; signed when the NOTIFY was and ``keyring`` is given."""
    heard = dns.message.from_wire(notice.wire, keyring=keyring, ignore_trailing=False)
    response = dns.message.make_response(heard)
    response.set_rcode(dns.rcode.from_text(rcode))
    return response.to_wire()


class NoticeTests(SynchronousTestCase):
    """RFC 1996, RFC 8945."""

    def test_the_message(self) -> None:
        """Opcode NOTIFY, AA, one question for the SOA; signed when there is a key."""
        for key, keyring in ((None, None), (KEY, KEYRING)):
            heard = dns.message.from_wire(Notice("alpha.example.", 4711, key).wire, keyring=keyring)
            self.assertEqual((4711, dns.opcode.NOTIFY), (heard.id, heard.opcode()))
            self.assertEqual(dns.flags.AA, heard.flags & (dns.flags.AA | dns.flags.RD | dns.flags.QR))
            self.assertEqual("alpha.example. IN SOA", heard.question[0].to_text())
            self.assertEqual(key is not None, heard.had_tsig)

    def test_answers(self) -> None:
        """Accepted, refused, or none."""
        plain, signed = Notice("alpha.example.", 7, None), Notice("alpha.example.", 7, KEY)
        self.assertEqual("", plain.judge(answer(plain)))
        self.assertEqual("REFUSED", plain.judge(answer(plain, rcode="REFUSED")))
        self.assertIsNone(plain.judge(answer(Notice("alpha.example.", 8, None))))
        self.assertIsNone(plain.judge(plain.wire))
        self.assertEqual("", signed.judge(answer(signed, KEYRING)))
        self.assertEqual("NOTAUTH", signed.judge(answer(plain, rcode="NOTAUTH")))
        self.assertIsNone(signed.judge(answer(plain)), "unsigned")
        other = Notice("beta.example.", 7, KEY)
        self.assertIsNone(signed.judge(answer(other, KEYRING)), "signed for another NOTIFY")

    @given(st.binary(max_size=64) | st.binary(max_size=300).map(lambda data: b"\0\7\xa0\0" + data))
    def test_any_datagram(self, data: bytes) -> None:
        """Never raises; nothing unsigned is an acceptance."""
        self.assertNotEqual("", Notice("alpha.example.", 7, KEY).judge(data))
