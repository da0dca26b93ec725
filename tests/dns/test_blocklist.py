"""Blocklists: what the lines of lists mean, and which names they keep from clients."""

from __future__ import annotations

import tracemalloc

import dns.message
import dns.name
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns import wire
from mailsuite.dns.blocklist import Blocklist, Reach, blocked_response, entries

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=10)
NAME = st.builds(lambda labels: ".".join((*labels, "test")), st.lists(LABEL, max_size=4))


def blocks(blocklist: Blocklist, name: str) -> bool:
    """By text."""
    return blocklist.blocks(wire.encode_name(name).lower())


class EntriesTests(SynchronousTestCase):
    """Lines of hosts files, plain lists, wildcard lists and filter lists."""

    def test_kinds(self) -> None:
        """Each kind of line, as its makers mean it."""
        for line, expected in (
            ("0.0.0.0 ads.example", [(False, "ads.example", Reach.NAME)]),
            (
                "127.0.0.1\tads.example  more.example # why",
                [(False, "ads.example", Reach.NAME), (False, "more.example", Reach.NAME)],
            ),
            ("::1 ads.example", [(False, "ads.example", Reach.NAME)]),
            ("127.0.0.1 localhost", []),
            ("ads.example", [(False, "ads.example", Reach.NAME)]),
            ("  ads.example # why", [(False, "ads.example", Reach.NAME)]),
            ("*.ads.example", [(False, "ads.example", Reach.BELOW)]),
            (".ads.example", [(False, "ads.example", Reach.BOTH)]),
            ("||ads.example^", [(False, "ads.example", Reach.BOTH)]),
            ("||ads.example^$third-party", [(False, "ads.example", Reach.BOTH)]),
            ("@@||good.example^", [(True, "good.example", Reach.BOTH)]),
            ("# ads.example", []),
            ("! ads.example", []),
            ("[Adblock Plus 2.0]", []),
            ("", []),
        ):  # fmt: skip
            self.assertEqual(list(entries([line])), expected, line)

    def test_rules_for_browsers_block_no_name(self) -> None:
        """What hides a part of a page, or blocks a path, says nothing of the host."""
        blocklist = Blocklist(
            ["shop.example##.banner", "shop.example#@#.ad", "||shop.example/ads/*", "/ads/", "||.^", "*.."]
        )
        self.assertFalse(blocks(blocklist, "shop.example"))
        self.assertFalse(blocks(blocklist, "www.shop.example"))

    @given(st.lists(st.text(max_size=40), max_size=10))
    def test_any_text(self, lines: list[str]) -> None:
        """Nothing raises, and names that no line has stay free."""
        self.assertFalse(blocks(Blocklist(lines), "never-in-any-list.elsewhere.test"))

    @given(st.lists(NAME, min_size=1, max_size=20), NAME)
    def test_as_a_set(self, names: list[str], other: str) -> None:
        """Exact lines block the names of the set, in any letter case, and no other."""
        blocklist = Blocklist([f"0.0.0.0 {name.upper()}" for name in names])
        for name in names:
            self.assertTrue(blocks(blocklist, name))
        self.assertEqual(blocks(blocklist, other), other in names)
        self.assertEqual(len(blocklist), len(set(names)))

    @given(st.lists(NAME, min_size=1, max_size=8), st.lists(NAME, max_size=3), NAME)
    def test_as_dnspython_says(self, tops: list[str], allowed: list[str], name: str) -> None:
        """Suffix entries and exceptions, beside dnspython's is_subdomain."""
        asked = dns.name.from_text(name)
        blocked = any(asked.is_subdomain(dns.name.from_text(top)) for top in tops)
        free = any(asked.is_subdomain(dns.name.from_text(each)) for each in allowed)
        self.assertEqual(blocks(Blocklist([f"||{top}^" for top in tops], allowed), name), blocked and not free)
        lines = [*(f".{top}" for top in tops), *(f"@@||{each}^" for each in allowed)]
        self.assertEqual(blocks(Blocklist(lines), name), blocked and not free)


class BlocklistTests(SynchronousTestCase):
    """Names."""

    def test_reach(self) -> None:
        """The name, those below it, or both."""
        blocklist = Blocklist(["one.example", "*.two.example", ".three.example"])
        for name, expected in (
            ("one.example", True),
            ("a.one.example", False),
            ("two.example", False),
            ("a.two.example", True),
            ("a.b.two.example", True),
            ("three.example", True),
            ("a.three.example", True),
            ("athree.example", False),
            ("example", False),
        ):
            self.assertEqual(blocks(blocklist, name), expected, name)

    def test_memory(self) -> None:
        """At most 10 octets a name."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        blocklist = Blocklist(f"n{n}.ads.example" for n in range(100_000))
        used = tracemalloc.get_traced_memory()[0] - before - 2 * 4096 * 90  # the empty buckets
        self.assertEqual(len(blocklist), 100_000)
        self.assertLess(used, 1_000_000)

    def test_pauses(self) -> None:
        """The caller gets to pause all the time."""
        calls: list[int] = []
        Blocklist((f"n{n}.example" for n in range(5000)), pause=lambda: calls.append(1))
        self.assertGreater(len(calls), 100 + 2 * 4096 - 1)


class ResponseTests(SynchronousTestCase):
    """What clients are told."""

    def ask(self, kind: str, nxdomain: bool, **options: object) -> dns.message.Message:
        """The response, parsed."""
        query = dns.message.make_query("Ads.Example", kind, **options)  # type: ignore[arg-type]
        parsed = wire.parse_query(query.to_wire())
        assert parsed is not None
        response = dns.message.from_wire(blocked_response(parsed, nxdomain))
        self.assertTrue(query.is_response(response))
        return response

    def test_zero(self) -> None:
        """0.0.0.0, :: and nothing for other types, with and without EDNS."""
        for options in ({}, {"use_edns": 0}, {"want_dnssec": True}):
            self.assertEqual(self.ask("A", False, **options).answer[0].to_text(), "Ads.Example. 60 IN A 0.0.0.0")
            self.assertEqual(self.ask("AAAA", False, **options).answer[0].to_text(), "Ads.Example. 60 IN AAAA ::")
            other = self.ask("TXT", False, **options)
            self.assertEqual((other.rcode(), other.answer), (0, []))
            self.assertEqual(other.edns, 0 if options else -1)

    def test_nxdomain(self) -> None:
        """For every type."""
        for kind in ("A", "AAAA", "TXT"):
            self.assertEqual(self.ask(kind, True).rcode(), 3)
