"""What stands around the mail on every page: folders with their counts, the list, the title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailsuite.mailbox.browse import ROWS, Browser
from mailsuite.model import folder as folders
from mailsuite.model.account import Account
from mailsuite.model.message import Conversation, Counter, Cursor
from mailsuite.web.errors import PageNotFound

NAMES: Mapping[str, str] = {
    folders.INBOX: "Inbox",
    folders.STARRED: "Starred",
    folders.SENT: "Sent",
    folders.DRAFTS: "Drafts",
    folders.ARCHIVE: "Archive",
    folders.SPAM: "Spam",
    folders.TRASH: "Trash",
}
"""The folders in the order of the side bar."""

_ICONS: Mapping[str, str] = {
    folders.INBOX: "inbox",
    folders.STARRED: "star",
    folders.SENT: "send",
    folders.DRAFTS: "file-pen",
    folders.ARCHIVE: "archive",
    folders.SPAM: "shield-alert",
    folders.TRASH: "trash-2",
}
_COUNTS_ALL = frozenset({folders.DRAFTS})
_COUNTS_UNREAD = frozenset({folders.INBOX, folders.SPAM})

MOST_ROWS = 1000
"""So many rows a list grows to while it is scrolled; then a link leads on to a fresh list."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in the side bar. ``count`` is 0 where none is shown; ``loud`` when it calls for attention.

    ``mark`` is the id of the element that holds the count.
    """

    folder: str
    name: str
    icon: str
    count: int
    loud: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of a list; ``loaded`` counts the rows above and in it."""

    folder: str
    conversations: tuple[Conversation, ...]
    loaded: int

    @property
    def more(self) -> bool:
        """May older ones follow?"""
        return len(self.conversations) == ROWS

    @property
    def full(self) -> bool:
        """Has the list grown as long as it may?"""
        return self.loaded >= MOST_ROWS


def places(counters: Mapping[str, Counter]) -> tuple[Place, ...]:
    """The side bar."""
    return tuple(
        Place(name, label, _ICONS[name], _count(name, counters), name == folders.INBOX, _mark(name))
        for name, label in NAMES.items()
    )


def _mark(name: str) -> str:
    return "unread" if name == folders.INBOX else f"n-{name}"


def _count(name: str, counters: Mapping[str, Counter]) -> int:
    if name in _COUNTS_UNREAD:
        return counters[name].unread
    return counters[name].total if name in _COUNTS_ALL else 0


def check_folder(folder: str) -> None:
    """Raises PageNotFound when there is no such folder."""
    if folder not in NAMES:
        raise PageNotFound


class Shell:
    """Gathers what the templates ``mail.html`` and ``_since.html`` need."""

    def __init__(self, browser: Browser, brand: str) -> None:
        self._browser = browser
        self._brand = brand

    async def around(self, account: Account, folder: str) -> dict[str, object]:
        """The counts and what hangs on them."""
        counters = await self._browser.counters(account.id)
        unread = counters[folder].unread if folder in counters else 0
        total = counters[folder].total if folder in counters else 0
        inbox = counters[folders.INBOX].unread
        name = NAMES[folder]
        return {
            "account": account,
            "folder": folder,
            "name": name,
            "places": places(counters),
            "unread": unread,
            "total": total,
            "title": f"{f'({inbox}) ' if inbox else ''}{name} · {self._brand}",
        }

    async def whole(self, account: Account, folder: str, before: Cursor | None = None) -> dict[str, object]:
        """The above and a page of the list. The seq is read first: what comes in meanwhile is told again, not lost."""
        seq = await self._browser.seq(account.id)
        items = await self._browser.page(account.id, folder, before)
        return {
            **await self.around(account, folder),
            "seq": seq,
            "page": Rows(folder, items, len(items)),
            "paged": before is not None,
            "thread": None,
            "draft": None,
        }
