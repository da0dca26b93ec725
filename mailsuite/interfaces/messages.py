"""IMessageStore: an account's folders, messages and conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zope.interface import Interface

from mailsuite.model.message import Changes, Conversation, Counter, Cursor, Filed, Filing, Message


class IMessageStore(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now.

    ``folder`` is a folder's name or "starred", the view of flagged conversations.
    """

    async def file(filing: Filing, durable: bool = True) -> Filed:
        """File a message, once per (account, delivery key), and join it to its conversation.

        ``durable`` False: it may be lost if the machine loses its power, because the queue still has it.

        The conversation is found by the message id and references of the account's messages; a message that
        others refer to joins theirs; conversations that one message connects are merged. Ids without "@" or
        "<>" count for nothing; of the references the first 5 and the last 15 are looked up. A subject never joins.
        """

    async def page(account: str, folder: str, before: Cursor | None, limit: int) -> Sequence[Conversation]:
        """Conversations of a folder, newest first, below the cursor."""

    async def newer(account: str, folder: str, seq: int, limit: int) -> Changes:
        """What changed in a folder after ``seq``: rows as they are now (oldest change first), and ids that left."""

    async def conversation(account: str, conversation: str) -> Conversation | None:
        """One conversation over all folders; a merged one is found under its old id too."""

    async def messages(account: str, conversation: str) -> Sequence[Message]:
        """Its messages, oldest first."""

    async def message(account: str, message: str) -> Message | None:
        """One message; None when it is not this account's."""

    async def counters(account: str) -> Mapping[str, Counter]:
        """Folder -> conversations in it and unread among them; every standard folder is present."""

    async def seq(account: str) -> int:
        """The account's last change number."""

    async def mark_seen(account: str, conversations: Sequence[str], seen: bool) -> int:
        """Set or clear the seen flag of all messages of the conversations; the account's seq afterwards."""

    async def mark_flagged(account: str, conversations: Sequence[str], flagged: bool) -> int:
        """Star or unstar: unstarring clears all messages, starring marks the newest; the seq afterwards."""

    async def move(account: str, conversations: Sequence[str], source: str, target: str) -> int:
        """Move the conversations' messages that are in ``source`` to ``target``; the seq afterwards."""
