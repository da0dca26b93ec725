"""MessageStore: IMessageStore in the database file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.messages import IMessageStore
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import FOLDERS, SPAM, STARRED, TRASH
from mailsuite.model.ids import ordered_id
from mailsuite.model.message import Changes, Conversation, Counter, Cursor, Filed, Filing, Message
from mailsuite.model.thread import thread_ids
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite import messagerows, threads
from mailsuite.sqlite.messagerows import CONVERSATION, FILED, filed_values
from mailsuite.sqlite.store import Store

_BATCH = 200
"""So many conversations are changed in one operation; other writers get their turn in between."""


@implementer(IMessageStore)
class MessageStore:
    """IMessageStore; ``random`` gives n random bytes (os.urandom).

    A page's ``unread`` counts the messages of that folder, as the counters do. "starred" leaves out what is in trash
    or spam, and starring marks the newest message outside of them. Folders are the standard ones: ``file`` and
    ``move`` raise NotThere for others.
    """

    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._random = random

    async def file(self, filing: Filing, durable: bool = True) -> Filed:
        """See IMessageStore."""
        now = self._store.clock()
        ids = ordered_id(now, self._random), ordered_id(now, self._random)
        return await self._store.write(lambda c: file_into(c, filing, *ids), durable)

    async def page(self, account: str, folder: str, before: Cursor | None, limit: int) -> Sequence[Conversation]:
        """See IMessageStore."""
        return await self._store.read(lambda c: _page(c, account, folder, before, limit))

    async def newer(self, account: str, folder: str, seq: int, limit: int) -> Changes:
        """See IMessageStore."""
        return await self._store.read(lambda c: _newer(c, account, folder, seq, limit))

    async def conversation(self, account: str, conversation: str) -> Conversation | None:
        """See IMessageStore."""
        return await self._store.read(lambda c: _conversation(c, account, conversation))

    async def messages(self, account: str, conversation: str) -> Sequence[Message]:
        """See IMessageStore."""
        return await self._store.read(lambda c: _messages(c, account, conversation))

    async def message(self, account: str, message: str) -> Message | None:
        """See IMessageStore."""
        return await self._store.read(lambda c: _message(c, account, message))

    async def counters(self, account: str) -> Mapping[str, Counter]:
        """See IMessageStore. "starred" is counted too."""
        return await self._store.read(lambda c: _counters(c, account))

    async def seq(self, account: str) -> int:
        """See IMessageStore."""
        return await self._store.read(lambda c: derived.last_seq(c, account))

    async def mark_seen(self, account: str, conversations: Sequence[str], seen: bool) -> int:
        """See IMessageStore."""
        return await self._change(account, conversations, partial(_mark_seen, seen=seen))

    async def mark_flagged(self, account: str, conversations: Sequence[str], flagged: bool) -> int:
        """See IMessageStore."""
        return await self._change(account, conversations, _star if flagged else _unstar)

    async def move(self, account: str, conversations: Sequence[str], source: str, target: str) -> int:
        """See IMessageStore."""
        _check_folder(source)
        _check_folder(target)
        if source == target:
            return await self.seq(account)
        return await self._change(account, conversations, partial(_move, source=source, target=target))

    async def _change(
        self, account: str, conversations: Sequence[str], change: Callable[[Connection, str, str, int], int]
    ) -> int:
        seq = None
        for start in range(0, len(conversations), _BATCH):
            batch = conversations[start : start + _BATCH]
            seq = await self._store.write(partial(_change_each, account=account, conversations=batch, change=change))
        return await self.seq(account) if seq is None else seq


def _check_folder(name: str) -> None:
    if name not in FOLDERS:
        raise NotThere(f"there is no folder {name!r}")


def file_into(c: Connection, filing: Filing, message: str, conversation: str) -> Filed:
    """File a message under the id ``message``; ``conversation`` is the id of its conversation if that is a new one."""
    _check_folder(filing.folder)
    account = filing.account
    known = c.execute(
        "SELECT id, conversation FROM message WHERE account = ? AND delivery_key = ?", (account, filing.delivery_key)
    ).fetchone()
    if known is not None:
        return Filed(known["id"], known["conversation"], derived.last_seq(c, account), new=False)
    ids = thread_ids(filing.description)
    found = threads.find(c, account, ids)
    if found:
        conversation = found[0]
    for other in found[1:]:
        threads.merge(c, account, other, conversation)
    threads.remember(c, account, ids, conversation)
    seq = derived.next_seq(c, account)
    uid = derived.next_uid(c, account, filing.folder)
    row = c.execute(
        f"INSERT INTO message (id, conversation, uid, modseq, {FILED})"  # noqa: S608
        f" VALUES ({', '.join('?' * (4 + FILED.count(',') + 1))}) RETURNING *",
        (message, conversation, uid, seq, *filed_values(filing)),
    ).fetchone()
    if not found:
        derived.begin(c, row, seq)
    elif len(found) == 1:
        derived.add(c, row, seq)
    else:
        derived.refresh(c, account, conversation, seq)
    return Filed(message, conversation, seq, new=True)


def _page(c: Connection, account: str, folder: str, before: Cursor | None, limit: int) -> list[Conversation]:
    below = "" if before is None else "AND (f.last_at, f.conversation) < (?, ?)"
    cursor = () if before is None else (before.last_at, before.id)
    rows = c.execute(
        f"SELECT {CONVERSATION}, f.unread, f.last_at FROM conversation_folder f"  # noqa: S608
        " CROSS JOIN conversation c ON c.id = f.conversation"
        f" WHERE f.account = ? AND f.folder = ? AND f.count > 0 {below}"
        " ORDER BY f.last_at DESC, f.conversation DESC LIMIT ?",
        (account, folder, *cursor, limit),
    )
    return [messagerows.conversation(row) for row in rows]


def _newer(c: Connection, account: str, folder: str, seq: int, limit: int) -> Changes:
    changed = c.execute(
        f"SELECT f.seq, f.conversation, f.count AS present, f.unread, f.last_at, {CONVERSATION}"  # noqa: S608
        " FROM conversation_folder f LEFT JOIN conversation c ON c.id = f.conversation"
        " WHERE f.account = ? AND f.folder = ? AND f.seq > ? ORDER BY f.seq LIMIT ?",
        (account, folder, seq, limit),
    ).fetchall()
    return Changes(
        seq=changed[-1]["seq"] if len(changed) == limit else derived.last_seq(c, account),
        rows=tuple(messagerows.conversation(row) for row in changed if row["present"]),
        gone=tuple(row["conversation"] for row in changed if not row["present"]),
    )


def _conversation(c: Connection, account: str, conversation: str) -> Conversation | None:
    row = c.execute(
        f"SELECT {CONVERSATION}, unread, last_at FROM conversation c WHERE id = ? AND account = ?",  # noqa: S608
        (threads.resolve(c, account, conversation), account),
    ).fetchone()
    return None if row is None else messagerows.conversation(row)


def _messages(c: Connection, account: str, conversation: str) -> list[Message]:
    rows = c.execute(
        "SELECT * FROM message WHERE account = ? AND conversation = ? ORDER BY received_at, id",
        (account, threads.resolve(c, account, conversation)),
    )
    return [messagerows.message(row) for row in rows]


def _message(c: Connection, account: str, message: str) -> Message | None:
    row = c.execute("SELECT * FROM message WHERE id = ? AND account = ?", (message, account)).fetchone()
    return None if row is None else messagerows.message(row)


def _counters(c: Connection, account: str) -> dict[str, Counter]:
    counters = dict.fromkeys((*FOLDERS, STARRED), Counter(0, 0))
    for name, total, unread in c.execute("SELECT name, total, unread FROM folder WHERE account = ?", (account,)):
        counters[name] = Counter(total, unread)
    return counters


def _change_each(
    c: Connection,
    account: str,
    conversations: Sequence[str],
    change: Callable[[Connection, str, str, int], int],
) -> int:
    """Apply ``change`` to each conversation under the next number; the account's seq afterwards."""
    seq = derived.last_seq(c, account)
    for conversation in dict.fromkeys(threads.resolve(c, account, each) for each in conversations):
        if change(c, account, conversation, seq + 1):
            seq = derived.next_seq(c, account)
            derived.refresh(c, account, conversation, seq)
    return seq


def _mark_seen(c: Connection, account: str, conversation: str, seq: int, seen: bool) -> int:
    return c.execute(
        "UPDATE message SET seen = ?, modseq = ? WHERE account = ? AND conversation = ? AND seen <> ?",
        (seen, seq, account, conversation, seen),
    ).rowcount


def _star(c: Connection, account: str, conversation: str, seq: int) -> int:
    return c.execute(
        "UPDATE message SET flagged = 1, modseq = ? WHERE flagged = 0 AND number ="
        " (SELECT number FROM message WHERE account = ? AND conversation = ?"
        " ORDER BY folder IN (?, ?), received_at DESC, id DESC LIMIT 1)",
        (seq, account, conversation, TRASH, SPAM),
    ).rowcount


def _unstar(c: Connection, account: str, conversation: str, seq: int) -> int:
    return c.execute(
        "UPDATE message SET flagged = 0, modseq = ? WHERE account = ? AND conversation = ? AND flagged = 1",
        (seq, account, conversation),
    ).rowcount


def _move(c: Connection, account: str, conversation: str, seq: int, source: str, target: str) -> int:
    numbers = c.execute(
        "SELECT number FROM message INDEXED BY message_conversation"
        " WHERE account = ? AND conversation = ? AND folder = ? ORDER BY uid",
        (account, conversation, source),
    ).fetchall()
    for (number,) in numbers:
        c.execute(
            "UPDATE message SET folder = ?, uid = ?, modseq = ? WHERE number = ?",
            (target, derived.next_uid(c, account, target), seq, number),
        )
    return len(numbers)
