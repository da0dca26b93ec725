"""What a domain asks of those who send to it (RFC 8461)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_DAY = 24 * 3600 * 1000


class StsMode(StrEnum):
    """TESTING asks for reports only; NONE takes back an earlier policy."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """``mx`` are patterns in lower case, such as "mx.beta.example" and "*.beta.example"; ``max_age`` in seconds."""

    mode: StsMode
    mx: tuple[str, ...]
    max_age: int


@dataclass(frozen=True, slots=True)
class CachedSts:
    """A policy as it was fetched: ``id`` is that of the domain's record then, ``fetched`` in ms."""

    domain: str
    id: str
    fetched: int
    policy: StsPolicy

    @property
    def expires(self) -> int:
        """From when on (ms) the policy holds no more."""
        return self.fetched + self.policy.max_age * 1000

    @property
    def stale(self) -> int:
        """From when on (ms) it is to be fetched again without being asked for: daily, or at half its age."""
        return self.fetched + min(_DAY, self.policy.max_age * 500)
