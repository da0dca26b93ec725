"""MessageStoreContract: what every IMessageStore must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailsuite.interfaces.messages import IMessageStore
from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import ARCHIVE, FOLDERS, INBOX, SENT, SPAM, STARRED, TRASH
from mailsuite.model.message import Conversation, Counter, Cursor, Filed, Message
from mailsuite.model.verdict import Authentication
from mailsuite.testing.builders import ANN, NOW, description, filing, mailbox, sent
from mailsuite.testing.contracts.stores import StoreContract

ACCOUNT = "bob"


class MessageStoreContract(StoreContract):
    """Mix into a trial TestCase. Filing, lists, changes; threading has a suite of its own."""

    @property
    def messages(self) -> IMessageStore:
        return self.stores.messages

    async def page(self, folder: str = INBOX, before: Cursor | None = None, limit: int = 100) -> list[Conversation]:
        """A page of Bob's folder."""
        return list(await self.messages.page(ACCOUNT, folder, before, limit))

    async def known(self, message: str) -> Message:
        """A message that is there."""
        found = await self.messages.message(ACCOUNT, message)
        assert found is not None
        return found

    async def file(self, key: str, folder: str = INBOX, *, after: str = "", seen: bool = False, at: int = NOW) -> Filed:
        """File a message; ``after``: it answers the one with that key."""
        references = [f"<{after}@alpha.example>"] if after else []
        about = description(f"<{key}@alpha.example>", references=references)
        return await self.messages.file(filing(key, folder=folder, at=at, seen=seen, about=about))

    async def mark_seen(self, account: str, conversations: Sequence[str], seen: bool) -> int:
        """Mark conversations as read or unread; the seq afterwards."""
        return await self._act(account, Action(Verb.READ if seen else Verb.UNREAD), conversations)

    async def mark_flagged(self, account: str, conversations: Sequence[str], flagged: bool) -> int:
        """Star or unstar; the seq afterwards."""
        return await self._act(account, Action(Verb.STAR if flagged else Verb.UNSTAR), conversations)

    async def move(self, account: str, conversations: Sequence[str], source: str, target: str) -> int:
        """Move what is in one folder to another; the seq afterwards."""
        return await self._act(account, Action(Verb.MOVE, target), conversations, source)

    async def _act(self, account: str, action: Action, conversations: Sequence[str], place: str = "") -> int:
        return (await self.stores.actions.act(account, action, Chosen(tuple(conversations), place=place))).seq

    # Filing

    async def test_file(self) -> None:
        """A filed message is read back as it was given."""
        about = replace(
            description("<m@x>", cc=("C <c@x>",), subject='Ünïcode "\\\0 😀', has_attachments=True),
            defects=("no date",),
            date=None,
        )
        verdict = Authentication("pass", "fail", "pass", "none", "alpha.example")
        given = replace(filing("k", about=about, seen=True, own=True), bcc=(mailbox("D <d@x>"),), verdict=verdict)
        filed = await self.messages.file(given)
        self.assertEqual((True, 1), (filed.new, filed.seq))
        message = await self.known(filed.message)
        self.assertEqual(
            Message(
                id=filed.message,
                account=ACCOUNT,
                folder=INBOX,
                uid=1,
                modseq=message.modseq,
                conversation=filed.conversation,
                blob=given.blob,
                size=given.size,
                received_at=NOW,
                description=about,
                reverse_path=ANN,
                bcc=given.bcc,
                seen=True,
                flagged=False,
                own=True,
                listed_at=NOW,
                verdict=verdict,
            ),
            message,
        )
        self.assertEqual([message], list(await self.messages.messages(ACCOUNT, filed.conversation)))

    async def test_file_once(self) -> None:
        """The same delivery key of an account files nothing again, also at the same time; another account's does."""
        results = await self.together(self.messages.file(filing("k")) for _ in range(10))
        self.assertEqual(1, [filed.new for filed in results].count(True))
        self.assertEqual(1, len({(filed.message, filed.conversation) for filed in results}))
        self.assertEqual(Counter(1, 1), (await self.messages.counters(ACCOUNT))[INBOX])
        other = await self.messages.file(filing("k", account="ann"))
        self.assertTrue(other.new)
        again = await self.messages.file(replace(filing("k"), folder=SPAM, received_at=NOW + 9))
        self.assertEqual((False, results[0].message), (again.new, again.message))
        self.assertEqual([], await self.page(SPAM))

    async def test_replay_after_changes(self) -> None:
        """A replay of a filing gives the message where it is now, and the account's seq."""
        filed = await self.file("k")
        seq = await self.move(ACCOUNT, [filed.conversation], INBOX, TRASH)
        again = await self.file("k")
        self.assertEqual(Filed(filed.message, filed.conversation, seq, new=False, folder=TRASH), again)
        self.assertEqual(TRASH, (await self.known(filed.message)).folder)

    async def test_unknown_folder(self) -> None:
        """Mail is filed into and moved between folders only: a view or an unknown name is not there."""
        filed = await self.file("k")
        for name in (STARRED, "inbxo", ""):
            await self.raises(NotThere, self.messages.file(filing("l", folder=name)))
            await self.raises(NotThere, self.move(ACCOUNT, [filed.conversation], INBOX, name))
        self.assertEqual(INBOX, (await self.known(filed.message)).folder)

    async def test_accounts_are_apart(self) -> None:
        """Nobody sees or changes the mail of another account."""
        filed = await self.file("k")
        ann = self.messages
        self.assertIsNone(await ann.message("ann", filed.message))
        self.assertIsNone(await ann.conversation("ann", filed.conversation))
        self.assertEqual([], list(await ann.messages("ann", filed.conversation)))
        self.assertEqual([], list(await ann.page("ann", INBOX, None, 10)))
        self.assertEqual(0, await self.mark_seen("ann", [filed.conversation], True))
        self.assertEqual(0, await self.mark_flagged("ann", [filed.conversation], True))
        self.assertEqual(0, await self.move("ann", [filed.conversation], INBOX, TRASH))
        self.assertEqual(0, await ann.seq("ann"))
        message = await self.known(filed.message)
        self.assertEqual((INBOX, False, False), (message.folder, message.seen, message.flagged))

    async def test_uids(self) -> None:
        """Uids rise within a folder; a moved message gets a new one, and none is used twice."""
        a, b = await self.file("a"), await self.file("b")
        await self.move(ACCOUNT, [b.conversation], INBOX, ARCHIVE)
        await self.move(ACCOUNT, [b.conversation], ARCHIVE, INBOX)
        c = await self.file("c")
        self.assertEqual([1, 3, 4], [(await self.known(f.message)).uid for f in (a, b, c)])

    async def test_modseq(self) -> None:
        """Each change of a message raises its modseq, and leaves those of others."""
        a, b = await self.file("a"), await self.file("b")
        before = (await self.known(b.message)).modseq
        modseqs = [(await self.known(a.message)).modseq]
        for change in (
            self.mark_seen(ACCOUNT, [a.conversation], True),
            self.mark_flagged(ACCOUNT, [a.conversation], True),
            self.move(ACCOUNT, [a.conversation], INBOX, TRASH),
        ):
            await change
            modseqs.append((await self.known(a.message)).modseq)
        self.assertEqual(sorted(set(modseqs)), modseqs)
        self.assertEqual(before, (await self.known(b.message)).modseq)

    # Rows

    async def test_row(self) -> None:
        """A row shows the first subject, the last text, the people oldest first, and counts."""
        first = description("<1@x>", author="Ada Moreau <ada@x>", subject="Plan", snippet="one", has_attachments=True)
        answer = description("<2@x>", references=["<1@x>"], author="Bob <bob@x>", subject="Re: Plan", snippet="two")
        third = description("<3@x>", references=["<2@x>"], author="jonas@x", subject="Re: Plan", snippet="three")
        filed = await self.messages.file(filing("1", about=first, at=NOW))
        await self.messages.file(sent("2", about=answer, at=NOW + 1))
        await self.messages.file(filing("3", about=third, at=NOW + 2))
        await self.messages.file(
            filing("4", about=replace(first, message_id="<4@x>", references=("<3@x>",), snippet="four"), at=NOW + 3)
        )
        row = Conversation(
            id=filed.conversation,
            account=ACCOUNT,
            subject="Plan",
            people=("Ada Moreau", "me", "jonas@x"),
            count=4,
            unread=3,
            flagged=False,
            last_at=NOW + 3,
            snippet="four",
            has_attachments=True,
            folders=(INBOX, SENT),
        )
        self.assertEqual([row], await self.page())
        self.assertEqual(row, await self.messages.conversation(ACCOUNT, filed.conversation))
        self.assertEqual([replace(row, last_at=NOW + 1, unread=0)], await self.page(SENT))

    async def test_people_of_own_messages(self) -> None:
        """While only the account itself has written the row names the recipients; afterwards the authors."""
        about = description("<1@x>", author="Bob <b@x>", to=("Ann Alpha <ann@x>", "c@x"), cc=("D <d@x>",))
        await self.messages.file(replace(sent("1", about=about), bcc=(mailbox("E <e@x>"),)))
        self.assertEqual(("To: Ann Alpha", "c@x", "D", "E"), (await self.page(SENT))[0].people)
        more = description("<2@x>", references=["<1@x>"], author="Bob <b@x>", to=("D <d@x>", "F <f@x>"))
        await self.messages.file(sent("2", at=NOW + 1, about=more))
        self.assertEqual(("To: Ann Alpha", "c@x", "D", "E", "F"), (await self.page(SENT))[0].people)
        answer = description("<3@x>", references=["<1@x>"], author="Ann Alpha <ann@x>")
        await self.messages.file(filing("3", at=NOW + 2, about=answer))
        for folder in (INBOX, SENT):
            self.assertEqual(("me", "Ann Alpha"), (await self.page(folder))[0].people)

    async def test_people_without_names(self) -> None:
        """A row is never without a name: the reverse-path stands in for a missing author, "me" for no recipient."""
        await self.messages.file(filing("1", about=description("<1@x>", author="")))
        await self.messages.file(replace(filing("2", about=description("<2@x>", author="")), reverse_path=""))
        await self.messages.file(sent("3", about=description("<3@x>", to=())))
        self.assertEqual({(ANN,), ("unknown sender",)}, {row.people for row in await self.page()})
        self.assertEqual(("me",), (await self.page(SENT))[0].people)

    async def test_late_arrival_of_the_oldest(self) -> None:
        """The order within a conversation is by time, whatever came in first."""
        for key, at in (("b", NOW + 5), ("c", NOW + 9), ("a", NOW)):
            references = [] if key == "a" else ["<a@x>"]
            about = description(f"<{key}@x>", references=references, author=key, subject=key, snippet=key)
            filed = await self.messages.file(filing(key, at=at, about=about))
        row = (await self.page())[0]
        self.assertEqual((("a", "b", "c"), "a", "c", NOW + 9), (row.people, row.subject, row.snippet, row.last_at))
        messages = await self.messages.messages(ACCOUNT, filed.conversation)
        self.assertEqual(["a", "b", "c"], [message.description.subject for message in messages])

    async def test_long_texts_are_cut_in_rows(self) -> None:
        """A subject or a crowd of any size makes a row of bounded size; the message keeps all."""
        crowd = tuple(f"Name {n} <{n}@x>" for n in range(500))
        filed = await self.messages.file(sent("1", about=description("<1@x>", subject="s" * 9000, to=crowd)))
        row = (await self.page(SENT))[0]
        self.assertEqual(("s" * 500, 30), (row.subject, len(row.people)))
        about = (await self.known(filed.message)).description
        self.assertEqual((9000, 500), (len(about.subject), len(about.to)))

    # Pages

    async def test_pages(self) -> None:
        """Keyset pages give every row once, newest first, also where times are equal."""
        for n in range(23):
            await self.file(f"k{n}", at=NOW + n // 5)
        seen: list[Conversation] = []
        while page := await self.page(INBOX, Cursor(seen[-1].last_at, seen[-1].id) if seen else None, 4):
            seen += page
        keys = [(row.last_at, row.id) for row in seen]
        self.assertEqual((23, sorted(keys, reverse=True)), (len(set(keys)), keys))

    async def test_pages_while_mail_arrives(self) -> None:
        """Rows that arrive, or leave above the cursor, between two pages make the next ones neither skip nor repeat."""
        ids = [(await self.file(f"k{n}", at=NOW + n)).conversation for n in range(20)]
        seen: list[Conversation] = []
        for turn in range(5):
            seen += await self.page(INBOX, Cursor(seen[-1].last_at, seen[-1].id) if seen else None, 4)
            await self.file(f"new{turn}", at=NOW + 1000 + turn)
            await self.move(ACCOUNT, [seen[turn].id], INBOX, TRASH)
        self.assertEqual(ids[::-1], [row.id for row in seen])

    async def test_a_folder_has_its_own_times(self) -> None:
        """In each folder a conversation stands at its newest message there."""
        await self.file("a", at=NOW)
        await self.file("x", at=NOW + 5)
        await self.messages.file(
            sent("b", at=NOW + 9, about=description("<b@x>", references=["<a@alpha.example>"], to=["x@x"]))
        )
        self.assertEqual([NOW + 5, NOW], [row.last_at for row in await self.page()])
        self.assertEqual([NOW + 9], [row.last_at for row in await self.page(SENT)])

    # Flags, moves, counters

    async def test_counters(self) -> None:
        """Every folder has its counters: conversations, and those with an unread message in that folder."""
        self.assertEqual(
            dict.fromkeys(FOLDERS, Counter(0, 0)),
            {name: c for name, c in (await self.messages.counters(ACCOUNT)).items() if name in FOLDERS},
        )
        await self.file("a")
        await self.file("b", after="a")
        await self.file("c", seen=True)
        await self.file("d", SENT, after="a", seen=True)
        counters = await self.messages.counters(ACCOUNT)
        self.assertEqual((Counter(2, 1), Counter(1, 0)), (counters[INBOX], counters[SENT]))

    async def test_mark_seen(self) -> None:
        """Seen is set and cleared for all messages of the conversations; the seq afterwards is the account's."""
        a, b, c = await self.file("a"), await self.file("b", ARCHIVE, after="a"), await self.file("c")
        seq = await self.mark_seen(ACCOUNT, [a.conversation, c.conversation, "unknown"], True)
        self.assertEqual(seq, await self.messages.seq(ACCOUNT))
        for filed in (a, b, c):
            self.assertTrue((await self.known(filed.message)).seen)
        self.assertEqual([0, 0], [row.unread for row in await self.page()])
        self.assertEqual(Counter(2, 0), (await self.messages.counters(ACCOUNT))[INBOX])
        self.assertEqual(seq, await self.mark_seen(ACCOUNT, [a.conversation], True))
        await self.mark_seen(ACCOUNT, [a.conversation], False)
        counters = await self.messages.counters(ACCOUNT)
        self.assertEqual((Counter(2, 1), Counter(1, 1)), (counters[INBOX], counters[ARCHIVE]))

    async def test_star(self) -> None:
        """Starring marks the newest message, unstarring clears all; the view follows."""
        a, b = await self.file("a", at=NOW), await self.file("b", after="a", at=NOW + 1)
        await self.file("c", at=NOW + 2)
        await self.mark_flagged(ACCOUNT, [a.conversation], True)
        self.assertEqual([False, True], [(await self.known(f.message)).flagged for f in (a, b)])
        self.assertEqual([a.conversation], [row.id for row in await self.page(STARRED)])
        self.assertEqual([False, True], [row.flagged for row in await self.page()])
        reply = await self.file("d", after="b", at=NOW + 3)
        self.assertEqual([NOW + 3], [row.last_at for row in await self.page(STARRED)])
        await self.mark_flagged(ACCOUNT, [a.conversation], True)
        self.assertTrue((await self.known(reply.message)).flagged)
        await self.mark_flagged(ACCOUNT, [a.conversation], False)
        self.assertEqual([], await self.page(STARRED))
        self.assertEqual([False] * 3, [(await self.known(f.message)).flagged for f in (a, b, reply)])

    async def test_starred_leaves_out_trash_and_spam(self) -> None:
        """What is starred and thrown away is not in the view; it is back when the conversation is."""
        a = await self.file("a")
        await self.mark_flagged(ACCOUNT, [a.conversation], True)
        for folder in (TRASH, SPAM):
            await self.move(ACCOUNT, [a.conversation], INBOX, folder)
            self.assertEqual([], await self.page(STARRED))
            self.assertTrue((await self.page(folder))[0].flagged)
            await self.move(ACCOUNT, [a.conversation], folder, INBOX)
            self.assertEqual([a.conversation], [row.id for row in await self.page(STARRED)])
        await self.file("b", TRASH, after="a", at=NOW + 1)
        await self.mark_flagged(ACCOUNT, [a.conversation], False)
        await self.mark_flagged(ACCOUNT, [a.conversation], True)
        self.assertTrue((await self.known(a.message)).flagged)

    async def test_move(self) -> None:
        """A move takes the messages of the source folder only; the conversation is then in several folders."""
        a = await self.file("a")
        own = await self.messages.file(sent("s", about=description("<s@x>", references=["<a@alpha.example>"])))
        self.assertEqual(a.conversation, own.conversation)
        seq = await self.move(ACCOUNT, [a.conversation, "unknown"], INBOX, TRASH)
        self.assertEqual([TRASH, SENT], [(await self.known(f.message)).folder for f in (a, own)])
        self.assertEqual((SENT, TRASH), (await self.page(SENT))[0].folders)
        self.assertEqual([], await self.page())
        counters = await self.messages.counters(ACCOUNT)
        self.assertEqual((Counter(0, 0), Counter(1, 1)), (counters[INBOX], counters[TRASH]))
        self.assertEqual(seq, await self.move(ACCOUNT, [a.conversation], INBOX, TRASH))
        self.assertEqual(seq, await self.move(ACCOUNT, [a.conversation], TRASH, TRASH))

    async def test_many_at_once(self) -> None:
        """Hundreds of conversations are changed by one call; none and unknown ones change nothing."""
        self.assertEqual(0, await self.mark_seen(ACCOUNT, [], True))
        ids = [filed.conversation for filed in await self.together(self.file(f"k{n}") for n in range(450))]
        seq = await self.mark_seen(ACCOUNT, [*ids, *ids], True)
        self.assertEqual(900, seq)
        self.assertEqual(Counter(450, 0), (await self.messages.counters(ACCOUNT))[INBOX])
        self.assertEqual(seq, await self.move(ACCOUNT, ["unknown"], INBOX, TRASH))

    # Changes

    async def test_newer(self) -> None:
        """Newer gives each changed row once, as it is now, oldest change first, and ids that left."""
        a, b, c = [await self.file(key, at=NOW + n) for n, key in enumerate("abc")]
        seq = await self.messages.seq(ACCOUNT)
        changes = await self.messages.newer(ACCOUNT, INBOX, seq, 10)
        self.assertEqual((seq, (), ()), (changes.seq, changes.rows, changes.gone))
        await self.mark_seen(ACCOUNT, [c.conversation], True)
        await self.move(ACCOUNT, [b.conversation], INBOX, TRASH)
        await self.file("d", after="a", at=NOW + 9)
        await self.mark_flagged(ACCOUNT, [c.conversation], True)
        changes = await self.messages.newer(ACCOUNT, INBOX, seq, 10)
        self.assertEqual([a.conversation, c.conversation], [row.id for row in changes.rows])
        self.assertEqual((b.conversation,), changes.gone)
        self.assertEqual(await self.messages.seq(ACCOUNT), changes.seq)
        self.assertEqual({row.id: row for row in await self.page()}, {row.id: row for row in changes.rows})
        trash = await self.messages.newer(ACCOUNT, TRASH, seq, 10)
        self.assertEqual(([b.conversation], ()), ([row.id for row in trash.rows], trash.gone))

    async def test_newer_in_pieces(self) -> None:
        """With a limit the changes come in pieces: none is lost between them, and the end is the account's seq."""
        ids = [(await self.file(f"k{n}", at=NOW + n)).conversation for n in range(12)]
        start = await self.messages.seq(ACCOUNT)
        await self.move(ACCOUNT, ids[:7], INBOX, TRASH)
        await self.file("other", ARCHIVE)
        gone: list[str] = []
        seq, turns = start, 0
        while seq < await self.messages.seq(ACCOUNT):
            changes = await self.messages.newer(ACCOUNT, INBOX, seq, 3)
            gone += changes.gone
            seq, turns = changes.seq, turns + 1
            self.assertLess(turns, 10)
        self.assertEqual(ids[:7], gone)

    async def test_back_again(self) -> None:
        """A conversation that left and came back is a row, not gone."""
        a = await self.file("a")
        seq = await self.messages.seq(ACCOUNT)
        await self.move(ACCOUNT, [a.conversation], INBOX, TRASH)
        await self.move(ACCOUNT, [a.conversation], TRASH, INBOX)
        changes = await self.messages.newer(ACCOUNT, INBOX, seq, 10)
        self.assertEqual(([a.conversation], ()), ([row.id for row in changes.rows], changes.gone))
        self.assertEqual((a.conversation,), (await self.messages.newer(ACCOUNT, TRASH, seq, 10)).gone)

    async def test_own_changes_only(self) -> None:
        """Each account counts its changes by itself, without holes."""
        for n in range(3):
            await self.file(f"k{n}")
            await self.messages.file(filing(f"k{n}", account="ann"))
        self.assertEqual([3, 3, 0], [await self.messages.seq(name) for name in (ACCOUNT, "ann", "carl")])
