"""What a person does to conversations: read, star, move; and who must hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.model.event import Changed
from mailsuite.model.folder import ARCHIVE, DRAFTS, FOLDERS, INBOX, SENT, SPAM, STARRED, TRASH

_MOVES = {"archive": ARCHIVE, "trash": TRASH, "inbox": INBOX, "spam": SPAM}

ACTIONS = ("read", "unread", "star", "unstar", *_MOVES)

_FROM_STARRED = {
    ARCHIVE: (INBOX,),
    TRASH: (INBOX, SENT, DRAFTS, ARCHIVE, SPAM),
    INBOX: (ARCHIVE, SPAM, TRASH),
    SPAM: (INBOX, ARCHIVE),
}
"""The folders that a move out of the starred view empties: the view itself holds nothing."""


class Changer:
    """Changes conversations and publishes Changed for each folder that shows it."""

    def __init__(self, messages: IMessageStore, events: IEventBus) -> None:
        self._messages = messages
        self._events = events

    async def act(self, account_id: str, action: str, conversations: Sequence[str], folder: str) -> int:
        """Do ``action`` to the conversations as they stand in ``folder``; the account's seq afterwards.

        ``action`` is read, unread, star, unstar, archive, trash, inbox or spam; ``folder`` may be "starred".
        Raises ValueError for others. Ids that are not the account's change nothing.
        """
        if folder not in (*FOLDERS, STARRED):
            raise ValueError(f"there is no folder {folder!r}")
        if action not in ACTIONS:
            raise ValueError(f"{action!r} is nothing that can be done to a conversation")
        touched = await self._folders(account_id, conversations)
        if not touched:
            return await self._messages.seq(account_id)
        if action in ("read", "unread"):
            seq = await self._messages.mark_seen(account_id, conversations, action == "read")
        elif action in ("star", "unstar"):
            seq = await self._messages.mark_flagged(account_id, conversations, action == "star")
            touched.add(STARRED)
        else:
            target = _MOVES[action]
            seq = await self._move(account_id, conversations, folder, target)
            touched.add(target)
        for name in sorted(touched):
            await self._events.publish(Changed(account_id, name, seq))
        return seq

    async def _folders(self, account_id: str, conversations: Iterable[str]) -> set[str]:
        """Every list in which the conversations show."""
        found: set[str] = set()
        for conversation_id in conversations:
            conversation = await self._messages.conversation(account_id, conversation_id)
            if conversation is not None:
                found.update(conversation.folders, (STARRED,) if conversation.flagged else ())
        return found

    async def _move(self, account_id: str, conversations: Sequence[str], source: str, target: str) -> int:
        seq = 0
        for name in _FROM_STARRED[target] if source == STARRED else (source,):
            seq = await self._messages.move(account_id, conversations, name, target)
        return seq
