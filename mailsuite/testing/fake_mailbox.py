"""The other seams of a mailbox in memory, over the messages of FakeMessageStore."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from zope.interface import implementer

from mailsuite.interfaces.actions import IMailActions
from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.search import IMailSearch, Textless
from mailsuite.interfaces.upkeep import IMailboxUpkeep, Problem, Touched
from mailsuite.model.action import (
    MOVING,
    UNDO_FOR,
    Action,
    AllIn,
    Chosen,
    Done,
    Selection,
    Verb,
    labels_before,
    moves,
    restored_to,
    together,
)
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.folder import (
    DELETED,
    INBOX,
    LABEL,
    LEVELS,
    MOST,
    SNOOZED,
    SPAM,
    STARRED,
    TRASH,
    Folder,
    Label,
    brought_back,
    free_name,
    is_below,
    spelled,
)
from mailsuite.model.marks import around, marks
from mailsuite.model.message import Cursor, Message
from mailsuite.model.query import Condition, Field, Hit, In, Is, Query, Text
from mailsuite.model.terms import PREFIX_LENGTH, fold, is_paired, parts, runs, terms
from mailsuite.testing.fake_messages import FakeMessageStore


class _Undo:
    def __init__(self, at: int, action: Action) -> None:
        self.at = at
        self.action = action
        self.messages: list[tuple[Message, int]] = []
        self.folders: list[Folder] = []
        self.labels: list[Label] = []


@implementer(IMailActions, IFolderStore, IMailSearch, IMailboxUpkeep)
class FakeMailbox:
    """See the interfaces."""

    def __init__(self, messages: FakeMessageStore) -> None:
        self._m = messages
        self._undos: dict[tuple[str, str], _Undo] = {}
        self._next_id = 0

    # IMailActions

    async def act(self, account: str, action: Action, selection: Selection) -> Done:
        self._m.check()
        return self._act(account, action, selection, self._m.new_id())

    def _act(self, account: str, action: Action, selection: Selection, token: str) -> Done:
        if action.verb is Verb.MOVE:
            self._m.check_folder(account, action.target)
        if action.verb is Verb.LABEL and all(label.id != action.target for label in self._labels(account)):
            raise NotThere(f"there is no label {action.target!r}")
        undo = self._undos.setdefault((account, token), _Undo(self._m.clock(), action))
        places: set[str] = set()
        conversations = 0
        before = len(undo.messages)
        for conversation, chosen, place in self._selected(account, selection):
            changed = self._changed(account, action, conversation, chosen, place, undo)
            if changed:
                conversations += 1
                places |= self._m.change(account, conversation, changed)
        count = len(undo.messages) - before
        return Done(self._m.seqs[account], conversations, count, frozenset(places), token if count else "")

    def _selected(self, account: str, selection: Selection) -> Iterator[tuple[str, frozenset[str] | None, str]]:
        if isinstance(selection, Chosen):
            for each in dict.fromkeys(map(self._m.resolve, selection.conversations)):
                yield each, None, selection.place
            ids = frozenset(selection.messages)
            mine = [m for m in self._m.all.values() if m.account == account and m.id in ids]
            for each in dict.fromkeys(m.conversation for m in mine):
                yield each, ids, ""
            return
        top = selection.top
        if isinstance(selection, AllIn):
            for row in self._m.rows(account, selection.place):
                if top is None or (row.last_at, row.id) <= (top.last_at, top.id):
                    yield row.id, None, selection.place
            return
        for hit in self._search(account, selection.query, None):
            if top is None or _order(hit.at) <= _order(top):
                yield hit.conversation.id, None, ""

    def _changed(
        self,
        account: str,
        action: Action,
        conversation: str,
        chosen: frozenset[str] | None,
        place: str,
        undo: _Undo,
    ) -> list[Message]:
        shown = self._m.of(account, conversation)
        if action.verb is Verb.STAR and chosen is None:
            shown = ([m for m in shown if m.folder not in (TRASH, SPAM)] or shown)[-1:]
        changed = []
        for m in sorted(shown, key=lambda m: m.uid):
            if chosen is None or m.id in chosen:
                moved_at = self._m.moved_at[m.id]
                new = self._after(account, action, m, place, chosen is not None)
                if new != m:
                    undo.messages.append((m, moved_at))
                    changed.append(new)
        return changed

    def _after(self, account: str, action: Action, m: Message, place: str, alone: bool) -> Message:
        verb, target = action.verb, action.target
        if verb in (Verb.READ, Verb.UNREAD):
            return replace(m, seen=verb is Verb.READ)
        if verb in (Verb.STAR, Verb.UNSTAR):
            return replace(m, flagged=verb is Verb.STAR)
        if verb is Verb.LABEL:
            return replace(m, labels=tuple(sorted({*m.labels, target})))
        if verb is Verb.UNLABEL:
            return replace(m, labels=tuple(label for label in m.labels if label != target))
        if not (alone or moves(action, place, m.folder)):
            return m
        if verb is Verb.SNOOZE:
            return replace(self._m.placed(m, SNOOZED), snoozed_until=action.until)
        if verb is Verb.DELETE:
            return self._m.placed(m, DELETED)
        if verb is Verb.RESTORE:
            if m.folder not in (TRASH, SPAM):
                return m
            target = restored_to(m.origin, m.own, self._m.is_folder(account, m.origin))
        return self._m.placed(m, target)

    async def undo(self, account: str, token: str) -> Done:
        self._m.check()
        undo = self._undos.pop((account, token), None)
        if undo is None or undo.at <= self._m.clock() - UNDO_FOR:
            raise NotThere("this can no longer be undone")
        own, labels = self._m.folders.setdefault(account, []), self._labels(account)
        own += brought_back(undo.folders, own)
        for label in undo.labels:
            labels.append(replace(label, name=free_name(label.name, {each.name.casefold() for each in labels})))
        by_conversation: dict[str, list[Message]] = {}
        for old, moved_at in undo.messages:
            now = self._m.all.get(old.id)
            if now is not None:
                new = self._as_before(account, undo.action, now, old, moved_at)
                if new != now:
                    by_conversation.setdefault(now.conversation, []).append(new)
        places: set[str] = set()
        for conversation, messages in by_conversation.items():
            places |= self._m.change(account, conversation, messages)
        count = sum(map(len, by_conversation.values()))
        return Done(self._m.seqs[account], len(by_conversation), count, frozenset(places))

    def _as_before(self, account: str, action: Action, now: Message, old: Message, moved_at: int) -> Message:
        verb = action.verb
        if verb in (Verb.READ, Verb.UNREAD):
            return replace(now, seen=old.seen)
        if verb in (Verb.STAR, Verb.UNSTAR):
            return replace(now, flagged=old.flagged)
        if verb in (Verb.LABEL, Verb.UNLABEL):
            return self._known(account, replace(now, labels=labels_before(action.target, now.labels, old.labels)))
        now = self._known(account, now)
        assert verb in MOVING
        if old.folder not in (SNOOZED, DELETED) and not self._m.is_folder(account, old.folder):
            return replace(self._m.placed(now, INBOX), origin="")
        back = self._m.placed(now, old.folder)
        self._m.moved_at[old.id] = moved_at
        return replace(back, origin=old.origin, snoozed_until=old.snoozed_until, listed_at=old.listed_at)

    def _known(self, account: str, m: Message) -> Message:
        known = {label.id for label in self._labels(account)}
        return replace(m, labels=tuple(label for label in m.labels if label in known))

    # IFolderStore

    async def folders(self, account: str) -> Sequence[Folder]:
        self._m.check()
        return sorted(self._m.folders.get(account, ()), key=lambda folder: folder.name.casefold())

    async def create_folder(self, account: str, name: str) -> Folder:
        self._m.check()
        own = self._m.folders.setdefault(account, [])
        if any(folder.name.casefold() == name.casefold() for folder in own):
            raise Conflict(f"there is a folder {name} already")
        parent = ""
        missing = []
        for level in name.split("/"):
            path = f"{parent}/{level}" if parent else level
            known = next((folder for folder in own if folder.name.casefold() == path.casefold()), None)
            if known is None:
                missing.append(path)
            parent = path if known is None else known.name
        if len(own) + len(missing) > MOST:
            raise Conflict(f"a mailbox has at most {MOST} folders of its own")
        for path in missing:
            own.append(Folder(f"f{self._id()}", path))
        return own[-1]

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id

    async def rename_folder(self, account: str, folder: str, name: str) -> None:
        self._m.check()
        own = self._m.folders.get(account, [])
        old = next((each for each in own if each.id == folder), None)
        if old is None:
            raise NotThere(f"there is no folder {folder!r}")
        if is_below(name.casefold(), old.name.casefold()):
            raise Conflict("a folder cannot lie within itself")
        moved = {each.id for each in own if each is old or is_below(each.name, old.name)}
        others = {each.name.casefold() for each in own if each.id not in moved}
        name = spelled(name, (each for each in own if each.id not in moved))
        renamed = [
            replace(each, name=name + each.name.removeprefix(old.name)) if each.id in moved else each for each in own
        ]
        for each in renamed:
            if each.id in moved and (each.name.casefold() in others or each.name.count("/") >= LEVELS):
                raise Conflict(f"there is a folder {each.name} already, or it lies too deep")
        self._m.folders[account] = renamed
        parent = name.rpartition("/")[0]
        if parent and parent.casefold() not in {each.name.casefold() for each in renamed}:
            await self.create_folder(account, parent)

    async def delete_folder(self, account: str, folder: str) -> Done:
        self._m.check()
        own = self._m.folders.get(account, [])
        old = next((each for each in own if each.id == folder), None)
        if old is None:
            raise NotThere(f"there is no folder {folder!r}")
        gone = [each for each in own if each is old or is_below(each.name, old.name)]
        token = self._m.new_id()
        dones = [self._act(account, Action(Verb.MOVE, TRASH), AllIn(each.id), token) for each in gone]
        self._m.folders[account] = [each for each in own if each not in gone]
        self._undos[account, token].folders = gone
        return together(dones, token)

    def _labels(self, account: str) -> list[Label]:
        return self._m.labels.setdefault(account, [])

    async def labels(self, account: str) -> Sequence[Label]:
        self._m.check()
        return sorted(self._labels(account), key=lambda label: label.name.casefold())

    async def create_label(self, account: str, name: str, colour: str) -> Label:
        self._m.check()
        if any(label.name.casefold() == name.casefold() for label in self._labels(account)):
            raise Conflict(f"there is a label {name} already")
        if len(self._labels(account)) == MOST:
            raise Conflict(f"a mailbox has at most {MOST} labels")
        label = Label(str(self._id()), name, colour)
        self._labels(account).append(label)
        return label

    async def change_label(self, account: str, label: Label) -> None:
        self._m.check()
        own = self._labels(account)
        if any(each.id != label.id and each.name.casefold() == label.name.casefold() for each in own):
            raise Conflict(f"there is a label {label.name} already")
        if all(each.id != label.id for each in own):
            raise NotThere(f"there is no label {label.id!r}")
        self._m.labels[account] = [label if each.id == label.id else each for each in own]

    async def delete_label(self, account: str, label: str) -> Done:
        self._m.check()
        old = next((each for each in self._labels(account) if each.id == label), None)
        if old is None:
            raise NotThere(f"there is no label {label!r}")
        self._labels(account).remove(old)
        token = self._m.new_id()
        dones = [
            self._act(account, Action(Verb.UNLABEL, label), AllIn(place), token)
            for place in (LABEL + label, TRASH, SPAM)
        ]
        self._undos[account, token].labels = [old]
        return together(dones, token)

    # IMailSearch

    async def search(self, account: str, query: Query, before: Cursor | None, limit: int) -> Sequence[Hit]:
        self._m.check()
        return self._search(account, query, before)[:limit]

    def _search(self, account: str, query: Query, before: Cursor | None) -> list[Hit]:
        hits: dict[str, Hit] = {}
        mine = [m for m in self._m.all.values() if m.account == account and m.folder != DELETED]
        for m in sorted(mine, key=lambda m: (m.received_at // 1000, m.id), reverse=True):
            if m.conversation not in hits and self._holds(m, query):
                hits[m.conversation] = self._hit(m, query)
        return [hit for hit in hits.values() if before is None or _order(hit.at) < _order(before)]

    def _hit(self, m: Message, query: Query) -> Hit:
        row = self._m.row(m.account, m.conversation)
        assert row is not None
        body = [text for text in query.texts if text.field is Field.ANY]
        snippet = around(self._m.texts[m.id], body) or m.description.snippet
        titled = [text for text in query.texts if text.field in (Field.ANY, Field.SUBJECT)]
        at = Cursor(m.received_at, m.id)
        return Hit(row, m.id, at, snippet, marks(snippet, body), marks(row.subject, titled))

    def _holds(self, m: Message, query: Query) -> bool:
        return (
            all(any(self._fits(m, each) != each.negated for each in group) for group in query.groups)
            and not (query.hides_trash and m.folder in (TRASH, SPAM))
            and query.after <= m.received_at
            and (not query.before or m.received_at < query.before)
            and (not query.larger or m.size > query.larger)
            and (not query.smaller or m.size < query.smaller)
        )

    def _fits(self, m: Message, condition: Condition) -> bool:
        shown = m.folder not in (TRASH, SPAM)
        if isinstance(condition, Is):
            has = m.description.has_attachments
            return {"unread": not m.seen, "read": m.seen, "starred": m.flagged, "attachment": has}[condition.what]
        if isinstance(condition, In):
            if condition.place == STARRED:
                return m.flagged and shown
            if condition.place.startswith(LABEL):
                return condition.place.removeprefix(LABEL) in m.labels and shown
            return m.folder == condition.place
        about = m.description
        author = " ".join(f"{box.name} {box.address}" for box in about.author)
        recipients = " ".join(f"{box.name} {box.address}" for box in (*about.to, *about.cc, *m.bcc))
        texts = {
            Field.AUTHOR: [author],
            Field.RECIPIENT: [recipients],
            Field.SUBJECT: [about.subject],
            Field.ANY: [author, recipients, about.subject, self._m.texts[m.id]],
        }[condition.field]
        return any(_says(text, condition) for text in texts)

    async def textless(self, limit: int) -> Sequence[Textless]:
        self._m.check()
        return ()

    async def keep_up(self) -> None:
        self._m.check()

    async def give_text(self, message: str, text: str) -> None:
        self._m.check()

    # IMailboxUpkeep

    async def wake(self, now: int, limit: int) -> Sequence[Touched]:
        self._m.check()
        due = [m for m in self._m.all.values() if 0 < m.snoozed_until <= now]
        ids = list(dict.fromkeys((m.account, m.conversation) for m in due))[:limit]
        return [
            Touched(account, frozenset(self._m.wake(account, each, now)), self._m.seqs[account])
            for account, each in ids
        ]

    async def empty(self, before: int, limit: int) -> Sequence[Touched]:
        self._m.check()
        return [
            Touched(m.account, frozenset(self._m.drop(m)), self._m.seqs[m.account])
            for m in self._aged((TRASH, SPAM), before)[:limit]
        ]

    async def purge(self, before: int, limit: int) -> int:
        self._m.check()
        self._undos = {key: undo for key, undo in self._undos.items() if undo.at >= before}
        gone = self._aged((DELETED,), before)[:limit]
        for m in gone:
            self._m.drop(m)
        return len(gone)

    def _aged(self, folders: Sequence[str], before: int) -> list[Message]:
        return [m for m in self._m.all.values() if m.folder in folders and self._m.moved_at[m.id] < before]

    async def accounts(self, after: str, limit: int) -> Sequence[str]:
        self._m.check()
        return sorted(account for account in self._m.seqs if account > after)[:limit]

    async def check_store(self, repair: bool) -> Sequence[Problem]:
        self._m.check()
        return ()

    async def check(self, account: str, repair: bool) -> Sequence[Problem]:
        self._m.check()
        return ()


def _order(at: Cursor) -> tuple[int, str]:
    return at.last_at // 1000, at.id


def _says(text: str, wanted: Text) -> bool:
    """Do the words stand beside each other in the text? Said once more, from the definition in model.terms."""
    typed = terms(wanted.text)
    if any(map(is_paired, typed)):
        return all(fold(wanted.text[start:end]) in fold(text) for start, end in runs(wanted.text))
    words = terms(text)
    last = typed[-1]

    def ends(word: str) -> bool:
        if wanted.prefix and len(last) >= PREFIX_LENGTH:
            return word.startswith(last) or (len(typed) == 1 and any(p.startswith(last) for p in parts([word])))
        return word == last or (len(typed) == 1 and last in parts([word]))

    return any(
        words[at : at + len(typed) - 1] == typed[:-1] and ends(words[at + len(typed) - 1])
        for at in range(len(words) - len(typed) + 1)
    )
