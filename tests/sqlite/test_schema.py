"""Schema versions: forward steps, each whole or not at all, and plain refusals."""

from __future__ import annotations

import os
import sqlite3
import stat

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsuite.model.folder import DRAFTS
from mailsuite.sqlite.connection import connect
from mailsuite.sqlite.files import BlobFiles
from mailsuite.sqlite.messages import file_into
from mailsuite.sqlite.schema import MIGRATIONS, SchemaRefused, migrate
from mailsuite.sqlite.store import Store
from mailsuite.testing.builders import filing
from mailsuite.testing.temporary import temporary_directory


class SchemaTests(TestCase):
    """migrate() and Store.start."""

    def setUp(self) -> None:
        self.path = temporary_directory(self) / "store"
        self.connection = connect(self.path, 1, create=True)
        self.addCleanup(self.connection.close)

    def dump(self) -> list[str]:
        """All that is in the file, of the search's index its names: it keeps no rows that could be read back."""
        copy = sqlite3.connect(":memory:")
        self.connection.backup(copy)
        names = [row[0] for row in copy.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        for name in ("message_terms", "message_index"):
            if name in names:
                copy.execute(f"DROP TABLE {name}")
        rows = list(copy.iterdump())
        copy.close()
        return [*names, *rows]

    def version(self) -> int:
        version: int = self.connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def test_first_and_second_run(self) -> None:
        """The first run makes the schema, a second one does nothing."""
        self.assertEqual(len(MIGRATIONS), migrate(self.connection))
        before = self.dump()
        self.assertEqual(0, migrate(self.connection))
        self.assertEqual(before, self.dump())
        self.assertEqual(len(MIGRATIONS), self.version())

    def test_forward(self) -> None:
        """A file of an older version takes the missing steps only, and keeps its rows."""
        migrate(self.connection)
        self.connection.execute("INSERT INTO domain (name, created) VALUES ('alpha.example', 1)")
        step = ("ALTER TABLE domain ADD COLUMN note TEXT NOT NULL DEFAULT 'none'",)
        self.assertEqual(1, migrate(self.connection, (*MIGRATIONS, step)))
        self.assertEqual(
            [("alpha.example", 1, "none")],
            [tuple(r) for r in self.connection.execute("SELECT name, created, note FROM domain")],
        )

    def test_mail_that_was_there(self) -> None:
        """Messages of an older schema are numbered by time, counted, and wait for their texts."""
        migrate(self.connection, MIGRATIONS[:8])
        values = "uid, modseq, conversation, delivery_key, blob, size, seen, flagged, own, has_attachments, names"
        for n in range(600):
            # 300 of one second, which are too many for it, then one a minute; the oldest came last.
            at = 60_000 * (1000 - n) if n >= 300 else 7
            self.connection.execute(
                f"INSERT INTO message (id, account, folder, received_at, reverse_path, bcc, description, {values})"
                " VALUES (?, 'bob', 'inbox', ?, '', '[]', '{}', ?, 1, 'c', ?, 'b', 10, 1, 0, 0, 0, '[]')",
                (f"m{n:03}", at, n, n),
            )
        self.connection.execute("INSERT INTO change_seq VALUES ('bob', 600)")
        migrate(self.connection)
        rows = self.connection.execute("SELECT number, id, received_at, listed_at FROM message ORDER BY number")
        found = [tuple(row) for row in rows]
        self.assertEqual(sorted(found, key=lambda row: (row[2], row[1])), found)
        self.assertEqual(list(range(300)), [number for number, *_ in found[:300]])
        self.assertEqual([at // 1000 * 256 for _, _, at, _ in found[300:]], [number for number, *_ in found[300:]])
        self.assertTrue(all(at == listed for _, _, at, listed in found))
        usage = self.connection.execute("SELECT octets, messages FROM change_seq").fetchone()
        self.assertEqual((6000, 600), tuple(usage))
        self.assertEqual(600, self.connection.execute("SELECT COUNT(*) FROM textless").fetchone()[0])

    def test_a_step_that_fails_leaves_nothing(self) -> None:
        """A step is whole or not at all: after a failure the file is as before, and the next run completes it."""
        migrate(self.connection)
        before = self.dump()
        broken = ("CREATE TABLE half (x)", "CREATE TABLE half (x)")
        with self.assertRaises(sqlite3.OperationalError):
            migrate(self.connection, (*MIGRATIONS, broken))
        self.assertEqual((before, len(MIGRATIONS)), (self.dump(), self.version()))
        self.assertEqual(1, migrate(self.connection, (*MIGRATIONS, broken[:1])))

    def test_newer_schema(self) -> None:
        """A file of a newer version is refused in plain words and stays as it is."""
        migrate(self.connection)
        self.connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        before = self.dump()
        with self.assertRaises(SchemaRefused) as caught:
            Store(self.path, reactor, lambda: 0).start()
        self.assertIn("newer mailsuite", str(caught.exception))
        self.assertIn(f"version {len(MIGRATIONS) + 1}", str(caught.exception))
        self.assertEqual(before, self.dump())

    def test_private(self) -> None:
        """Nobody but the owner can read what the store writes, whatever the umask."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        path = temporary_directory(self) / "private"
        store = Store(path, reactor, lambda: 0)
        store.start()
        self.addCleanup(store.stop)
        BlobFiles(path.parent / "blobs").write("abcd", b"x")
        for private in (
            path,
            path.with_name("private-wal"),
            path.with_name("private-shm"),
            path.parent / "blobs/ab/cd",
        ):
            self.assertEqual(0o600, stat.S_IMODE(private.stat().st_mode), private)

    def test_drafts_that_were_there(self) -> None:
        """Messages in Drafts of an older schema stay; none of them is one that can be written on."""
        step = next(n for n, statements in enumerate(MIGRATIONS) if "CREATE TABLE draft (" in statements[0])
        migrate(self.connection, MIGRATIONS[:step])
        file_into(self.connection, filing("old", folder=DRAFTS), "m", "c", 1)
        self.assertEqual(len(MIGRATIONS) - step, migrate(self.connection))
        count = "SELECT (SELECT COUNT(*) FROM message WHERE folder = 'drafts'), (SELECT COUNT(*) FROM draft)"
        self.assertEqual((1, 0), tuple(self.connection.execute(count).fetchone()))

    def test_file_of_another_program(self) -> None:
        """A database that is not ours is refused and not touched."""
        self.connection.execute("CREATE TABLE theirs (x)")
        before = self.dump()
        with self.assertRaises(SchemaRefused):
            migrate(self.connection)
        self.assertEqual(before, self.dump())

    def test_same_shape_on_every_path(self) -> None:
        """Every table is STRICT, so that no column ever holds a value of another type; FTS5 makes its own tables."""
        migrate(self.connection)
        tables = self.connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
        others = ("sqlite_", "message_index", "message_terms")
        loose = [row["name"] for row in tables if not row["strict"] and not row["name"].startswith(others)]
        self.assertEqual([], loose)
