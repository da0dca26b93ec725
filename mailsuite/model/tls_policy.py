"""How a link to a mail host must be protected (RFC 7672, RFC 8461, RFC 7435)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TlsLevel(StrEnum):
    """OPPORTUNISTIC: unverified TLS, else in the clear. The others never fall back."""

    OPPORTUNISTIC = "opportunistic"
    ENCRYPT = "encrypt"
    """TLS, whatever the certificate."""
    VERIFY = "verify"
    """A chain to a trusted root, and one of ``names`` in the certificate."""
    DANE = "dane"
    """One of ``tlsa`` matches; ``names`` count for usage 2 only."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """A usable TLSA record (RFC 6698): usage 2 or 3, selector 0 or 1, matching 0, 1 or 2."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What a host must prove. ``source`` says in words who asks for it, e.g. "the MTA-STS policy of beta.example"."""

    level: TlsLevel = TlsLevel.OPPORTUNISTIC
    names: tuple[str, ...] = ()
    tlsa: tuple[Tlsa, ...] = ()
    source: str = ""


OPPORTUNISTIC = TlsPolicy()
