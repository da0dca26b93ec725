"""How DNS reaches this room: one function that is passed in; no resolver is known here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import idna

from mailsuite.interfaces.resolver import Answer
from mailsuite.model.errors import Refusal

Lookup = Callable[[str, str], Awaitable[Answer]]
"""``await lookup(name, type)``; raises LookupFailed for faults that may pass, Refusal for names that cannot be."""


async def ask(lookup: Lookup, name: str, type: str) -> Answer:
    """As ``lookup``; a name that cannot be does not exist. Raises LookupFailed."""
    try:
        return await lookup(name, type)
    except Refusal:
        return Answer(name, type, False, ())


def a_label(domain: str) -> str:
    """A domain as DNS knows it: lower case, A-labels, no final dot (RFC 8616); "" when it cannot be one."""
    domain = domain.strip().rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    labels = domain.split(".")
    if len(domain) > 253 or not all(0 < len(label) < 64 and _hostname(label) for label in labels):
        return ""
    return domain


def _hostname(label: str) -> bool:
    return label.replace("-", "").replace("_", "").isalnum()
