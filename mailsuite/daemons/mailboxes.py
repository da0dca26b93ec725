"""The parts of a mailbox, from the store's."""

from __future__ import annotations

from collections.abc import Callable

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.threads import InThread
from mailsuite.mailbox.upkeep import Upkeep
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.blobs import BlobKeeper
from mailsuite.sqlite.folders import FolderStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.upkeep import MailboxUpkeep


class Mailboxes:
    """``actions``: what is done to mail; ``folders``: own folders and labels; ``search``: the index; ``upkeep``: what
    becomes due.
    """

    def __init__(
        self,
        store: Store,
        keeper: BlobKeeper,
        blobs: IBlobStore,
        events: IEventBus,
        thread: InThread,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self.actions = MailActions(store, random)
        self.folders = FolderStore(store, random)
        self.search = MailSearch(store)
        self.upkeep = Upkeep(MailboxUpkeep(store, keeper.files.exists), self.search, blobs, events, thread, clock)
