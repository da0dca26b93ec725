"""IMailContents: which contents an account has in its mailbox."""

from __future__ import annotations

from collections.abc import Collection

from zope.interface import Interface


class IMailContents(Interface):
    """Raises StoreUnavailable when the store cannot serve now."""

    async def held(account: str, blobs: Collection[str]) -> frozenset[str]:
        """Those of the blobs that a message of the account has, one that was deleted for ever left out."""
