"""Addresses that lead to others: aliases, catch-alls, forwards of accounts."""

from __future__ import annotations

from dataclasses import dataclass

from mailsuite.model.address import Address

DEPTH = 10
"""So many steps may lie between an address and where its mail goes."""

TARGETS = 500
"""To so many addresses one may lead, all steps together."""

ROLES = frozenset({"postmaster", "abuse"})
"""They work for every hosted domain (RFC 5321 section 4.5.1, RFC 2142 section 4)."""


@dataclass(frozen=True, slots=True)
class Alias:
    """``address`` in key form, "@domain" for a domain's catch-all; ``targets`` are addresses, here or elsewhere."""

    address: str
    targets: tuple[str, ...]
    created: int

    @property
    def domain(self) -> str:
        """The domain of the address."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Forward:
    """Where an account's mail goes on to; ``keep``: a copy stays in its mailbox."""

    targets: tuple[str, ...]
    keep: bool


def catch_all(domain: str) -> str:
    """The alias address that gets what nobody at the domain is known for."""
    return f"@{domain}"


def base_of(address: Address, separator: str) -> Address | None:
    """The address without its detail: ann+shop@ is ann@'s (RFC 5233 section 4); None when it has none.

    ``separator`` is one character, or empty: then addresses have no details.
    """
    base, found, _ = address.local.partition(separator) if separator else ("", "", "")
    return Address(base, address.domain) if found and base else None


def rewritten(address: Address) -> bool:
    """Does it look like a reverse-path that a forwarder has rewritten (SRS)?"""
    return address.local[:4].lower() in ("srs0", "srs1") and address.local[4:5] in ("=", "+", "-")
