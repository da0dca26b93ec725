"""MailboxContract: own folders, labels, what people do to mail, undoing it, sleep, and what becomes due."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.model.action import EMPTY_AFTER, PURGE_AFTER, UNDO_FOR, Action, AllFound, AllIn, Chosen, Done, Verb
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.folder import (
    ARCHIVE,
    DELETED,
    DRAFTS,
    INBOX,
    MOST,
    SENT,
    SNOOZED,
    SPAM,
    STARRED,
    TRASH,
    Folder,
    Label,
    label_view,
)
from mailsuite.model.message import Counter, Cursor, Filed, Message, Usage
from mailsuite.model.query import Query, Text
from mailsuite.testing.builders import NOW, description, filing, sent
from mailsuite.testing.contracts.stores import StoreContract

ACCOUNT = "bob"
HOUR = 3_600_000


class MailboxContract(StoreContract):
    """Mix into a trial TestCase."""

    async def file(self, key: str, folder: str = INBOX, *, at: int = NOW, after: str = "", size: int = 100) -> Filed:
        """File a message; ``after``: it answers the one with that key."""
        references = [f"<{after}@alpha.example>"] if after else []
        about = description(f"<{key}@alpha.example>", references=references)
        return await self.stores.messages.file(replace(filing(key, folder=folder, at=at, about=about), size=size))

    async def act(self, verb: Verb, *conversations: str, place: str = INBOX, target: str = "", until: int = 0) -> Done:
        """Do something to Bob's conversations as they stand in a list."""
        return await self.stores.actions.act(ACCOUNT, Action(verb, target, until), Chosen(conversations, place=place))

    async def undo(self, done: Done) -> Done:
        """Take it back."""
        return await self.stores.actions.undo(ACCOUNT, done.undo)

    async def message(self, filed: Filed) -> Message:
        """A message that is there."""
        found = await self.stores.messages.message(ACCOUNT, filed.message)
        assert found is not None
        return found

    async def rows(self, folder: str) -> list[str]:
        """The conversations of a list."""
        return [row.id for row in await self.stores.messages.page(ACCOUNT, folder, None, 1000)]

    async def counter(self, folder: str) -> Counter:
        """A list's counter."""
        return (await self.stores.messages.counters(ACCOUNT)).get(folder, Counter(0, 0))

    async def picture(self) -> list[tuple[object, ...]]:
        """All that undoing is to bring back, of every message."""
        pictures = []
        for folder in (INBOX, SENT, DRAFTS, ARCHIVE, SPAM, TRASH, SNOOZED, *await self._own()):
            for conversation in await self.rows(folder):
                for m in await self.stores.messages.messages(ACCOUNT, conversation):
                    if m.folder == folder:
                        kept = (m.folder, m.origin, m.seen, m.flagged, m.labels, m.snoozed_until, m.listed_at)
                        pictures.append((m.id, *kept))
        return sorted(pictures, key=repr)

    async def _own(self) -> list[str]:
        return [folder.id for folder in await self.stores.folders.folders(ACCOUNT)]

    # Folders

    async def test_folders(self) -> None:
        """Own folders hold mail as the others do; a nested one makes those around it; names are those of people."""
        work = await self.stores.folders.create_folder(ACCOUNT, "Arbeit/Übung 新年")
        self.assertEqual(
            ["Arbeit", "Arbeit/Übung 新年"], [each.name for each in await self.stores.folders.folders(ACCOUNT)]
        )
        self.assertEqual([], list(await self.stores.folders.folders("ann")))
        below = await self.stores.folders.create_folder(ACCOUNT, "ARBEIT/zwei")
        self.assertEqual("Arbeit/zwei", below.name)
        for name in ("arbeit/zwei", "ARBEIT"):
            await self.raises(Conflict, self.stores.folders.create_folder(ACCOUNT, name))
        filed = await self.file("a", work.id)
        self.assertEqual([filed.conversation], await self.rows(work.id))
        self.assertEqual(Counter(1, 1), await self.counter(work.id))
        await self.act(Verb.MOVE, filed.conversation, place=work.id, target=below.id)
        self.assertEqual(([], [filed.conversation]), (await self.rows(work.id), await self.rows(below.id)))
        ann = filing("x", account="ann", folder=work.id)
        await self.raises(NotThere, self.stores.messages.file(ann))

    async def test_rename_folder(self) -> None:
        """A folder takes what is nested in it along, and its mail stays in it."""
        create = self.stores.folders.create_folder
        top, inner, other = [await create(ACCOUNT, name) for name in ("Top", "Top/Inner", "Topmost")]
        filed = await self.file("a", inner.id)
        await self.stores.folders.rename_folder(ACCOUNT, top.id, "Neu/Name")
        self.assertEqual(
            {"Neu", "Neu/Name", "Neu/Name/Inner", "Topmost"},
            {each.name for each in await self.stores.folders.folders(ACCOUNT)},
        )
        self.assertEqual([filed.conversation], await self.rows(inner.id))
        for name in ("topmost", "Neu/Name/Inner/Deep"):
            await self.raises(Conflict, self.stores.folders.rename_folder(ACCOUNT, top.id, name))
        await self.stores.folders.rename_folder(ACCOUNT, top.id, "NEU/NAME")
        await self.raises(NotThere, self.stores.folders.rename_folder("ann", other.id, "mine"))

    async def test_delete_folder(self) -> None:
        """Its mail and that of the folders below goes to trash; undone, all is as it was."""
        top = await self.stores.folders.create_folder(ACCOUNT, "Top")
        inner = await self.stores.folders.create_folder(ACCOUNT, "Top/Inner")
        a, b = await self.file("a", top.id), await self.file("b", inner.id)
        before = await self.picture()
        done = await self.stores.folders.delete_folder(ACCOUNT, top.id)
        self.assertEqual((2, {top.id, inner.id, TRASH}), (done.messages, set(done.places)))
        self.assertEqual([], list(await self.stores.folders.folders(ACCOUNT)))
        self.assertEqual({a.conversation, b.conversation}, set(await self.rows(TRASH)))
        await self.raises(NotThere, self.file("c", top.id))
        await self.act(Verb.RESTORE, a.conversation, place=TRASH)
        self.assertEqual([a.conversation], await self.rows(INBOX))
        await self.undo(done)
        self.assertEqual(
            [Folder(top.id, "Top"), Folder(inner.id, "Top/Inner")], list(await self.stores.folders.folders(ACCOUNT))
        )
        self.assertEqual(before, await self.picture())
        await self.raises(NotThere, self.stores.folders.delete_folder(ACCOUNT, "f999"))

    async def test_folders_keep_their_spelling(self) -> None:
        """A folder that is renamed into another one lies in it whatever case was typed, and goes with it."""
        top = await self.stores.folders.create_folder(ACCOUNT, "Top")
        other = await self.stores.folders.create_folder(ACCOUNT, "Other")
        await self.stores.folders.rename_folder(ACCOUNT, other.id, "TOP/Other")
        self.assertEqual(["Top", "Top/Other"], [each.name for each in await self.stores.folders.folders(ACCOUNT)])
        filed = await self.file("a", other.id)
        await self.stores.folders.delete_folder(ACCOUNT, top.id)
        self.assertEqual([], list(await self.stores.folders.folders(ACCOUNT)))
        self.assertEqual([filed.conversation], await self.rows(TRASH))

    async def test_folder_is_back_beside_its_successor(self) -> None:
        """When the name is taken the folders come back under another one, still nested, with their mail."""
        top = await self.stores.folders.create_folder(ACCOUNT, "Top")
        inner = await self.stores.folders.create_folder(ACCOUNT, "Top/Inner")
        filed = await self.file("a", inner.id)
        uid = (await self.message(filed)).uid
        done = await self.stores.folders.delete_folder(ACCOUNT, top.id)
        self.assertNotIn(inner.id, await self.stores.messages.counters(ACCOUNT))
        await self.raises(NotThere, self.stores.folders.delete_folder(ACCOUNT, top.id))
        new = await self.stores.folders.create_folder(ACCOUNT, "top")
        await self.undo(done)
        self.assertEqual(
            [Folder(new.id, "top"), Folder(top.id, "Top (2)"), Folder(inner.id, "Top (2)/Inner")],
            list(await self.stores.folders.folders(ACCOUNT)),
        )
        self.assertEqual([filed.conversation], await self.rows(inner.id))
        # RFC 9051 section 2.3.1.1: a uid never comes again.
        self.assertGreater((await self.message(filed)).uid, uid)

    async def test_limit_of_folders(self) -> None:
        """There is an end to how many there can be, also of labels."""
        for n in range(MOST):
            await self.stores.folders.create_folder(ACCOUNT, f"F{n}")
            await self.stores.folders.create_label(ACCOUNT, f"L{n}", "grey")
        await self.raises(Conflict, self.stores.folders.create_folder(ACCOUNT, "more"))
        await self.raises(Conflict, self.stores.folders.create_label(ACCOUNT, "more", "grey"))

    # Labels

    async def test_labels(self) -> None:
        """A label is on all messages of a conversation; its view shows what is not thrown away, with a counter."""
        label = await self.stores.folders.create_label(ACCOUNT, "Wichtig", "red")
        await self.raises(Conflict, self.stores.folders.create_label(ACCOUNT, "WICHTIG", "red"))
        view = label_view(label.id)
        a, b = await self.file("a"), await self.file("b", ARCHIVE, after="a", at=NOW + 1)
        await self.file("c")
        done = await self.act(Verb.LABEL, a.conversation, target=label.id)
        self.assertEqual((1, 2, {INBOX, ARCHIVE, view}), (done.conversations, done.messages, set(done.places)))
        self.assertEqual([(label.id,)] * 2, [(await self.message(f)).labels for f in (a, b)])
        rows = await self.stores.messages.page(ACCOUNT, view, None, 9)
        self.assertEqual([(a.conversation, (label.id,), NOW + 1)], [(r.id, r.labels, r.last_at) for r in rows])
        self.assertEqual(Counter(1, 1), await self.counter(view))
        await self.act(Verb.MOVE, a.conversation, place=view, target=TRASH)
        self.assertEqual(([], Counter(0, 0)), (await self.rows(view), await self.counter(view)))
        await self.act(Verb.RESTORE, a.conversation, place=TRASH)
        await self.act(Verb.READ, a.conversation)
        self.assertEqual(([a.conversation], Counter(1, 0)), (await self.rows(view), await self.counter(view)))
        await self.act(Verb.UNLABEL, a.conversation, target=label.id)
        self.assertEqual([], await self.rows(view))
        await self.raises(NotThere, self.act(Verb.LABEL, a.conversation, target="999"))

    async def test_change_and_delete_label(self) -> None:
        """Another name and colour; deleted, it is off all mail, in trash too; undone, it is on it again."""
        label = await self.stores.folders.create_label(ACCOUNT, "Eins", "red")
        other = await self.stores.folders.create_label(ACCOUNT, "Zwei", "blue")
        renamed = Label(label.id, "EINS", "green")
        await self.stores.folders.change_label(ACCOUNT, renamed)
        await self.raises(Conflict, self.stores.folders.change_label(ACCOUNT, replace(other, name="eins")))
        await self.raises(NotThere, self.stores.folders.change_label("ann", label))
        a, b = await self.file("a"), await self.file("b")
        await self.act(Verb.LABEL, a.conversation, b.conversation, target=label.id)
        await self.act(Verb.MOVE, b.conversation, target=TRASH)
        before = await self.picture()
        done = await self.stores.folders.delete_label(ACCOUNT, label.id)
        self.assertEqual([other], list(await self.stores.folders.labels(ACCOUNT)))
        self.assertEqual([(), ()], [(await self.message(f)).labels for f in (a, b)])
        await self.undo(done)
        self.assertEqual([renamed, other], list(await self.stores.folders.labels(ACCOUNT)))
        self.assertEqual(before, await self.picture())

    async def test_filed_with_labels(self) -> None:
        """A rule files with labels and a star; labels that are not there are left out."""
        label = await self.stores.folders.create_label(ACCOUNT, "Eins", "red")
        marked = replace(filing("a"), labels=(label.id, "999"), flagged=True)
        filed = await self.stores.messages.file(marked)
        message = await self.message(filed)
        self.assertEqual(((label.id,), True), (message.labels, message.flagged))
        self.assertEqual([filed.conversation], await self.rows(label_view(label.id)))
        self.assertEqual([filed.conversation], await self.rows(STARRED))

    # Actions

    async def test_single_messages(self) -> None:
        """What is done to single messages leaves the others of their conversation."""
        a, b = await self.file("a"), await self.file("b", after="a", at=NOW + 1)
        for verb, target, states in (
            (Verb.READ, "", [(True, False, INBOX), (False, False, INBOX)]),
            (Verb.STAR, "", [(True, True, INBOX), (False, False, INBOX)]),
            (Verb.MOVE, ARCHIVE, [(True, True, ARCHIVE), (False, False, INBOX)]),
            (Verb.DELETE, "", [(False, False, INBOX)]),
        ):
            chosen = Chosen(messages=(a.message, "unknown"))
            done = await self.stores.actions.act(ACCOUNT, Action(verb, target), chosen)
            self.assertEqual((1, 1), (done.conversations, done.messages))
            found = await self.stores.messages.messages(ACCOUNT, b.conversation)
            self.assertEqual(states, [(m.seen, m.flagged, m.folder) for m in found])
        nothing = await self.stores.actions.act("ann", Action(Verb.DELETE), Chosen(messages=(b.message,)))
        self.assertEqual(Done(0), nothing)

    async def test_trash_and_restore(self) -> None:
        """What was thrown away, or taken for spam and then thrown away, goes back to where it came from."""
        own = await self.stores.folders.create_folder(ACCOUNT, "Own")
        a, b = await self.file("a", own.id), await self.file("b", ARCHIVE)
        answer = await self.stores.messages.file(
            sent("s", about=description("<s@x>", references=["<b@alpha.example>"]), at=NOW + 1)
        )
        await self.act(Verb.MOVE, a.conversation, place=own.id, target=SPAM)
        await self.act(Verb.MOVE, a.conversation, place=SPAM, target=TRASH)
        await self.act(Verb.MOVE, b.conversation, place="", target=TRASH)
        self.assertEqual({a.conversation, b.conversation}, set(await self.rows(TRASH)))
        self.assertEqual(own.id, (await self.message(a)).origin)
        await self.act(Verb.RESTORE, a.conversation, b.conversation, place=TRASH)
        places = [(m.folder, m.origin) for m in [await self.message(f) for f in (a, b, answer)]]
        self.assertEqual([(own.id, ""), (ARCHIVE, ""), (SENT, "")], places)

    async def test_delete_for_ever(self) -> None:
        """It is in no list, no count and no conversation; it can be undone for a while; then it is gone."""
        a = await self.file("a", TRASH, size=1000)
        await self.file("b", after="a", at=NOW + 1, size=10)
        self.assertEqual(Usage(1010, 2), await self.stores.messages.usage(ACCOUNT))
        before = await self.picture()
        done = await self.act(Verb.DELETE, a.conversation, place=TRASH)
        self.assertEqual((1, {TRASH, INBOX}), (done.messages, set(done.places)))
        self.assertIsNone(await self.stores.messages.message(ACCOUNT, a.message))
        self.assertEqual(Usage(10, 1), await self.stores.messages.usage(ACCOUNT))
        row = await self.stores.messages.conversation(ACCOUNT, a.conversation)
        self.assertEqual((1, (INBOX,)), (row.count, row.folders) if row else None)
        await self.undo(done)
        self.assertEqual((before, Usage(1010, 2)), (await self.picture(), await self.stores.messages.usage(ACCOUNT)))
        await self.act(Verb.DELETE, a.conversation, place="")
        self.assertIsNone(await self.stores.messages.conversation(ACCOUNT, a.conversation))
        self.assertEqual([], list(await self.stores.messages.messages(ACCOUNT, a.conversation)))
        self.assertEqual(0, await self.stores.upkeep.purge(self.now - PURGE_AFTER, 10))
        self.now += PURGE_AFTER + 1
        self.assertEqual(2, await self.stores.upkeep.purge(self.now - PURGE_AFTER, 10))
        self.assertEqual(0, await self.stores.upkeep.purge(self.now - PURGE_AFTER, 10))
        # Who answers what is gone begins its conversation again.
        again = await self.file("c", after="b")
        self.assertEqual([again.conversation], await self.rows(INBOX))
        self.assertEqual(Usage(100, 1), await self.stores.messages.usage(ACCOUNT))

    async def test_all_in_a_folder(self) -> None:
        """Everything from the row at the top of the list down, however much it is, and back again with one undo."""
        filed = [await self.file(f"k{n}", at=NOW + n) for n in range(450)]
        await self.file("other", ARCHIVE)
        top = Cursor(NOW + 440, filed[440].conversation)
        before = await self.picture()
        done = await self.stores.actions.act(ACCOUNT, Action(Verb.MOVE, TRASH), AllIn(INBOX, top))
        self.assertEqual((441, 441), (done.conversations, done.messages))
        self.assertEqual([f.conversation for f in filed[:440:-1]], await self.rows(INBOX))
        self.assertEqual(Counter(441, 441), await self.counter(TRASH))
        back = await self.undo(done)
        self.assertEqual((441, {INBOX, TRASH}), (back.messages, set(back.places)))
        self.assertEqual(before, await self.picture())
        nothing = await self.stores.actions.act(ACCOUNT, Action(Verb.READ), AllIn(SPAM))
        self.assertEqual((0, ""), (nothing.messages, nothing.undo))

    async def test_all_in_a_search(self) -> None:
        """Everything that a search finds."""
        for n in range(250):
            about = description(f"<k{n}@x>", subject="report" if n % 2 else "letter")
            await self.stores.messages.file(filing(f"k{n}", about=about, at=NOW + n))
        query = Query(((Text("report"),),))
        done = await self.stores.actions.act(ACCOUNT, Action(Verb.MOVE, ARCHIVE), AllFound(query))
        self.assertEqual(125, done.conversations)
        self.assertEqual((125, 125), (len(await self.rows(INBOX)), len(await self.rows(ARCHIVE))))

    async def test_all_in_a_search_from_a_row(self) -> None:
        """What the search shows from that row down, in its order; what came since, in the same second too, stays."""
        found = [
            await self.stores.messages.file(filing(f"k{n}", about=description(f"<k{n}@x>", subject="report"), at=at))
            for n, at in enumerate((NOW - 5000, NOW + 300, NOW + 100))
        ]
        query = Query(((Text("report"),),))
        hits = await self.stores.search.search(ACCOUNT, query, None, 9)
        top = hits[1].at
        self.assertEqual([each.conversation for each in reversed(found)], [hit.conversation.id for hit in hits])
        await self.stores.messages.file(filing("new", about=description("<new@x>", subject="report"), at=NOW + 50))
        done = await self.stores.actions.act(ACCOUNT, Action(Verb.MOVE, ARCHIVE), AllFound(query, top))
        self.assertEqual(2, done.conversations)
        self.assertEqual({hits[1].conversation.id, hits[2].conversation.id}, set(await self.rows(ARCHIVE)))

    # Undo

    async def test_undo(self) -> None:
        """Each action is taken back exactly, once, and only for a while; other changes since then stay."""
        label = await self.stores.folders.create_label(ACCOUNT, "L", "red")
        a = await self.file("a")
        await self.file("b", SENT, after="a", at=NOW + 1)
        await self.act(Verb.STAR, a.conversation)
        for action, place in (
            (Action(Verb.READ), INBOX),
            (Action(Verb.UNSTAR), INBOX),
            (Action(Verb.LABEL, label.id), INBOX),
            (Action(Verb.MOVE, TRASH), INBOX),
            (Action(Verb.MOVE, TRASH), STARRED),
            (Action(Verb.SNOOZE, until=NOW + HOUR), INBOX),
            (Action(Verb.DELETE), SENT),
        ):
            before = await self.picture()
            done = await self.stores.actions.act(ACCOUNT, action, Chosen((a.conversation,), place=place))
            self.assertNotEqual(before, await self.picture())
            await self.undo(done)
            self.assertEqual(before, await self.picture(), action)
            await self.raises(NotThere, self.undo(done))
        done = await self.act(Verb.MOVE, a.conversation, target=ARCHIVE)
        await self.act(Verb.READ, a.conversation, place="")
        await self.raises(NotThere, self.stores.actions.undo("ann", done.undo))
        await self.undo(done)
        message = await self.message(a)
        self.assertEqual((INBOX, True), (message.folder, message.seen))
        done = await self.act(Verb.UNREAD, a.conversation)
        self.now += UNDO_FOR
        await self.raises(NotThere, self.undo(done))

    async def test_undo_of_a_label_leaves_the_others(self) -> None:
        """Labels that came or went since then stay so."""
        create = self.stores.folders.create_label
        one, two, three = [(await create(ACCOUNT, name, "red")).id for name in ("one", "two", "three")]
        a = await self.file("a")
        await self.act(Verb.LABEL, a.conversation, target=three)
        put = await self.act(Verb.LABEL, a.conversation, target=one)
        await self.act(Verb.LABEL, a.conversation, target=two)
        taken = await self.act(Verb.UNLABEL, a.conversation, target=three)
        await self.undo(put)
        self.assertEqual((two,), (await self.message(a)).labels)
        await self.undo(taken)
        self.assertEqual((two, three), (await self.message(a)).labels)

    async def test_undo_of_deletion_without_its_label(self) -> None:
        """A label that was removed while the message was deleted does not come back with it."""
        label = await self.stores.folders.create_label(ACCOUNT, "L", "red")
        a = await self.file("a")
        await self.act(Verb.LABEL, a.conversation, target=label.id)
        done = await self.act(Verb.DELETE, a.conversation)
        await self.stores.folders.delete_label(ACCOUNT, label.id)
        await self.undo(done)
        self.assertEqual(((), []), ((await self.message(a)).labels, await self.rows(label_view(label.id))))
        problems = await self.stores.upkeep.check(ACCOUNT, repair=False)
        self.assertEqual([], [each for each in problems if not each.lost])

    # Sleep

    async def test_snooze(self) -> None:
        """What sleeps is in Snoozed with its time; it comes back unread and on top, to where it was."""
        a, b = await self.file("a"), await self.file("b", at=NOW + 5)
        await self.act(Verb.READ, a.conversation)
        await self.act(Verb.SNOOZE, a.conversation, until=NOW + HOUR)
        self.assertEqual(([b.conversation], [a.conversation]), (await self.rows(INBOX), await self.rows(SNOOZED)))
        row = await self.stores.messages.conversation(ACCOUNT, a.conversation)
        self.assertEqual(NOW + HOUR, row.snoozed_until if row else 0)
        await self.act(Verb.SNOOZE, a.conversation, place=SNOOZED, until=NOW + 2 * HOUR)
        self.now = NOW + HOUR
        self.assertEqual([], list(await self.stores.upkeep.wake(self.now, 10)))
        self.now = NOW + 2 * HOUR
        (touched,) = await self.stores.upkeep.wake(self.now, 10)
        seq = await self.stores.messages.seq(ACCOUNT)
        self.assertEqual((ACCOUNT, {INBOX, SNOOZED}, seq), (touched.account, set(touched.places), touched.seq))
        self.assertEqual([], list(await self.stores.upkeep.wake(self.now, 10)))
        top = (await self.stores.messages.page(ACCOUNT, INBOX, None, 1))[0]
        self.assertEqual((a.conversation, 1, self.now, 0), (top.id, top.unread, top.last_at, top.snoozed_until))
        self.assertEqual(Counter(0, 0), await self.counter(SNOOZED))

    async def test_an_answer_wakes(self) -> None:
        """Mail that comes to a sleeping conversation in Inbox wakes it."""
        a = await self.file("a")
        await self.act(Verb.SNOOZE, a.conversation, until=NOW + HOUR)
        b = await self.file("b", after="a", at=NOW + 5)
        self.assertEqual(([a.conversation], []), (await self.rows(INBOX), await self.rows(SNOOZED)))
        self.assertEqual(b.seq, await self.stores.messages.seq(ACCOUNT))

    # Due

    async def test_empty(self) -> None:
        """30 days after it came to trash or spam a message is gone for good, whatever its own date."""
        old = await self.file("old", at=NOW - 90 * 86_400_000)
        young = await self.file("young", SPAM)
        await self.act(Verb.MOVE, old.conversation, target=TRASH)
        self.now += EMPTY_AFTER
        self.assertEqual([], list(await self.stores.upkeep.empty(self.now - EMPTY_AFTER, 10)))
        await self.file("new", TRASH)
        self.now += 1
        touched = await self.stores.upkeep.empty(self.now - EMPTY_AFTER, 10)
        self.assertEqual({TRASH, SPAM}, set().union(*(each.places for each in touched)))
        for filed in (old, young):
            self.assertIsNone(await self.stores.messages.message(ACCOUNT, filed.message))
        self.assertEqual((1, 0), (len(await self.rows(TRASH)), len(await self.rows(SPAM))))
        self.assertEqual(Usage(100, 1), await self.stores.messages.usage(ACCOUNT))
        # These messages never had a content; nothing else is wrong.
        self.assertTrue(all(each.lost for each in await self.stores.upkeep.check(ACCOUNT, repair=False)))

    async def test_nobody_sees_the_deleted(self) -> None:
        """No list is called "deleted", and nothing is filed or moved there."""
        filed = await self.file("a")
        await self.act(Verb.DELETE, filed.conversation)
        self.assertEqual([], await self.rows(DELETED))
        self.assertNotIn(DELETED, await self.stores.messages.counters(ACCOUNT))
        await self.raises(NotThere, self.file("b", DELETED))
        await self.raises(NotThere, self.act(Verb.MOVE, filed.conversation, target=DELETED))
        await self.raises(NotThere, self.act(Verb.MOVE, filed.conversation, target=SNOOZED))
