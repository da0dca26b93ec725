"""ICredentialChecker: is this the person?"""

from __future__ import annotations

from zope.interface import Interface

from mailsuite.model.account import Account


class ICredentialChecker(Interface):
    """Takes the same time for an unknown account as for a wrong password."""

    async def check(address: str, password: str, client: str) -> Account | None:
        """The account, or None; ``client`` is the IP address that asks.

        Raises Deferral with 4.7.0 when too many attempts failed lately for the account or the client's network.
        """
