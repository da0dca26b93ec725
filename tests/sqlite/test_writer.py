"""Group commit: operations that wait together share a transaction, and a faulty one fails alone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Coroutine
from sqlite3 import Connection
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.trial.unittest import TestCase

from mailsuite.model.errors import Conflict, StoreUnavailable
from mailsuite.sqlite.store import Store
from mailsuite.testing.temporary import temporary_directory

T = TypeVar("T")


def start(call: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Begin a call."""
    return Deferred.fromCoroutine(call)


def note(value: int) -> Callable[[Connection], int]:
    """An operation that leaves a trace: a session named after ``value``."""

    def work(c: Connection) -> int:
        c.execute("INSERT INTO session VALUES (?, 'a', 0, 0, '', '')", (str(value),))
        return value

    return work


def noted(c: Connection) -> list[int]:
    """What was noted, in order."""
    return sorted(int(row[0]) for row in c.execute("SELECT token_hash FROM session"))


class WriterTests(TestCase):
    """Operations through Store.write."""

    def setUp(self) -> None:
        self.path = temporary_directory(self) / "store.sqlite"
        self.store = Store(self.path, reactor, lambda: 0)
        self.store.start()
        self.addCleanup(self.store.stop)

    def hold(self) -> tuple[Deferred[None], threading.Event]:
        """An operation that keeps the writer busy until the event is set."""
        go = threading.Event()
        return start(self.store.write(lambda _: self.assertTrue(go.wait(30)))), go

    async def test_result(self) -> None:
        """A write gives what its function returned, or raises what it raised."""
        self.assertEqual(7, await self.store.write(lambda c: c.execute("SELECT 7").fetchone()[0]))
        await self.assertFailure(start(self.store.write(lambda c: c.execute("nonsense"))), sqlite3.OperationalError)

    async def test_waiting_operations_share_a_transaction(self) -> None:
        """What waits while the writer is busy is committed in groups of at most 256."""
        held, go = self.hold()
        before = self.store.transactions
        writes = [start(self.store.write(note(n))) for n in range(3 * 256)]
        go.set()
        self.assertEqual(list(range(3 * 256)), await gatherResults(writes))
        await held
        # One for the operation that held it up, which may have taken others along, and three for the rest.
        self.assertLessEqual(self.store.transactions - before, 4)
        self.assertGreaterEqual(self.store.transactions - before, 3)
        self.assertEqual(list(range(3 * 256)), await self.store.read(noted))

    async def test_a_faulty_operation_fails_alone(self) -> None:
        """Of a group, only what raises fails, each with its own error; the others are written."""

        def conflict(c: Connection) -> None:
            note(1000)(c)
            raise Conflict("there already")

        def bug(c: Connection) -> None:
            note(1001)(c)
            c.execute("INSERT INTO nowhere VALUES (1)")

        held, go = self.hold()
        writes: list[Deferred[Any]] = [start(self.store.write(note(n))) for n in range(10)]
        writes.insert(3, start(self.store.write(conflict)))
        writes.insert(7, start(self.store.write(bug)))
        go.set()
        results = await DeferredList(writes, consumeErrors=True)
        await held
        failed = {n: result.value for n, (good, result) in enumerate(results) if not good}
        self.assertEqual({3: Conflict, 7: sqlite3.OperationalError}, {n: type(error) for n, error in failed.items()})
        self.assertEqual(list(range(10)), await self.store.read(noted))

    async def test_in_order(self) -> None:
        """Operations take effect in the order in which they were handed in."""
        writes = [start(self.store.write(lambda c, n=n: (note(n)(c), noted(c))[1])) for n in range(50)]  # type: ignore[misc]
        self.assertEqual([list(range(n + 1)) for n in range(50)], await gatherResults(writes))

    async def test_cancelled(self) -> None:
        """A caller that lost interest disturbs nobody."""
        held, go = self.hold()
        first, second = start(self.store.write(note(1))), start(self.store.write(note(2)))
        first.cancel()
        first.addErrback(lambda _: None)
        go.set()
        self.assertEqual(2, await second)
        await held

    async def test_stop_finishes_what_waits(self) -> None:
        """Stopping writes what was handed in; afterwards the store is not available."""
        writes = [start(self.store.write(note(n))) for n in range(20)]
        await self.store.stop()
        self.assertEqual(list(range(20)), await gatherResults(writes))
        await self.assertFailure(start(self.store.write(note(21))), StoreUnavailable)
        await self.assertFailure(start(self.store.read(noted)), StoreUnavailable)
        with sqlite3.connect(self.path) as c:
            self.assertEqual(list(range(20)), noted(c))
        c.close()
        await self.store.stop()

    async def test_reads_see_one_moment(self) -> None:
        """A read sees one snapshot, whatever is written meanwhile."""
        looked, go = threading.Event(), threading.Event()

        def look_twice(c: Connection) -> tuple[list[int], list[int]]:
            first = noted(c)
            looked.set()
            self.assertTrue(go.wait(30))
            return first, noted(c)

        await self.store.write(note(1))
        reading = start(self.store.read(look_twice))
        self.assertTrue(looked.wait(30))
        await self.store.write(note(2))
        go.set()
        self.assertEqual(([1], [1]), await reading)
        self.assertEqual([1, 2], await self.store.read(noted))

    async def test_reads_cannot_write(self) -> None:
        """A read that tries to write is an error and changes nothing."""
        await self.assertFailure(start(self.store.read(note(1))), StoreUnavailable, sqlite3.OperationalError)
        self.assertEqual([], await self.store.read(noted))

    async def test_durability(self) -> None:
        """The file is in WAL mode and every commit is synced (synchronous = FULL is 2); references are enforced."""
        for pragma, wanted in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            got = await self.store.write(lambda c, p=pragma: c.execute(f"PRAGMA {p}").fetchone()[0])  # type: ignore[misc]
            self.assertEqual(wanted, got, pragma)


class DurableTests(TestCase):
    """Which commits wait for the disk."""

    def setUp(self) -> None:
        self.path = temporary_directory(self) / "store.sqlite"
        self.store = Store(self.path, reactor, lambda: 0)
        self.store.start()
        self.addCleanup(self.store.stop)

    async def synchronous(self, *durable: bool) -> list[int]:
        """The value of PRAGMA synchronous (2 is FULL, 1 NORMAL) seen by operations that are queued together."""
        go = threading.Event()
        held = start(self.store.write(lambda _: self.assertTrue(go.wait(30)), durable=False))
        ask: Callable[[Connection], int] = lambda c: c.execute("PRAGMA synchronous").fetchone()[0]  # noqa: E731
        waiting = [start(self.store.write(ask, durable=each)) for each in durable]
        go.set()
        await held
        return list(await gatherResults(waiting))

    async def test_one_durable_operation_makes_its_group_durable(self) -> None:
        """FULL for a group with a durable member, NORMAL for one without, and FULL again afterwards."""
        # The operation that holds the writer may take the first of the others into its group.
        self.assertEqual([1, 1, 1], await self.synchronous(False, False, False))
        self.assertEqual([2, 2, 2], (await self.synchronous(False, True, False, True, False))[-3:])
        self.assertEqual(2, await self.store.write(lambda c: c.execute("PRAGMA synchronous").fetchone()[0]))

    async def test_other_connections_see_it_at_once(self) -> None:
        """What is not durable yet is committed all the same: another process reads it."""
        await self.store.write(note(1), durable=False)
        other = sqlite3.connect(self.path)
        self.addCleanup(other.close)
        self.assertEqual([1], noted(other))
