"""A process that changes a mailbox until it is killed, or so many times: what the tests of durability run.

python -m tests.sqlite.changer PATH NAME COUNT: COUNT 0 is for ever. Prints a line for each change, after it.
"""

from __future__ import annotations

import os
import random
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults

from mailsuite.model.action import Action, AllIn, Chosen, Verb
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import ARCHIVE, FOLDERS, INBOX, SENT, TRASH
from mailsuite.model.query import Query, Text
from mailsuite.runtime.clock import now
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.folders import FolderStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.testing.builders import description, filing
from tests.sqlite.committer import end

reactor: Any = _reactor
SESSIONS = 4
MOVED = (INBOX, ARCHIVE, TRASH, SENT)


class Person:
    """Changes one mailbox at random."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self.random = random.Random(name)
        self.messages, self.actions = MessageStore(store, os.urandom), MailActions(store, os.urandom)
        self.folders, self.search = FolderStore(store, os.urandom), MailSearch(store)
        self.upkeep = MailboxUpkeep(store, lambda blob: True)
        self.filed = 0
        self.undos: list[str] = []

    async def change(self) -> None:
        """One thing."""
        match self.random.randint(0, 9):
            case 0 | 1 | 2:
                await self.file()
            case 3:
                page = await self.messages.page("bob", self.random.choice(FOLDERS), None, 20)
                chosen = tuple(row.id for row in page if self.random.random() < 0.3)
                verb = self.random.choice((Verb.READ, Verb.UNREAD, Verb.STAR, Verb.UNSTAR))
                self.undos.append((await self.actions.act("bob", Action(verb), Chosen(chosen))).undo)
            case 4 | 5:
                source, target = self.random.choices(MOVED, k=2)
                self.undos.append((await self.actions.act("bob", Action(Verb.MOVE, target), AllIn(source))).undo)
            case 6:
                action = Action(Verb.SNOOZE, until=now() + self.random.randint(0, 9))
                await self.actions.act("bob", action, AllIn(INBOX))
                await self.upkeep.wake(now(), 3)
            case 7 if self.undos:
                with suppress(NotThere):
                    await self.actions.undo("bob", self.undos.pop())
            case 8:
                folder = await self.folders.create_folder("bob", f"{self.name} {self.filed} {self.random.random()}")
                await self.actions.act("bob", Action(Verb.MOVE, folder.id), AllIn(INBOX))
                await self.folders.delete_folder("bob", folder.id)
            case _:
                await self.search.search("bob", Query(((Text("word"),),)), None, 10)
                await self.actions.act("bob", Action(Verb.DELETE), AllIn(TRASH))
                await self.upkeep.purge(now() + 1, 5)

    async def file(self) -> None:
        """A message, often an answer to another person's."""
        self.filed += 1
        other = f"<{self.name[0]}{self.random.randint(0, 7)}-{self.random.randint(0, 30)}@x>"
        about = description(f"<{self.name}-{self.filed}@x>", references=[other] if self.filed % 2 else [])
        key = f"{self.name}-{self.filed}-{os.getpid()}"
        await self.messages.file(replace(filing(key, about=about, at=now()), text=f"word {self.filed}"))


async def main(path: Path, name: str, count: int) -> None:
    """Several sessions of one person."""
    store = Store(path, reactor, now, patience=60)
    store.start()
    person = Person(store, name)
    numbers = iter(range(count or sys.maxsize))

    async def session() -> None:
        for n in numbers:
            await person.change()
            os.write(1, f"{name} {n}\n".encode())

    await gatherResults([Deferred.fromCoroutine(session()) for _ in range(SESSIONS)])
    await store.stop()


if __name__ == "__main__":
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))).addBoth(end)
    )
    reactor.run()
