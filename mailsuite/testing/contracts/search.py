"""SearchContract: what is found, in any script, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.folder import ARCHIVE, INBOX, SENT, SPAM, STARRED, TRASH, label_view
from mailsuite.model.message import Cursor, Filed
from mailsuite.model.query import Condition, Field, Hit, In, Is, Query, Text
from mailsuite.testing.builders import NOW, description, filing
from mailsuite.testing.contracts.stores import StoreContract

ACCOUNT = "bob"


class SearchContract(StoreContract):
    """Mix into a trial TestCase."""

    async def file(
        self,
        key: str,
        text: str = "",
        *,
        subject: str = "hello",
        author: str = "Ann Alpha <ann@alpha.example>",
        to: Sequence[str] = ("Bob Beta <bob@beta.example>",),
        folder: str = INBOX,
        at: int = NOW,
        after: str = "",
        has_attachments: bool = False,
        size: int = 100,
    ) -> Filed:
        """File a message that says something."""
        about = description(
            f"<{key}@x>",
            references=[f"<{after}@x>"] if after else [],
            subject=subject,
            author=author,
            to=to,
            has_attachments=has_attachments,
        )
        filed = filing(key, folder=folder, at=at, about=about)
        return await self.stores.messages.file(replace(filed, text=text, size=size))

    async def hits(self, *conditions: Condition, before: Cursor | None = None, limit: int = 100) -> list[Hit]:
        """What a query whose conditions all hold finds."""
        query = Query(tuple((condition,) for condition in conditions))
        return list(await self.stores.search.search(ACCOUNT, query, before, limit))

    async def found(self, *conditions: Condition) -> list[str]:
        """The conversations of the hits."""
        return [hit.conversation.id for hit in await self.hits(*conditions)]

    async def assert_finds(self, filed: Filed, *typed: str, prefix: bool = True) -> None:
        """Each of the texts finds this one."""
        for text in typed:
            self.assertEqual([filed.conversation], await self.found(Text(text, prefix=prefix)), text)

    async def test_F089_scripts_without_spaces(self) -> None:
        """Part of a longer run, other cases, diacritics, compounds, fragments of addresses: found without a field."""
        chinese = await self.file("zh", "祝大家新年快乐，身体健康")
        await self.assert_finds(chinese, "新年快乐", "新年", "年", "康", "快乐 身体", "家新年")
        japanese = await self.file("ja", subject="会議のテスト2024")
        await self.assert_finds(japanese, "テスト", "テス", "会議", "2024", "ﾃｽﾄ")
        vietnamese = await self.file("vi", author="Tiếng Việt <viet@alpha.example>")
        await self.assert_finds(vietnamese, "Tiếng Việt", "tieng viet", "TIẾNG")
        hebrew = await self.file("he", "שלום לכולם")
        await self.assert_finds(hebrew, "שלום", "שָׁלוֹם")
        german = await self.file("de", "Die Krankenversicherungskarte liegt bei, Straße 7")
        await self.assert_finds(german, "versicherung", "Versicherungskarte", "strasse", "STRASSE", "kranken")
        turkish = await self.file("tr", to=("Ayşe <ayse@gamma.example>",), subject="İstanbul")
        await self.assert_finds(turkish, "istanbul", "ISTANBUL", "ıstanbul", "ayse", "ayse@gamma")
        address = await self.file("ad", author="x <first.last@fragment.example>")
        await self.assert_finds(address, "first.last", "last@frag", "fragment.example", "frag")
        thai = await self.file("th", "ประชุมวันจันทร์")
        await self.assert_finds(thai, "วันจันทร์", "ประชุม")
        korean = await self.file("ko", "내일회의합니다")
        await self.assert_finds(korean, "회의")
        hindi = await self.file("hi", "यह हिन्दी में है")
        await self.assert_finds(hindi, "हिन्दी")
        two = await self.file("two", "our pr department is ok_now")
        await self.assert_finds(two, "pr", "ok")
        self.assertEqual([], await self.found(Text("年新")))
        self.assertEqual([], await self.found(Text("快年")))

    async def test_words(self) -> None:
        """All words must be there; only the last one, and from three letters on, may go on."""
        a = await self.file("a", "the quick brown fox")
        b = await self.file("b", "a quick reply", at=NOW + 1000)
        self.assertEqual([b.conversation, a.conversation], await self.found(Text("quick")))
        self.assertEqual([a.conversation], await self.found(Text("quick"), Text("fox")))
        self.assertEqual([], await self.found(Text("qui"), Text("fox")))
        self.assertEqual([a.conversation], await self.found(Text("fox"), Text("bro", prefix=True)))
        self.assertEqual([], await self.found(Text("br", prefix=True)))
        self.assertEqual([a.conversation], await self.found(Text("quick"), Text("reply", negated=True)))
        self.assertEqual([], await self.found(Text("quick"), Text("hello", negated=True)))

    async def test_phrases(self) -> None:
        """Words of a phrase stand beside each other, in one field."""
        a = await self.file("a", "the quick brown fox", subject="one")
        await self.file("b", "brown and quick", subject="two")
        self.assertEqual([a.conversation], await self.found(Text("quick brown")))
        self.assertEqual([a.conversation], await self.found(Text("quick bro", prefix=True)))
        self.assertEqual([], await self.found(Text("one the")))

    async def test_fields(self) -> None:
        """A field looks only there; recipients are To, Cc and one's own Bcc."""
        a = await self.file("a", "carl", author="Dora <d@x.example>", to=("Emil <e@y.example>",), subject="fritz")
        for text, field in (("dora", Field.AUTHOR), ("emil", Field.RECIPIENT), ("fritz", Field.SUBJECT)):
            for other in Field:
                want = [a.conversation] if other in (field, Field.ANY) else []
                self.assertEqual(want, await self.found(Text(text, other)), (text, other))
        self.assertEqual([a.conversation], await self.found(Text("carl")))
        self.assertEqual([], await self.found(Text("carl", Field.SUBJECT)))

    async def test_either(self) -> None:
        """OR joins words, states and both."""
        a, b, c = [await self.file(k, f"word{k}", at=NOW + n * 1000) for n, k in enumerate("abc")]
        await self.stores.actions.act(ACCOUNT, Action(Verb.READ), Chosen((a.conversation, b.conversation)))

        async def either(*conditions: Condition) -> list[str]:
            hits = await self.stores.search.search(ACCOUNT, Query((conditions,)), None, 10)
            return [hit.conversation.id for hit in hits]

        self.assertEqual([b.conversation, a.conversation], await either(Text("worda"), Text("wordb")))
        self.assertEqual([c.conversation, a.conversation], await either(Text("worda"), Is("unread")))
        self.assertEqual([c.conversation, b.conversation], await either(Text("worda", negated=True), Text("wordb")))
        self.assertEqual([c.conversation, b.conversation], await either(Text("worda", negated=True), Is("unread")))

    async def test_states(self) -> None:
        """Unread, read, starred, with a file, labelled, in a folder; each also turned round."""
        label = await self.stores.folders.create_label(ACCOUNT, "L", "red")
        a, b = await self.file("a", "word", has_attachments=True), await self.file("b", "word", folder=ARCHIVE)
        for verb, target in ((Verb.READ, ""), (Verb.STAR, ""), (Verb.LABEL, label.id)):
            await self.stores.actions.act(ACCOUNT, Action(verb, target), Chosen((a.conversation,)))
        for condition in (
            Is("read"),
            Is("starred"),
            Is("attachment"),
            In(INBOX),
            In(STARRED),
            In(label_view(label.id)),
        ):
            self.assertEqual([a.conversation], await self.found(condition), condition)
            turned = replace(condition, negated=True)
            self.assertEqual([b.conversation], await self.found(Text("word"), turned), turned)
            self.assertEqual([b.conversation], await self.found(turned), turned)
        self.assertEqual([b.conversation], await self.found(Is("unread")))
        self.assertEqual([], await self.found(In("")))

    async def test_trash_and_spam(self) -> None:
        """What was thrown away is found only where it is asked for; what was deleted for ever nowhere."""
        filed = {folder: await self.file(folder, "word", folder=folder) for folder in (INBOX, SENT, SPAM, TRASH)}
        inbox, own, spam, trash = (filed[each].conversation for each in (INBOX, SENT, SPAM, TRASH))
        self.assertEqual({inbox, own}, set(await self.found(Text("word"))))
        self.assertEqual([spam], await self.found(Text("word"), In(SPAM)))
        query = Query(((Text("word"),),), everywhere=True)
        everywhere = await self.stores.search.search(ACCOUNT, query, None, 10)
        self.assertEqual({inbox, own, spam, trash}, {hit.conversation.id for hit in everywhere})
        await self.stores.actions.act(ACCOUNT, Action(Verb.DELETE), Chosen((trash, spam, inbox), place=""))
        self.assertEqual([own], [h.conversation.id for h in await self.stores.search.search(ACCOUNT, query, None, 10)])

    async def test_bounds(self) -> None:
        """Time from and before, size above and below."""
        a, b, c = [await self.file(k, "word", at=NOW + n * 1000, size=10**n) for n, k in enumerate("abc")]
        for query, want in (
            (Query(after=NOW + 1000), [c, b]),
            (Query(before=NOW + 1000), [a]),
            (Query(larger=10), [c]),
            (Query(smaller=10), [a]),
            (Query(((Text("word"),),), after=NOW + 1, before=NOW + 2000), [b]),
        ):
            hits = await self.stores.search.search(ACCOUNT, query, None, 10)
            self.assertEqual([f.conversation for f in want], [hit.conversation.id for hit in hits], query)

    async def test_pages(self) -> None:
        """Each conversation once, at its newest match, newest first, also while mail arrives and leaves."""
        filed = []
        for n in range(60):
            after = str(n - 1) if n % 3 else ""
            filed.append(await self.file(str(n), "word", at=NOW + 1000 * n, after=after))
        want = [filed[n].conversation for n in range(57, -1, -3)]
        seen: list[Hit] = []
        for turn in range(20):
            page = await self.hits(Text("word"), before=seen[-1].at if seen else None, limit=3)
            seen += page
            if not page:
                break
            await self.file(f"new{turn}", "word", at=NOW + 10_000_000 + turn)
        self.assertEqual(want, [hit.conversation.id for hit in seen])
        self.assertEqual([filed[n].message for n in range(59, 1, -3)], [hit.message for hit in seen])

    async def test_a_conversation_of_several_pages(self) -> None:
        """A conversation shown on one page is not on the next, though an older message of it matches."""
        old = await self.file("old", "word")
        other = await self.file("other", "word", at=NOW + 1000)
        new = await self.file("new", "word", at=NOW + 2000, after="old")
        self.assertEqual(old.conversation, new.conversation)
        first = await self.hits(Text("word"), limit=1)
        second = await self.hits(Text("word"), before=first[-1].at, limit=1)
        third = await self.hits(Text("word"), before=second[-1].at, limit=1)
        self.assertEqual([[new.message], [other.message], []], [[h.message for h in p] for p in (first, second, third)])

    async def test_snippet(self) -> None:
        """The text around the first match, on one line, with the places of all matches in it; also in the subject."""
        text = "Dear all,\n\n" + "nothing to see here. " * 30 + "the Übung\nbegins " + "and so on " * 50
        await self.file("a", text, subject="Zur Übung")
        (hit,) = await self.hits(Text("ubung"))
        self.assertNotIn("\n", hit.snippet)
        self.assertLess(len(hit.snippet), 210)
        self.assertEqual(["Übung"], [hit.snippet[start:end] for start, end in hit.marks])
        self.assertEqual(["Übung"], ["Zur Übung"[start:end] for start, end in hit.subject_marks])
        await self.file("b", "在这个新年快乐的日子")
        (hit,) = await self.hits(Text("新年"))
        self.assertEqual(["新年"], [hit.snippet[start:end] for start, end in hit.marks])
        await self.file("c", "text", author="Somebody <s@x.example>")
        (hit,) = await self.hits(Text("somebody"))
        self.assertEqual(("how are you?", ()), (hit.snippet, hit.marks))

    async def test_accounts_are_apart(self) -> None:
        """Nobody finds the mail of another account."""
        await self.file("a", "secret")
        self.assertEqual([], list(await self.stores.search.search("ann", Query(((Text("secret"),),)), None, 10)))
        self.assertEqual([], list(await self.stores.search.search("ann", Query(), None, 10)))
