"""Random operations on a mailbox in SQLite and in the fake, which counts every answer from its messages: they agree."""

from __future__ import annotations

import os
from collections import Counter as Count
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mailsuite.interfaces.actions import IMailActions
from mailsuite.interfaces.drafts import IDraftStore
from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.search import IMailSearch
from mailsuite.interfaces.upkeep import IMailboxUpkeep
from mailsuite.model.action import EMPTY_AFTER, PURGE_AFTER, Action, AllFound, AllIn, Chosen, Selection, Verb
from mailsuite.model.draft import DraftConflict
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.folder import ARCHIVE, DRAFTS, FOLDERS, INBOX, SENT, SNOOZED, SPAM, STARRED, TRASH, label_view
from mailsuite.model.message import Conversation, Cursor
from mailsuite.model.query import In, Is, Query, Text
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.drafts import DraftStore
from mailsuite.sqlite.folders import FolderStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.testing.builders import NOW, description, filing
from mailsuite.testing.contracts.drafts import typed
from mailsuite.testing.fake_store import FakeStore
from tests.sqlite.immediate import ImmediateStore, now_done

ACCOUNT = "bob"
WORDS = ("alpha", "beta", "gamma", "新年快乐")
NAMES = ("Work", "Work/Inner", "Other", "Work/Inner/Deep")
FILED = (INBOX, INBOX, SENT, DRAFTS, ARCHIVE, SPAM, TRASH)
QUERIES = (
    Query(((Text("alpha"),),)),
    Query(((Text("beta"), Is("unread")),)),
    Query(((Text("alpha", negated=True),), (In(INBOX),))),
    Query(((Is("starred"),),), everywhere=True),
    Query(((Text("新年"),), (Is("read"),)), everywhere=True),
)

numbers = st.integers(0, 10**6)
several = st.lists(numbers, max_size=4)


@dataclass
class Side:
    """One of the two stores, and the names by which the test knows what is in it."""

    messages: IMessageStore
    actions: IMailActions
    folders: IFolderStore
    search: IMailSearch
    upkeep: IMailboxUpkeep
    drafts: IDraftStore
    ids: dict[str, str] = field(default_factory=dict)
    undos: list[str] = field(default_factory=list)

    def key(self, message: str) -> str:
        """The delivery key of a message."""
        return next(key for key, each in self.ids.items() if each == message)

    def places(self) -> dict[str, str]:
        """Lists by names that both sides have in common."""
        own = {f"own {each.name}": each.id for each in now_done(self.folders.folders(ACCOUNT))}
        labels = {f"label {each.name}": label_view(each.id) for each in now_done(self.folders.labels(ACCOUNT))}
        return {**{name: name for name in (*FOLDERS, SNOOZED, STARRED)}, **own, **labels}

    def conversation_of(self, key: str) -> str:
        """The conversation of a message, "" when it is gone."""
        message = now_done(self.messages.message(ACCOUNT, self.ids.get(key, "")))
        return message.conversation if message else ""

    def row(self, row: Conversation, names: dict[str, str]) -> Any:
        """A row without ids."""
        folders = tuple(sorted(names.get(each, each) for each in row.folders))
        labels = tuple(sorted(names.get(label_view(each), each) for each in row.labels))
        messages = now_done(self.messages.messages(ACCOUNT, row.id))
        keys = tuple(sorted(self.key(m.id) for m in messages))
        return replace(row, id="", folders=folders, labels=labels), keys

    def pages(self, place: str, size: int) -> list[Conversation]:
        """A whole list, page by page."""
        seen: list[Conversation] = []
        while page := now_done(
            self.messages.page(ACCOUNT, place, Cursor(seen[-1].last_at, seen[-1].id) if seen else None, size)
        ):
            seen += page
        keys = [(row.last_at, row.id) for row in seen]
        assert keys == sorted(keys, reverse=True)
        assert len({row.id for row in seen}) == len(seen)
        return seen

    def found(self, query: Query) -> Any:
        """All that a search finds, page by page, by delivery key."""
        seen: list[str] = []
        before = None
        while hits := now_done(self.search.search(ACCOUNT, query, before, 3)):
            seen += [self.key(hit.message) for hit in hits]
            before = hits[-1].at
        assert len(set(seen)) == len(seen)
        return sorted(seen)

    def picture(self) -> Any:
        """All that can be seen of the mailbox."""
        places = self.places()
        names = {place: name for name, place in places.items()}
        counters = now_done(self.messages.counters(ACCOUNT))
        rows = {}
        for name, place in places.items():
            page = self.pages(place, 3)
            rows[name] = Count(self.row(row, names) for row in page)
            counter = counters.get(place)
            assert (len(page), sum(row.unread > 0 for row in page)) == (
                (counter.total, counter.unread) if counter else (0, 0)
            ), name
        messages = {}
        for key, each in self.ids.items():
            if (m := now_done(self.messages.message(ACCOUNT, each))) is not None:
                labels = tuple(sorted(names.get(label_view(label), label) for label in m.labels))
                place, origin = names.get(m.folder, m.folder), names.get(m.origin, "gone" if m.origin else "")
                messages[key] = (place, origin, m.seen, m.flagged, labels, m.snoozed_until, m.listed_at, m.size)
        return rows, messages, now_done(self.messages.usage(ACCOUNT)), [self.found(query) for query in QUERIES]


class MailboxMachine(RuleBasedStateMachine):
    """Every step is done to both."""

    @initialize()
    def begin(self) -> None:
        """Two empty mailboxes."""
        self.now = NOW
        self.immediate = ImmediateStore(lambda: self.now)
        store, fake = self.immediate.as_store(), FakeStore(lambda: self.now)
        real = Side(
            MessageStore(store, os.urandom),
            MailActions(store, os.urandom),
            FolderStore(store, os.urandom),
            MailSearch(store),
            MailboxUpkeep(store, lambda blob: True),
            DraftStore(store, os.urandom),
        )
        self.sides = (real, Side(fake.messages, fake.mailbox, fake.mailbox, fake.mailbox, fake.mailbox, fake.drafts))
        self.count = self.revision = self.sent = 0
        self.drafts: dict[str, str] = {}
        self.checked = True

    def teardown(self) -> None:
        if hasattr(self, "immediate"):
            assert all(each.lost for each in now_done(self.sides[0].upkeep.check(ACCOUNT, repair=False)))
            assert self.immediate.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            self.immediate.connection.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
            self.immediate.connection.close()

    def _place(self, number: int, of: tuple[str, ...] = ()) -> str:
        names = of or tuple(self.sides[0].places())
        return names[number % len(names)]

    def _keys(self, chosen: list[int]) -> list[str]:
        return [f"k{number % self.count}" for number in chosen] if self.count else []

    @rule(place=numbers, references=several, word=st.sampled_from(WORDS), seen=st.booleans(), ago=numbers)
    def file(self, place: int, references: list[int], word: str, seen: bool, ago: int) -> None:
        """Mail comes, now and then late, and sometimes it connects others."""
        key = f"k{self.count}"
        own = [name for name in self.sides[0].places() if name.startswith("own")]
        name = self._place(place, (*FILED, *own))
        about = description(
            f"<{key}@x>",
            references=[f"<{each}@x>" for each in self._keys(references[:2])],
            subject=word,
            snippet=key,
            author=f"A{self.count % 3} <a{self.count % 3}@x>",
            has_attachments=ago % 7 == 0,
        )
        # Times are all different, since the two break ties by their own ids.
        at = self.now + self.count * 1000 - (ago % 50) * 100_000
        self.count += 1
        for side in self.sides:
            item = filing(key, folder=side.places()[name], at=at, seen=seen, about=about, own=name == SENT)
            filed = now_done(side.messages.file(replace(item, text=f"{word} text", size=ago % 1000)))
            side.ids[key] = filed.message

    @rule(chosen=several, place=numbers, verb=st.sampled_from(list(Verb)), aim=numbers, single=st.booleans())
    def act(self, chosen: list[int], place: int, verb: Verb, aim: int, single: bool) -> None:
        """Some conversations, or some messages."""
        keys = self._keys(chosen)
        name = self._place(place)
        self._do(
            verb,
            aim,
            lambda side: (
                Chosen(messages=tuple(side.ids[key] for key in keys))
                if single
                else Chosen(tuple(filter(None, map(side.conversation_of, keys))), place=side.places()[name])
            ),
        )

    @rule(place=numbers, verb=st.sampled_from(list(Verb)), aim=numbers)
    def act_on_all(self, place: int, verb: Verb, aim: int) -> None:
        """A whole list."""
        name = self._place(place)
        self._do(verb, aim, lambda side: AllIn(side.places()[name]))

    @rule(query=st.sampled_from(QUERIES), verb=st.sampled_from(list(Verb)), aim=numbers)
    def act_on_found(self, query: Query, verb: Verb, aim: int) -> None:
        """All that a search finds."""
        self._do(verb, aim, lambda side: AllFound(query))

    def _do(self, verb: Verb, aim: int, select: Any) -> None:
        places = self.sides[0].places()
        movable = tuple(name for name in places if name in FOLDERS or name.startswith("own"))
        labels = tuple(name for name in places if name.startswith("label"))
        if verb in (Verb.LABEL, Verb.UNLABEL) and not labels:
            return
        name = self._place(aim, labels if verb in (Verb.LABEL, Verb.UNLABEL) else movable)
        dones = []
        for side in self.sides:
            action = Action(verb, side.places()[name].removeprefix("label/"), self.now + aim % 10_000_000 + 1)
            selection: Selection = select(side)
            done = now_done(side.actions.act(ACCOUNT, action, selection))
            side.undos.append(done.undo)
            names = {place: each for each, place in side.places().items()}
            dones.append((done.conversations, done.messages, {names[place] for place in done.places}, bool(done.undo)))
        assert dones[0] == dones[1]

    @rule(number=numbers)
    def undo(self, number: int) -> None:
        """Something that was done, whatever has happened since."""
        outcomes = []
        for side in self.sides:
            if not side.undos:
                return
            try:
                done = now_done(side.actions.undo(ACCOUNT, side.undos[number % len(side.undos)]))
                outcomes.append((done.conversations, done.messages))
            except NotThere:
                outcomes.append((-1, -1))
        assert outcomes[0] == outcomes[1]

    @rule(name=st.sampled_from(NAMES), new=st.sampled_from(NAMES), what=st.sampled_from(("new", "rename", "delete")))
    def folders(self, name: str, new: str, what: str) -> None:
        """Own folders come and go."""
        self._both(what, name, new, "own")

    @rule(name=st.sampled_from(NAMES[:2]), new=st.sampled_from(NAMES[:2]), what=st.sampled_from(("new", "delete")))
    def labels(self, name: str, new: str, what: str) -> None:
        """Labels come and go."""
        self._both(what, name, new, "label")

    def _both(self, what: str, name: str, new: str, kind: str) -> None:
        outcomes = []
        for side in self.sides:
            known = side.places().get(f"{kind} {name}", "none").removeprefix("label/")
            try:
                if what == "new" and kind == "own":
                    now_done(side.folders.create_folder(ACCOUNT, name))
                elif what == "new":
                    now_done(side.folders.create_label(ACCOUNT, name, "red"))
                elif what == "rename":
                    now_done(side.folders.rename_folder(ACCOUNT, known, new))
                elif kind == "own":
                    side.undos.append(now_done(side.folders.delete_folder(ACCOUNT, known)).undo)
                else:
                    side.undos.append(now_done(side.folders.delete_label(ACCOUNT, known)).undo)
                outcomes.append("done")
            except (Conflict, NotThere) as error:
                outcomes.append(type(error).__name__)
        assert outcomes[0] == outcomes[1], outcomes

    @rule(number=numbers, word=st.sampled_from(WORDS))
    def draft(self, number: int, word: str) -> None:
        """A draft is begun or written anew, or what is none any more is refused."""
        name = f"draft {number % 3}.{self.sent}"
        if name not in self.drafts:
            self.drafts[name] = f"k{self.count}"
            self.count += 1
        key = self.drafts[name]
        self.revision += 1
        about = description(f"<{key}@x>", subject=word, snippet=key)
        item = replace(filing(key, folder=DRAFTS, about=about, at=self.now + number % 1000), text=word, size=7)
        outcomes = []
        for side in self.sides:
            try:
                filed = now_done(side.drafts.save(name, self.revision, typed(word), item))
                side.ids[key] = filed.message
                outcomes.append("done")
            except DraftConflict:
                outcomes.append("none")
        assert outcomes[0] == outcomes[1]

    @rule(number=numbers)
    def send(self, number: int) -> None:
        """A draft goes at once."""
        shown = []
        for side in self.sides:
            names = {place: name for name, place in side.places().items()}
            touched = now_done(side.drafts.close(ACCOUNT, f"draft {number % 3}.{self.sent}", typed("sent")))
            shown.append({names[place] for place in touched.places})
        assert shown[0] == shown[1]
        self.sent += 1

    @rule(step=st.sampled_from((1000, 60_000, 11 * 60_000, 3_600_000, 31 * 86_400_000)))
    def time_passes(self, step: int) -> None:
        """What is due is done."""
        self.now += step
        for side in self.sides:
            while now_done(side.upkeep.wake(self.now, 5)):
                pass
            while now_done(side.upkeep.empty(self.now - EMPTY_AFTER, 5)):
                pass
            while now_done(side.upkeep.purge(self.now - PURGE_AFTER, 5)) == 5:
                pass

    @invariant()
    def they_agree(self) -> None:
        """Lists, counters, messages, usage and searches are the same."""
        if hasattr(self, "sides"):
            real, fake = (side.picture() for side in self.sides)
            assert real == fake


MailboxMachineTests = MailboxMachine.TestCase
MailboxMachineTests.settings = settings(
    max_examples=int(os.environ.get("MAILSUITE_EXAMPLES", "60")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
