"""Writing, replying, sending: with and without a script."""

from __future__ import annotations

import html
import re
from typing import ClassVar

from mailsuite.model.folder import DRAFTS, INBOX
from tests.web.case import WebCase
from tests.web.house import ALICE, BOB


def value(text: str, name: str) -> str:
    """What a form field holds."""
    found = re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', text)
    assert found, name
    return html.unescape(found.group(1))


class ComposeTests(WebCase):
    """/mail/compose and /mail/send"""

    async def test_page_and_fragment(self) -> None:
        """A whole page for plain links, the form alone for htmx."""
        page = await self.alice.get("/mail/compose")
        self.assertIn("<html", page.text)
        self.assertIn('<form class="cmp" method="post" action="/mail/send"', page.text)
        fragment = await self.alice.get("/mail/compose", HX_Request="true", HX_Request_Type="partial")
        self.assertNotIn("<html", fragment.text)
        self.assertNotEqual(value(page.text, "key"), value(fragment.text, "key"))

    async def test_send_plain(self) -> None:
        """A plain form leads to the conversation; the message is in Sent and with its recipient."""
        answer = await self.alice.post(
            "/mail/send", {"to": f"Bob <{BOB}>", "cc": "", "bcc": "", "subject": "Lunch", "text": "At one?"}
        )
        self.assertEqual(answer.code, 303)
        self.assertTrue(answer.header("location").startswith("/mail/sent/t/"))
        self.assertIn("Lunch", (await self.alice.get(answer.header("location"))).text)
        bob = await self.house.visitor(BOB)
        self.assertIn(">Lunch<", (await bob.get("/mail/inbox")).text)

    async def test_send_by_htmx(self) -> None:
        """A toast, and the form goes away."""
        answer = await self.alice.post(
            "/mail/send", {"to": BOB, "subject": "Lunch", "text": "At one?"}, HX_Request="true"
        )
        self.assertEqual((answer.code, answer.header("hx-reswap")), (200, "delete"))
        self.assertIn('<hx-partial hx-target="#toasts"', answer.text)
        self.assertIn(">Sent<", answer.text)

    async def test_double_click(self) -> None:
        """The same form twice is one message."""
        form = {
            "to": BOB,
            "subject": "Once",
            "text": "x",
            "key": value((await self.alice.get("/mail/compose")).text, "key"),
        }
        for _ in range(2):
            self.assertEqual((await self.alice.post("/mail/send", form)).code, 303)
        self.assertEqual(len(self.house.queue.accepted), 1)

    async def test_wrong_recipient(self) -> None:
        """The form comes back with all that was written and the reason beside the field; nothing is sent."""
        form = {
            "to": f"{BOB}, Ann <a@x.example",
            "cc": "",
            "bcc": BOB,
            "subject": 'Say "hi" & <b>',
            "text": "Line one\r\nLine </textarea> two\r\n",
            "key": "a" * 32,
        }
        for headers in ({}, {"HX_Request": "true", "HX_Request_Type": "partial"}):
            answer = await self.alice.post("/mail/send", form, **headers)
            self.assertEqual(answer.code, 422)
            for name in ("to", "bcc", "subject", "key"):
                self.assertEqual(value(answer.text, name), form[name])
            found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.text, re.S)
            assert found
            self.assertEqual(html.unescape(found.group(1)), "Line one\nLine </textarea> two\n")
            self.assertRegex(answer.text, r'name="to"[^>]* aria-invalid="true"')
            self.assertRegex(answer.text, r'<p class="bad"[^>]*role="alert">[^<]*a@x\.example')
        self.assertEqual(self.house.queue.accepted, [])

    async def test_no_recipient(self) -> None:
        """A message to nobody is not sent."""
        answer = await self.alice.post("/mail/send", {"to": " ", "subject": "x", "text": "x"})
        self.assertEqual(answer.code, 422)
        self.assertRegex(answer.text, r'name="to"[^>]* aria-invalid="true"')

    async def test_line_break_in_subject(self) -> None:
        """A header cannot be smuggled in (field case F085)."""
        answer = await self.alice.post("/mail/send", {"to": BOB, "subject": "Hi\nBcc: v@x.example", "text": "x"})
        self.assertEqual(answer.code, 422)
        self.assertEqual(self.house.queue.accepted, [])

    async def test_reply(self) -> None:
        """To the author, Re:, the text quoted; it joins the conversation."""
        filed = await self.house.mail(
            ALICE, "Plan", "What do you think?", fields={"Cc": BOB, "Message-ID": "<plan@remote.example>"}
        )
        query = f"t={filed.conversation}&re={filed.message}"
        text = (await self.alice.get(f"/mail/compose?{query}", HX_Request_Type="partial")).text
        self.assertIn("ann@remote.example", value(text, "to"))
        self.assertEqual((value(text, "cc"), value(text, "subject")), ("", "Re: Plan"))
        self.assertIn("&gt; What do you think?", text)
        both = (await self.alice.get(f"/mail/compose?{query}&all=1")).text
        self.assertIn(BOB, value(both, "cc"))
        self.assertNotIn(ALICE, value(both, "cc"))
        answer = await self.alice.post(
            "/mail/send",
            {"to": value(text, "to"), "subject": "Re: Plan", "text": "Fine.", "re": value(text, "re")},
        )
        self.assertEqual(answer.header("location"), f"/mail/sent/t/{filed.conversation}")
        self.assertIn(b"In-Reply-To: <plan@remote.example>", self.house.queue.accepted[0].content)

    async def test_reply_links(self) -> None:
        """A conversation offers both as links that work without a script."""
        filed = await self.house.mail(ALICE, "Plan")
        text = (await self.alice.get(f"/mail/inbox/t/{filed.conversation}")).text
        hrefs = [html.unescape(h) for h in re.findall(r'<a class="btn" href="(/mail/compose[^"]+)"', text)]
        self.assertEqual(len(hrefs), 2)
        for href in hrefs:
            self.assertEqual((await self.alice.get(href)).code, 200)

    async def test_unknown_message(self) -> None:
        """A reply to nothing is not found."""
        filed = await self.house.mail(ALICE, "Plan")
        for query in ("re=x", f"re=x&t={filed.conversation}", f"re={filed.message}&t=x"):
            self.assertEqual((await self.alice.get(f"/mail/compose?{query}")).code, 404, query)

    async def test_unread_stays(self) -> None:
        """To begin a reply changes nothing."""
        filed = await self.house.mail(ALICE, "Plan")
        await self.alice.get(f"/mail/compose?t={filed.conversation}&re={filed.message}")
        self.assertEqual((await self.house.messages.counters(self.house.id_of(ALICE)))[INBOX].unread, 1)


class DraftTests(WebCase):
    """/mail/draft and what is below it."""

    FORM: ClassVar = {
        "to": "Bob <bob@",
        "cc": "",
        "bcc": BOB,
        "subject": "Lu<nch",
        "text": "At one?\r\n",
        "key": "d" * 32,
    }

    async def drafts(self) -> int:
        """How many are in Alice's Drafts."""
        return (await self.house.messages.counters(self.house.id_of(ALICE)))[DRAFTS].total

    async def message(self) -> str:
        """The id of the one draft's message."""
        rows = await self.house.messages.page(self.house.id_of(ALICE), DRAFTS, None, 2)
        self.assertEqual(len(rows), 1)
        return (await self.house.messages.messages(self.house.id_of(ALICE), rows[0].id))[-1].id

    async def test_plain(self) -> None:
        """Without a script: saved, the page has what was typed; written on, sent, gone; then nothing brings it back."""
        answer = await self.alice.post("/mail/draft", {**self.FORM, "rev": "0"})
        self.assertEqual(answer.code, 303)
        page = await self.alice.get(answer.header("location"))
        for name in ("to", "bcc", "subject", "key"):
            self.assertEqual(value(page.text, name), self.FORM[name])
        self.assertIn("At one?", page.text)
        self.assertEqual(value(page.text, "rev"), "1")
        again = {**self.FORM, "to": BOB, "rev": "1"}
        self.assertEqual((await self.alice.post("/mail/draft", again)).header("location"), answer.header("location"))
        self.assertEqual(await self.drafts(), 1)
        sent = await self.alice.post("/mail/send", {**again, "rev": "2"})
        self.assertEqual((sent.code, await self.drafts(), len(self.house.queue.accepted)), (303, 0, 1))
        again = {**again, "subject": "late", "rev": "2"}
        late = await self.alice.post("/mail/draft", again)
        self.assertEqual((late.code, await self.drafts()), (422, 0))
        self.assertNotEqual(value(late.text, "key"), self.FORM["key"])
        self.assertEqual(value(late.text, "subject"), "late")

    async def test_script(self) -> None:
        """A script gets the next revision, and the whole form when another page was faster."""
        headers = {"HX_Request": "true", "HX_Request_Type": "partial"}
        answer = await self.alice.post("/mail/draft", {**self.FORM, "rev": "0"}, **headers)
        self.assertEqual((answer.code, value(answer.text, "rev")), (200, "1"))
        self.assertNotIn("<form", answer.text)
        self.assertEqual(answer.header("hx-retarget"), "")
        old = await self.alice.post("/mail/draft", {**self.FORM, "text": "older", "rev": "0"}, **headers)
        self.assertEqual((old.code, old.header("hx-retarget")), (422, "closest form"))
        self.assertEqual((value(old.text, "rev"), value(old.text, "key")), ("1", self.FORM["key"]))
        self.assertIn("older", old.text)
        self.assertIn('role="alert"', old.text)

    async def test_wrong_recipient_of_a_draft(self) -> None:
        """A saved draft that cannot be sent comes back ready to be mended: the second try goes through."""
        await self.alice.post("/mail/draft", {**self.FORM, "rev": "0"})
        refused = await self.alice.post("/mail/send", {**self.FORM, "text": "changed", "rev": "1"})
        self.assertEqual((refused.code, value(refused.text, "rev")), (422, "2"))
        sent = await self.alice.post("/mail/send", {**self.FORM, "to": BOB, "text": "mended", "rev": "2"})
        self.assertEqual((sent.code, await self.drafts()), (303, 0))

    async def test_discard(self) -> None:
        """Thrown away and taken back, with and without a script."""
        await self.alice.post("/mail/draft", {**self.FORM, "rev": "0"})
        for headers in ({}, {"HX_Request": "true"}):
            answer = await self.alice.post("/mail/draft/discard", {"key": self.FORM["key"]}, **headers)
            self.assertEqual((answer.code, await self.drafts()), (200, 0))
            token = value(answer.text, "token")
            bob = await self.house.visitor(BOB)
            self.assertEqual((await bob.post("/mail/draft/undo", {"token": token})).code, 404)
            undone = await self.alice.post("/mail/draft/undo", {"token": token}, **headers)
            self.assertEqual((undone.code, await self.drafts()), (204 if headers else 303, 1))
        never = await self.alice.post("/mail/draft/discard", {"key": "never-saved"})
        self.assertEqual(never.code, 200)
        self.assertNotIn("Undo", never.text)

    async def test_face(self) -> None:
        """The avatar of a draft is its recipient's, not that of the word before the name."""
        await self.alice.post("/mail/draft", {**self.FORM, "to": "Carol King <carol@beta.example>", "rev": "0"})
        text = (await self.alice.get("/mail/drafts")).text
        self.assertRegex(text, r'<span class="av av-\d+" aria-hidden="true">CK</span>')
        self.assertIn("To: Carol King", text)

    async def test_open(self) -> None:
        """The draft in a conversation leads back to its form."""
        await self.alice.post("/mail/draft", {**self.FORM, "rev": "0"})
        rows = await self.house.messages.page(self.house.id_of(ALICE), DRAFTS, None, 1)
        text = (await self.alice.get(f"/mail/drafts/t/{rows[0].id}")).text
        self.assertIn(f'href="/mail/compose?d={await self.message()}"', text)

    async def test_begun_elsewhere(self) -> None:
        """What another program left in Drafts is opened as a new message; what lies in other folders is not."""
        fields = {"To": "Bob <bob@alpha.example>, c@x.example", "Cc": "d@x.example"}
        filed = await self.house.mail(ALICE, "Half", "Half of a letter", folder=DRAFTS, fields=fields)
        text = (await self.alice.get(f"/mail/compose?d={filed.message}")).text
        self.assertEqual(value(text, "to"), "Bob <bob@alpha.example>, c@x.example")
        self.assertEqual((value(text, "cc"), value(text, "subject"), value(text, "rev")), ("d@x.example", "Half", "0"))
        self.assertIn("Half of a letter", text)
        other = await self.house.mail(ALICE, "Whole")
        self.assertEqual((await self.alice.get(f"/mail/compose?d={other.message}")).code, 404)
        bob = await self.house.visitor(BOB)
        self.assertEqual((await bob.get(f"/mail/compose?d={filed.message}")).code, 404)

    async def test_somebody_elses(self) -> None:
        """Another account can neither open, nor overwrite, nor send away, nor discard it."""
        await self.alice.post("/mail/draft", {**self.FORM, "rev": "0"})
        message = await self.message()
        bob = await self.house.visitor(BOB)
        self.assertEqual((await bob.get(f"/mail/compose?d={message}")).code, 404)
        await bob.post("/mail/draft", {**self.FORM, "text": "bob was here", "rev": "1"})
        await bob.post("/mail/draft/discard", {"key": self.FORM["key"]})
        await bob.post("/mail/send", {**self.FORM, "to": BOB, "rev": "1"})
        self.assertEqual(await self.drafts(), 1)
        page = await self.alice.get(f"/mail/compose?d={message}")
        self.assertIn("At one?", page.text)
        self.assertNotIn("bob was here", page.text)
