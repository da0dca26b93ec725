"""The shape guard: every statement is a search on an index, never a walk over a mailbox or a sort of one."""

from __future__ import annotations

import os
import re
from sqlite3 import Connection

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsuite.model.action import Action, AllIn, Chosen, Verb
from mailsuite.model.alias import Alias, Forward
from mailsuite.model.draft import Draft
from mailsuite.model.folder import ARCHIVE, DRAFTS, INBOX, STARRED
from mailsuite.model.job import Job, Lane
from mailsuite.model.message import Cursor
from mailsuite.model.query import Field, In, Is, Query, Text
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.directory import AccountDirectory
from mailsuite.sqlite.drafts import DraftStore
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.testing.builders import NOW, account, description, domain, filing, queued_message, session
from mailsuite.testing.contracts.jobs import update_of
from mailsuite.testing.temporary import temporary_directory

SMALL = ("domain", "zone_generation", "probe", "sqlite_schema")
"""Tables of a few rows, which may be read whole."""


class ShapeTests(TestCase):
    """EXPLAIN QUERY PLAN of all that is asked."""

    def setUp(self) -> None:
        data = temporary_directory(self)
        self.store = Store(data / "store.sqlite", reactor, lambda: NOW)
        self.store.start()
        self.addCleanup(self.store.stop)
        keeper = BlobKeeper(self.store, data / "blobs")
        self.blobs = BlobStore(self.store, keeper)
        self.jobs = JobStore(self.store, keeper)
        self.messages = MessageStore(self.store, os.urandom)
        self.directory = AccountDirectory(self.store)
        self.statements: dict[str, None] = {}

    def note(self, text: str) -> None:
        """A statement was run."""
        self.statements[text] = None

    async def trace(self, on: bool) -> None:
        """Note all statements from now on, or no more."""

        def attach(c: Connection) -> None:
            c.set_trace_callback(self.note if on else None)

        await self.store.write(attach)
        await self.store.read(attach)  # calls follow one another, so there is one reading connection

    async def plans(self) -> dict[str, list[str]]:
        """The query plan of each statement that was noted."""
        await self.trace(False)
        asked = [text for text in self.statements if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", text)]
        found = {}
        for text in asked:
            rows = await self.store.write(lambda c, t=text: c.execute(f"EXPLAIN QUERY PLAN {t}").fetchall())  # type: ignore[misc]
            found[text] = [row[3] for row in rows]
        return found

    def assert_searches(self, plans: dict[str, list[str]], sorts: tuple[str, ...] = ()) -> None:
        """No table is scanned, no account or folder read whole; only statements that hold one of ``sorts`` sort."""
        self.assertGreater(len(plans), 3)
        for text, plan in plans.items():
            for step in plan:
                told = f"{step}\n{text}"
                if step.startswith("SCAN"):
                    self.assertIn(step.split()[1], (*SMALL, "CONSTANT"), told)
                if "TEMP B-TREE" in step:
                    self.assertTrue(any(part in text for part in sorts), told)
                if re.search(r"SEARCH message .*\(account=\?( AND folder=\?)?\)", step):
                    self.fail(told)

    async def test_queue(self) -> None:
        """The queue: commit, claim, record, lists, forgetting."""
        for n in range(50):
            content = b"%d" % n
            await self.jobs.commit(queued_message(f"q{n}", content, account="a", key=str(n)), content)
        await self.trace(True)
        await self.jobs.commit(queued_message("new", b"new", account="a", key="new"), b"new")
        for n in range(4):
            job = await self.jobs.claim(f"q{n}.0", "h/1/a", NOW, NOW + 9)
        assert isinstance(job, Job)
        await self.jobs.renew(job.id, job.epoch, NOW + 10)
        await self.jobs.dot(job.id, job.epoch, NOW)
        await self.jobs.record(job.id, job.epoch, update_of(job))
        await self.jobs.release("q1.0", 1, NOW)
        await self.jobs.park("q2.0", "why", NOW)
        await self.jobs.free_slot("h/1", "h/1/b")
        await self.jobs.message("q1")
        await self.jobs.message_by_key("a", "1")
        await self.jobs.job("q1.0")
        await self.jobs.jobs("q1")
        await self.jobs.pending(Lane.LOCAL, "q2", 10)
        await self.jobs.overdue(Lane.LOCAL, NOW + 1, NOW, 10, (NOW, "q1.0"))
        await self.jobs.expired(Lane.LOCAL, NOW, 10)
        await self.jobs.depth(Lane.LOCAL)
        await self.jobs.forget(NOW + 1, 10)
        await self.blobs.read(await self.blobs.put(b"x"))
        await self.blobs.sweep(NOW + 1)
        self.assert_searches(await self.plans())

    async def test_mailbox(self) -> None:
        """The mailbox: filing, pages at any depth, what is newer, changes."""
        for n in range(60):
            references = [f"<k{n - 1}@alpha.example>"] if n % 3 else []
            about = description(f"<k{n}@alpha.example>", references=references)
            filed = await self.messages.file(filing(f"k{n}", at=NOW + n, about=about))
        await self.trace(True)
        joining = description("<new@x>", references=["<k1@alpha.example>", "<k30@alpha.example>"])
        await self.messages.file(filing("new", at=NOW + 99, about=joining))
        await self.messages.file(filing("late", at=NOW - 99))
        for folder in (INBOX, STARRED):
            await self.messages.page("bob", folder, None, 10)
            await self.messages.page("bob", folder, Cursor(NOW + 30, "m"), 10)
            await self.messages.newer("bob", folder, 5, 10)
        ids = [filed.conversation]
        actions = MailActions(self.store, os.urandom)
        await actions.act("bob", Action(Verb.READ), Chosen(tuple(ids)))
        await actions.act("bob", Action(Verb.STAR), Chosen(tuple(ids)))
        await actions.act("bob", Action(Verb.MOVE, ARCHIVE), Chosen(tuple(ids), place=INBOX))
        done = await actions.act("bob", Action(Verb.UNSTAR), Chosen(messages=(filed.message,)))
        await actions.act("bob", Action(Verb.READ), AllIn(INBOX, Cursor(NOW + 30, "m")))
        await actions.undo("bob", done.undo or (await actions.act("bob", Action(Verb.UNREAD), AllIn(INBOX))).undo)
        upkeep = MailboxUpkeep(self.store, lambda blob: True)
        await upkeep.wake(NOW, 10)
        await upkeep.empty(NOW, 10)
        await upkeep.purge(NOW, 10)
        await self.messages.usage("bob")
        await self.messages.conversation("bob", ids[0])
        await self.messages.messages("bob", ids[0])
        await self.messages.message("bob", filed.message)
        await self.messages.counters("bob")
        await self.messages.seq("bob")
        # Sorted are the messages of one conversation, by folder, uid or with trash last.
        self.assert_searches(await self.plans(), ("GROUP BY folder", "ORDER BY uid"))

    async def test_drafts(self) -> None:
        """Drafts are found by key or message, and forgotten by age."""
        drafts, words = DraftStore(self.store, os.urandom), Draft("", "", "", "", "")
        for n in range(40):
            await drafts.save(f"k{n}", 1, words, filing(f"draft/k{n}", folder=DRAFTS))
        filed = await drafts.save("k", 1, words, filing("draft/k", folder=DRAFTS))
        await self.trace(True)
        for revision in (2, 2):
            await drafts.save("k", revision, words, filing("draft/k", folder=DRAFTS))
        await drafts.find("bob", "k")
        await drafts.of_message("bob", filed.message)
        await drafts.close("bob", "k", words)
        await drafts.sweep(NOW)
        self.assert_searches(await self.plans(), ("GROUP BY folder", "ORDER BY uid"))

    async def test_pages_come_from_one_index(self) -> None:
        """A page is a range of one covering index and a look-up per row, in their order, with and without a cursor."""
        await self.messages.file(filing("k"))
        await self.trace(True)
        await self.messages.page("bob", INBOX, None, 10)
        await self.messages.page("bob", INBOX, Cursor(NOW + 30, "m"), 10)
        pages = [plan for text, plan in (await self.plans()).items() if "FROM conversation_folder" in text]
        index = "SEARCH f USING COVERING INDEX conversation_folder_page (account=? AND folder=?"
        for plan, end in zip(pages, (")", " AND (last_at,conversation)<(?,?))"), strict=True):
            self.assertEqual([index + end, "SEARCH c USING PRIMARY KEY (id=?)"], plan)

    async def test_search(self) -> None:
        """The full-text index gives the rows, newest first; each is looked up by its number, nothing is sorted."""
        for n in range(40):
            about = description(f"<{n}@x>", references=[f"<{n % 3}@x>"], subject=f"word {n}")
            await self.messages.file(filing(f"k{n}", at=NOW + n, about=about))
        search = MailSearch(self.store)
        await search.index()
        await self.trace(True)
        word, other = Text("word", prefix=True), Text("word 7", Field.SUBJECT, negated=True)
        for query in (
            Query(((word,),)),
            Query(((word,), (other,)), after=NOW - 1000, before=NOW + 9000),
            Query(((Is("unread"),),), larger=1),
            Query(((word, Is("starred")), (In(INBOX, negated=True), In(STARRED)))),
        ):
            hits = await search.search("bob", query, None, 1)
            await search.search("bob", query, hits[0].at if hits else Cursor(NOW, "m"), 2)
        # FTS5 asks its own tables.
        plans = {text: plan for text, plan in (await self.plans()).items() if "'main'.'message_index" not in text}
        self.assertTrue(any("VIRTUAL TABLE" in step for plan in plans.values() for step in plan))
        # A scan of the virtual table is FTS5's own walk along the postings of the words.
        walks = {
            text: [step for step in plan if not re.fullmatch(r"SCAN message_index VIRTUAL TABLE INDEX \d+:M6.*", step)]
            for text, plan in plans.items()
        }
        self.assert_searches(walks)

    async def test_search_in_a_list(self) -> None:
        """Without a word the rows of a small list lead to the messages; those that fit are sorted."""
        await self.messages.file(filing("k"))
        search = MailSearch(self.store)
        await search.index()
        await self.trace(True)
        await search.search("bob", Query(((In(INBOX),), (Is("unread"),))), None, 1)
        plans = {text: plan for text, plan in (await self.plans()).items() if "'main'.'message_index" not in text}
        self.assertTrue(any("conversation_folder_page" in step for plan in plans.values() for step in plan))
        self.assert_searches(plans, ("ORDER BY m.number",))

    async def test_directory(self) -> None:
        """Accounts and sessions are found by key; what is small may be read whole."""
        await self.directory.add_domain(domain(keys=1))
        await self.trace(True)
        await self.directory.add_account(account())
        await self.directory.account("x")
        await self.directory.account_at("x")
        await self.directory.accounts("alpha.example")
        await self.directory.add_alias(Alias("a@alpha.example", ("b@x.example",), NOW))
        await self.directory.alias_at("x")
        await self.directory.aliases("alpha.example")
        await self.directory.remove_alias("a@alpha.example")
        await self.directory.set_forward(account().id, Forward(("b@x.example",), keep=True))
        await self.directory.secret("srs", b"x")
        await self.directory.add_session(session())
        await self.directory.session("x")
        await self.directory.touch_session("x", NOW)
        await self.directory.end_session("x")
        self.assert_searches(await self.plans())
