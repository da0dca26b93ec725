"""What was found out about who sent a message: SPF, DKIM, DMARC, ARC, and what follows (RFC 8601 section 2.7).

Results are the words of RFC 8601: none, pass, fail, softfail, neutral, policy, temperror, permerror.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailsuite.model.status import Status


@dataclass(frozen=True, slots=True)
class IprevResult:
    """Does the client's address lead to a name that leads back to it (RFC 8601 section 2.7.3)? ``name``: that name."""

    result: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SpfResult:
    """RFC 7208 section 2.6. ``identity`` is "mailfrom" or "helo", ``domain`` what was checked.

    ``reason`` is ours, in words; ``explanation`` the domain's own text for a fail (untrusted, printable ASCII).
    ``mechanism`` decided, in ``record``; ``terms`` counts those that cost a look-up.
    """

    result: str
    identity: str
    domain: str
    reason: str
    explanation: str = ""
    mechanism: str = ""
    record: str = ""
    terms: int = 0


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One signature (RFC 6376). ``signed`` are the names of h= in lower case; ``record`` the key record.

    ``b`` is the head of the signature, which tells equal ones apart (RFC 6008).
    """

    result: str
    reason: str
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    b: str = ""
    signed: tuple[str, ...] = ()
    record: str = ""


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """One author domain (RFC 9989). ``policy`` is what is to be done with a failure, after sp, np and t.

    ``record`` was found at ``policy_domain``; ``aligned`` names what made it pass, e.g. "dkim alpha.example".
    """

    result: str
    domain: str
    reason: str
    policy: str = ""
    policy_domain: str = ""
    record: str = ""
    aligned: str = ""


@dataclass(frozen=True, slots=True)
class ArcResult:
    """The chain (RFC 8617): none, pass or fail. ``sealers`` are the domains of its seals, the newest first."""

    result: str
    reason: str
    sealers: tuple[str, ...] = ()


class Decision(StrEnum):
    """What authentication alone says is to be done with a message."""

    ACCEPT = "accept"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Step:
    """One check, to be shown: ``record`` is the DNS record that decided, empty when none did."""

    name: str
    result: str
    detail: str
    record: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All results and the decision with its ``reason`` in words.

    ``status`` is the reply for REJECT and DEFER, else None. ``dmarc`` has one entry for each author domain.
    """

    decision: Decision
    reason: str
    status: Status | None
    iprev: IprevResult
    spf: SpfResult
    dkim: tuple[DkimResult, ...]
    dmarc: tuple[DmarcResult, ...]
    arc: ArcResult
    steps: tuple[Step, ...]

    @property
    def authentic(self) -> bool:
        """Is the author's domain proved, for every mailbox in From (the green mark)?"""
        return (
            self.decision is Decision.ACCEPT
            and bool(self.dmarc)
            and all(result.result == "pass" for result in self.dmarc)
        )

    def covers(self, *fields: str) -> bool:
        """Did a DKIM signature that passed sign all these fields (lower case), as RFC 8058 section 4 asks?"""
        return any(r.result == "pass" and set(fields) <= set(r.signed) for r in self.dkim)


@dataclass(frozen=True, slots=True)
class Authentication:
    """What is kept of a verdict beside the message, to be shown; words of RFC 8601, "" for what was not looked at.

    ``dkim`` is "pass" when any signature passed, ``dmarc`` when every author domain did; ``domain`` is the author
    domain that is proved so (the first of several), else "".
    """

    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    arc: str = ""
    domain: str = ""


NOT_JUDGED = Authentication()
"""Of what did not come in by port 25, and of what came from hosts that are not judged."""
