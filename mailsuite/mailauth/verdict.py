"""All checks of one message, and what follows from them (RFC 9989 section 5, RFC 7372, RFC 8601).

SPF and DKIM alone refuse nothing: they count through DMARC, so that forwarded mail survives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailsuite.mailauth.arc import Chain, examine_chain, judge_chain
from mailsuite.mailauth.author import Author, author_of
from mailsuite.mailauth.dkim import Candidate, examine, judge
from mailsuite.mailauth.dmarc import Discovery, evaluate
from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.lookups import Lookup
from mailsuite.mailauth.signature import Bodies
from mailsuite.mailauth.spf import check_host
from mailsuite.model.status import Status
from mailsuite.model.verdict import (
    ArcResult,
    Decision,
    DkimResult,
    DmarcResult,
    IprevResult,
    SpfResult,
    Step,
    Verdict,
)

AUTHORS = 5
"""So many author domains are judged; a message with more is refused."""

REPLY = 400
"""Characters of a reason that a reply holds: its line may have 512 octets (RFC 5321 section 4.5.3.1.5)."""

_WEIGHT = {"": 0, "none": 0, "quarantine": 1, "reject": 2}


@dataclass(frozen=True, slots=True)
class Examined:
    """A message as far as it can be judged without DNS."""

    author: Author
    signatures: tuple[Candidate | DkimResult, ...]
    chain: Chain


def examine_message(content: bytes, now: int) -> Examined:
    """The work that grows with the size, to be done in a thread for large messages; ``now`` in ms since 1970."""
    header = read_header(content)
    bodies = Bodies(content[header.body_start :])
    return Examined(author_of(header), examine(header, bodies, now // 1000), examine_chain(header, bodies))


async def authenticate(
    content: bytes,
    *,
    ip: str,
    helo: str,
    mail_from: str,
    hostname: str,
    lookup: Lookup,
    now: int,
    iprev: IprevResult | None = None,
    examined: Examined | None = None,
) -> Verdict:
    """Judge a message as it came from ``ip``. Never raises for what a peer or DNS says.

    ``mail_from`` is "" for the null reverse-path; ``now`` in ms since 1970; ``examined`` is what ``examine_message``
    made of ``content``, if that was done before. Time is bounded by the caller.
    """
    known = examined or examine_message(content, now)
    spf = await check_host(ip, helo, mail_from, lookup, receiver=hostname, now=now // 1000)
    dkim = await judge(known.signatures, lookup)
    discovery = Discovery(lookup)
    author = _bounded(known.author)
    dmarc = tuple([await evaluate(domain, spf, dkim, discovery) for domain in author.domains])
    arc = await judge_chain(known.chain, lookup)
    decision, reason, status = _decide(author, dmarc)
    found = iprev or IprevResult("none")
    steps = _steps(found, spf, dkim, author, dmarc, arc)
    return Verdict(decision, reason, status, found, spf, dkim, dmarc, arc, steps)


def _bounded(author: Author) -> Author:
    if len(author.domains) > AUTHORS:
        return Author(fault=f"the From field has mailboxes of {len(author.domains)} domains")
    return author


def _decide(author: Author, dmarc: Sequence[DmarcResult]) -> tuple[Decision, str, Status | None]:
    if author.fault:
        text = f"{author.fault}: a message needs one author (RFC 5322 3.6)"
        return Decision.REJECT, author.fault, Status(550, "5.6.0", text)
    # The strictest of all author domains: one that fails outweighs another that passes or cannot be judged now.
    worst = max(dmarc, key=lambda one: (one.result == "fail") * _WEIGHT.get(one.policy, 0))
    if worst.result == "fail" and worst.policy == "reject":
        text = f"DMARC: {worst.reason}, and {worst.policy_domain} asks to reject such mail"
        return Decision.REJECT, text, Status(550, "5.7.26", text[:REPLY])
    for one in dmarc:
        if one.result == "temperror" and one.policy != "none":
            text = f"DMARC cannot be judged now: {one.reason}"
            return Decision.DEFER, text, Status(451, "4.7.26", text[:REPLY])
    if worst.result == "fail" and worst.policy == "quarantine":
        return Decision.QUARANTINE, f"DMARC: {worst.reason}, and {worst.policy_domain} asks to quarantine", None
    if author.unusable:
        return Decision.QUARANTINE, f"the From field also has {author.unusable[0][:100]!r}, which has no domain", None
    return Decision.ACCEPT, "; ".join(one.reason for one in dmarc), None


def _steps(
    iprev: IprevResult,
    spf: SpfResult,
    dkim: Sequence[DkimResult],
    author: Author,
    dmarc: Sequence[DmarcResult],
    arc: ArcResult,
) -> tuple[Step, ...]:
    steps = [Step("iprev", iprev.result, iprev.name), Step("spf", spf.result, spf.reason, spf.record)]
    for one in dkim:
        where = f"{one.selector}._domainkey.{one.domain} ({one.algorithm}): " if one.domain else ""
        steps.append(Step("dkim", one.result, where + one.reason, one.record))
    if not dkim:
        steps.append(Step("dkim", "none", "the message is not signed"))
    without = ", ".join(f"{text[:100]!r} has no domain" for text in author.unusable)
    detail = author.fault or without or ", ".join(author.domains)
    steps.append(Step("from", "fail" if author.fault or without else "pass", detail))
    for result in dmarc:
        asked = f" (policy of {result.policy_domain}: {result.policy})" if result.policy else ""
        steps.append(Step("dmarc", result.result, result.reason + asked, result.record))
    return (*steps, Step("arc", arc.result, arc.reason))
