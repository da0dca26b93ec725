"""RecountContract: whatever happens to a mailbox, its lists and counters say what its messages say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from random import Random

from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.folder import ARCHIVE, FOLDERS, INBOX, SENT, SPAM, STARRED, TRASH
from mailsuite.model.message import Conversation, Counter, Message
from mailsuite.testing.builders import NOW, description, filing
from mailsuite.testing.contracts.stores import StoreContract, Stores

ACCOUNT = "bob"
LISTS = (*FOLDERS, STARRED)


class RecountContract(StoreContract):
    """Mix into a trial TestCase. ``RUNS`` random histories of ``STEPS`` steps each."""

    RUNS = 12
    STEPS = 40

    async def test_random_histories(self) -> None:
        """After every history rows, counters and what a page learned by ``newer`` agree with a recount."""
        for seed in range(self.RUNS):
            account = f"{ACCOUNT}{seed}"
            history = _History(self.stores, account, Random(seed))  # noqa: S311
            for step in range(self.STEPS):
                await history.step()
                if step % 8 == 0:
                    await history.catch_up()
            await history.catch_up()
            self.assertEqual(await history.recount(), await history.shown(), f"seed {seed}")
            for name in LISTS:
                page = await self.stores.messages.page(account, name, None, 1000)
                self.assertEqual({row.id: row for row in page}, history.pages[name], f"seed {seed}, {name}")
                keys = [(row.last_at, row.id) for row in page]
                self.assertEqual(sorted(keys, reverse=True), keys)


class _History:
    """Random changes of one account, and the pages of a browser that follows them."""

    def __init__(self, stores: Stores, account: str, random: Random) -> None:
        self._messages = stores.messages
        self._actions = stores.actions
        self._account = account
        self._random = random
        self._filed: list[str] = []
        self._conversations: list[str] = []
        # Few ids make many merges, many ids long quiet threads.
        self._ids = random.choice((20, 100, 1000))
        self._seqs = dict.fromkeys(LISTS, 0)
        self.pages: dict[str, dict[str, Conversation]] = {name: {} for name in LISTS}

    async def step(self) -> None:
        random = self._random
        chosen = random.sample(self._conversations, min(len(self._conversations), random.randint(0, 3)))
        match random.randint(0, 9):
            case 0 | 1:
                await self._act(Action(random.choice((Verb.READ, Verb.UNREAD))), chosen)
            case 2:
                await self._act(Action(random.choice((Verb.STAR, Verb.STAR, Verb.UNSTAR))), chosen)
            case 3 | 4:
                source, target = random.choices((INBOX, SENT, ARCHIVE, SPAM, TRASH), k=2)
                await self._act(Action(Verb.MOVE, target), chosen, source)
            case _:
                await self._file()

    async def _act(self, action: Action, conversations: list[str], place: str = "") -> None:
        await self._actions.act(self._account, action, Chosen(tuple(conversations), place=place))

    async def _file(self) -> None:
        random = self._random
        number = len(self._filed)
        own = random.random() < 0.3
        about = description(
            f"<{random.randint(0, self._ids)}@x>",
            references=[
                f"<{random.randint(0, self._ids) * random.randint(0, 1)}@x>"
                for _ in range(random.choice((0, 0, 1, 1, 2)))
            ],
            author=f"P{random.randint(0, 3)} <p@x>",
            to=[f"R{random.randint(0, 3)} <r@x>"],
            subject=f"s{number}",
            snippet=f"t{number}",
            has_attachments=random.random() < 0.2,
        )
        filed = await self._messages.file(
            filing(
                f"k{number}",
                account=self._account,
                folder=SENT if own else random.choice((INBOX, INBOX, ARCHIVE, SPAM)),
                at=NOW + number + random.choice((0, 0, 0, -5, 5)),
                seen=own or random.random() < 0.3,
                own=own,
                about=about,
            )
        )
        self._filed.append(filed.message)
        self._conversations.append(filed.conversation)

    async def catch_up(self) -> None:
        """What a browser does when it hears of a change, for every list."""
        for name, rows in self.pages.items():
            while True:
                changes = await self._messages.newer(self._account, name, self._seqs[name], 3)
                rows.update({row.id: row for row in changes.rows})
                for gone in changes.gone:
                    rows.pop(gone, None)
                if changes.seq == self._seqs[name]:
                    break
                self._seqs[name] = changes.seq

    async def shown(self) -> tuple[Mapping[str, Counter], Mapping[str, set[Conversation]]]:
        """Counters and lists as the store gives them; under "" the conversations over all folders."""
        counters = await self._messages.counters(self._account)
        lists = {name: set(await self._messages.page(self._account, name, None, 1000)) for name in LISTS}
        for each in self._conversations:
            row = await self._messages.conversation(self._account, each)
            assert row is not None, f"{each} is lost"
            lists.setdefault("", set()).add(row)
        return {name: counters[name] for name in LISTS}, lists

    async def recount(self) -> tuple[Mapping[str, Counter], Mapping[str, set[Conversation]]]:
        """The same, counted from the messages."""
        found = [await self._messages.message(self._account, each) for each in self._filed]
        messages = sorted((m for m in found if m is not None), key=lambda m: (m.conversation, m.received_at, m.id))
        assert len(messages) == len(self._filed)
        lists: dict[str, set[Conversation]] = {name: set() for name in (*LISTS, "")}
        for _, group in groupby(messages, key=lambda m: m.conversation):
            conversation = list(group)
            for name, rows in lists.items():
                there = [m for m in conversation if name in ("", m.folder)]
                if name == STARRED and any(m.flagged and m.folder not in (TRASH, SPAM) for m in conversation):
                    there = [m for m in conversation if m.folder not in (TRASH, SPAM)]
                if there:
                    rows.add(_expected(conversation, there))
        counters = {name: Counter(len(lists[name]), len([r for r in lists[name] if r.unread])) for name in LISTS}
        return counters, lists


def _expected(conversation: list[Message], there: list[Message]) -> Conversation:
    if all(m.own for m in conversation):
        people = _unique(box.name for m in conversation for box in m.description.to)
        people = (f"To: {people[0]}", *people[1:])
    else:
        people = _unique("me" if m.own else m.description.author[0].name for m in conversation)
    return Conversation(
        id=conversation[0].conversation,
        account=conversation[0].account,
        subject=conversation[0].description.subject,
        people=people,
        count=len(conversation),
        unread=sum(not m.seen for m in there),
        flagged=any(m.flagged for m in conversation),
        last_at=max(m.received_at for m in there),
        snippet=conversation[-1].description.snippet,
        has_attachments=any(m.description.has_attachments for m in conversation),
        folders=tuple(name for name in FOLDERS if name in {m.folder for m in conversation}),
    )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
