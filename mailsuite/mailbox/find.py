"""Searches an account's mail for the line that a person typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.search import IMailSearch
from mailsuite.mailbox.query import parse_query
from mailsuite.model.folder import label_view
from mailsuite.model.message import Cursor
from mailsuite.model.query import Hit, Query

HITS = 50
"""Conversations on a page."""


@dataclass(frozen=True, slots=True)
class Results:
    """A page of what was found; ``next`` leads to the page below, None at the end."""

    query: Query
    hits: tuple[Hit, ...]
    next: Cursor | None


class Finder:
    """Raises StoreUnavailable."""

    def __init__(self, search: IMailSearch, folders: IFolderStore) -> None:
        self._search = search
        self._folders = folders

    async def query(self, account_id: str, line: str, zone: tzinfo) -> Query:
        """What the line asks for; names of folders and labels are those of the account."""
        places = {folder.name.casefold(): folder.id for folder in await self._folders.folders(account_id)}
        for label in await self._folders.labels(account_id):
            places[f"label:{label.name.casefold()}"] = label_view(label.id)
        return parse_query(line, places, zone)

    async def find(self, account_id: str, query: Query, before: Cursor | None) -> Results:
        """The next 50 conversations, newest first; nothing when nothing is asked for."""
        if query == Query(everywhere=query.everywhere):
            return Results(query, (), None)
        hits = tuple(await self._search.search(account_id, query, before, HITS))
        return Results(query, hits, hits[-1].at if len(hits) == HITS else None)
