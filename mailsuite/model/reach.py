"""What a probe outside finds at port 25 of the host that asks it, and the one line in which it says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PORT = 25
"""The only port that a probe connects to."""

_BANNER = 200


class Outcome(StrEnum):
    """How the probe's connection went."""

    REACHABLE = "reachable"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    """The probe did not try: it was asked too often."""


@dataclass(frozen=True, slots=True)
class Reach:
    """``address`` is what the probe connected to: where it was asked from. ``banner`` is the greeting's first line,
    "" when none came in time; ``starttls``: is STARTTLS offered?"""

    outcome: Outcome
    address: str
    starttls: bool = False
    banner: str = ""

    def line(self) -> bytes:
        """``outcome address starttls|- banner``, without the line's end: printable ASCII, at most 300 octets."""
        banner = "".join(c if " " <= c <= "~" else "?" for c in self.banner[:_BANNER])
        return " ".join((self.outcome, self.address, "starttls" if self.starttls else "-", banner)).encode("ascii")

    @classmethod
    def parse(cls, line: bytes) -> Reach:
        """Read a line. Raises ValueError."""
        outcome, address, starttls, banner = line.decode("ascii").split(" ", 3)
        if starttls not in ("starttls", "-"):
            raise ValueError("not the line of a probe")
        return cls(Outcome(outcome), address, starttls == "starttls", banner)
