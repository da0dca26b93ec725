"""Rules in the database file: what they cost, what they become when they are damaged, the step that brings them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet import reactor
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from mailsuite.mda.accounts import REMEMBERED, Accounts
from mailsuite.mda.deliver import Deliverer
from mailsuite.mda.forward import Forwarder
from mailsuite.mda.sorting import Sorter
from mailsuite.mda.vacation import Responder
from mailsuite.model.job import jobs_of
from mailsuite.model.rule import Do, Rule, Then
from mailsuite.mta.srs import Srs
from mailsuite.sqlite import store as store_module
from mailsuite.sqlite.connection import connect
from mailsuite.sqlite.directory import AccountDirectory
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.rules import RuleStore
from mailsuite.sqlite.schema import MIGRATIONS, migrate
from mailsuite.sqlite.store import Store
from mailsuite.testing import builders
from mailsuite.testing.builders import ANN, NOW
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_traces import FakeTrace
from mailsuite.testing.temporary import temporary_directory
from tests.mda.case import UnusedQueue

T = TypeVar("T")
BEN = "ben@alpha.example"
CONTENT = b"From: x@remote.example\r\nTo: ann@alpha.example\r\nSubject: hello\r\n\r\nhi\r\n"


class CostTests(TestCase):
    """Statements that a message costs before it is filed. Ann has a rule, Ben has none."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.time = NOW
        self.statements: list[str] = []

        def counting(path: Path, patience: float, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
            connection = connect(path, patience, create=create, read_only=read_only)
            connection.set_trace_callback(self.statements.append)
            return connection

        self.patch(store_module, "connect", counting)
        self.store = Store(temporary_directory(self) / "store.sqlite", reactor, lambda: self.time)
        self.store.start()
        self.addCleanup(self.store.stop)
        directory = AccountDirectory(self.store)
        await directory.add_domain(builders.domain())
        for address in (ANN, BEN):
            await directory.add_account(builders.account(address))
        self.rules = RuleStore(self.store)
        await self.rules.set_rules(ANN, [Rule("r", (), (Then(Do.STAR),))], 0)
        self.accounts = Accounts(directory, lambda: self.time, self.rewriting)
        queue = UnusedQueue()
        forwarder = Forwarder(queue, directory, self.accounts.hosts, self.rewriting, "mx", lambda: self.time)
        responder = Responder(self.rules, queue, self.accounts, "mx", lambda: self.time)
        sorter = Sorter(self.rules, forwarder, responder, self.thread, FakeTrace())
        messages = MessageStore(self.store, os.urandom)
        self.deliverer = Deliverer(self.accounts, messages, FakeEvents(), self.thread, forwarder, sorter, "mx")

    async def rewriting(self) -> Srs:
        """Nothing is rewritten."""
        raise AssertionError

    async def thread(self, work: Callable[[], T]) -> T:
        """At once."""
        return work()

    async def cost(self, address: str) -> tuple[list[str], bool]:
        """The statements until a message is ready to be filed, and whether it is starred."""
        self.statements.clear()
        message = builders.queued_message("q1", CONTENT, plan=[builders.plan_entry(0, "local", address)])
        (job,) = jobs_of(message)
        plain = await self.deliverer.plain(message, job, CONTENT)
        assert plain is not None
        found = [statement for statement in self.statements if statement not in ("BEGIN", "COMMIT")]
        return found, plain.filings[0].flagged

    async def test_no_rules_cost_nothing(self) -> None:
        """The generation comes with the account; a burst of mail asks nothing at all."""
        found, flagged = await self.cost(BEN)
        self.assertEqual(len(found), 1, found)
        self.assertIn("FROM account WHERE address", found[0])
        self.assertFalse(flagged)
        self.assertEqual(await self.cost(BEN), ([], False))
        self.time += REMEMBERED
        again, _ = await self.cost(BEN)
        self.assertEqual(len(again), 1, again)

    async def test_rules_are_read_when_they_have_changed(self) -> None:
        """And not when the account is asked for anew."""
        found, flagged = await self.cost(ANN)
        self.assertEqual(["FROM ruleset WHERE account" in one for one in found], [False, True], found)
        self.assertTrue(flagged)
        self.time += REMEMBERED
        again, flagged = await self.cost(ANN)
        self.assertEqual((len(again), flagged), (1, True), again)
        await self.rules.set_rules(ANN, [Rule("r", (), (Then(Do.READ),))], 1)
        self.time += REMEMBERED
        changed, flagged = await self.cost(ANN)
        self.assertEqual((len(changed), flagged), (2, False), changed)

    async def test_a_damaged_row(self) -> None:
        """Is said once, and the mail is filed."""
        await self.store.write(lambda c: c.execute("UPDATE ruleset SET rules = '[{}]'").rowcount)
        with capturedLogs() as events:
            for _ in range(2):
                _, flagged = await self.cost(ANN)
                self.assertFalse(flagged)
        said = [formatEvent(event) for event in events if event["log_level"] is LogLevel.error]
        self.assertEqual(len(said), 1, said)
        self.assertIn(f"{ANN} has no rules", said[0])


class StepTests(TestCase):
    """From the schema before."""

    def test_what_was_there_stays(self) -> None:
        """Accounts have no rules then."""
        path = temporary_directory(self) / "store"
        connection = connect(path, 1, create=True)
        self.addCleanup(connection.close)
        before = next(n for n, step in enumerate(MIGRATIONS) if any("CREATE TABLE ruleset" in one for one in step))
        migrate(connection, MIGRATIONS[:before])
        connection.execute("INSERT INTO domain (name, created) VALUES ('alpha.example', 1)")
        connection.execute(
            "INSERT INTO account (id, address, domain, name, password, created) VALUES ('a', ?, ?, 'Ann', '', 1)",
            (ANN, "alpha.example"),
        )
        self.assertEqual(migrate(connection), len(MIGRATIONS) - before)
        connection.execute("INSERT INTO ruleset VALUES ('a', 1, '[]', '')")
        with self.assertRaises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO ruleset VALUES ('nobody', 1, '[]', '')")
