"""IMailboxUpkeep: what becomes due in mailboxes, and whether they are consistent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Touched:
    """Lists of an account that show a change up to ``seq``."""

    account: str
    places: frozenset[str]
    seq: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in an account that does not fit: ``what`` in words, for an admin. ``lost`` when no repair is possible:
    content that is not there.
    """

    account: str
    what: str
    lost: bool = False


class IMailboxUpkeep(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now."""

    async def wake(now: int, limit: int) -> Sequence[Touched]:
        """Bring back to its folder what sleeps until ``now`` or earlier, up to ``limit`` conversations: unread, listed
        at ``now``. Empty when nothing more is due.
        """

    async def empty(before: int, limit: int) -> Sequence[Touched]:
        """Delete for good up to ``limit`` messages that came to trash or spam before that time. Empty when none is
        left.
        """

    async def purge(before: int, limit: int) -> int:
        """Delete for good up to ``limit`` messages that were deleted for ever before that time, and what undoing it
        would need; how many messages.
        """

    async def accounts(after: str, limit: int) -> Sequence[str]:
        """Accounts that have a mailbox, in order, after the given one."""

    async def check_store(repair: bool) -> Sequence[Problem]:
        """What does not fit in the store as a whole, of no account: damaged files, a damaged search index. With
        ``repair`` the index is made anew.
        """

    async def check(account: str, repair: bool) -> Sequence[Problem]:
        """What does not fit in a mailbox: rows, counters and the index that differ from what the messages say, messages
        without a content. With ``repair`` all that can be put right is; a second check finds only what is lost.
        """
