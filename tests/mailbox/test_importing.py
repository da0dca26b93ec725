"""Import and export, on the fake store and real files."""

from __future__ import annotations

import mailbox
import os
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailsuite.mailbox.exporting import Exporter, Format
from mailsuite.mailbox.importing import BATCH, Importer, Tally
from mailsuite.mime.describe import describe
from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.folder import DELETED, FOLDERS, INBOX, SENT, SPAM, TRASH
from mailsuite.model.message import Message
from mailsuite.testing.builders import NOW, account, filing
from mailsuite.testing.fake_store import FakeStore
from mailsuite.testing.temporary import temporary_directory

ANN = account("ann@alpha.example", "ann")
BOB = account("bob@alpha.example", "bob")
FROM = "From x@y.example Thu Jan  1 10:00:00 2026\n"
T = TypeVar("T")


async def at_once(work: Callable[[], T]) -> T:
    """No thread."""
    return work()


def message(n: int, *, fields: str = "", parent: int | None = None) -> bytes:
    """A message of its own, perhaps an answer."""
    reference = "" if parent is None else f"References: <{parent}@x.example>\r\n"
    return (
        f"{fields}From: Eve <eve@x.example>\r\nTo: ann@alpha.example\r\n"
        f"Date: Thu, 01 Jan 2026 10:00:0{n % 10} +0000\r\n"
        f"Message-ID: <{n}@x.example>\r\n{reference}Subject: number {n}\r\n\r\nFrom here\r\n>From there\r\n{n}\r\n"
    ).encode()


class ImportCase(TestCase):
    """A store, a directory, and what is done to both."""

    def setUp(self) -> None:
        self.store = FakeStore(lambda: NOW)
        self.path = temporary_directory(self)

    async def imported(self, path: Path, folder: str = "", *, dry: bool = False, owner: Any = ANN) -> Tally:
        """Import for Ann."""
        store = self.store
        importer = Importer(store.blobs, store.messages, store.mailbox, store.contents, at_once, lambda: NOW)
        return await importer.run(owner, path, folder, dry, lambda tally: None)

    async def exported(self, form: Format, name: str = "out") -> int:
        """Export Ann's; how many messages."""
        store = self.store
        exporter = Exporter(store.blobs, store.messages, store.mailbox, at_once)
        return (await exporter.run("ann", self.path / name, form, lambda count: None)).messages

    def all(self, owner: str = "ann") -> list[Message]:
        """An account's messages by subject."""
        found = [m for m in self.store.messages.all.values() if m.account == owner]
        return sorted(found, key=lambda m: m.description.subject)

    def write(self, name: str, text: str | bytes) -> Path:
        """A file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


class RoundTripTests(ImportCase):
    """What is exported comes back."""

    async def fill(self) -> None:
        """Mail of all kinds in own and standard folders."""
        store = self.store
        work = await store.mailbox.create_folder("ann", "Work/cur.mbox")
        label = await store.mailbox.create_label("ann", 'Büro, "x"', "red")
        for n, (folder, seen, flagged) in enumerate(
            [(INBOX, False, True), (SENT, True, False), (TRASH, True, True), (work.id, False, False)]
        ):
            content = message(n, parent=0 if n else None) if n != 3 else b"Subject: number 3\n\nmixed\r\nends\n\r\n"
            made = replace(filing(f"k{n}", account="ann", folder=folder, at=NOW - 1000 * n), flagged=flagged, seen=seen)
            labels = (label.id,) if n in (0, 3) else ()
            about = describe(content)
            blob = await store.blobs.put(content)
            await store.messages.file(replace(made, blob=blob, size=len(content), description=about, labels=labels))

    def facts(self, owner: str) -> list[tuple[Any, ...]]:
        """What must be the same."""
        folders = {f.id: f.name for f in self.store.messages.folders.get(owner, [])}
        labels = {each.id: each.name for each in self.store.messages.labels.get(owner, [])}
        return [
            (m.blob, folders.get(m.folder, m.folder), m.seen, m.flagged, [labels[x] for x in m.labels], m.description)
            for m in self.all(owner)
        ]

    async def round_trip(self, form: Format) -> None:
        """Out of Ann's, into Bob's, and into Ann's, where nothing is new."""
        await self.fill()
        self.assertEqual(await self.exported(form), 4)
        tally = await self.imported(self.path / "out", owner=BOB)
        self.assertEqual((tally.filed, tally.known, tally.failed), (4, 0, 0))
        self.assertEqual(self.facts("bob"), self.facts("ann"))
        self.assertEqual(len({m.conversation for m in self.all("bob")}), 2)
        for owner in (ANN, BOB):
            again = await self.imported(self.path / "out", owner=owner)
            self.assertEqual((again.filed, again.known), (0, 4))
        await self.assertFailure(Deferred.fromCoroutine(self.exported(form)), ValueError)

    async def test_mbox(self) -> None:
        """A file for each folder; the time of arrival comes back too."""
        await self.round_trip(Format.MBOX)
        times = [[m.received_at // 1000 for m in self.all(owner)] for owner in ("ann", "bob")]
        self.assertEqual(*times)

    async def test_maildir(self) -> None:
        """A Maildir for each folder, which the standard library reads."""
        await self.round_trip(Format.MAILDIR)
        box = mailbox.Maildir(self.path / "out" / "Trash", create=False)
        self.assertEqual([one.get_flags() for one in box], ["FS"])

    async def test_eml(self) -> None:
        """A file for each message."""
        await self.round_trip(Format.EML)


class ImportTests(ImportCase):
    """Files of other programs."""

    async def test_takeout(self) -> None:
        """Gmail's labels are folders, marks and labels."""
        lines = {
            "Inbox,Unread,Important,Category Updates,Work": (INBOX, False, False, ["Work"]),
            "Sent,Opened,Starred": (SENT, True, True, []),
            "Archived,Opened,a/b": ("archive", True, False, ["a/b"]),
            "Spam,Unread": (SPAM, False, False, []),
            "Inbox,Trash": (TRASH, True, False, []),
        }
        file = "".join(
            f"{FROM}X-GM-THRID: 1\nX-Gmail-Labels: {words}\n" + message(n).decode().replace("\r\n", "\n") + "\n"
            for n, words in enumerate(lines)
        )
        tally = await self.imported(self.write("Alle Nachrichten.mbox", file.replace("\nFrom here", "\n>From here")))
        self.assertEqual((tally.filed, tally.damaged, tally.problems), (5, 0, []))
        names = {each.id: each.name for each in self.store.messages.labels["ann"]}
        found = [(m.folder, m.seen, m.flagged, [names[x] for x in m.labels]) for m in self.all()]
        self.assertEqual(found, list(lines.values()))
        content = await self.store.blobs.read(self.all()[0].blob)
        self.assertEqual(content.partition(b"\r\n")[0], b"From: Eve <eve@x.example>")

    async def test_maildir(self) -> None:
        """As the standard library writes it: flags, Maildir++ folders, new mail."""
        box = mailbox.Maildir(self.path / "box")
        for flags, folder in (("FS", None), ("", ".Sent"), ("T", ".Work.B&APw-ro")):
            one = mailbox.MaildirMessage(EmailMessage())
            one["Subject"] = f"flags {flags}"
            one.set_flags(flags)
            if flags:
                one.set_subdir("cur")
            (box.add_folder(folder[1:]) if folder else box).add(one)
        tally = await self.imported(self.path / "box")
        self.assertEqual((tally.filed, tally.failed), (3, 0))
        found = {m.description.subject: (m.folder, m.seen, m.flagged) for m in self.all()}
        expected = {
            "flags FS": (INBOX, True, True),
            "flags": (SENT, True, False),
            "flags T": (TRASH, False, False),
        }
        self.assertEqual(found, expected)

    async def test_folders(self) -> None:
        """Names that ours may not be are made fit; Thunderbird's nesting is ours; --folder overrides all."""
        file = FROM + message(1).decode() + "\n"
        self.write("t/Work.sbd/Bills", file)
        self.write("t/labels", file.replace("number 1", "number 2"))
        self.write("t/INBOX", file.replace("number 1", "number 3"))
        await self.imported(self.path / "t")
        names = {each.id: each.name for each in self.store.messages.folders["ann"]}
        found = [names.get(m.folder, m.folder) for m in self.all()]
        self.assertEqual(found, ["Work/Bills", "Imported labels", INBOX])
        await self.imported(self.path / "t", "Old", owner=BOB)
        self.assertEqual([f.name for f in self.store.messages.folders["bob"]], ["Old"])
        self.assertEqual(len({m.folder for m in self.all("bob")}), 1)

    async def test_dry_run(self) -> None:
        """Counts and writes nothing."""
        path = self.write("x.mbox", FROM + message(1).decode() + "\n" + FROM + message(1).decode() + "\n")
        tally = await self.imported(path, "New", dry=True)
        self.assertEqual((tally.filed, tally.known), (1, 1))
        self.assertEqual((self.all(), self.store.messages.folders.get("ann")), ([], None))

    async def test_damaged(self) -> None:
        """Damaged mail is imported as it is and counted; what cannot be read is told and the rest imported."""
        self.write("m/a.eml", b"\xff\x00 no header at all")
        self.write("m/b.eml", b"")
        self.write("m/c.eml", message(1))
        self.write("m/notes.txt", "no mail")
        tally = await self.imported(self.path / "m")
        self.assertEqual((tally.filed, tally.damaged, tally.failed), (2, 1, 1))
        self.assertTrue(any("a.eml" in problem and "as it is" in problem for problem in tally.problems), tally.problems)
        blobs = [await self.store.blobs.read(m.blob) for m in self.all()]
        self.assertIn(b"\xff\x00 no header at all", blobs)
        await self.assertFailure(
            Deferred.fromCoroutine(self.imported(self.path / "m" / "notes.txt")),
            ValueError,
        )

    async def test_deleted_for_ever(self) -> None:
        """What the account deleted for ever comes back when it is imported again."""
        path = self.write("Trash.mbox", FROM + message(1).decode() + "\n")
        await self.imported(path)
        await self.store.mailbox.act("ann", Action(Verb.DELETE), Chosen((self.all()[0].conversation,)))
        self.assertEqual((await self.imported(path)).filed, 1)
        self.assertEqual(sorted(m.folder for m in self.all()), sorted((DELETED, TRASH)))

    async def test_store_away(self) -> None:
        """The import ends when the store does, with its error; begun again it files what is missing."""
        path = self.write("x.mbox", b"".join(FROM.encode() + message(n) + b"\n" for n in range(BATCH + 3)))
        store = self.store
        put = store.blobs.put

        async def failing(content: bytes) -> str:
            if len(self.all()) == BATCH:
                raise StoreUnavailable("disk full")
            return await put(content)

        self.patch(store.blobs, "put", failing)
        await self.assertFailure(Deferred.fromCoroutine(self.imported(path)), StoreUnavailable)
        self.assertEqual(len(self.all()), BATCH)
        self.patch(store.blobs, "put", put)
        again = await self.imported(path)
        self.assertEqual((again.filed, again.known), (3, BATCH))

    async def test_times(self) -> None:
        """The From_ line's date; without one, or Thunderbird's, that of the last host, else the Date; never later
        than now.
        """
        received = "Received: by x; Fri, 02 Jan 2026 10:00:00 +0000\r\n"
        for n, (line, fields, at) in enumerate(
            [
                ("From a@b Sat Jan  3 10:00:00 2026", received, 1767434400000),
                ("From - Sat Jan  3 10:00:00 2026", received, 1767348000000),
                ("From - Sat Jan  3 10:00:00 2026", "", 1767261603000 - 1000),
                ("From a@b Sat Jan  3 10:00:00 2099", "", NOW),
            ]
        ):
            content = message(n, fields=fields).decode()
            self.write(f"{n}.mbox", f"{line}\n{content}\n")
            await self.imported(self.path / f"{n}.mbox")
            self.assertEqual(self.all()[-1].received_at, at)

    async def test_standard_folders(self) -> None:
        """Every standard folder comes back as itself."""
        for n, folder in enumerate(FOLDERS):
            self.write(f"all/{folder.capitalize()}.mbox", FROM + message(n).decode() + "\n")
        await self.imported(self.path / "all")
        self.assertEqual([m.folder for m in self.all()], list(FOLDERS))
        self.assertEqual(os.listdir(self.path), ["all"])
