"""How long replies are kept, and what is given when their time is over."""

from __future__ import annotations

import dns.message
import dns.rcode
import dns.rrset
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.cache import Asked, ReplyCache

ASKED = Asked(b"\3www\4test\0", 1)
SOA = "ns.test. postmaster.test. 1 2 3 4 300"


def reply(
    *answer: str, authority: tuple[str, ...] = (), rcode: str = "NOERROR", name: str = "www.test.", kind: str = "A"
) -> bytes:
    """A response; records as ``name TTL type data``."""
    message = dns.message.make_response(dns.message.make_query(name, kind, use_edns=False))
    for section, records in ((message.answer, answer), (message.authority, authority)):
        for record in records:
            owner, ttl, rtype, data = record.split(maxsplit=3)
            section.append(dns.rrset.from_text(owner, int(ttl), "IN", rtype, data))
    message.set_rcode(dns.rcode.from_text(rcode))
    return message.to_wire()


class ReplyCacheTests(SynchronousTestCase):
    """Times in seconds; the clock is passed in."""

    def kept(self, message: bytes, asked: Asked = ASKED) -> int:
        """For how many seconds a message that is kept at 1000 is given."""
        cache = ReplyCache(stale=0)
        cache.put(asked, message, 1000.0)
        times = (1, 2, 30, 60, 300, 301, 3600, 10800, 10801, 86400, 86401, 10**6)
        return max((t for t in times if cache.get(asked, 999.9 + t) is not None), default=0)

    def test_positive(self) -> None:
        """The smallest TTL counts, at most a day; zero, and one with the highest bit set, is not kept."""
        self.assertEqual(self.kept(reply("www.test. 60 A 192.0.2.1")), 60)
        self.assertEqual(self.kept(reply("www.test. 300 CNAME x.test.", "x.test. 60 A 192.0.2.1")), 60)
        self.assertEqual(self.kept(reply("www.test. 2000000 A 192.0.2.1")), 86400)
        self.assertEqual(self.kept(reply("www.test. 0 A 192.0.2.1")), 0)
        high = reply("www.test. 60 A 192.0.2.1").replace(b"\0\0\0\x3c", b"\x80\0\0\x3c")
        self.assertEqual(self.kept(high), 0)

    def test_ttl_counts_down(self) -> None:
        """What a client gets says how long it may still be kept."""
        cache = ReplyCache()
        cache.put(ASKED, reply("www.test. 60 A 192.0.2.1", authority=("test. 90 NS ns.test.",)), 1000.0)
        message = cache.get(ASKED, 1020.5)
        assert message is not None
        parsed = dns.message.from_wire(message)
        self.assertEqual((parsed.answer[0].ttl, parsed.authority[0].ttl), (40, 70))

    def test_negative(self) -> None:
        """NXDOMAIN and NODATA for min(SOA's TTL, its minimum), at most three hours; without an SOA not at all."""
        for rcode in ("NXDOMAIN", "NOERROR"):
            self.assertEqual(self.kept(reply(authority=(f"test. 3600 SOA {SOA}",), rcode=rcode)), 300)
            self.assertEqual(self.kept(reply(authority=(f"test. 60 SOA {SOA}",), rcode=rcode)), 60)
            long = SOA.replace("300", "99999")
            self.assertEqual(self.kept(reply(authority=(f"test. 99999 SOA {long}",), rcode=rcode)), 10800)
            self.assertEqual(self.kept(reply(rcode=rcode)), 0)
        alias = "www.test. 3600 CNAME x.test."
        self.assertEqual(self.kept(reply(alias, authority=(f"test. 3600 SOA {SOA}",))), 300)
        self.assertEqual(self.kept(reply(alias)), 0)
        self.assertEqual(self.kept(reply(alias, kind="CNAME")), 3600)

    def test_failures(self) -> None:
        """SERVFAIL for a second (RFC 9520 section 3.2), and never as stale data; REFUSED not at all."""
        self.assertEqual(self.kept(reply(rcode="SERVFAIL")), 1)
        self.assertEqual(self.kept(reply(rcode="REFUSED")), 0)
        cache = ReplyCache()
        cache.put(ASKED, reply(rcode="SERVFAIL"), 1000.0)
        self.assertIsNone(cache.failed(ASKED, 1002.0))

    def test_stale(self) -> None:
        """After a failure the old answer with a TTL of 30 s, for 30 s without another try (RFC 8767)."""
        cache = ReplyCache(stale=1000)
        cache.put(ASKED, reply("www.test. 60 A 192.0.2.1"), 1000.0)
        self.assertIsNone(cache.get(ASKED, 1061.0))
        stale = cache.failed(ASKED, 1061.0)
        assert stale is not None
        parsed = dns.message.from_wire(stale)
        self.assertEqual((parsed.answer[0].ttl, parsed.answer[0][0].to_text()), (30, "192.0.2.1"))
        self.assertEqual(cache.get(ASKED, 1090.0), stale)
        self.assertIsNone(cache.get(ASKED, 1092.0))
        self.assertIsNone(cache.failed(ASKED, 2060.0))
        self.assertIsNone(cache.get(ASKED, 2060.0))
        self.assertEqual(len(cache), 0)

    def test_bounded(self) -> None:
        """The least recently used go first when the octets are used up; replacing does not add."""
        cache = ReplyCache(size=10_000)
        asked = [Asked(bytes((2, 97 + n, 97)) + b"\0", 1) for n in range(26)]
        message = reply("www.test. 60 A 192.0.2.1")
        for one in asked:
            cache.put(one, message, 1000.0)
            cache.put(asked[0], message, 1000.0)
        self.assertLessEqual(len(cache) * len(message), 10_000)
        self.assertLess(len(cache), 20)
        self.assertIsNotNone(cache.get(asked[0], 1001.0))
        self.assertIsNotNone(cache.get(asked[-1], 1001.0))
        self.assertIsNone(cache.get(asked[1], 1001.0))

    def test_keys(self) -> None:
        """The DO and CD bits make another question."""
        cache = ReplyCache()
        cache.put(ASKED, reply("www.test. 60 A 192.0.2.1"), 1000.0)
        for other in (ASKED._replace(do=True), ASKED._replace(cd=True), ASKED._replace(type=28)):
            self.assertIsNone(cache.get(other, 1001.0))
