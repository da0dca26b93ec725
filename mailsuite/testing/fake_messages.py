"""FakeMessageStore: IMessageStore in memory; every answer is counted from the messages."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from zope.interface import implementer

from mailsuite.interfaces.messages import IMessageStore
from mailsuite.model import thread
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import FOLDERS, SPAM, STARRED, TRASH
from mailsuite.model.message import Changes, Conversation, Counter, Cursor, Filed, Filing, Message
from mailsuite.runtime.clock import Clock


@implementer(IMessageStore)
class FakeMessageStore:
    """See IMessageStore."""

    def __init__(self, clock: Clock, check: Callable[[], None]) -> None:
        self._clock = clock
        self._check = check
        self._numbers = count(1)
        self._messages: dict[str, Message] = {}
        self._by_key: dict[tuple[str, str], str] = {}
        self._threads: dict[tuple[str, str], str] = {}
        self._merged: dict[str, str] = {}
        self._uids: Count[tuple[str, str]] = Count()
        self._seqs: Count[str] = Count()
        self._changed: dict[tuple[str, str], dict[str, int]] = {}

    def blobs(self) -> set[str]:
        """What the mailboxes refer to."""
        return {message.blob for message in self._messages.values()}

    def _new_id(self) -> str:
        return f"{self._clock():013}{next(self._numbers):07}"

    def _uid(self, account: str, folder: str) -> int:
        self._uids[account, folder] += 1
        return self._uids[account, folder]

    async def file(self, filing: Filing, durable: bool = True) -> Filed:
        self._check()
        _check_folder(filing.folder)
        account = filing.account
        if known := self._by_key.get((account, filing.delivery_key)):
            return Filed(known, self._messages[known].conversation, self._seqs[account], new=False)
        ids = [(account, each) for each in thread.thread_ids(filing.description)]
        found = sorted({self._threads[each] for each in ids if each in self._threads})
        conversation = found[0] if found else self._new_id()
        for other in found[1:]:
            self._merge(account, other, conversation)
        self._threads.update(dict.fromkeys(ids, conversation))
        message = Message(
            id=self._new_id(),
            account=account,
            folder=filing.folder,
            uid=self._uid(account, filing.folder),
            modseq=0,
            conversation=conversation,
            blob=filing.blob,
            size=filing.size,
            received_at=filing.received_at,
            description=filing.description,
            reverse_path=filing.reverse_path,
            bcc=filing.bcc,
            seen=filing.seen,
            flagged=False,
            own=filing.own,
            verdict=filing.verdict,
        )
        self._by_key[account, filing.delivery_key] = message.id
        self._change(account, conversation, [message])
        return Filed(message.id, conversation, self._seqs[account], new=True)

    def _merge(self, account: str, old: str, new: str) -> None:
        self._threads.update({each: new for each, where in self._threads.items() if where == old})
        self._merged.update({each: new for each, where in self._merged.items() if where == old})
        self._merged[old] = new
        self._change(account, old, [replace(message, conversation=new) for message in self._of(account, old)])

    def _change(self, account: str, conversation: str, messages: Iterable[Message]) -> None:
        """Put messages in their new state and journal it for the folders where the conversation was or is."""
        before = self._of(account, conversation)
        self._seqs[account] += 1
        seq = self._seqs[account]
        self._messages.update({message.id: replace(message, modseq=seq) for message in messages})
        for folder in (*FOLDERS, STARRED):
            if _row(before, folder) or _row(self._of(account, conversation), folder):
                self._changed.setdefault((account, folder), {})[conversation] = seq

    def _of(self, account: str, conversation: str) -> list[Message]:
        found = [m for m in self._messages.values() if (m.account, m.conversation) == (account, conversation)]
        return sorted(found, key=lambda message: (message.received_at, message.id))

    def _rows(self, account: str, folder: str) -> list[Conversation]:
        self._check()
        conversations = {m.conversation for m in self._messages.values() if m.account == account}
        rows = [_row(self._of(account, conversation), folder) for conversation in conversations]
        return sorted(filter(None, rows), key=lambda row: (row.last_at, row.id), reverse=True)

    async def page(self, account: str, folder: str, before: Cursor | None, limit: int) -> Sequence[Conversation]:
        rows = self._rows(account, folder)
        if before is not None:
            rows = [row for row in rows if (row.last_at, row.id) < (before.last_at, before.id)]
        return rows[:limit]

    async def newer(self, account: str, folder: str, seq: int, limit: int) -> Changes:
        present = {row.id: row for row in self._rows(account, folder)}
        changed = self._changed.get((account, folder), {})
        ids = sorted((each for each in changed if changed[each] > seq), key=lambda each: changed[each])[:limit]
        return Changes(
            seq=changed[ids[-1]] if len(ids) == limit else self._seqs[account],
            rows=tuple(present[each] for each in ids if each in present),
            gone=tuple(each for each in ids if each not in present),
        )

    async def conversation(self, account: str, conversation: str) -> Conversation | None:
        self._check()
        return _row(self._of(account, self._merged.get(conversation, conversation)), "")

    async def messages(self, account: str, conversation: str) -> Sequence[Message]:
        self._check()
        return self._of(account, self._merged.get(conversation, conversation))

    async def message(self, account: str, message: str) -> Message | None:
        self._check()
        found = self._messages.get(message)
        return found if found is not None and found.account == account else None

    async def counters(self, account: str) -> Mapping[str, Counter]:
        counters = {}
        for folder in (*FOLDERS, STARRED):
            rows = self._rows(account, folder)
            counters[folder] = Counter(len(rows), len([row for row in rows if row.unread]))
        return counters

    async def seq(self, account: str) -> int:
        self._check()
        return self._seqs[account]

    def _each(
        self, account: str, conversations: Sequence[str], change: Callable[[list[Message]], list[Message]]
    ) -> int:
        self._check()
        for conversation in dict.fromkeys(self._merged.get(each, each) for each in conversations):
            if changed := change(self._of(account, conversation)):
                self._change(account, conversation, changed)
        return self._seqs[account]

    async def mark_seen(self, account: str, conversations: Sequence[str], seen: bool) -> int:
        return self._each(account, conversations, lambda ms: [replace(m, seen=seen) for m in ms if m.seen != seen])

    async def mark_flagged(self, account: str, conversations: Sequence[str], flagged: bool) -> int:
        def star(messages: list[Message]) -> list[Message]:
            newest = ([m for m in messages if m.folder not in (TRASH, SPAM)] or messages)[-1:]
            return [replace(m, flagged=True) for m in newest if not m.flagged]

        def unstar(messages: list[Message]) -> list[Message]:
            return [replace(m, flagged=False) for m in messages if m.flagged]

        return self._each(account, conversations, star if flagged else unstar)

    async def move(self, account: str, conversations: Sequence[str], source: str, target: str) -> int:
        _check_folder(source)
        _check_folder(target)

        def change(messages: list[Message]) -> list[Message]:
            moved = sorted((m for m in messages if m.folder == source != target), key=lambda m: m.uid)
            return [replace(m, folder=target, uid=self._uid(account, target)) for m in moved]

        return self._each(account, conversations, change)


def _check_folder(name: str) -> None:
    if name not in FOLDERS:
        raise NotThere(f"there is no folder {name!r}")


def _row(messages: Sequence[Message], folder: str) -> Conversation | None:
    """The row that a conversation's messages make in a folder, None when there is none; "" is over all folders."""
    if folder == STARRED:
        there = [m for m in messages if m.folder not in (TRASH, SPAM)]
        there = there if any(m.flagged for m in there) else []
    else:
        there = [m for m in messages if folder in ("", m.folder)]
    if not there:
        return None
    authors = (name for m in messages for name in ((thread.ME,) if m.own else thread.names_of(m)))
    recipients = (name for m in messages if m.own for name in thread.names_of(m))
    return Conversation(
        id=messages[0].conversation,
        account=messages[0].account,
        subject=messages[0].description.subject[: thread.SUBJECT_LENGTH],
        people=thread.people(
            thread.distinct(authors), thread.distinct(recipients), all(message.own for message in messages)
        ),
        count=len(messages),
        unread=len([m for m in there if not m.seen]),
        flagged=any(m.flagged for m in messages),
        last_at=there[-1].received_at,
        snippet=messages[-1].description.snippet[: thread.SNIPPET_LENGTH],
        has_attachments=any(m.description.has_attachments for m in messages),
        folders=tuple(name for name in FOLDERS if any(m.folder == name for m in messages)),
    )
