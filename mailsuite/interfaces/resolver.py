"""INameResolver: DNS look-ups for everything that the suite asks."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a look-up that worked.

    ``exists`` is False for NXDOMAIN; ``data`` holds the RRset in presentation form (TXT: strings joined, without
    quotes), empty for NODATA; ``authenticated`` is the AD flag from a trusted resolver; ``ttl`` in seconds.
    """

    name: str
    type: str
    exists: bool
    data: tuple[str, ...]
    authenticated: bool = False
    ttl: int = 0


class INameResolver(Interface):
    """Absolute look-ups only; CNAMEs are followed."""

    async def lookup(name: str, type: str) -> Answer:
        """Ask for one type, e.g. ``("beta.example", "MX")``.

        Raises LookupFailed on SERVFAIL, REFUSED, time-out or a broken answer; Refusal for a name that cannot be.
        """
