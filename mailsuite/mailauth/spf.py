"""SPF: may this client send for this domain? (RFC 7208)

pyspf's evaluator runs over the answers that are known; what it misses is asked for, and it runs again. Terms, void
look-ups and names are bounded as section 4.6.4 says; the hosts of an MX set that was found never count as void. Time
is bounded by the caller (20 s).
"""

from __future__ import annotations

import re

import spf

from mailsuite.mailauth.lookups import Lookup, ask
from mailsuite.mailauth.spfquery import Evaluation, Missing, Question
from mailsuite.model.errors import LookupFailed
from mailsuite.model.verdict import SpfResult

QUESTIONS = 130
"""Ten terms with ten hosts each, the records they are in, and explanations: more is never right."""

_UNPRINTABLE = re.compile(r"[^ -~]")


async def check_host(
    ip: str, helo: str, mail_from: str, lookup: Lookup, *, receiver: str = "", now: int = 0
) -> SpfResult:
    """Check MAIL FROM, or HELO when ``mail_from`` is empty. Never raises for what a peer or DNS says.

    ``ip`` may be an IPv4-mapped IPv6 address; ``mail_from`` is the address without brackets; ``receiver`` and ``now``
    (seconds since 1970) are for the macros of explanations.
    """
    identity = "mailfrom" if mail_from else "helo"
    local, _, domain = mail_from.rpartition("@") if mail_from else ("", "", helo)
    domain, local = domain.rstrip(".").lower(), local or "postmaster"
    if not _checkable(domain):
        return SpfResult("none", identity, domain, f"{domain or 'nothing'!r} is not a domain that SPF could speak of")
    answers: dict[Question, tuple[str, ...] | spf.TempError] = {}
    while True:
        try:
            run = Evaluation(ip, helo, local, domain, receiver, now, answers)
        except spf.PermError as error:
            return SpfResult("none", identity, domain, f"the client has no IP address: {error}")
        try:
            result, text = run.run()
        except Missing:
            if len(answers) + len(run.missing) > QUESTIONS:
                reason = f"the record of {domain} needs more than {QUESTIONS} look-ups"
                return SpfResult("permerror", identity, domain, reason, record=run.record, terms=run.lookups)
            for name, type in run.missing:
                answers[name, type] = await _answer(lookup, name, type)
            continue
        return _result(run, identity, domain, ip, result, text)


def _checkable(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 1 and domain.isascii() and all(0 < len(label) < 64 for label in labels) and domain[0] != "["


async def _answer(lookup: Lookup, name: str, type: str) -> tuple[str, ...] | spf.TempError:
    try:
        return (await ask(lookup, name, type)).data
    except LookupFailed as error:
        return spf.TempError(error.status.text)


def _result(run: Evaluation, identity: str, domain: str, ip: str, result: str, text: str) -> SpfResult:
    mechanism = _UNPRINTABLE.sub("?", run.mechanism or "")
    reasons = {
        "pass": f"the record of {domain} permits {ip} by {mechanism}",
        "fail": f"the record of {domain} forbids {ip} by {mechanism}",
        "softfail": f"the record of {domain} says that {ip} is probably not permitted ({mechanism})",
        "neutral": f"the record of {domain} says nothing about {ip}",
        "none": f"{domain} has no SPF record",
    }
    return SpfResult(
        result=result,
        identity=identity,
        domain=domain,
        reason=reasons.get(result, _UNPRINTABLE.sub("?", text)),
        explanation=_UNPRINTABLE.sub("?", text) if result == "fail" else "",
        mechanism=mechanism,
        record=run.record,
        terms=run.lookups,
    )
