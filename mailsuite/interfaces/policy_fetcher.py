"""IPolicyFetcher: the text of a domain's MTA-STS policy, from the domain's web server."""

from __future__ import annotations

from zope.interface import Interface


class IPolicyFetcher(Interface):
    """RFC 8461 section 3.3."""

    async def fetch(domain: str) -> str:
        """The text at https://mta-sts.<domain>/.well-known/mta-sts.txt; ``domain`` in A-labels.

        Raises PolicyUnavailable when the server cannot be reached, its certificate is not valid for the name, or it
        answers with anything but 200 and a text of at most 64 kB.
        """
