"""Later: has mail indexed for the search some messages at a time."""

from __future__ import annotations

from twisted.logger import Logger

from mailsuite.model.errors import StoreUnavailable
from mailsuite.sqlite import indexing
from mailsuite.sqlite.store import Store

log = Logger()


class Later:
    """Counts what one process files. A search of the account, and tend, do what is left over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = 0

    async def filed(self, count: int) -> None:
        """So many messages were filed. Never raises."""
        self._waiting += count
        while self._waiting >= indexing.TOGETHER:
            self._waiting -= indexing.TOGETHER
            try:
                await self._store.write(indexing.index, durable=False)
            except StoreUnavailable as error:
                # The messages are filed; a search will say what is wrong.
                log.error("mail cannot be indexed for the search: {detail}", detail=error.detail)
