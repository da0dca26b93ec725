"""IMailSearch: finds an account's mail by what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailsuite.model.message import Cursor, Part
from mailsuite.model.query import Hit, Query


@dataclass(frozen=True, slots=True)
class Textless:
    """A message whose searchable text the store has not: it was filed before there was a search."""

    account: str
    message: str
    blob: str
    structure: Part


class IMailSearch(Interface):
    """Words are those of model.terms. Every method raises StoreUnavailable when the store cannot serve now."""

    async def search(account: str, query: Query, before: Cursor | None, limit: int) -> Sequence[Hit]:
        """Conversations with a message for which the query holds, below the cursor: each once, at the newest of those
        messages, newest first. A message that was filed is found at once.
        """

    async def keep_up() -> None:
        """Called once a second: what a store leaves for later, so that filing is fast, it may do now in part. Mail that
        comes in a rush has the right of way.
        """

    async def textless(limit: int) -> Sequence[Textless]:
        """Some messages of any account whose text is missing."""

    async def give_text(message: str, text: str) -> None:
        """The text of such a message; a message that is gone changes nothing."""
