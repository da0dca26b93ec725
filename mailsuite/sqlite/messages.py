"""MessageStore: IMessageStore in the database file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from sqlite3 import Connection, Row

from zope.interface import implementer

from mailsuite.interfaces.messages import IMessageStore
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import DELETED, DRAFTS, FOLDERS, INBOX, SNOOZED, STARRED
from mailsuite.model.ids import ordered_id
from mailsuite.model.message import Changes, Conversation, Counter, Cursor, Filed, Filing, Message, Usage
from mailsuite.model.thread import thread_ids
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite import indexing, messagerows, sleeping, threads
from mailsuite.sqlite.changing import check_folder, is_folder, known_labels
from mailsuite.sqlite.messagerows import CONVERSATION, FILED, filed_values, strings
from mailsuite.sqlite.searching import PER_SECOND, first_number
from mailsuite.sqlite.store import Store


@implementer(IMessageStore)
class MessageStore:
    """IMessageStore; ``random`` gives n random bytes (os.urandom).

    A page's ``unread`` counts the messages of that folder, as the counters do.
    """

    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._random = random

    async def file(self, filing: Filing, durable: bool = True) -> Filed:
        """See IMessageStore. The message is indexed for the search later, together with others."""
        now = self._store.clock()
        ids = ordered_id(now, self._random), ordered_id(now, self._random)
        return await self._store.write(lambda c: file_into(c, filing, *ids, now), durable)

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
        """See IMessageStore."""
        return await self._store.read(lambda c: _counters(c, account))

    async def seq(self, account: str) -> int:
        """See IMessageStore."""
        return await self._store.read(lambda c: derived.last_seq(c, account))

    async def usage(self, account: str) -> Usage:
        """See IMessageStore."""
        return await self._store.read(lambda c: _usage(c, account))


def file_into(c: Connection, filing: Filing, message: str, conversation: str, now: int) -> Filed:
    """File a message under the id ``message``; ``conversation`` is the id of its conversation if that is a new one."""
    account = filing.account
    if filing.otherwise:
        filing = replace(filing, folder=_first_folder(c, filing))
    check_folder(c, account, filing.folder)
    known = c.execute(
        "SELECT id, conversation, folder FROM message WHERE account = ? AND delivery_key = ?",
        (account, filing.delivery_key),
    ).fetchone()
    if known is not None:
        seq = derived.last_seq(c, account)
        return Filed(known["id"], known["conversation"], seq, new=False, folder=known["folder"])
    if filing.labels:
        filing = replace(filing, labels=known_labels(c, account, filing.labels))
    ids = thread_ids(filing.description)
    found = threads.find(c, account, ids)
    if found:
        conversation = found[0]
    for other in found[1:]:
        threads.merge(c, account, other, conversation)
    threads.remember(c, account, ids, conversation)
    seq = derived.next_seq(c, account, filing.size, 1)
    uid = derived.next_uid(c, account, filing.folder)
    row = _insert(c, filing, message, conversation, (uid, seq, now))
    indexing.keep_text(c, account, row["number"], filing.text)
    if not found:
        derived.begin(c, row, seq)
    elif len(found) == 1:
        derived.add(c, row, seq)
    else:
        derived.refresh(c, account, conversation, seq)
    if filing.folder == INBOX and found and derived.sleeps(c, conversation):
        seq = sleeping.wake(c, account, conversation, now).seq
    return Filed(message, conversation, seq, new=True, folder=filing.folder)


def _first_folder(c: Connection, filing: Filing) -> str:
    """Of the folders that it may go to the first that there is, else the last."""
    places = (filing.folder, *filing.otherwise)
    return next((place for place in places if is_folder(c, filing.account, place)), places[-1])


def _insert(c: Connection, filing: Filing, message: str, conversation: str, about: tuple[int, int, int]) -> Row:
    first = max(0, first_number(filing.received_at))
    values = (message, conversation, *about, *filed_values(filing))
    row: Row | None = c.execute(
        _INSERT.format(number=_NEXT), (first, first, first + PER_SECOND - 1, *values)
    ).fetchone()
    if row is None:
        # The second is full.
        row = c.execute(_INSERT.format(number="?"), (_free_number(c, first), *values)).fetchone()
    assert row is not None
    return row


_NEXT = "(SELECT IFNULL(MAX(number) + 1, ?) FROM message WHERE number >= ? AND number < ?)"
_INSERT = (
    f"INSERT INTO message (number, id, conversation, uid, modseq, moved_at, {FILED})"  # noqa: S608
    f" VALUES ({{number}}, {', '.join('?' * (5 + FILED.count(',') + 1))}) ON CONFLICT (number) DO NOTHING RETURNING *"
)


def _free_number(c: Connection, first: int) -> int:
    """A number for a message of the second that begins with ``first``, of the next one when that is full."""
    while True:
        last = c.execute(
            "SELECT MAX(number) FROM message WHERE number >= ? AND number < ?", (first, first + PER_SECOND)
        ).fetchone()[0]
        if last is None:
            return first
        if last + 1 < first + PER_SECOND:
            return int(last) + 1
        first += PER_SECOND


def replace_draft(c: Connection, message: str, filing: Filing, now: int) -> Filed:
    """Put another content in the place of a message in Drafts: it keeps its id, conversation, star and labels.

    NotThere when ``filing.account`` has no such message in Drafts, e.g. because it was sent or thrown away.
    """
    account = filing.account
    old = c.execute(
        "SELECT * FROM message WHERE id = ? AND account = ? AND folder = ?", (message, account, DRAFTS)
    ).fetchone()
    if old is None:
        raise NotThere(f"there is no draft {message!r}")
    conversation = old["conversation"]
    indexing.forget(c, old)
    c.execute("DELETE FROM message WHERE number = ?", (old["number"],))
    threads.remember(c, account, thread_ids(filing.description), conversation)
    seq = derived.next_seq(c, account, filing.size - old["size"])
    uid = derived.next_uid(c, account, DRAFTS)
    filing = replace(
        filing,
        folder=DRAFTS,
        delivery_key=old["delivery_key"],
        flagged=bool(old["flagged"]),
        labels=strings(old["labels"]),
    )
    row = _insert(c, filing, message, conversation, (uid, seq, now))
    indexing.keep_text(c, account, row["number"], filing.text)
    derived.refresh(c, account, conversation, seq)
    return Filed(message, conversation, seq, new=False, folder=DRAFTS)


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
        "SELECT * FROM message INDEXED BY message_conversation"
        " WHERE account = ? AND conversation = ? AND folder <> 'deleted' ORDER BY received_at, id",
        (account, threads.resolve(c, account, conversation)),
    )
    return [messagerows.message(row) for row in rows]


def _message(c: Connection, account: str, message: str) -> Message | None:
    row = c.execute(
        "SELECT * FROM message WHERE id = ? AND account = ? AND folder <> 'deleted'", (message, account)
    ).fetchone()
    return None if row is None else messagerows.message(row)


def _counters(c: Connection, account: str) -> dict[str, Counter]:
    counters = dict.fromkeys((*FOLDERS, STARRED, SNOOZED), Counter(0, 0))
    for name, total, unread in c.execute("SELECT name, total, unread FROM folder WHERE account = ?", (account,)):
        # What a removed folder or label had is kept: its uids go on when it is brought back.
        if name != DELETED and (name in counters or total):
            counters[name] = Counter(total, unread)
    return counters


def _usage(c: Connection, account: str) -> Usage:
    row = c.execute("SELECT octets, messages FROM change_seq WHERE account = ?", (account,)).fetchone()
    return Usage(0, 0) if row is None else Usage(*row)
