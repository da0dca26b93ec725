"""What a person does in the webmail, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mailsuite.model.folder import ARCHIVE, DRAFTS, INBOX
from tests.browser.case import BrowserCase
from tests.browser.support import Window
from tests.web.house import ALICE, BOB, NOON, PASSWORD

MINUTE = 60_000


def subjects(page: Page) -> list[str]:
    """The rows that can be seen, from the top."""
    return page.locator("#rows .row:not([hidden]) .sub .t").all_text_contents()


@pytest.mark.browser
class LiveTests(BrowserCase):
    """Rows and counts follow the mailbox without a reload."""

    async def test_new_mail(self) -> None:
        """A new row stands on top, under today's heading, without a jump; counts and title follow."""

        def flow(browser: Browser) -> None:
            self.call(self.house.mail(ALICE, "Old", at=NOON - 3 * 86_400_000))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            expect(page).to_have_title("(1) Inbox · alpha.example")
            self.call(self.house.mail(ALICE, "First"))
            expect(page.locator("#rows .row")).to_have_count(2)
            self.call(self.house.mail(ALICE, "Second", at=NOON + 1))
            expect(page.locator("#rows .row")).to_have_count(3)
            self.assertEqual(subjects(page), ["Second", "First", "Old"])
            self.assertEqual(page.locator("#rows .day").all_text_contents(), ["Today", "November 2026"])
            expect(page).to_have_title("(3) Inbox · alpha.example")
            expect(page.locator("#unread")).to_have_text("3")
            expect(page.locator("#unread-note")).to_have_text("3 unread")
            window.check()

        await self.drive(flow)

    async def test_changes_elsewhere(self) -> None:
        """What another device does to a row is seen in its place: read, starred, gone, back, a reply to the top."""

        def flow(browser: Browser) -> None:
            account = self.house.id_of(ALICE)
            ids = []
            for n, name in enumerate(("C", "B", "A")):
                fields = {"Message-ID": f"<{name}@x.example>"}
                filed = self.call(self.house.mail(ALICE, name, at=NOON - (9 - n) * MINUTE, fields=fields))
                ids.append(filed.conversation)
            c, b, _ = ids
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            row = page.locator(f"#t{b}")
            row.locator(".cb").check(force=True)
            act = self.house.changer.act
            self.call(act(account, "read", [b], INBOX))
            expect(row).not_to_have_class(re.compile("unread"))
            self.call(act(account, "star", [b], INBOX))
            expect(row.locator(".star")).to_have_attribute("aria-pressed", "true")
            expect(row.locator(".cb")).to_be_checked()
            self.assertEqual(subjects(page), ["A", "B", "C"])
            self.call(act(account, "archive", [b], INBOX))
            expect(row).to_have_count(0)
            self.call(act(account, "inbox", [b], ARCHIVE))
            expect(row).to_have_count(1)
            self.assertEqual(subjects(page), ["A", "B", "C"])
            self.call(self.house.mail(ALICE, "Re: C", fields={"In-Reply-To": "<C@x.example>"}))
            expect(page.locator(f"#t{c} .cnt")).to_have_text("2")
            self.assertEqual(subjects(page), ["C", "A", "B"])
            self.call(act(account, "trash", ids, INBOX))
            expect(page.get_by_role("heading", name="All done")).to_be_visible()
            expect(page.locator("#rows .day")).to_have_count(0)
            window.check()

        await self.drive(flow)

    async def test_one_stream_for_all_tabs(self) -> None:
        """Eight tabs hold one connection, and each shows the new row; it outlives the tab that held it."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            tabs = [window.login(ALICE, PASSWORD)]
            for _ in range(7):
                page = window.tab()
                page.goto("/mail/inbox")
                tabs.append(page)
            self.call(self.house.mail(ALICE, "For all"))
            for page in tabs:
                expect(page.get_by_text("For all")).to_be_visible()
            self.until(page, lambda: self.house.events.listening == 1)
            tabs.pop().close()
            self.call(self.house.mail(ALICE, "And again"))
            for page in tabs:
                expect(page.get_by_text("And again")).to_be_visible()
            window.check()

        await self.drive(flow)

    async def test_reconnect(self) -> None:
        """What came while the stream was away is there after the reconnect."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            self.call(self.house.mail(ALICE, "Before"))
            expect(page.get_by_text("Before")).to_be_visible()
            window.expected.append("net::ERR_CONNECTION_RESET")
            self.call(self.house.cut_streams())
            self.call(self.house.mail(ALICE, "Meanwhile"))
            expect(page.get_by_text("Meanwhile")).to_be_visible()
            window.check()

        await self.drive(flow)

    async def test_open_conversation_grows(self) -> None:
        """A message that joins the open conversation is appended, what is written meanwhile stays."""

        def flow(browser: Browser) -> None:
            fields = {"Message-ID": "<talk@x.example>"}
            filed = self.call(self.house.mail(ALICE, "Talk", "First words", fields=fields))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            page.locator(f"#t{filed.conversation} .txt").click()
            page.get_by_role("link", name="Reply", exact=True).last.click()
            page.get_by_label("Text").fill("I am writing")
            self.call(self.house.mail(ALICE, "Re: Talk", "More words", fields={"In-Reply-To": "<talk@x.example>"}))
            expect(page.locator(".msg")).to_have_count(2)
            expect(page.frame_locator("iframe >> nth=1").get_by_text("More words")).to_be_visible()
            expect(page.get_by_label("Text")).to_have_value("I am writing")
            expect(page.locator("#unread")).to_have_text("")  # it is on the screen, so it has been read
            window.check()

        await self.drive(flow)

    def beside(self, window: Window, one: Page) -> Page:
        """A second tab, which has taken the stream over; the first has looked for what came meanwhile."""
        two = window.tab()
        with one.expect_response("**/since?*"):
            two.goto("/mail/sent")
        return two

    async def test_logout_elsewhere(self) -> None:
        """Signing out in one tab takes the others to the login."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            one = window.login(ALICE, PASSWORD)
            two = self.beside(window, one)
            two.locator(".me summary").click()
            two.get_by_role("button", name="Sign out").click()
            expect(two).to_have_url(re.compile("/login"))
            expect(one).to_have_url(re.compile("/login"))
            window.check()

        await self.drive(flow)

    async def test_session_ended_unheard(self) -> None:
        """A tab that takes the stream over, and has not heard that the session is over, goes to the login."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            one = window.login(ALICE, PASSWORD)
            two = self.beside(window, one)
            self.house.now += 60 * 24 * 60 * MINUTE
            two.close()
            expect(one).to_have_url(re.compile("/login"))
            window.check()

        await self.drive(flow)


@pytest.mark.browser
class ReadingTests(BrowserCase):
    """Opening, moving, undoing."""

    async def test_opening_marks_read(self) -> None:
        """The row, the counts and the store follow; Back closes the conversation and the list is still there."""

        def flow(browser: Browser) -> None:
            filed = self.call(self.house.mail(ALICE, "Talk", "Hello Alice"))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            page.locator(f"#t{filed.conversation} .txt").click()
            expect(page).to_have_url(re.compile(f"/mail/inbox/t/{filed.conversation}"))
            expect(page.frame_locator("iframe").get_by_text("Hello Alice")).to_be_visible()
            expect(page.locator("#unread")).to_have_text("")
            expect(page).to_have_title("Inbox · alpha.example")
            counters = self.call(self.house.messages.counters(self.house.id_of(ALICE)))
            self.assertEqual(counters[INBOX].unread, 0)
            page.go_back()
            expect(page.get_by_text("Nothing open")).to_be_visible()
            self.assertEqual(subjects(page), ["Talk"])
            page.go_forward()
            expect(page.locator("#subject")).to_have_text("Talk")
            window.check()

        await self.drive(flow)

    async def test_archive_and_undo(self) -> None:
        """Archiving goes on to the next conversation; Undo brings the row back to its place."""

        def flow(browser: Browser) -> None:
            for n, name in enumerate(("C", "B", "A")):
                self.call(self.house.mail(ALICE, name, at=NOON - (9 - n) * MINUTE))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            page.locator(".row .txt").first.click()
            expect(page.locator("#subject")).to_have_text("A")
            page.locator("#acts").get_by_role("button", name="Archive").click()
            expect(page.locator("#subject")).to_have_text("B")
            expect(page.get_by_text("Conversation archived")).to_be_visible()
            self.assertEqual(subjects(page), ["B", "C"])
            page.get_by_role("button", name="Undo").click()
            expect(page.locator("#rows .row:not([hidden])")).to_have_count(3)
            expect(page.locator("#rows .row .sub .t").first).to_have_text("A")
            page.locator(".row").first.hover()
            page.locator(".hov").get_by_role("button", name="Delete").click()
            expect(page.get_by_text("Conversation moved to Trash")).to_be_visible()
            page.goto("/mail/trash")
            self.assertEqual(subjects(page), ["A"])
            window.check()

        await self.drive(flow)

    async def test_many_at_once(self) -> None:
        """Shift selects a range; the bar acts on all of it."""

        def flow(browser: Browser) -> None:
            for n in range(5):
                self.call(self.house.mail(ALICE, f"Number {n}", at=NOON - n * MINUTE))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            page.locator(".row .cb").nth(1).click(force=True)
            page.locator(".row .cb").nth(3).click(force=True, modifiers=["Shift"])
            expect(page.locator("#nsel")).to_have_text("3")
            page.locator(".bulk").get_by_role("button", name="Mark as read").click()
            expect(page.locator("#unread")).to_have_text("2")
            page.locator(".row .cb").nth(0).click(force=True)
            page.locator(".row .cb").nth(1).click(force=True)
            page.locator(".bulk").get_by_role("button", name="Delete").click()
            expect(page.get_by_text("2 conversations moved to Trash")).to_be_visible()
            self.assertEqual(subjects(page), ["Number 2", "Number 3", "Number 4"])
            window.check()

        await self.drive(flow)

    async def test_failure_comes_back(self) -> None:
        """When the server does not answer, the row returns and says so; Retry does it."""

        def flow(browser: Browser) -> None:
            self.call(self.house.mail(ALICE, "Stay"))
            window = self.window(browser)
            window.expected.append("net::ERR_FAILED")
            page = window.login(ALICE, PASSWORD)
            stop = lambda route: route.abort()  # noqa: E731
            page.route("**/mail/act", stop)
            page.locator(".row").hover()
            page.locator(".hov").get_by_role("button", name="Archive").click()
            expect(page.get_by_role("alert")).to_contain_text("Could not archive. The server did not answer.")
            self.assertEqual(subjects(page), ["Stay"])
            page.unroute("**/mail/act", stop)
            page.get_by_role("button", name="Retry").click()
            expect(page.get_by_text("Conversation archived")).to_be_visible()
            expect(page.locator("#rows .row")).to_have_count(0)
            window.check()

        await self.drive(flow)

    async def test_keys(self) -> None:
        """j and k walk, Enter opens, s stars, e archives, z undoes, c writes; not while somebody types."""

        def flow(browser: Browser) -> None:
            for n, name in enumerate(("C", "B", "A")):
                self.call(self.house.mail(ALICE, name, at=NOON - (9 - n) * MINUTE))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            for key in "jjjk":
                page.keyboard.press(key)
            expect(page.locator(".row").nth(1).locator(".txt")).to_be_focused()
            page.keyboard.press("s")
            expect(page.locator(".row").nth(1).locator(".star")).to_have_attribute("aria-pressed", "true")
            page.keyboard.press("Enter")
            expect(page.locator("#subject")).to_have_text("B")
            page.keyboard.press("e")
            expect(page.locator("#subject")).to_have_text("C")
            page.keyboard.press("z")
            expect(page.locator("#rows .row:not([hidden])")).to_have_count(3)
            page.keyboard.press("c")
            expect(page.get_by_label("To", exact=True)).to_be_focused()
            page.keyboard.type("jes#")
            expect(page.get_by_label("To", exact=True)).to_have_value("jes#")
            self.assertEqual(subjects(page), ["A", "B", "C"])
            window.check()

        await self.drive(flow)

    async def test_undo_before_the_answer(self) -> None:
        """Undo comes after what it takes back, however long the server takes over that."""

        def flow(browser: Browser) -> None:
            filed = self.call(self.house.mail(ALICE, "Stay"))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            held: list[Route] = []
            page.route("**/mail/act", lambda route: route.continue_() if held else held.append(route))
            page.locator(".row .txt").focus()
            page.keyboard.press("e")
            self.until(page, lambda: bool(held))
            page.keyboard.press("z")
            expect(page.locator("#rows .row:not([hidden])")).to_have_count(1)
            with (
                page.expect_response("**/mail/act"),
                page.expect_response(lambda r: "do=inbox" in str(r.request.post_data)),
            ):
                held[0].continue_()
            account = self.house.id_of(ALICE)
            shown = self.call(self.house.messages.conversation(account, filed.conversation))
            assert shown is not None
            self.assertEqual(shown.folders, (INBOX,))
            window.check()

        await self.drive(flow)

    async def test_long_list(self) -> None:
        """Scrolling brings the older rows, each once."""

        def flow(browser: Browser) -> None:
            for n in range(120):
                self.call(self.house.mail(ALICE, f"Number {n}", at=NOON - n * MINUTE))
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            for count in (100, 120):
                page.locator("#rows").evaluate("e => e.scrollTo(0, e.scrollHeight)")
                expect(page.locator("#rows .row")).to_have_count(count)
            self.assertEqual(subjects(page), [f"Number {n}" for n in range(120)])
            self.call(self.house.mail(ALICE, "New", at=NOON + 1))
            page.get_by_role("button", name="1 new").click()
            expect(page.get_by_role("button", name="1 new")).to_be_hidden()
            expect(page.locator("#rows .row").first).to_contain_text("New")
            window.check()

        await self.drive(flow)

    async def test_hostile_mail(self) -> None:
        """Mail makes no request, runs nothing, leaves its frame nowhere (field cases F081, F083)."""
        hostile = (
            "<p>text</p><img src=https://evil.example/1.gif><img srcset='https://evil.example/2.gif 2x'>"
            "<div style='background:url(https://evil.example/3.gif);position:fixed;inset:0'>over</div>"
            "<style>@import url(https://evil.example/4.css);body{background:url(//evil.example/5.gif)}</style>"
            "<link rel=stylesheet href=https://evil.example/6.css><meta http-equiv=refresh content='0;//evil.example/'>"
            "<svg onload=top.hacked=1><image href=https://evil.example/7.gif /></svg><img src=x onerror=top.hacked=1>"
            "<script>top.hacked=1</script><iframe src=https://evil.example/8></iframe><form action=//evil.example>"
            "<video poster=https://evil.example/9.gif></video><base href=//evil.example/>"
            "<body background=//evil.example/0>"
            "<a href='javascript:top.hacked=1'>bad</a><a href='https://good.example/'>good</a>"
        )

        def flow(browser: Browser) -> None:
            fields = {"MIME-Version": "1.0", "Content-Type": "text/html; charset=utf-8"}
            filed = self.call(self.house.mail(ALICE, "Look", hostile, fields=fields))
            window = self.window(browser)
            asked: list[str] = []

            def note(route: Route) -> None:
                asked.append(route.request.url)
                route.abort()

            window.context.route(re.compile(r"https?://(?!127\.0\.0\.1)"), note)
            page = window.login(ALICE, PASSWORD)
            page.locator(f"#t{filed.conversation} .txt").click()
            frame = page.frame_locator("iframe")
            expect(frame.get_by_text("text", exact=True)).to_be_visible()
            page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
            self.assertEqual(asked, [])
            self.assertIsNone(page.evaluate("window.hacked ?? null"))
            expect(frame.get_by_role("link", name="good")).to_have_attribute("target", "_blank")
            expect(frame.get_by_role("link", name="good")).to_have_attribute("rel", re.compile("noopener"))
            self.assertEqual(page.url, f"{self.url}/mail/inbox/t/{filed.conversation}")
            window.check()

        await self.drive(flow)


@pytest.mark.browser
class WritingTests(BrowserCase):
    """Composing."""

    async def test_send(self) -> None:
        """A mistake is told beside the field and nothing is lost; then it is sent, once, and Sent has it."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            window.expected.append("422")
            page = window.login(ALICE, PASSWORD)
            page.locator(".side").get_by_role("link", name="Compose").click()
            page.get_by_label("To", exact=True).fill(f"{BOB}, nonsense")
            page.get_by_label("Subject").fill("Lunch & <b>more</b>")
            page.get_by_label("Text").fill("At one?\n\n  -- A")
            page.keyboard.press("Control+Enter")
            expect(page.locator(".cmp").get_by_role("alert")).to_contain_text("nonsense")
            expect(page.get_by_label("To", exact=True)).to_be_focused()
            expect(page.get_by_label("Text")).to_have_value("At one?\n\n  -- A")
            page.get_by_label("To", exact=True).fill(BOB)
            page.get_by_role("button", name="Cc Bcc").click()
            page.get_by_label("Bcc").fill(ALICE)
            page.locator(".cmp-f").get_by_role("button", name="Send").dblclick()
            expect(page.locator(".toast")).to_have_text("Sent")
            expect(page.locator(".cmp")).to_have_count(0)
            expect(page.get_by_text("Lunch & <b>more</b>").first).to_be_visible()  # alice wrote to herself too
            self.assertEqual(len(self.house.queue.accepted), 1)
            page.goto("/mail/sent")
            self.assertEqual(subjects(page), ["Lunch & <b>more</b>"])
            window.check()

        await self.drive(flow)

    async def test_close_and_undo(self) -> None:
        """What has been written in is kept when it is closed, and had back; the page is not left by accident."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            compose = page.locator(".side").get_by_role("link", name="Compose")
            compose.click()
            page.get_by_role("link", name="Close").click()
            expect(page.locator(".cmp")).to_have_count(0)
            expect(page.locator(".toast")).to_have_count(0)
            compose.click()
            page.get_by_label("Text").fill("Precious words")
            page.get_by_role("link", name="Close").click()
            expect(page.locator(".toast")).to_contain_text("Kept in Drafts")
            page.get_by_role("button", name="Undo").click()
            expect(page.get_by_label("Text")).to_have_value("Precious words")
            expect(page.locator(".cmp [name=rev]")).to_have_value("1")
            drafts = self.call(self.house.messages.counters(self.house.id_of(ALICE)))[DRAFTS]
            self.assertEqual(drafts.total, 1)
            page.get_by_label("Text").fill("Precious words, and more")
            expect(page.locator(".cmp [name=rev]")).to_have_value("2")
            asked: list[str] = []

            def stay(dialog) -> None:  # type: ignore[no-untyped-def]
                asked.append(dialog.type)
                dialog.dismiss()

            page.on("dialog", stay)
            page.locator(".side").get_by_role("link", name="Sent").click()
            expect(page.get_by_label("Text")).to_have_value("Precious words, and more")
            self.assertEqual(asked, ["beforeunload"])
            window.check()

        await self.drive(flow)

    async def test_side_by_side(self) -> None:
        """A second message opens beside the first; there are never more than fit."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            page = window.login(ALICE, PASSWORD)
            compose = page.locator(".side").get_by_role("link", name="Compose")
            for count in (1, 2, 2):
                compose.click()
                expect(page.locator(".cmp")).to_have_count(count)
            window.check()

        await self.drive(flow)

    async def test_without_scripts(self) -> None:
        """Signing in, reading, replying, moving and signing out work with plain links and forms."""

        def flow(browser: Browser) -> None:
            filed = self.call(self.house.mail(ALICE, "Plan", "What do you think?", fields={"Reply-To": BOB}))
            window = self.window(
                browser, size={"viewport": {"width": 1440, "height": 900}, "java_script_enabled": False}
            )
            page = window.login(ALICE, PASSWORD)
            page.locator(f"#t{filed.conversation} .txt").click()
            expect(page.frame_locator("iframe").get_by_text("What do you think?")).to_be_visible()
            page.get_by_role("link", name="Reply", exact=True).last.click()
            expect(page.get_by_label("To", exact=True)).to_have_value(BOB)
            page.get_by_label("Text").fill("Fine.")
            page.locator(".cmp-f").get_by_role("button", name="Send").click()
            expect(page).to_have_url(re.compile(f"/mail/sent/t/{filed.conversation}"))
            expect(page.locator(".msg")).to_have_count(2)
            page.goto(f"/mail/inbox/t/{filed.conversation}")
            page.locator("#acts").get_by_role("button", name="Archive").click()
            expect(page).to_have_url(re.compile("/mail/inbox$"))
            self.assertEqual(subjects(page), [])
            page.locator(".me summary").click()
            page.get_by_role("button", name="Sign out").click()
            expect(page).to_have_url(re.compile("/login$"))
            window.check()

        await self.drive(flow)


class DraftTests(BrowserCase):
    """Drafts in a real browser."""

    async def test_autosave(self) -> None:
        """What is typed is kept by itself as one draft; it can be gone on with, discarded, had back, and sent."""

        def flow(browser: Browser) -> None:
            window = self.window(browser)
            window.expected.append("status of 422")
            page = window.login(ALICE, PASSWORD)
            page.get_by_title("Compose (c)").first.click()
            form = page.locator("form.cmp")
            form.get_by_label("Subject").fill("Lunch")
            expect(form.locator(".saved")).to_contain_text("Saved in Drafts")
            expect(form.locator("[name=rev]")).to_have_value("1")
            form.get_by_label("Text").fill("At one?")
            expect(form.locator("[name=rev]")).to_have_value("2")
            form.get_by_label("To", exact=True).fill("Bob <bob@")
            expect(form.locator("[name=rev]")).to_have_value("3")
            self.assertEqual(page.url.rpartition("/")[2], "inbox")
            form.get_by_role("button", name="Discard draft").click()
            expect(form).to_have_count(0)
            page.locator("#toasts").get_by_role("button", name="Undo").click()
            page.goto("/mail/drafts")
            expect(page.locator("#rows .row")).to_have_count(1)
            page.locator("#rows .row a").first.click()
            page.get_by_role("link", name="Go on writing").click()
            expect(form.get_by_label("Text")).to_have_value("At one?")
            form.get_by_title("Send (Ctrl+Enter)").click()
            expect(form.get_by_role("alert")).to_be_visible()
            form.get_by_label("To", exact=True).fill(BOB)
            form.get_by_title("Send (Ctrl+Enter)").click()
            expect(form).to_have_count(0)
            page.goto("/mail/drafts")
            expect(page.locator("#rows .row")).to_have_count(0)
            window.check()

        await self.drive(flow)
        self.assertEqual(len(self.house.queue.accepted), 1)
