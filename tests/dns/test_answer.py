"""What a zone answers: existence, wildcards, aliases, delegations, sizes."""

from __future__ import annotations

import dns.message
import dns.name
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.answer import Answerer, Foreign, join
from mailsuite.dns.builder import compile_table
from mailsuite.dns.sections import cut, records
from tests.dns.building import APEX, ask, lines, said, zone

NEGATIVE = "alpha.example. 300 IN SOA ns.alpha.example. postmaster.alpha.example. 7 7200 900 1209600 300"


def proof(response: dns.message.Message) -> list[str]:
    """The authority section; compressed names show the letter case of the question."""
    return [
        line.replace("ALPHA", "alpha").replace("Alpha", "alpha").replace("EXAMPLE", "example")
        for line in lines(response.authority)
    ]


class ExistenceTests(SynchronousTestCase):
    """NOERROR with nothing, or NXDOMAIN (RFC 2308, RFC 8020)."""

    def test_f074_empty_non_terminals(self) -> None:
        """F074: a name with something below it exists, and so does the apex without an A."""
        zones = [
            zone("alpha.example.", "sel._domainkey 60 TXT key", "_submissions._tcp 60 SRV 0 1 465 mail.beta.test.")
        ]
        for name in ("_domainkey.alpha.example", "_tcp.alpha.example", "alpha.example", "_DomainKey.ALPHA.example"):
            for kind in ("A", "AAAA", "ANY" if name.lower() != "alpha.example" else "MX"):
                response = ask(zones, name, kind)
                self.assertEqual(said(response), ("NOERROR", "AA"))
                self.assertEqual((response.answer, proof(response)), ([], [NEGATIVE]))
        for name in ("x._domainkey.alpha.example", "_udp.alpha.example", "a.sel._domainkey.alpha.example"):
            response = ask(zones, name, "TXT")
            self.assertEqual((said(response), lines(response.authority)), (("NXDOMAIN", "AA"), [NEGATIVE]))

    def test_f076_nodata(self) -> None:
        """F076: a host with an A only has no AAAA, MX or TXT, which is not NXDOMAIN; the SOA says for how long."""
        zones = [zone("alpha.example.", "host 60 A 192.0.2.1")]
        for name in ("host.alpha.example", "HOST.Alpha.EXAMPLE"):
            for kind in ("AAAA", "MX", "TXT", "TYPE65280", "HTTPS"):
                response = ask(zones, name, kind)
                self.assertEqual(said(response), ("NOERROR", "AA"))
                self.assertEqual((response.answer, proof(response)), ([], [NEGATIVE]))
            self.assertEqual(lines(ask(zones, name, "A").answer), [f"{name}. 60 IN A 192.0.2.1"])

    def test_negative_ttl(self) -> None:
        """The SOA of a negative answer bears the smaller of its TTL and its minimum (RFC 2308 section 3)."""
        for ttl, minimum in ((60, 300), (300, 60)):
            soa = f"@ {ttl} SOA ns postmaster 7 7200 900 1209600 {minimum}"
            response = ask([zone("alpha.example.", apex=(soa, *APEX[1:]))], "no.alpha.example", "A")
            self.assertEqual(response.authority[0].ttl, 60)

    def test_case(self) -> None:
        """Names match in any case, and the question and its owner names come back as asked."""
        zones = [zone("Alpha.Example.", "Host 60 A 192.0.2.1", "@ 60 MX 10 HoSt")]
        query = dns.message.make_query("hOsT.aLpHa.eXaMpLe", "A")
        response = Answerer(compile_table(zones)).answer(query.to_wire())
        assert isinstance(response, bytes)
        self.assertIn(b"\4hOsT\5aLpHa\7eXaMpLe\0", response)
        self.assertEqual(dns.message.from_wire(response).answer[0].name.to_text(), "hOsT.aLpHa.eXaMpLe.")
        mx = ask(zones, "alpha.example", "MX")
        self.assertEqual(lines(mx.additional), ["HoSt.alpha.example. 60 IN A 192.0.2.1"])

    def test_odd_labels(self) -> None:
        """Labels with zero octets, dots, spaces and the length of 63 are names like others."""
        label = "x" * 63
        zones = [zone("alpha.example.", r"a\000b 60 A 192.0.2.1", r"a\.b 60 A 192.0.2.2", f"{label} 60 A 192.0.2.3")]
        for name, address in ((r"a\000b", "1"), (r"a\.b", "2"), (label, "3")):
            response = ask(zones, f"{name}.alpha.example", "A")
            self.assertEqual([r.to_text() for r in response.answer[0]], [f"192.0.2.{address}"])
        self.assertEqual(said(ask(zones, "a.alpha.example", "A"))[0], "NXDOMAIN")
        self.assertEqual(said(ask(zones, "b.alpha.example", "A"))[0], "NXDOMAIN")

    def test_unknown_types(self) -> None:
        """Types without a name are stored and served (RFC 3597)."""
        zones = [zone("alpha.example.", r"x 60 TYPE65280 \# 4 c0000201", r"x 60 TYPE1 \# 4 c0000202")]
        self.assertEqual(
            lines(ask(zones, "x.alpha.example", "TYPE65280").answer),
            [r"x.alpha.example. 60 IN TYPE65280 \# 4 c0000201"],
        )
        self.assertEqual(lines(ask(zones, "x.alpha.example", "A").answer), ["x.alpha.example. 60 IN A 192.0.2.2"])

    def test_any_is_minimal(self) -> None:
        """ANY gives one small RRset for a name that has any (RFC 8482 section 4)."""
        zones = [zone("alpha.example.", "a 60 CNAME ns", "*.w 60 A 192.0.2.1", "*.v 60 CNAME ns")]
        hinfo = 'alpha.example. 3600 IN HINFO "RFC8482" ""'
        self.assertEqual(lines(ask(zones, "alpha.example", "ANY").answer), [hinfo])
        self.assertEqual(lines(ask(zones, "x.w.alpha.example", "ANY").answer), ["x.w." + hinfo])
        self.assertEqual(
            lines(ask(zones, "a.alpha.example", "ANY").answer), ["a.alpha.example. 60 IN CNAME ns.alpha.example."]
        )
        self.assertEqual(
            lines(ask(zones, "x.v.alpha.example", "ANY").answer), ["x.v.alpha.example. 60 IN CNAME ns.alpha.example."]
        )

    def test_root_and_other_zones(self) -> None:
        """A hosted root answers for everything; without one other names are refused without AA."""
        self.assertEqual(said(ask([zone(".")], "some.test", "A")), ("NXDOMAIN", "AA"))
        self.assertEqual(said(ask([zone(".")], "ns", "A")), ("NOERROR", "AA"))
        for name in (".", "example", "beta.example", "xalpha.example"):
            self.assertEqual(said(ask([zone("alpha.example.")], name, "A")), ("REFUSED", ""))

    def test_zones_inside_zones(self) -> None:
        """The deepest zone speaks; what the upper one says at and below it counts for nothing, except a DS."""
        outer = zone(
            "example.",
            "www.sub.alpha 60 A 192.0.2.66",
            "sub.alpha 60 TXT wrong",
            "ns 60 AAAA 2001:db8::53",
            "*.alpha 60 A 192.0.2.67",
        )
        inner = zone("sub.alpha.example.", "host 60 A 192.0.2.1")
        for zones in ([outer, inner], [inner, outer]):
            self.assertEqual(said(ask(zones, "www.sub.alpha.example", "A")), ("NXDOMAIN", "AA"))
            self.assertEqual(ask(zones, "sub.alpha.example", "TXT").answer, [])
            self.assertEqual(said(ask(zones, "host.sub.alpha.example", "A")), ("NOERROR", "AA"))
            self.assertEqual(said(ask(zones, "alpha.example", "A")), ("NOERROR", "AA"))
            self.assertEqual(lines(ask(zones, "x.alpha.example", "A").answer), ["x.alpha.example. 60 IN A 192.0.2.67"])
            self.assertEqual(ask(zones, "sub.alpha.example", "DS").authority[0].name.to_text(), "example.")


class WildcardTests(SynchronousTestCase):
    """The example zone of RFC 4592 section 2.2.1."""

    ZONES = (
        zone(
            "example.",
            "* 3600 TXT one",
            "* 3600 MX 10 host1",
            "sub.* 3600 TXT two",
            "host1 3600 A 192.0.2.1",
            "_ssh._tcp.host1 3600 SRV 0 0 22 host1",
            "_ssh._tcp.host2 3600 SRV 0 0 22 host1",
            "subdel 3600 NS ns.example.com.",
            "subdel 3600 NS ns.example.net.",
        ),
    )

    def test_synthesised(self) -> None:
        """The five questions that the section answers from the wildcard."""
        for name, kind, data in (
            ("host3.example", "MX", "10 host1.example."),
            ("foo.bar.example", "TXT", '"one"'),
        ):
            response = ask(list(self.ZONES), name, kind)
            self.assertEqual(lines(response.answer), [f"{name}. 3600 IN {kind} {data}"])
        for name, kind in (("host3.example", "A"), ("_ssh._tcp.host9.example", "SRV")):
            response = ask(list(self.ZONES), name, kind)
            self.assertEqual((said(response), response.answer), (("NOERROR", "AA"), []))

    def test_not_synthesised(self) -> None:
        """The five that it does not: existing names, and names below an existing one."""
        for name, kind, rcode in (
            ("host1.example", "MX", "NOERROR"),
            ("sub.*.example", "MX", "NOERROR"),
            ("_telnet._tcp.host1.example", "SRV", "NXDOMAIN"),
            ("ghost.*.example", "MX", "NXDOMAIN"),
        ):
            response = ask(list(self.ZONES), name, kind)
            self.assertEqual((said(response), response.answer), ((rcode, "AA"), []))
        referral = ask(list(self.ZONES), "host.subdel.example", "A")
        self.assertEqual(said(referral), ("NOERROR", ""))
        self.assertEqual(len(lines(referral.authority)), 2)

    def test_literal_asterisk(self) -> None:
        """Asked for by its own name, the wildcard is a name like others."""
        self.assertEqual(lines(ask(list(self.ZONES), "*.example", "TXT").answer), ['*.example. 3600 IN TXT "one"'])
        self.assertEqual(said(ask(list(self.ZONES), "*.example", "A")), ("NOERROR", "AA"))
        self.assertEqual(
            lines(ask(list(self.ZONES), "sub.*.example", "TXT").answer), ['sub.*.example. 3600 IN TXT "two"']
        )

    def test_additional(self) -> None:
        """Addresses come along from the zone, once each, not for foreign or delegated names, nor from wildcards."""
        zones = [
            zone(
                "alpha.example.",
                "@ 60 MX 10 a.w",
                "@ 60 MX 20 ns",
                "@ 60 MX 30 ns",
                "@ 60 MX 40 x.sub",
                "@ 60 MX 50 far.test.",
                "*.w 60 A 192.0.2.9",
                "sub 60 NS far.test.",
                "x.sub 60 A 192.0.2.8",
            )
        ]
        response = ask(zones, "alpha.example", "MX")
        self.assertEqual(
            lines(response.additional),
            ["ns.alpha.example. 3600 IN A 192.0.2.53"],
        )


class AliasTests(SynchronousTestCase):
    """CNAMEs (RFC 1034 section 4.3.2, RFC 6604)."""

    ZONES = (
        zone(
            "alpha.example.",
            "a 60 CNAME b",
            "b 60 CNAME host",
            "host 60 A 192.0.2.1",
            "gone 60 CNAME nowhere",
            "out 60 CNAME www.far.test.",
            "other 60 CNAME www.beta.example.",
            "back 60 CNAME back.beta.example.",
            "loop1 60 CNAME loop2",
            "loop2 60 CNAME loop1",
            "*.w 60 CNAME host",
            "*.o 60 CNAME out",
            "cut 60 CNAME x.sub",
            "sub 60 NS ns.sub",
            "ns.sub 60 A 192.0.2.54",
        ),
        zone("beta.example.", "www 60 A 192.0.2.2", "back 60 CNAME out.alpha.example.", "ping 60 CNAME pong"),
        zone("ping.example.", "a 60 CNAME a.pong.example."),
        zone("pong.example.", "a 60 CNAME a.ping.example."),
    )

    def ask(self, name: str, kind: str = "A") -> dns.message.Message:
        """Ask for a name below example."""
        return ask(list(self.ZONES), f"{name}.example", kind)

    def test_chains(self) -> None:
        """All links and the data, or the negative proof of the last name."""
        links = ["a.alpha.example. 60 IN CNAME b.alpha.example.", "b.alpha.example. 60 IN CNAME host.alpha.example."]
        data = self.ask("a.alpha")
        self.assertEqual(said(data), ("NOERROR", "AA"))
        self.assertEqual(lines(data.answer), [*links, "host.alpha.example. 60 IN A 192.0.2.1"])
        nodata = self.ask("a.alpha", "MX")
        self.assertEqual((lines(nodata.answer), lines(nodata.authority)), (links, [NEGATIVE]))
        self.assertEqual(lines(self.ask("a.alpha", "CNAME").answer), links[:1])
        gone = self.ask("gone.alpha")
        self.assertEqual((said(gone), lines(gone.authority)), (("NXDOMAIN", "AA"), [NEGATIVE]))

    def test_leaving(self) -> None:
        """A chain that leaves our zones ends there for strangers, and is handed on for those who may ask."""
        out = self.ask("out.alpha")
        self.assertEqual(said(out), ("NOERROR", "AA"))
        self.assertEqual((len(out.answer), out.authority), (1, []))
        answerer = Answerer(compile_table(self.ZONES))
        for name, length in (("out.alpha.example", 1), ("back.alpha.example", 3), ("x.o.alpha.example", 2)):
            foreign = answerer.answer(dns.message.make_query(name, "A").to_wire(), recursion=True)
            assert isinstance(foreign, Foreign)
            self.assertEqual(foreign.name, dns.name.from_text("www.far.test").to_wire())
            self.assertEqual(len(dns.message.from_wire(foreign.found).answer), length)

    def test_across_zones(self) -> None:
        """A chain goes on in another zone of ours."""
        found = self.ask("other.alpha")
        self.assertEqual(said(found), ("NOERROR", "AA"))
        self.assertEqual(
            lines(found.answer),
            ["other.alpha.example. 60 IN CNAME www.beta.example.", "www.beta.example. 60 IN A 192.0.2.2"],
        )
        self.assertEqual(self.ask("other.alpha", "MX").authority[0].name.to_text(), "beta.example.")

    def test_loops(self) -> None:
        """Circles end, inside a zone and between two."""
        self.assertEqual(len(self.ask("loop1.alpha").answer), 2)
        self.assertLess(len(self.ask("a.ping").answer), 20)

    def test_wildcard_alias(self) -> None:
        """A wildcard CNAME takes the name asked."""
        self.assertEqual(
            lines(self.ask("x.w.alpha").answer),
            ["host.alpha.example. 60 IN A 192.0.2.1", "x.w.alpha.example. 60 IN CNAME host.alpha.example."],
        )
        self.assertEqual(len(self.ask("x.w.alpha", "MX").authority), 1)

    def test_into_a_delegation(self) -> None:
        """The answer has the alias, the authority section says who knows more."""
        found = self.ask("cut.alpha")
        self.assertEqual(said(found), ("NOERROR", "AA"))
        self.assertEqual(lines(found.answer), ["cut.alpha.example. 60 IN CNAME x.sub.alpha.example."])
        self.assertEqual(lines(found.authority), ["sub.alpha.example. 60 IN NS ns.sub.alpha.example."])
        self.assertEqual(lines(found.additional), ["ns.sub.alpha.example. 60 IN A 192.0.2.54"])

    def test_into_a_delegation_for_our_clients(self) -> None:
        """Who may use the forwarder is not sent elsewhere: the name below the cut is handed on."""
        query = dns.message.make_query("cut.alpha.example", "A")
        foreign = Answerer(compile_table(self.ZONES)).answer(query.to_wire(), recursion=True)
        assert isinstance(foreign, Foreign)
        self.assertEqual(foreign.name, dns.name.from_text("x.sub.alpha.example").to_wire())
        self.assertEqual(len(dns.message.from_wire(foreign.found).answer), 1)

    def test_join_takes_only_what_can_be_read(self) -> None:
        """A broken rest leaves our part as it is."""
        foreign = Answerer(compile_table(self.ZONES)).answer(
            dns.message.make_query("out.alpha.example", "A").to_wire(), True
        )
        assert isinstance(foreign, Foreign)
        self.assertEqual(join(foreign.found, b"junk"), foreign.found)


class DelegationTests(SynchronousTestCase):
    """Zone cuts (RFC 1034 section 4.2.1)."""

    ZONES = (
        zone(
            "alpha.example.",
            "sub 60 NS ns.sub",
            "sub 60 NS ns",
            "sub 60 DS 1 8 2 " + "ab" * 32,
            "ns.sub 60 A 192.0.2.54",
            "ns.sub 60 AAAA 2001:db8::54",
            "plain 60 NS ns",
        ),
    )

    def test_referral(self) -> None:
        """At and below the cut: the NS records and their addresses, without AA."""
        for name in ("sub", "x.sub", "ns.sub", "a.b.c.sub"):
            for kind in ("A", "NS", "SOA", "ANY", "TXT"):
                response = ask(list(self.ZONES), f"{name}.alpha.example", kind)
                self.assertEqual((said(response), response.answer), (("NOERROR", ""), []))
                self.assertEqual(
                    lines(response.authority),
                    [
                        "sub.alpha.example. 60 IN NS ns.alpha.example.",
                        "sub.alpha.example. 60 IN NS ns.sub.alpha.example.",
                    ],
                )
                self.assertEqual(
                    lines(response.additional),
                    [
                        "ns.alpha.example. 3600 IN A 192.0.2.53",
                        "ns.sub.alpha.example. 60 IN A 192.0.2.54",
                        "ns.sub.alpha.example. 60 IN AAAA 2001:db8::54",
                    ],
                )

    def test_ds(self) -> None:
        """The DS at the cut is the parent's to answer (RFC 4035 section 3.1.4.1)."""
        found = ask(list(self.ZONES), "sub.alpha.example", "DS")
        self.assertEqual((said(found), len(found.answer)), (("NOERROR", "AA"), 1))
        none = ask(list(self.ZONES), "plain.alpha.example", "DS")
        self.assertEqual((said(none), lines(none.authority)), (("NOERROR", "AA"), [NEGATIVE]))

    def test_clients_of_ours_get_an_answer(self) -> None:
        """Who may use the forwarder is not sent elsewhere."""
        answerer = Answerer(compile_table(self.ZONES))
        query = dns.message.make_query("x.sub.alpha.example", "A")
        self.assertIsInstance(answerer.answer(query.to_wire(), recursion=True), Foreign)


class SizeTests(SynchronousTestCase):
    """Truncation (RFC 2181 section 9, RFC 6891 section 6.2.3)."""

    TEXT = " ".join('"' + "t" * 250 + '"' for _ in range(12))
    ZONE = zone(
        "alpha.example.",
        *(f"forty 60 A 192.0.2.{n}" for n in range(1, 41)),
        f"text 60 TXT {TEXT}",
        *(f"mx 60 MX {n} h{n}" for n in range(12)),
        *(f"h{n} 60 A 192.0.2.{n}" for n in range(12)),
        *(f"h{n} 60 AAAA 2001:db8::{n}" for n in range(12)),
        *(f"sub 60 NS {'n' * 40}{n}.sub" for n in range(6)),
        *(f"{'n' * 40}{n}.sub 60 A 192.0.2.{n}" for n in range(6)),
        *(f"{'n' * 40}{n}.sub 60 AAAA 2001:db8::{n}" for n in range(6)),
    )

    def exchange(
        self, name: str, kind: str, payload: int | None
    ) -> tuple[int, dns.message.Message, dns.message.Message]:
        """Size over UDP, the response over UDP, and the one over TCP."""
        query = dns.message.make_query(
            f"{name}.alpha.example", kind, use_edns=False if payload is None else 0, payload=payload or 0
        )
        answerer = Answerer(compile_table([self.ZONE]))
        wire, stream = answerer.answer(query.to_wire()), answerer.answer_stream(query.to_wire())
        assert isinstance(wire, bytes)
        assert isinstance(stream, bytes)
        return len(wire), dns.message.from_wire(wire), dns.message.from_wire(stream)

    def test_f072_big_answers(self) -> None:
        """F072: at most what was asked for and 1232, TC set, and over TCP all of it."""
        for payload, limit in ((None, 512), (0, 512), (512, 512), (1232, 1232), (4096, 1232), (65535, 1232)):
            size, udp, tcp = self.exchange("text", "TXT", payload)
            self.assertLessEqual(size, limit)
            self.assertEqual((said(udp), said(tcp)), (("NOERROR", "AA TC"), ("NOERROR", "AA")))
            self.assertEqual(lines(tcp.answer), [f"text.alpha.example. 60 IN TXT {self.TEXT}"])
            size, udp, tcp = self.exchange("forty", "A", payload)
            self.assertLessEqual(size, limit)
            self.assertEqual(len(lines(tcp.answer)), 40)
            self.assertEqual(said(udp)[1], "AA" if limit == 1232 else "AA TC")
            self.assertEqual(len(lines(udp.answer)), 40 if limit == 1232 else 29)
            self.assertEqual(udp.edns, -1 if payload is None else 0)

    def test_additional_data_goes_first(self) -> None:
        """Addresses that do not fit are left out by whole RRsets, without TC."""
        size, udp, tcp = self.exchange("mx", "MX", None)
        self.assertLessEqual(size, 512)
        self.assertEqual((said(udp), len(lines(udp.answer))), (("NOERROR", "AA"), 12))
        self.assertGreater(len(udp.additional), 0)
        self.assertEqual(len(tcp.additional), 24)

    def test_glue_is_needed(self) -> None:
        """A referral whose glue does not fit is truncated (RFC 9471 section 3.1)."""
        size, udp, tcp = self.exchange("x.sub", "A", None)
        self.assertLessEqual(size, 512)
        self.assertEqual((said(udp), said(tcp)), (("NOERROR", "TC"), ("NOERROR", "")))
        self.assertEqual((len(lines(udp.authority)), len(tcp.additional)), (6, 12))

    def test_cut_at_every_length(self) -> None:
        """However little room there is, what remains parses, is within the limit and keeps its OPT."""
        query = dns.message.make_query("mx.alpha.example", "MX", use_edns=0)
        whole = Answerer(compile_table([self.ZONE])).answer_stream(query.to_wire())
        assert isinstance(whole, bytes)
        least = len(query.to_wire())
        for limit in range(least, len(whole) + 1):
            short = cut(whole, limit)
            self.assertLessEqual(len(short), limit)
            parsed = dns.message.from_wire(short)
            self.assertEqual(parsed.edns, 0)
            self.assertEqual(bool(parsed.flags & dns.flags.TC), len(lines(parsed.answer)) < 12)
            self.assertIsNotNone(records(short))
        self.assertEqual(cut(whole, len(whole)), whole)
