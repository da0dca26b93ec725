"""ThreadingContract: which messages every IMessageStore joins into a conversation, and which it does not."""

from __future__ import annotations

from collections.abc import Sequence

from mailsuite.interfaces.messages import IMessageStore
from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.folder import INBOX, SENT
from mailsuite.model.message import Counter, Filed
from mailsuite.testing.builders import NOW, description, filing, sent
from mailsuite.testing.contracts.stores import StoreContract

ACCOUNT = "bob"


class ThreadingContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def messages(self) -> IMessageStore:
        return self.stores.messages

    async def file(self, key: str, message_id: str, *references: str, account: str = ACCOUNT, at: int = NOW) -> Filed:
        """File a message with these ids."""
        about = description(message_id, references=references)
        return await self.messages.file(filing(key, account=account, at=at, about=about))

    async def conversations(self, *filed: Filed) -> list[str]:
        """Where the messages are now."""
        found = [await self.messages.message(ACCOUNT, each.message) for each in filed]
        return [message.conversation for message in found if message is not None]

    async def assert_together(self, filed: Sequence[Filed]) -> str:
        """All are in one conversation, whose id is given."""
        ids = set(await self.conversations(*filed))
        self.assertEqual(1, len(ids))
        messages = await self.messages.messages(ACCOUNT, min(ids))
        self.assertEqual({each.message for each in filed}, {message.id for message in messages})
        return ids.pop()

    async def assert_apart(self, *filed: Filed) -> None:
        """Each is in a conversation of its own."""
        self.assertEqual(len(filed), len(set(await self.conversations(*filed))))

    async def test_reply(self) -> None:
        """A reply joins what it refers to, whichever of the references is known."""
        a = await self.file("a", "<a@x>")
        b = await self.file("b", "<b@x>", "<a@x>")
        c = await self.file("c", "<c@x>", "<unknown@x>", "<b@x>")
        d = await self.file("d", "<d@x>", "<b@x>", "<unknown2@x>")
        await self.assert_together([a, b, c, d])

    async def test_same_subject(self) -> None:
        """Three mails of one subject from three senders are three threads; a reply joins the one that it answers."""
        hello = [await self.file(f"h{n}", f"<h{n}@x>") for n in range(3)]
        await self.assert_apart(*hello)
        await self.assert_together([hello[1], await self.file("r", "<r@x>", "<h1@x>")])
        await self.assert_apart(*hello)

    async def test_late_parent(self) -> None:
        """Replies that came before their parent are one conversation with each other and with it."""
        b = await self.file("b", "<b@x>", "<a@x>")
        c = await self.file("c", "<c@x>", "<a@x>")
        await self.assert_together([b, c])
        await self.assert_together([b, c, await self.file("a", "<a@x>")])

    async def test_late_link_merges(self) -> None:
        """A message that connects two conversations merges them, and the old id leads to what is left."""
        a, a2 = await self.file("a", "<a@x>", at=NOW), await self.file("a2", "<a2@x>", "<a@x>", at=NOW + 1)
        b = await self.file("b", "<b@x>", at=NOW + 2)
        await self.assert_apart(a, b)
        link = await self.file("link", "<link@x>", "<a@x>", "<b@x>", at=NOW + 3)
        kept = await self.assert_together([a, a2, b, link])
        self.assertIn(kept, (a.conversation, b.conversation))
        for old in (a.conversation, b.conversation):
            row = await self.messages.conversation(ACCOUNT, old)
            self.assertEqual((kept, 4), (row.id, row.count) if row else None)
            self.assertEqual(4, len(await self.messages.messages(ACCOUNT, old)))
        self.assertEqual([kept], [row.id for row in await self.messages.page(ACCOUNT, INBOX, None, 10)])
        self.assertEqual(Counter(1, 1), (await self.messages.counters(ACCOUNT))[INBOX])

    async def test_merged_ids_still_work(self) -> None:
        """Flags under the id of a merged conversation reach it, and so do later replies; chains of merges too."""
        first = [await self.file(f"m{n}", f"<m{n}@x>") for n in range(4)]
        links = [await self.file(f"l{n}", f"<l{n}@x>", f"<m{n}@x>", f"<m{n + 1}@x>") for n in range(3)]
        kept = await self.assert_together([*first, *links])
        for n, filed in enumerate(first):
            action = Action(Verb.READ if n % 2 == 0 else Verb.UNREAD)
            await self.stores.actions.act(ACCOUNT, action, Chosen((filed.conversation,)))
            row = await self.messages.conversation(ACCOUNT, filed.conversation)
            self.assertEqual((kept, 0 if n % 2 == 0 else 7), (row.id, row.unread) if row else None)
        replies = [await self.file(f"r{n}", f"<r{n}@x>", f"<m{n}@x>") for n in range(4)]
        await self.assert_together([*first, *links, *replies])

    async def test_merged_twice(self) -> None:
        """What was merged into a conversation that is merged itself is found under every id that it ever had."""
        large = [await self.file(f"m{n}", f"<m{n}@x>", "<m0@x>") for n in range(6)]
        a, b = await self.file("a", "<a@x>"), await self.file("b", "<b@x>")
        small = [a, b, await self.file("ab", "<ab@x>", "<a@x>", "<b@x>")]
        link = await self.file("link", "<link@x>", "<ab@x>", "<m5@x>")
        kept = await self.assert_together([*large, *small, link])
        for filed in (*large, *small):
            row = await self.messages.conversation(ACCOUNT, filed.conversation)
            self.assertEqual((kept, 10), (row.id, row.count) if row else None)
        replies = [await self.file(f"r{key}", f"<r{key}@x>", f"<{key}@x>") for key in ("a", "b", "m0")]
        await self.assert_together([*large, *small, link, *replies])

    async def test_merge_is_journaled(self) -> None:
        """A page learns of a merge: one id is gone, the other is a row."""
        a, b = await self.file("a", "<a@x>"), await self.file("b", "<b@x>")
        seq = await self.messages.seq(ACCOUNT)
        link = await self.file("l", "<l@x>", "<a@x>", "<b@x>")
        kept = await self.assert_together([a, b, link])
        changes = await self.messages.newer(ACCOUNT, INBOX, seq, 10)
        self.assertEqual([kept], [row.id for row in changes.rows])
        self.assertEqual({a.conversation, b.conversation} - {kept}, set(changes.gone))
        self.assertEqual(await self.messages.seq(ACCOUNT), changes.seq)

    async def test_bogus_ids(self) -> None:
        """Ids without "@", empty ones and bare brackets join nothing, as ids or as references."""
        bogus = ("", "<>", "< >", "<no-at-sign>", "no-at-sign", "@", "<@>")
        filed = [await self.file(f"b{n}", each, *bogus) for n, each in enumerate(bogus)]
        await self.assert_apart(*filed)
        seen = await self.file("x", "<x@x>", "<>", "<x@x>")
        await self.assert_together([seen, await self.file("y", "<y@x>", "<no-at-sign>", "<x@x>")])

    async def test_brackets_do_not_count(self) -> None:
        """An id is the same with and without its angle brackets; letter case does count."""
        a = await self.file("a", "<a@x>")
        await self.assert_together([a, await self.file("b", "<b@x>", "a@x")])
        await self.assert_apart(a, await self.file("c", "<c@x>", "<A@x>"))

    async def test_equal_message_ids(self) -> None:
        """Two different mails with one Message-ID are both filed; so are two without any, apart from each other."""
        a, b = await self.file("a", "<same@x>"), await self.file("b", "<same@x>")
        self.assertTrue(a.new and b.new)
        await self.assert_together([a, b])
        c, d = await self.file("c", ""), await self.file("d", "")
        await self.assert_apart(c, d)

    async def test_long_id(self) -> None:
        """A Message-ID of two kilobytes is no obstacle."""
        a, b = [await self.file(key, f"<{'x' * 2000}@x>") for key in "ab"]
        self.assertTrue(a.new and b.new)

    async def test_reply_to_the_sent_copy(self) -> None:
        """A reply to our own mail joins the copy in Sent."""
        own = await self.messages.file(sent("s", about=description("<s@x>", author="Bob <b@x>")))
        reply = await self.file("r", "<r@x>", "<s@x>")
        await self.assert_together([own, reply])
        for folder in (SENT, INBOX):
            self.assertEqual(2, (await self.messages.page(ACCOUNT, folder, None, 10))[0].count)

    async def test_a_thousand_references(self) -> None:
        """Of a thousand references the first 5 and the last 15 count, the others do not."""
        references = [f"<r{n}@x>" for n in range(1000)]
        long = await self.file("long", "<long@x>", *references)
        joined = [await self.file(f"r{n}", f"<r{n}@x>") for n in (0, 4, 985, 999)]
        await self.assert_together([long, *joined])
        other = [await self.file(f"r{n}", f"<r{n}@x>") for n in (5, 500, 984)]
        await self.assert_apart(long, *other)

    async def test_twenty_references(self) -> None:
        """Twenty references all count."""
        references = [f"<r{n}@x>" for n in range(20)]
        filed = [await self.file("long", "<long@x>", *references)]
        filed += [await self.file(f"r{n}", f"<r{n}@x>") for n in range(20)]
        await self.assert_together(filed)

    async def test_replies_together(self) -> None:
        """Replies that arrive at the same time make one conversation."""
        filed = await self.together(self.file(f"r{n}", f"<r{n}@x>", "<parent@x>") for n in range(20))
        await self.assert_together(filed)

    async def test_accounts_are_apart(self) -> None:
        """The references of one account's mail never reach into another's."""
        a = await self.file("a", "<a@x>")
        await self.file("b", "<b@x>", "<a@x>", account="ann")
        await self.assert_together([a])
        self.assertEqual(1, (await self.messages.page("ann", INBOX, None, 10))[0].count)
