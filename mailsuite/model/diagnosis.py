"""What is known of a domain's DNS: one finding a record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """From good to bad; only WRONG and MISSING keep mail from working or being trusted."""

    RIGHT = "right"
    CHOICE = "choice"
    """Another than we advise, or not there, and that is well."""
    UNKNOWN = "unknown"
    """It could not be looked up now."""
    MISSING = "missing"
    WRONG = "wrong"

    @property
    def bad(self) -> bool:
        """Is there something to mend?"""
        return self in (State.MISSING, State.WRONG)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server said: ``data`` in presentation form, ``ttl`` in seconds; ``fault`` why it said nothing."""

    data: tuple[str, ...] = ()
    exists: bool = True
    ttl: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One record: ``expected`` is what to publish, ``purpose`` what it is for, ``text`` what to do, in words.

    ``authority`` is what the domain's own servers say, ``resolver`` what the configured resolver does.
    """

    type: str
    name: str
    purpose: str
    expected: tuple[str, ...]
    authority: Seen
    resolver: Seen
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings on a domain, the worst first. ``hosted_here``: its DNS is served by this suite."""

    domain: str
    hosted_here: bool
    servers: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def bad(self) -> int:
        """How many need mending."""
        return sum(finding.state.bad for finding in self.findings)
