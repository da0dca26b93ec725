"""DraftStoreContract: what every IDraftStore must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.drafts import IDraftStore
from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.draft import Draft, DraftConflict
from mailsuite.model.folder import DRAFTS, INBOX, STARRED, TRASH, label_view
from mailsuite.model.message import Conversation, Counter, Filed, Filing, Usage
from mailsuite.model.query import Query, Text
from mailsuite.testing.builders import description, filing
from mailsuite.testing.contracts.stores import StoreContract

ACCOUNT = "bob"
KEY = "key-of-a-draft"


def typed(text: str) -> Draft:
    """Words."""
    return Draft("ann@alpha.example", "", 'unfinished "', "Ünïcode", text)


def filed_as(text: str, account: str = ACCOUNT, key: str = KEY) -> Filing:
    """Their message, which answers one that is in the mailbox."""
    about = description(f"<draft.{key}@x>", references=["<a@alpha.example>"], subject=text, snippet=text)
    base = filing(f"draft/{key}", account=account, folder=DRAFTS, seen=True, own=True, about=about)
    return replace(base, size=len(text))


class DraftStoreContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def drafts(self) -> IDraftStore:
        return self.stores.drafts

    async def save(self, revision: int, text: str) -> Filed:
        """Bob's draft in this revision."""
        return await self.drafts.save(KEY, revision, typed(text), filed_as(text))

    async def counted(self) -> Counter:
        """What the folder list says of Drafts."""
        return (await self.stores.messages.counters(ACCOUNT))[DRAFTS]

    async def conflict(self, revision: int, text: str) -> int | None:
        """Saving this fails; the revision that is kept."""
        with self.assertRaises(DraftConflict) as raised:
            await self.save(revision, text)
        kept: int | None = raised.exception.revision
        return kept

    async def test_save(self) -> None:
        """Saved again and again it is one message with one id, in the conversation of what it answers."""
        parent = await self.stores.messages.file(filing("a"))
        first = await self.save(1, "one")
        self.now += 1
        second = await self.save(2, "two and more")
        self.assertEqual((True, False), (first.new, second.new))
        self.assertEqual(
            (first.message, parent.conversation, parent.conversation),
            (second.message, first.conversation, second.conversation),
        )
        self.assertGreater(second.seq, first.seq)
        message = await self.stores.messages.message(ACCOUNT, first.message)
        assert message is not None
        self.assertEqual((DRAFTS, "two and more", 12), (message.folder, message.description.subject, message.size))
        self.assertEqual(Counter(1, 0), await self.counted())
        self.assertEqual(Usage(112, 2), await self.stores.messages.usage(ACCOUNT))
        kept = await self.drafts.find(ACCOUNT, KEY)
        assert kept is not None
        self.assertEqual(
            (KEY, first.message, 2, self.now, False, typed("two and more")),
            (kept.key, kept.message, kept.revision, kept.saved_at, kept.sent, kept.draft),
        )
        self.assertEqual(kept, await self.drafts.of_message(ACCOUNT, first.message))

    async def test_content(self) -> None:
        """Lists, usage and the search follow what is saved; one that was sent is in none of them, and not saved on."""
        first = replace(filed_as("first"), text="first words")
        filed = await self.drafts.save(KEY, 1, typed("first"), first)
        second = replace(filed_as("second"), size=500, text="second words", blob="b" * 64)
        again = await self.drafts.save(KEY, 2, typed("second"), second)
        self.assertEqual((filed.message, filed.conversation), (again.message, again.conversation))
        message = await self.stores.messages.message(ACCOUNT, filed.message)
        assert message is not None
        self.assertEqual(
            (DRAFTS, 500, "second", "b" * 64), (message.folder, message.size, message.description.subject, message.blob)
        )
        self.assertEqual(Usage(500, 1), await self.stores.messages.usage(ACCOUNT))
        self.assertEqual(["second"], [row.subject for row in await self.rows(DRAFTS)])
        for word, count in (("first", 0), ("second", 1)):
            hits = await self.stores.search.search(ACCOUNT, Query(((Text(word),),)), None, 9)
            self.assertEqual(count, len(hits), word)
        await self.drafts.close("ann", KEY, typed("second"))
        self.assertEqual(1, len(await self.rows(DRAFTS)))
        await self.drafts.close(ACCOUNT, KEY, typed("second"))
        self.assertEqual(([], Usage(0, 0)), (await self.rows(DRAFTS), await self.stores.messages.usage(ACCOUNT)))
        self.assertIsNone(await self.conflict(3, "third"))

    async def rows(self, place: str) -> list[Conversation]:
        """What a list shows."""
        return list(await self.stores.messages.page(ACCOUNT, place, None, 9))

    async def test_star_and_label(self) -> None:
        """A draft that was saved again keeps its star and label, until they are undone."""
        label = await self.stores.folders.create_label(ACCOUNT, "L", "red")
        draft = await self.save(1, "one")
        chosen = Chosen((draft.conversation,), place=DRAFTS)
        starred = await self.stores.actions.act(ACCOUNT, Action(Verb.STAR), chosen)
        labelled = await self.stores.actions.act(ACCOUNT, Action(Verb.LABEL, label.id), chosen)
        await self.save(2, "two")
        message = await self.stores.messages.message(ACCOUNT, draft.message)
        assert message is not None
        self.assertEqual((True, (label.id,)), (message.flagged, message.labels))
        await self.stores.actions.undo(ACCOUNT, starred.undo)
        await self.stores.actions.undo(ACCOUNT, labelled.undo)
        self.assertEqual(([], []), (await self.rows(STARRED), await self.rows(label_view(label.id))))

    async def test_late_revision(self) -> None:
        """An old revision that arrives late loses; the same one with the same words was only sent twice."""
        await self.save(1, "one")
        saved = await self.save(3, "three")
        self.assertEqual(3, await self.conflict(2, "two"))
        self.assertEqual(3, await self.conflict(2, "three"))
        self.assertEqual(3, await self.conflict(3, "another three"))
        again = await self.save(3, "three")
        self.assertEqual((saved.message, saved.conversation, saved.seq), (again.message, again.conversation, again.seq))
        kept = await self.drafts.find(ACCOUNT, KEY)
        assert kept is not None
        self.assertEqual((3, typed("three")), (kept.revision, kept.draft))

    async def test_together(self) -> None:
        """Two processes that save the same first revision make one draft; with different words one of them loses."""
        filed = await self.together([self.save(1, "one"), self.save(1, "one")])
        self.assertEqual(1, len({each.message for each in filed}))
        self.assertEqual(Counter(1, 0), await self.counted())
        self.assertEqual(1, await self.conflict(1, "other"))

    async def test_close(self) -> None:
        """What was sent is gone from Drafts, once, and nothing that arrives late brings it back."""
        parent = await self.stores.messages.file(filing("a"))
        filed = await self.save(1, "one")
        touched = await self.drafts.close(ACCOUNT, KEY, typed("sent"))
        self.assertIn(DRAFTS, touched.places)
        self.assertGreater(touched.seq, filed.seq)
        self.assertIsNone(await self.stores.messages.message(ACCOUNT, filed.message))
        self.assertIsNone(await self.drafts.of_message(ACCOUNT, filed.message))
        self.assertEqual(Counter(0, 0), await self.counted())
        row = await self.stores.messages.conversation(ACCOUNT, parent.conversation)
        assert row is not None
        self.assertEqual((1, (INBOX,)), (row.count, row.folders))
        again = await self.drafts.close(ACCOUNT, KEY, typed("other"))
        self.assertEqual((frozenset(), touched.seq), (again.places, again.seq))
        kept = await self.drafts.find(ACCOUNT, KEY)
        assert kept is not None
        self.assertEqual((True, typed("sent")), (kept.sent, kept.draft))
        self.assertIsNone(await self.conflict(2, "late"))
        self.assertEqual(Counter(0, 0), await self.counted())

    async def test_close_unsaved(self) -> None:
        """What was sent before it was ever saved is not saved afterwards."""
        self.assertEqual(frozenset(), (await self.drafts.close(ACCOUNT, KEY, typed("x"))).places)
        self.assertIsNone(await self.conflict(1, "late"))
        self.assertEqual(Counter(0, 0), await self.counted())

    async def test_thrown_away(self) -> None:
        """A draft that was thrown away is not saved on; when that is taken back it is."""
        for verb, target in ((Verb.DELETE, ""), (Verb.MOVE, TRASH)):
            filed = await self.drafts.save(verb, 1, typed("one"), filed_as("one", key=verb))
            done = await self.stores.actions.act(ACCOUNT, Action(verb, target), Chosen(messages=(filed.message,)))
            for revision in (1, 2):
                with self.assertRaises(DraftConflict) as raised:
                    await self.drafts.save(verb, revision, typed("one"), filed_as("one", key=verb))
                self.assertIsNone(raised.exception.revision)
            self.assertIsNone(await self.drafts.of_message(ACCOUNT, filed.message))
            await self.stores.actions.undo(ACCOUNT, done.undo)
            again = await self.drafts.save(verb, 2, typed("two"), filed_as("two", key=verb))
            self.assertEqual(filed.message, again.message)

    async def test_accounts(self) -> None:
        """Keys and messages are the account's own."""
        filed = await self.save(1, "one")
        other = await self.drafts.save(KEY, 1, typed("ann's"), filed_as("ann's", account="ann"))
        self.assertNotEqual(filed.message, other.message)
        self.assertIsNone(await self.drafts.of_message("ann", filed.message))
        self.assertIsNone(await self.drafts.find("eve", KEY))
        await self.drafts.close("ann", KEY, typed("ann's"))
        self.assertIsNotNone(await self.drafts.of_message(ACCOUNT, filed.message))

    async def test_sweep(self) -> None:
        """Keys are forgotten with time, those of drafts that are there are not."""
        await self.save(1, "one")
        await self.drafts.close(ACCOUNT, "sent-one", typed("x"))
        self.assertEqual(0, await self.drafts.sweep(self.now))
        self.assertEqual(1, await self.drafts.sweep(self.now + 1))
        self.assertIsNone(await self.drafts.find(ACCOUNT, "sent-one"))
        self.assertIsNotNone(await self.drafts.find(ACCOUNT, KEY))
