"""Our answers beside those of a real NSD, over generated zones."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.dns.answer import Answerer
from mailsuite.dns.builder import compile_table
from mailsuite.model.zone import Zone
from mailsuite.testing.nsd import Nsd, nsd_available
from tests.dns.building import lines
from tests.dns.generated_zones import questions, zones

SEED, ZONES, QUESTIONS = 20261125, 50, 100


def flags(message: dns.message.Message) -> tuple[str, bool, bool]:
    """What must always be the same: rcode, AA, TC."""
    return dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AA), bool(message.flags & dns.flags.TC)


def difference(ours: dns.message.Message, theirs: dns.message.Message, zone: Zone) -> str:
    """How the two responses differ beyond what is accepted; "" when they do not.

    Accepted, each with its reason:

    - ANY: ours gives one small RRset (RFC 8482), NSD all of them; only rcode and AA are compared, and that both
      have an answer or none.
    - Truncated responses: ours keeps the whole records that fit, NSD none; the client is to ask again over TCP.
    - NSD adds the zone's NS records and their addresses to positive answers; ours does not, nobody needs them there.
    - CNAMEs that run in a circle: nobody can use them, and it is not said how many turns an answer shows.
    - A DS asked for through an alias to the apex of a zone inside another one of ours: there is none, and NSD says so
      with the SOA of the outer zone, ours with that of the inner one.
    - NSD adds addresses made from wildcards to the additional section (with a wrong owner name in 4.6.1).
    """
    question = theirs.question[0]
    if question.rdtype == dns.rdatatype.ANY:
        same = flags(ours)[:2] == flags(theirs)[:2] and bool(ours.answer) == bool(theirs.answer or flags(theirs)[2])
        return "" if same else "ANY"
    if flags(ours) != flags(theirs):
        return "rcode or flags"
    if theirs.flags & dns.flags.TC:
        return ""
    if lowered(ours.answer) != lowered(theirs.answer):
        return "" if circular(theirs) and set(lowered(ours.answer)) <= set(lowered(theirs.answer)) else "answer"
    positive = bool(theirs.answer) and not ours.authority
    authority = [rrset for rrset in theirs.authority if not (positive and rrset.rdtype == dns.rdatatype.NS)]
    if lowered(ours.authority) != lowered(authority):
        through_alias = question.rdtype == dns.rdatatype.DS and bool(theirs.answer) and len(authority) == 1
        return "" if through_alias else "authority"
    extra = [rrset for rrset in theirs.authority if rrset.rdtype == dns.rdatatype.NS] if positive else []
    allowed = {server.to_text().lower() for rrset in extra for server in rrset}
    wild = {record.data for record in zone.records if record.name.startswith("*.") and record.type in ("A", "AAAA")}
    more = [
        line
        for line in set(lowered(theirs.additional)) - set(lowered(ours.additional))
        if line.split()[0] not in allowed and line.split()[-1] not in wild
    ]
    if more or not set(lowered(ours.additional)) <= set(lowered(theirs.additional)):
        return "additional"
    return ""


def circular(message: dns.message.Message) -> bool:
    """Does the last CNAME of the answer lead back to a name of the answer?"""
    owners = [rrset.name for rrset in message.answer]
    targets = [rrset[0].to_text() for rrset in message.answer if rrset.rdtype == dns.rdatatype.CNAME]
    return bool(targets) and dns.name.from_text(targets[-1]) in owners


def lowered(section: list[dns.rrset.RRset]) -> list[str]:
    """Letter case depends on what a name was compressed to."""
    return sorted(line.lower() for line in lines(section))


@pytest.mark.peers
class BesideNsdTests(SynchronousTestCase):
    """Same zones, same questions."""

    if not nsd_available():
        skip = "nsd is not installed"

    def setUp(self) -> None:
        self.zones = zones(ZONES, SEED)
        self.answerer = Answerer(compile_table(self.zones))
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.nsd = Nsd(self.zones, Path(directory.name))
        self.addCleanup(self.nsd.stop)

    def test_same_answers(self) -> None:
        """Rcode, AA, TC and all sections are the same but for the accepted differences; NSD loads every zone."""
        self.assertNotIn("error", self.nsd.log())
        compared = 0
        for number, zone in enumerate(self.zones):
            for name, kind, payload in questions(zone, QUESTIONS, SEED + number):
                query = dns.message.make_query(name, kind, use_edns=-1 if payload is None else 0, payload=payload or 0)
                response = self.answerer.answer(query.to_wire())
                assert isinstance(response, bytes)
                ours = dns.message.from_wire(response)
                theirs = dns.query.udp(query, "127.0.0.1", port=self.nsd.port, timeout=5)
                found = difference(ours, theirs, zone)
                self.assertEqual(found, "", f"{zone.origin}: {name} {kind} {payload}\nOURS {ours}\nNSD {theirs}")
                compared += 1
        self.assertEqual(compared, ZONES * QUESTIONS)

    def test_same_answers_to_odd_queries(self) -> None:
        """EDNS versions, classes and unknown types: the same rcode; silence for responses from both."""
        origin = next(zone.origin for zone in self.zones if zone.origin.count(".") == 2)
        for query in (
            dns.message.make_query(origin, "SOA", use_edns=1),
            dns.message.make_query(origin, "SOA", use_edns=0, want_dnssec=True),
            dns.message.make_query(origin, "TYPE65281"),
            dns.message.make_query("elsewhere.test.", "A"),
        ):
            response = self.answerer.answer(query.to_wire())
            assert isinstance(response, bytes)
            ours = dns.message.from_wire(response)
            theirs = dns.query.udp(query, "127.0.0.1", port=self.nsd.port, timeout=5)
            self.assertEqual((ours.rcode(), ours.edns), (theirs.rcode(), theirs.edns), f"{ours}\n\n{theirs}")
            self.assertEqual(ours.ednsflags & dns.flags.DO, theirs.ednsflags & dns.flags.DO)
