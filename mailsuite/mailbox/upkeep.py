"""What becomes due in mailboxes without anybody doing anything: waking, emptying, purging, texts for the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.search import IMailSearch, Textless
from mailsuite.interfaces.threads import InThread
from mailsuite.interfaces.upkeep import IMailboxUpkeep, Touched
from mailsuite.mime.searchable import searchable
from mailsuite.model.action import EMPTY_AFTER, PURGE_AFTER
from mailsuite.model.errors import NotThere
from mailsuite.model.event import Changed

log = Logger()

BATCH = 200
"""So many messages are dealt with in one operation."""


class Upkeep:
    """Rounds of one process; a second one beside it does no harm. Raises StoreUnavailable."""

    def __init__(
        self,
        upkeep: IMailboxUpkeep,
        search: IMailSearch,
        blobs: IBlobStore,
        events: IEventBus,
        thread: InThread,
        clock: Callable[[], int],
    ) -> None:
        self._upkeep = upkeep
        self._search = search
        self._blobs = blobs
        self._events = events
        self._in_thread = thread
        self._clock = clock

    async def wake(self) -> None:
        """Bring back what has slept long enough."""
        while touched := await self._upkeep.wake(self._clock(), BATCH):
            await self._tell(touched)

    async def tidy(self) -> None:
        """Empty what has lain in trash and spam for 30 days, and purge what was deleted and cannot be taken back."""
        now = self._clock()
        while touched := await self._upkeep.empty(now - EMPTY_AFTER, BATCH):
            await self._tell(touched)
        while await self._upkeep.purge(now - PURGE_AFTER, BATCH) == BATCH:
            pass

    async def give_texts(self) -> None:
        """Read the texts of messages that were filed before there was a search."""
        while found := await self._search.textless(BATCH):
            for message in found:
                await self._search.give_text(message.message, await self._text(message))

    async def _text(self, message: Textless) -> str:
        try:
            raw = await self._blobs.read(message.blob)
        except NotThere:
            log.error("message {message}: its content is lost", message=message.message)
            return ""
        try:
            return await self._in_thread(lambda: searchable(raw, message.structure))
        except Exception:
            log.failure("message {message}: its text could not be read", message=message.message)
            return ""

    async def _tell(self, touched: Sequence[Touched]) -> None:
        for each in touched:
            for place in sorted(each.places):
                await self._events.publish(Changed(each.account, place, each.seq))
