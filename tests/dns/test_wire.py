"""The query parser and names: any bytes at all, and the cases that broke others."""

from __future__ import annotations

import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns import wire
from mailsuite.dns.answer import Answerer, Foreign
from mailsuite.dns.builder import compile_table
from tests.dns.building import zone

ZONE = zone(
    "alpha.example.",
    "@ 3600 MX 10 mail",
    "mail 3600 A 192.0.2.25",
    "*.w 60 TXT wild",
    "alias 60 CNAME mail",
    "out 60 CNAME www.elsewhere.test.",
    "sub 60 NS ns.sub",
    "ns.sub 60 A 192.0.2.54",
)
ANSWERER = Answerer(compile_table([ZONE]))
NAMES = ("alpha.example", "mail.Alpha.example", "no.alpha.example", "x.w.alpha.example", "a.sub.alpha.example", "test")
QUERIES = [
    dns.message.make_query(name, kind, use_edns=edns).to_wire()
    for name in (*NAMES, "alias.alpha.example", "out.alpha.example")
    for kind in ("A", "MX", "ANY", "TXT", "IXFR", "TYPE65280")
    for edns in (False, 0)
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good query with some octets changed, cut, added or doubled."""
    data = bytearray(draw(st.sampled_from(QUERIES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.integers(0, 3)):
            case 0 if data:
                data[at] = draw(st.integers(0, 255))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = draw(st.binary(min_size=1, max_size=20))
            case _:
                data += data[at : at + 30]
    return bytes(data)


def check(test: SynchronousTestCase, data: bytes) -> None:
    """Whatever comes, both ways of answering say the same: nothing, or what dnspython can read."""
    for recursion in (False, True):
        udp, stream = ANSWERER.answer(data, recursion), ANSWERER.answer_stream(data, recursion)
        if isinstance(stream, Foreign):
            assert isinstance(udp, Foreign)
            test.assertEqual((udp.name, udp.found), (stream.name, stream.found))
        elif stream is None or len(stream) <= 512:
            test.assertEqual(udp, stream)
        for response in (udp, stream):
            said = response.found if isinstance(response, Foreign) else response
            if said:
                parsed = dns.message.from_wire(said)
                test.assertTrue(parsed.flags & dns.flags.QR)
                test.assertEqual(said[:2], data[:2])


class AnyBytesTests(SynchronousTestCase):
    """No bytes raise, and every response is well-formed."""

    @settings(max_examples=400, deadline=None)
    @given(st.binary(max_size=600))
    def test_random(self, data: bytes) -> None:
        """Noise."""
        check(self, data)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=100), st.integers(0, 3), st.integers(0, 3))
    def test_random_after_a_header(self, data: bytes, questions: int, additional: int) -> None:
        """Noise behind a header that promises something."""
        check(self, b"\x12\x34\x01\x00" + bytes((0, questions, 0, 0, 0, 0, 0, additional)) + data)

    @settings(max_examples=1500, deadline=None)
    @given(mutated())
    def test_mutated(self, data: bytes) -> None:
        """Queries with damage."""
        check(self, data)

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=300), st.integers(0, 300))
    def test_read_name(self, data: bytes, at: int) -> None:
        """A name that is read from anywhere is whole, or None."""
        found = wire.read_name(data, at)
        if found is not None:
            name, end = found
            self.assertTrue(at < end <= len(data))
            self.assertEqual(wire.name_end(name, 0), len(name))
            self.assertEqual(dns.name.from_wire(data, at), (dns.name.from_wire(name, 0)[0], end - at))

    @settings(max_examples=200)
    @given(st.lists(st.binary(min_size=1, max_size=63), max_size=4))
    def test_names_survive(self, labels: list[bytes]) -> None:
        """Any labels go to text and back."""
        name = dns.name.Name([*labels, b""])
        text = wire.decode_name(wire.octets(name))
        self.assertEqual(text, name.to_text())
        self.assertEqual(wire.encode_name(text), name.to_wire())


class QueryTests(SynchronousTestCase):
    """What the header, the question and the OPT of a query lead to."""

    def rcode(self, data: bytes) -> str | None:
        """The rcode of the response, None for silence."""
        response = ANSWERER.answer(data)
        assert not isinstance(response, Foreign)
        self.assertEqual(response, ANSWERER.answer_stream(data))
        return None if response is None else dns.rcode.to_text(dns.message.from_wire(response).rcode())

    def test_f069_pointer_loops(self) -> None:
        """F069: a pointer in the question is malformed wherever it points, and costs microseconds."""
        head = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0"
        names = [
            b"\xc0\x0c",
            b"\xc0\x0e\xc0\x0c",
            b"\xc0\x20",
            b"\xff\xff",
            b"\x01a\xc0\x0c",
            b"\xc0",
            b"\xc0\x0c" * 127,
        ]
        names += [bytes((length,)) + b"x" * 20 + b"\0" for length in range(64, 192)]
        begun = time.process_time()
        for name in names * 10:
            self.assertEqual(self.rcode(head + name + b"\0\1\0\1"), "FORMERR")
        self.assertLess(time.process_time() - begun, 2.0)
        self.assertEqual(self.rcode(QUERIES[0]), "NOERROR")

    def test_f069_read_name(self) -> None:
        """F069: names that point at themselves, at each other, forward or past the end are no names."""
        for data, at in ((b"\xc0\0", 0), (b"\xc0\2\xc0\0", 2), (b"\xc0\2\0", 0), (b"\xc0\x99", 0), (b"\x01a\xc0\0", 2)):
            self.assertIsNone(wire.read_name(data, at))
        self.assertEqual(wire.read_name(b"\x01a\0\x01b\xc0\0", 3), (b"\x01b\x01a\0", 7))

    def test_names_of_the_greatest_length(self) -> None:
        """255 octets are a name, 256 are none (RFC 1035 section 2.3.4)."""
        most = (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61 + b"\0"
        self.assertEqual((len(most), wire.name_end(most, 0)), (255, 255))
        over = (b"\x3f" + b"x" * 63) * 3 + b"\x3e" + b"x" * 62 + b"\0"
        self.assertEqual((wire.name_end(over, 0), wire.read_name(over, 0)), (-1, None))

    def test_responses_are_dropped(self) -> None:
        """A message with QR=1 is never answered: two servers would talk for ever."""
        for query in QUERIES:
            self.assertIsNone(self.rcode(query[:2] + b"\x80" + query[3:]))
            self.assertIsNone(self.rcode(query[:2] + b"\x81" + query[3:]))

    def test_short_messages_are_dropped(self) -> None:
        """Less than a header deserves nothing."""
        for length in range(12):
            self.assertIsNone(self.rcode(QUERIES[0][:length]))

    def test_other_opcodes(self) -> None:
        """IQUERY, STATUS, NOTIFY and UPDATE are not implemented."""
        for opcode in range(1, 16):
            query = QUERIES[0][:2] + bytes((opcode << 3,)) + QUERIES[0][3:]
            self.assertEqual(self.rcode(query), "NOTIMP")

    def test_no_or_two_questions(self) -> None:
        """A query has one question."""
        two = dns.message.make_query("alpha.example", "A")
        two.question.append(two.question[0])
        for query in (QUERIES[0][:5] + b"\0" + QUERIES[0][6:], two.to_wire(), QUERIES[0][:12]):
            self.assertEqual(self.rcode(query), "FORMERR")

    def test_records_in_a_question(self) -> None:
        """Answers in a query are malformed; trailing octets are too."""
        query = dns.message.make_query("alpha.example", "A", use_edns=False)
        query.answer.append(dns.rrset.from_text("alpha.example.", 1, "IN", "A", "192.0.2.1"))
        self.assertEqual(self.rcode(query.to_wire()), "FORMERR")
        self.assertEqual(self.rcode(QUERIES[0] + b"x"), "FORMERR")

    def test_unknown_version_of_edns(self) -> None:
        """BADVERS, with an OPT of version 0 (RFC 6891 section 6.1.3)."""
        response = ANSWERER.answer(dns.message.make_query("alpha.example", "MX", use_edns=1).to_wire())
        assert isinstance(response, bytes)
        parsed = dns.message.from_wire(response)
        self.assertEqual((parsed.rcode(), parsed.edns, parsed.answer), (dns.rcode.BADVERS, 0, []))

    def test_options(self) -> None:
        """Unknown options are ignored; an option that is longer than the OPT is malformed."""
        option = dns.edns.GenericOption(dns.edns.OptionType.make(65001), b"data")
        query = dns.message.make_query("alpha.example", "MX", use_edns=0, options=[option]).to_wire()
        self.assertEqual(self.rcode(query), "NOERROR")
        self.assertEqual(self.rcode(query[:-6] + b"\0\5data"), "FORMERR")

    def test_two_opts(self) -> None:
        """More than one OPT, or an OPT of another owner than the root, is malformed (RFC 6891 section 6.1.1)."""
        query = QUERIES[0] + wire.opt() * 2
        self.assertEqual(self.rcode(query[:11] + b"\2" + query[12:]), "FORMERR")
        query = QUERIES[0] + b"\x01x" + wire.opt()
        self.assertEqual(self.rcode(query[:11] + b"\1" + query[12:]), "FORMERR")

    def test_edns_is_answered_with_edns(self) -> None:
        """An OPT comes back if and only if one was sent; the DO bit comes back as it was (RFC 3225)."""
        for edns, do in ((-1, False), (0, False), (0, True)):
            for name in ("alpha.example", "no.alpha.example", "a.sub.alpha.example", "test"):
                query = dns.message.make_query(name, "MX", use_edns=edns, want_dnssec=do)
                response = ANSWERER.answer(query.to_wire())
                assert isinstance(response, bytes)
                parsed = dns.message.from_wire(response)
                self.assertEqual(parsed.edns, edns)
                self.assertEqual(bool(parsed.ednsflags & dns.flags.DO), do)
                if edns == 0:
                    self.assertEqual(parsed.payload, 1232)

    def test_flags(self) -> None:
        """RD is copied; RA is set for those who may ask for any name; AA stays away from what is not ours."""
        query = dns.message.make_query("alpha.example", "MX", use_edns=False)
        for rd in (0, dns.flags.RD):
            query.flags = dns.flags.Flag(rd)
            for recursion, ra in ((False, 0), (True, dns.flags.RA)):
                response = ANSWERER.answer(query.to_wire(), recursion)
                assert isinstance(response, bytes)
                self.assertEqual(dns.message.from_wire(response).flags, dns.flags.QR | dns.flags.AA | rd | ra)

    def test_other_classes_and_transfers(self) -> None:
        """Class CHAOS, and zone transfers, are refused."""
        chaos = dns.message.make_query("version.bind", "TXT", "CH").to_wire()
        self.assertEqual(self.rcode(chaos), "REFUSED")
        self.assertEqual(self.rcode(dns.message.make_query("alpha.example", "TXT", "CH").to_wire()), "REFUSED")
        for kind in ("AXFR", "IXFR"):
            self.assertEqual(self.rcode(dns.message.make_query("alpha.example", kind).to_wire()), "REFUSED")

    def test_strangers_and_foreign_names(self) -> None:
        """A name that is not ours is refused, or handed on for those who may ask and who want recursion."""
        query = dns.message.make_query("www.elsewhere.test", "A")
        self.assertEqual(self.rcode(query.to_wire()), "REFUSED")
        foreign = ANSWERER.answer(query.to_wire(), recursion=True)
        assert isinstance(foreign, Foreign)
        self.assertEqual((foreign.name, foreign.found), (b"\3www\x09elsewhere\4test\0", b""))
        query.flags &= ~dns.flags.RD
        refused = ANSWERER.answer(query.to_wire(), recursion=True)
        assert isinstance(refused, bytes)
        self.assertEqual(dns.message.from_wire(refused).rcode(), dns.rcode.REFUSED)
