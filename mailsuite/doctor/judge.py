"""What is to be thought of a record that was found: rules without look-ups.

A choice of the domain's owner is no fault: red is only what keeps mail from working or from being trusted.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailsuite.dns.mta_sts import announcements, covers, parse_policy, record_id
from mailsuite.mailauth.dkimkey import read_key
from mailsuite.mailauth.dmarcrecord import is_record, read_record
from mailsuite.model.diagnosis import State
from mailsuite.model.reach import Outcome, Reach
from mailsuite.model.sts import StsMode
from mailsuite.model.verdict import SpfResult

Judgement = tuple[State, str]

TERMS_NEAR = 8
"""SPF terms of 10 from which on a word of warning is due."""


def plain(found: Sequence[str], expected: Sequence[str], missing: Judgement, other: State = State.CHOICE) -> Judgement:
    """A record that is as expected or is not: ``missing`` when there is none, ``other`` when it says something else."""
    if not found:
        return missing
    if same(found, expected):
        return State.RIGHT, ""
    return other, f"it says {' and '.join(found)}"


def same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Are these the same records, in whatever order and letter case?"""
    return sorted(" ".join(text.lower().split()) for text in one) == sorted(" ".join(t.lower().split()) for t in other)


def mx(found: Sequence[str], hostname: str, alias: bool) -> Judgement:
    """``found`` as "10 mail.example."; ``alias``: our host's name is a CNAME (RFC 2181 section 10.3)."""
    names = [record.split()[-1].lower().rstrip(".") for record in found]
    if not names:
        return State.MISSING, "publish it: without it other hosts do not find where mail goes"
    if hostname not in names:
        if names == [""]:
            return State.WRONG, "a null MX says that the domain takes no mail"
        return State.WRONG, f"mail goes to {', '.join(names)}, not to this host"
    if alias:
        return State.WRONG, f"{hostname} is a CNAME, which an MX must not point to (RFC 2181 section 10.3)"
    if len(names) > 1:
        others = ", ".join(name for name in names if name != hostname)
        return State.CHOICE, f"mail may also go to {others}"
    return State.RIGHT, ""


def spf(found: Sequence[str], expected: Sequence[str], results: Sequence[SpfResult]) -> Judgement:
    """``found`` are the domain's TXT records, ``results`` what they say of each address of this host."""
    records = [text for text in found if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        return (
            State.MISSING,
            "publish it: without it anybody may send as this domain, and big providers refuse its mail",
        )
    if len(records) > 1:
        return State.WRONG, f"there are {len(records)} SPF records; there must be one (RFC 7208 section 4.5)"
    for result in results:
        if result.result == "temperror":
            return State.UNKNOWN, f"a name that it needs could not be looked up: {result.reason}"
        if result.result == "permerror":
            return State.WRONG, f"it cannot be evaluated: {result.reason}"
        if result.result != "pass":
            return State.WRONG, f"it does not let this host send ({result.result}): {result.reason}"
    if same(records, expected):
        return State.RIGHT, ""
    terms = max((result.terms for result in results), default=0)
    near = f"; it needs {terms} of the 10 look-ups that are allowed" if terms >= TERMS_NEAR else ""
    return State.CHOICE, f"it says {records[0]}, which lets this host send{near}"


def dkim(found: Sequence[str], expected: Sequence[str]) -> Judgement:
    """Is the key that we sign with there (RFC 6376 section 3.6)?"""
    if not found:
        return State.MISSING, "publish it: without it what this host signs cannot be verified"
    if len(found) > 1:
        return State.WRONG, f"there are {len(found)} TXT records at this name; there must be one"
    try:
        key = read_key(found[0])
        right = read_key(expected[0])
    except ValueError as error:
        return State.WRONG, str(error)
    if (key.kind, _public(found[0])) != (right.kind, _public(expected[0])):
        return State.WRONG, "it is another key than the one this host signs with"
    if key.testing:
        return State.CHOICE, "t=y says that it is being tried out: some hosts then ignore the signature"
    return State.RIGHT, ""


def _public(record: str) -> str:
    return "".join(record.partition("p=")[2].partition(";")[0].split())


def dmarc(found: Sequence[str], expected: Sequence[str]) -> Judgement:
    """The policy (RFC 9989 section 4.7)."""
    records = [text for text in found if is_record(text)]
    if not records:
        odd = f"; what is there is not one: {found[0]}" if found else ""
        return State.MISSING, f"publish it: without it big providers refuse mail of the domain{odd}"
    if len(records) > 1:
        return State.WRONG, f"there are {len(records)} DMARC records; then none counts"
    record = read_record(records[0])
    if record is None or not record.p:
        return State.WRONG, f"it cannot be read, or says no policy: {records[0]}"
    if same(records, expected):
        return State.RIGHT, ""
    asks = "forged mail is only reported" if record.p == "none" else f"forged mail is to be met with {record.p}"
    return State.CHOICE, f"it says {records[0]}: {asks}"


def tlsa(found: Sequence[str], expected: Sequence[str], authenticated: bool) -> Judgement:
    """The certificate's record (RFC 7672): of use only where DNSSEC proves it."""
    if not found:
        return State.CHOICE, "it is not published: other hosts then do not verify this host's certificate by DANE"
    if not authenticated:
        return State.CHOICE, "the resolver does not find it proved by DNSSEC, so it has no effect"
    if {" ".join(text.lower().split()) for text in expected} & {" ".join(text.lower().split()) for text in found}:
        return State.RIGHT, ""
    return State.WRONG, "it is not of the certificate that this host shows: mail from hosts that verify it is held up"


def sts(found: Sequence[str], policy: str | None, fault: str, hostname: str) -> Judgement:
    """The announcement and the policy behind it (RFC 8461); ``policy`` None: it was not got, ``fault`` says why."""
    records = announcements(found)
    if not records:
        return State.CHOICE, "it is not published: other hosts then do not insist on TLS"
    if len(records) > 1:
        return State.WRONG, f"there are {len(records)} of them; then none counts (RFC 8461 section 3.1)"
    if record_id(records) is None:
        return State.WRONG, "it has no id of 1 to 32 letters and digits, or not the right form; then it does not count"
    if policy is None:
        return State.WRONG, f"it is announced but cannot be fetched: {fault}"
    try:
        asked = parse_policy(policy)
    except ValueError as error:
        return State.WRONG, f"the policy has no version STSv1 or is otherwise none: {error}"
    if asked.mode is not StsMode.NONE and not covers(asked, hostname):
        return State.WRONG, f"the policy does not name {hostname}: hosts that honour it will not deliver here"
    return State.RIGHT, f"mode {asked.mode.value}"


def pointer(names: Sequence[str], confirmed: Sequence[str], hostname: str) -> Judgement:
    """PTR of an address of ours; ``confirmed`` are those of its names that lead back to it."""
    if not names:
        return State.MISSING, "ask who gave you the address to set it: big providers refuse mail from nameless hosts"
    if hostname in confirmed:
        return State.RIGHT, ""
    if confirmed:
        return State.CHOICE, f"it says {', '.join(confirmed)}, which leads back to the address"
    return State.WRONG, f"it says {', '.join(names)}, which does not lead back to the address"


_CLOSED = {
    Outcome.REFUSED: "the connection is refused: is mailsuite-mx running, does a firewall of this host reject it?",
    Outcome.TIMEOUT: "no connection in time: a firewall or the provider keeps port 25 closed; many open it when asked",
    Outcome.UNREACHABLE: "there is no way to the address: it is not this host's, or is not routed",
}


def port(reach: Reach, addresses: Sequence[str]) -> Judgement:
    """Port 25 as a probe outside sees it; ``addresses`` are those of this host."""
    if reach.outcome is Outcome.BUSY:
        return State.UNKNOWN, "the probe was asked too often: ask again in a minute"
    if reach.address not in addresses:
        return State.UNKNOWN, f"the probe saw this host come from {reach.address}, which is none of its addresses"
    if reach.outcome in _CLOSED:
        return State.WRONG, _CLOSED[reach.outcome]
    if reach.banner and not reach.banner.startswith("220"):
        return State.WRONG, f"it is open, but greets with {reach.banner}"
    if reach.banner and not reach.starttls:
        return State.CHOICE, "it is open, but offers no STARTTLS: set tls.certificate"
    return State.RIGHT, ""
