"""IMessageStore: an account's folders, messages and conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zope.interface import Interface

from mailsuite.model.message import Changes, Conversation, Counter, Cursor, Filed, Filing, Message, Usage


class IMessageStore(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now.

    ``folder`` is a folder's id or a view: "starred" (flagged conversations), "label/" and a label's id. Views leave
    out what is in trash and spam. ``file`` raises NotThere for a folder that the account has not, or a view, when none
    of the filing's other folders is one.
    Messages of the folder "deleted" are shown by nothing.
    """

    async def file(filing: Filing, durable: bool = True) -> Filed:
        """File a message, once per (account, delivery key), and join it to its conversation.

        ``durable`` False: it may be lost if the machine loses its power, because the queue still has it.

        The conversation is found by the message id and references of the account's messages; a message that
        others refer to joins theirs; conversations that one message connects are merged. Ids without "@" or
        "<>" count for nothing; of the references the first 5 and the last 15 are looked up. A subject never joins.
        Mail that comes to Inbox wakes what sleeps of its conversation.
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
        """Folder or view -> conversations in it and unread among them; every standard folder is present."""

    async def seq(account: str) -> int:
        """The account's last change number."""

    async def usage(account: str) -> Usage:
        """What the account's messages take, exactly; what was deleted for ever is not counted."""
