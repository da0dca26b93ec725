"""A table that follows its zones is the one that would be made anew; quick ways of reading are right ones."""

from __future__ import annotations

from random import Random

import dns.exception
import dns.name
import dns.rdata
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns import wire
from mailsuite.dns.builder import TableBuilder, compile_table
from mailsuite.dns.compile import Table
from mailsuite.dns.rdata import read_rdata
from mailsuite.model.zone import Record, Zone
from tests.dns.building import zone
from tests.dns.generated_zones import zones

ORIGIN = dns.name.from_text("alpha.example.")


def content(table: Table) -> tuple[dict[bytes, tuple[wire.Heads, bytes]], dict[bytes, object]]:
    """What a table says, whatever the numbers of its heads."""
    answers = {k: (table.heads[int.from_bytes(v[:2], "big")], v[2:]) for k, v in table.answers.items()}
    return answers, dict(table.names)


class BuilderTests(SynchronousTestCase):
    """Zones come, change and go."""

    def test_as_if_made_anew(self) -> None:
        """After each of many changes, with zones inside others."""
        random, everything = Random(7), zones(40, 7)
        builder, present = TableBuilder(), list(everything[:20])
        for _ in range(60):
            for _ in range(random.randint(1, 4)):
                choice = random.random()
                if choice < 0.4:
                    present = [*present, *random.sample(everything, 1)]
                elif choice < 0.7 and present:
                    present.remove(random.choice(present))
                elif present:
                    chosen = random.choice(present)
                    extra = Record(f"new{random.randint(0, 9)}.{chosen.origin}", "A", 60, "192.0.2.1")
                    index = present.index(chosen)
                    present[index] = Zone(chosen.origin, (*chosen.records, extra))
            present = list({each.origin: each for each in present}.values())
            random.shuffle(present)
            built = builder.build(present)
            wrong = [each for each in present if each.origin in built.faults]
            present = [each for each in present if each not in wrong]
            built = builder.build(present)
            self.assertEqual(built.faults, {})
            self.assertEqual(content(built.table), content(compile_table(present)))

    def test_a_zone_that_fails_stays(self) -> None:
        """As it was, until it is right again."""
        builder = TableBuilder()
        good, bad = zone("a.example.", "www 60 A 192.0.2.1"), zone("a.example.", "www 60 A 192.0.2.300")
        before = content(builder.build([good]).table)
        built = builder.build([bad])
        self.assertEqual(set(built.faults), {"a.example."})
        self.assertEqual(content(built.table), before)
        self.assertEqual(builder.build([]).table.answers, {})

    def test_pauses(self) -> None:
        """After each zone."""
        calls: list[int] = []
        TableBuilder().build(zones(10, 1), lambda: calls.append(1))
        self.assertEqual(len(calls), 10)


NUMBER = st.one_of(st.integers(0, 70000).map(str), st.sampled_from(["", "-1", "+1", "01", "4294967296", "1.5"]))
HOST = st.one_of(
    st.text("aZ09-_*.", max_size=12),
    st.sampled_from(
        ["mail.alpha.example.", ".", "", "a..b.", "x" * 64 + ".", ".".join(["x" * 60] * 5) + ".", "@", "\\046."]
    ),
)
DATA = st.one_of(
    st.tuples(st.just("A"), st.one_of(st.from_regex(r"[0-9.]{0,15}", fullmatch=True), st.ip_addresses(v=4).map(str))),
    st.tuples(st.just("AAAA"), st.one_of(st.text("0123456789abcdef:.%", max_size=20), st.ip_addresses(v=6).map(str))),
    st.tuples(st.sampled_from(["NS", "CNAME", "PTR"]), HOST),
    st.tuples(st.just("MX"), st.builds("{} {}".format, NUMBER, HOST)),
    st.tuples(st.just("SRV"), st.builds("{} {} {} {}".format, NUMBER, NUMBER, NUMBER, HOST)),
    st.tuples(st.just("SOA"), st.builds("{} {} {} {} {} {} {}".format, HOST, HOST, *[NUMBER] * 5)),
    st.tuples(st.just("TXT"), st.text('" a\\;(0é', max_size=12)),
    st.tuples(st.just("TXT"), st.lists(st.text("ab ;=", max_size=4).map('"{}"'.format), max_size=3).map(" ".join)),
)


class ReadingTests(SynchronousTestCase):
    """The quick ways, beside dnspython."""

    @given(DATA)
    def test_rdata(self, record: tuple[str, str]) -> None:
        """The same octets, or both refuse."""
        kind, text = record
        try:
            expected = dns.rdata.from_text("IN", kind, text, origin=ORIGIN, relativize=False).to_wire()
        except (dns.exception.DNSException, ValueError):
            expected = None
        try:
            _, found = read_rdata(kind, text, ORIGIN)
        except (dns.exception.DNSException, ValueError):
            self.assertIsNone(expected)
            return
        self.assertEqual(found.head + b"".join(found.names) + found.tail, expected)

    @given(st.one_of(HOST, st.text(max_size=20)))
    def test_names(self, text: str) -> None:
        """The same octets, or both refuse."""
        try:
            name = dns.name.from_text(text, dns.name.root)
            expected = b"".join(bytes((len(label),)) + label for label in name.labels) if text else None
        except (dns.exception.DNSException, UnicodeError):
            expected = None
        try:
            found = wire.encode_name(text)
        except ValueError:
            found = None
        self.assertEqual(found, expected)
