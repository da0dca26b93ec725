"""MailActions: IMailActions in the database file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.actions import IMailActions
from mailsuite.model.action import Action, AllIn, Chosen, Done, Selection, Verb
from mailsuite.model.errors import NotThere
from mailsuite.model.ids import ordered_id
from mailsuite.model.message import Cursor
from mailsuite.model.query import Query
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite import threads
from mailsuite.sqlite.changing import Step, changed, check_folder, check_label, is_folder, messages_of, write
from mailsuite.sqlite.search import catch_up
from mailsuite.sqlite.searching import found, number_of
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.undoing import Record, keep, take_back

BATCH = 200
"""So many conversations are changed in one operation; other writers get their turn in between."""


@dataclass(slots=True)
class Sum:
    """What the steps of an action did."""

    seq: int = 0
    conversations: int = 0
    messages: int = 0
    places: set[str] = field(default_factory=set)

    def add(self, step: Step, messages: int) -> None:
        """Count a step."""
        self.seq = max(self.seq, step.seq)
        self.conversations += step.conversations
        self.messages += messages
        self.places |= step.places


@implementer(IMailActions)
class MailActions:
    """IMailActions; ``random`` gives n random bytes (os.urandom)."""

    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._random = random

    async def act(self, account: str, action: Action, selection: Selection) -> Done:
        """See IMailActions."""
        return await self.run(account, action, selection, self.token())

    def token(self) -> str:
        """A new token for undo."""
        return ordered_id(self._store.clock(), self._random)

    async def run(self, account: str, action: Action, selection: Selection, token: str) -> Done:
        """``act`` whose steps are taken back under a given token."""
        work = _Work(account, action, token, self._store.clock())
        total = Sum()
        if isinstance(selection, Chosen):
            await self._chosen(work, selection, total)
        elif isinstance(selection, AllIn):
            await self._all_in(work, selection, total)
        else:
            await self._all_found(work, selection.query, selection.top, total)
        seq = total.seq or await self._store.read(lambda c: derived.last_seq(c, account))
        undo = token if total.messages else ""
        return Done(seq, total.conversations, total.messages, frozenset(total.places), undo)

    async def _chosen(self, work: _Work, chosen: Chosen, total: Sum) -> None:
        ids = tuple(dict.fromkeys(chosen.conversations))
        # With nothing chosen too: the target is to be looked at.
        for start in range(0, len(ids) or not chosen.messages, BATCH):
            batch = ids[start : start + BATCH]
            step = await self._store.write(partial(work.conversations, ids=batch, place=chosen.place))
            total.add(step, len(step.before))
        messages = tuple(dict.fromkeys(chosen.messages))
        for start in range(0, len(messages), BATCH):
            step = await self._store.write(partial(work.messages, ids=messages[start : start + BATCH]))
            total.add(step, len(step.before))

    async def _all_in(self, work: _Work, selection: AllIn, total: Sum) -> None:
        last: Cursor | None = None
        while True:
            step, last = await self._store.write(
                partial(work.next_of, place=selection.place, top=selection.top, below=last)
            )
            total.add(step, len(step.before))
            if last is None:
                return

    async def _all_found(self, work: _Work, query: Query, top: Cursor | None, total: Sum) -> None:
        await catch_up(self._store, work.account)
        # Looked up first and changed then: what is changed may no longer be found.
        first = await self._store.read(partial(number_of, account=work.account, cursor=top))
        below: Cursor | None = None
        ids: list[str] = []
        while True:
            hits = await self._store.read(partial(found, account=work.account, query=query, before=below, limit=BATCH))
            ids += [hit.conversation for hit in hits if hit.number <= first]
            if len(hits) < BATCH:
                break
            below = Cursor(*hits[-1].at)
        await self._chosen(work, Chosen(tuple(ids)), total)

    async def undo(self, account: str, token: str) -> Done:
        """See IMailActions."""
        total = Sum()
        now = self._store.clock()
        steps = 0
        while (taken := await self._store.write(partial(take_back, account=account, token=token, now=now))) is not None:
            total.add(*taken)
            steps += 1
        if not steps:
            raise NotThere("this can no longer be undone")
        seq = total.seq or await self._store.read(lambda c: derived.last_seq(c, account))
        return Done(seq, total.conversations, total.messages, frozenset(total.places))


@dataclass(frozen=True, slots=True)
class _Work:
    """An action under way; each method is one operation of the store."""

    account: str
    action: Action
    token: str
    now: int

    def conversations(self, c: Connection, ids: Sequence[str], place: str) -> Step:
        """Change conversations as they stand in a list."""
        step = self._begin(c)
        for conversation in dict.fromkeys(threads.resolve(c, self.account, each) for each in ids):
            self._change(c, conversation, place, None, step)
        return self._end(c, step)

    def messages(self, c: Connection, ids: Sequence[str]) -> Step:
        """Change single messages."""
        step = self._begin(c)
        rows = [
            c.execute("SELECT conversation FROM message WHERE id = ? AND account = ?", (each, self.account)).fetchone()
            for each in ids
        ]
        for conversation in dict.fromkeys(row[0] for row in rows if row is not None):
            self._change(c, conversation, "", frozenset(ids), step)
        return self._end(c, step)

    def next_of(
        self, c: Connection, place: str, top: Cursor | None, below: Cursor | None
    ) -> tuple[Step, Cursor | None]:
        """Change the next conversations of a list; where to go on, None at the end."""
        bound = ""
        values: tuple[int | str, ...] = ()
        if below is not None:
            bound, values = "AND (last_at, conversation) < (?, ?)", (below.last_at, below.id)
        elif top is not None:
            bound, values = "AND (last_at, conversation) <= (?, ?)", (top.last_at, top.id)
        rows = c.execute(
            "SELECT last_at, conversation FROM conversation_folder"  # noqa: S608
            f" WHERE account = ? AND folder = ? AND count > 0 {bound} ORDER BY last_at DESC, conversation DESC LIMIT ?",
            (self.account, place, *values, BATCH),
        ).fetchall()
        step = self.conversations(c, [row["conversation"] for row in rows], place)
        return step, Cursor(*rows[-1]) if len(rows) == BATCH else None

    def _begin(self, c: Connection) -> Step:
        if self.action.verb is Verb.MOVE:
            check_folder(c, self.account, self.action.target)
        elif self.action.verb is Verb.LABEL:
            check_label(c, self.account, self.action.target)
        return Step()

    def _change(self, c: Connection, conversation: str, place: str, chosen: frozenset[str] | None, step: Step) -> None:
        rows = messages_of(c, self.account, conversation)
        changes = changed(self.action, place, rows, chosen, self.now, partial(is_folder, c, self.account))
        if changes:
            write(c, self.account, conversation, changes, step)

    def _end(self, c: Connection, step: Step) -> Step:
        if step.before:
            keep(c, self.account, self.token, self.now, Record(self.action, tuple(step.before)))
        return step
