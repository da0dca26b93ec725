"""FakeMessageStore: IMessageStore in memory; every answer is counted from the messages."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from zope.interface import implementer

from mailsuite.interfaces.messages import IMessageStore
from mailsuite.model import thread
from mailsuite.model.action import origin_after
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import (
    DELETED,
    DRAFTS,
    FOLDERS,
    INBOX,
    LABEL,
    SNOOZED,
    SPAM,
    STARRED,
    TRASH,
    Folder,
    Label,
    in_order,
    label_view,
)
from mailsuite.model.message import Changes, Conversation, Counter, Cursor, Filed, Filing, Message, Usage
from mailsuite.runtime.clock import Clock


@implementer(IMessageStore)
class FakeMessageStore:
    """See IMessageStore."""

    def __init__(self, clock: Clock, check: Callable[[], None]) -> None:
        self.clock = clock
        self.check = check
        self._numbers = count(1)
        self.folders: dict[str, list[Folder]] = {}
        self.labels: dict[str, list[Label]] = {}
        self.texts: dict[str, str] = {}
        self.moved_at: dict[str, int] = {}
        self.all: dict[str, Message] = {}
        self._by_key: dict[tuple[str, str], str] = {}
        self._threads: dict[tuple[str, str], str] = {}
        self._merged: dict[str, str] = {}
        self._uids: Count[tuple[str, str]] = Count()
        self.seqs: Count[str] = Count()
        self._changed: dict[tuple[str, str], dict[str, int]] = {}

    def blobs(self) -> set[str]:
        """What the mailboxes refer to."""
        return {message.blob for message in self.all.values()}

    def new_id(self) -> str:
        return f"{self.clock():013}{next(self._numbers):07}"

    def uid(self, account: str, folder: str) -> int:
        self._uids[account, folder] += 1
        return self._uids[account, folder]

    async def file(self, filing: Filing, durable: bool = True) -> Filed:
        self.check()
        account = filing.account
        places = (filing.folder, *filing.otherwise)
        there = [place for place in places if self.is_folder(account, place)]
        filing = replace(filing, folder=there[0] if there else places[-1])
        self.check_folder(account, filing.folder)
        if known := self._by_key.get((account, filing.delivery_key)):
            message = self.all[known]
            return Filed(known, message.conversation, self.seqs[account], new=False, folder=message.folder)
        ids = [(account, each) for each in thread.thread_ids(filing.description)]
        found = sorted({self._threads[each] for each in ids if each in self._threads})
        conversation = found[0] if found else self.new_id()
        for other in found[1:]:
            self._merge(account, other, conversation)
        self._threads.update(dict.fromkeys(ids, conversation))
        message = self._message(filing, self.new_id(), conversation)
        self._by_key[account, filing.delivery_key] = message.id
        self.change(account, conversation, [message])
        if filing.folder == INBOX:
            self.wake(account, conversation)
        return Filed(message.id, conversation, self.seqs[account], new=True, folder=filing.folder)

    def _message(self, filing: Filing, message: str, conversation: str) -> Message:
        self.texts[message] = filing.text
        self.moved_at[message] = self.clock()
        known = {label.id for label in self.labels.get(filing.account, ())}
        return Message(
            id=message,
            account=filing.account,
            folder=filing.folder,
            uid=self.uid(filing.account, filing.folder),
            modseq=0,
            conversation=conversation,
            blob=filing.blob,
            size=filing.size,
            received_at=filing.received_at,
            description=filing.description,
            reverse_path=filing.reverse_path,
            bcc=filing.bcc,
            seen=filing.seen,
            flagged=filing.flagged,
            own=filing.own,
            labels=tuple(sorted(known.intersection(filing.labels))),
            listed_at=filing.received_at,
            verdict=filing.verdict,
        )

    async def usage(self, account: str) -> Usage:
        self.check()
        sizes = [m.size for m in self.all.values() if m.account == account and m.folder != DELETED]
        return Usage(sum(sizes), len(sizes))

    def replace_draft(self, message: str, filing: Filing) -> Filed:
        """Put another content in the place of a message in Drafts."""
        old = self.all[message]
        for each in thread.thread_ids(filing.description):
            self._threads.setdefault((filing.account, each), old.conversation)
        kept = replace(filing, folder=DRAFTS, flagged=old.flagged, labels=old.labels)
        new = self._message(kept, message, old.conversation)
        self.change(filing.account, old.conversation, [new])
        return Filed(message, old.conversation, self.seqs[filing.account], new=False, folder=DRAFTS)

    def drop(self, message: Message) -> set[str]:
        """Remove a message for good; the lists that show it."""
        self._by_key = {key: each for key, each in self._by_key.items() if each != message.id}
        if message.folder == DELETED:
            del self.all[message.id]
            return set()
        return self.change(message.account, message.conversation, [], gone=message.id)

    def wake(self, account: str, conversation: str, due: int | None = None) -> set[str]:
        """Bring back what sleeps; the lists that show it."""
        now = self.clock()
        awake = [
            replace(self.placed(m, m.origin if self.is_folder(account, m.origin) else INBOX), seen=False, listed_at=now)
            for m in self.of(account, conversation)
            if m.snoozed_until and (due is None or m.snoozed_until <= due)
        ]
        return self.change(account, conversation, awake) if awake else set()

    def placed(self, message: Message, target: str) -> Message:
        """A message that goes to another folder."""
        if message.folder == target:
            return message
        self.moved_at[message.id] = self.clock()
        origin = origin_after(message.origin, message.folder, target)
        uid = self.uid(message.account, target)
        return replace(message, folder=target, uid=uid, origin=origin, snoozed_until=0)

    def is_folder(self, account: str, name: str) -> bool:
        """May mail be in it?"""
        return name in FOLDERS or any(folder.id == name for folder in self.folders.get(account, ()))

    def check_folder(self, account: str, name: str) -> None:
        """Raise NotThere."""
        if not self.is_folder(account, name):
            raise NotThere(f"there is no folder {name!r}")

    def _merge(self, account: str, old: str, new: str) -> None:
        self._threads.update({each: new for each, where in self._threads.items() if where == old})
        self._merged.update({each: new for each, where in self._merged.items() if where == old})
        self._merged[old] = new
        moved = [
            replace(m, conversation=new) for m in self.all.values() if (m.account, m.conversation) == (account, old)
        ]
        self.change(account, old, moved)

    def change(self, account: str, conversation: str, messages: Iterable[Message], gone: str = "") -> set[str]:
        """Put messages in their new state and journal it for the lists where the conversation was or is."""
        before = self.of(account, conversation)
        self.seqs[account] += 1
        seq = self.seqs[account]
        self.all.update({message.id: replace(message, modseq=seq) for message in messages})
        self.all.pop(gone, None)
        after = self.of(account, conversation)
        views = {label_view(label) for m in (*before, *after) for label in m.labels}
        touched = {
            folder
            for folder in {STARRED, *views, *(m.folder for m in (*before, *after))}
            if _row(before, folder) or _row(after, folder)
        }
        for folder in touched:
            self._changed.setdefault((account, folder), {})[conversation] = seq
        return touched

    def of(self, account: str, conversation: str) -> list[Message]:
        """The messages of a conversation that can be seen, oldest first."""
        mine = (m for m in self.all.values() if (m.account, m.conversation) == (account, conversation))
        found = [m for m in mine if m.folder != DELETED]
        return sorted(found, key=lambda message: (message.received_at, message.id))

    def rows(self, account: str, folder: str) -> list[Conversation]:
        self.check()
        conversations = {m.conversation for m in self.all.values() if m.account == account}
        rows = [_row(self.of(account, conversation), folder) for conversation in conversations]
        return sorted(filter(None, rows), key=lambda row: (row.last_at, row.id), reverse=True)

    async def page(self, account: str, folder: str, before: Cursor | None, limit: int) -> Sequence[Conversation]:
        rows = self.rows(account, folder)
        if before is not None:
            rows = [row for row in rows if (row.last_at, row.id) < (before.last_at, before.id)]
        return rows[:limit]

    async def newer(self, account: str, folder: str, seq: int, limit: int) -> Changes:
        present = {row.id: row for row in self.rows(account, folder)}
        changed = self._changed.get((account, folder), {})
        ids = sorted((each for each in changed if changed[each] > seq), key=lambda each: changed[each])[:limit]
        return Changes(
            seq=changed[ids[-1]] if len(ids) == limit else self.seqs[account],
            rows=tuple(present[each] for each in ids if each in present),
            gone=tuple(each for each in ids if each not in present),
        )

    async def conversation(self, account: str, conversation: str) -> Conversation | None:
        self.check()
        return _row(self.of(account, self._merged.get(conversation, conversation)), "")

    async def messages(self, account: str, conversation: str) -> Sequence[Message]:
        self.check()
        return self.of(account, self._merged.get(conversation, conversation))

    async def message(self, account: str, message: str) -> Message | None:
        self.check()
        found = self.all.get(message)
        return found if found is not None and found.account == account and found.folder != DELETED else None

    async def counters(self, account: str) -> Mapping[str, Counter]:
        counters = {}
        own = [folder.id for folder in self.folders.get(account, ())]
        views = [label_view(label.id) for label in self.labels.get(account, ())]
        for folder in (*FOLDERS, STARRED, SNOOZED, *own, *views):
            rows = self.rows(account, folder)
            counters[folder] = Counter(len(rows), len([row for row in rows if row.unread]))
        return counters

    async def seq(self, account: str) -> int:
        self.check()
        return self.seqs[account]

    def resolve(self, conversation: str) -> str:
        """The id under which a conversation is kept now."""
        return self._merged.get(conversation, conversation)

    def row(self, account: str, conversation: str) -> Conversation | None:
        """Its row over all folders."""
        return _row(self.of(account, conversation), "")


def _row(messages: Sequence[Message], folder: str) -> Conversation | None:
    """The row that a conversation's messages make in a folder, None when there is none; "" is over all folders."""
    if folder == STARRED or folder.startswith(LABEL):
        there = [m for m in messages if m.folder not in (TRASH, SPAM)]
        label = folder.removeprefix(LABEL)
        there = there if any(m.flagged if folder == STARRED else label in m.labels for m in there) else []
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
        last_at=max(m.listed_at for m in there),
        snippet=messages[-1].description.snippet[: thread.SNIPPET_LENGTH],
        has_attachments=any(m.description.has_attachments for m in messages),
        folders=in_order({m.folder for m in messages}),
        labels=tuple(sorted({label for m in messages for label in m.labels})),
        snoozed_until=min((m.snoozed_until for m in messages if m.snoozed_until), default=0),
    )
