"""The running demonstration in Chromium: live rows, sending, bounces, as a person does it."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.support import Window, chromium
from tests.flows.demo import PASSWORD, WEB, Demo

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ALICE, BOB, CAROL = "alice@alpha.example", "bob@alpha.example", "carol@beta.example"


class BrowserFlowTests(SynchronousTestCase):
    """One demonstration, one browser; each test has windows of its own."""

    demo: Demo
    browser: Browser
    ending: ExitStack

    @classmethod
    def setUpClass(cls) -> None:
        """Start both."""
        cls.ending = ExitStack()
        cls.demo = Demo()
        cls.ending.callback(cls.demo.remove)
        cls.demo.start()
        cls.browser = cls.ending.enter_context(chromium())

    @classmethod
    def tearDownClass(cls) -> None:
        """End both."""
        cls.ending.close()

    def window(self) -> Window:
        """A person's browser; at the test's end nothing may have gone wrong in it."""
        window = Window(self.browser, f"http://127.0.0.1:{WEB + self.demo.offset}")
        self.addCleanup(window.close)
        self.addCleanup(window.check)
        return window

    def send(self, page: Page, to: str, subject: str, text: str) -> None:
        """Write and send a message in the docked composer."""
        page.get_by_title("Compose (c)").first.click()
        form = page.locator("form.cmp")
        form.get_by_label("To", exact=True).fill(to)
        form.get_by_label("Subject").fill(subject)
        form.get_by_label("Text").fill(text)
        form.get_by_title("Send (Ctrl+Enter)").click()
        expect(form).to_have_count(0)

    def test_a_message_appears_by_itself(self) -> None:
        """250 on port 25, and the row is on the open inbox without a reload; unread counts follow."""
        page = self.window().login(ALICE, PASSWORD)
        page.evaluate("document.body.dataset.mark = 'the same page'")
        took = []
        for n in range(5):
            subject = f"live {n}"
            self.demo.send(ALICE, subject)
            accepted = time.monotonic()
            page.locator("#rows .row", has_text=subject).wait_for()
            took.append(time.monotonic() - accepted)
        print(f"\n250 to row, ms: {' '.join(f'{1000 * t:.0f}' for t in took)}")
        self.assertEqual(page.locator("body").get_attribute("data-mark"), "the same page")
        expect(page).to_have_title(re.compile(r"^\(\d+\) Inbox"))

    def test_several_tabs_share_one_stream(self) -> None:
        """The row appears in every tab."""
        window = self.window()
        tabs = [window.login(ALICE, PASSWORD)]
        for _ in range(6):
            tab = window.tab()
            tab.goto("/mail/inbox")
            tabs.append(tab)
        self.demo.send(ALICE, "in every tab")
        for tab in tabs:
            expect(tab.locator("#rows .row", has_text="in every tab")).to_have_count(1)

    def test_to_bob_carol_and_oneself(self) -> None:
        """Alice writes; bob and carol, looking at their inboxes, see it come; her own is there at once."""
        alice = self.window().login(ALICE, PASSWORD)
        bob, carol = self.window().login(BOB, PASSWORD), self.window().login(CAROL, PASSWORD)
        self.send(alice, BOB, "lunch?", "At twelve?")
        self.send(alice, CAROL, "from next door", "Hello beta.")
        self.send(alice, ALICE, "note to self", "Water the plants.")
        bob.locator("#rows .row", has_text="lunch?").wait_for()
        carol.locator("#rows .row", has_text="from next door").wait_for()
        alice.locator("#rows .row", has_text="note to self").wait_for()
        alice.goto("/mail/sent")
        for subject in ("lunch?", "from next door", "note to self"):
            expect(alice.locator("#rows .row", has_text=subject)).to_have_count(1)

    def test_reply_and_the_body_in_its_frame(self) -> None:
        """Bob reads alice's message in its frame and answers; her conversation has both."""
        alice, bob = self.window().login(ALICE, PASSWORD), self.window().login(BOB, PASSWORD)
        self.send(alice, BOB, "the plan", "Shall we <b>start</b>?")
        bob.locator("#rows .row", has_text="the plan").locator("a").click()
        frame = bob.frame_locator("#reader iframe").last
        expect(frame.locator("body")).to_contain_text("Shall we <b>start</b>?")
        expect(bob.locator("#rows .row", has_text="the plan")).not_to_have_class(re.compile(r"\bunread\b"))
        bob.locator(".answer").get_by_text("Reply", exact=True).click()
        form = bob.locator("form.cmp")
        expect(form.get_by_label("To", exact=True)).to_have_value(re.compile("alice@alpha.example"))
        expect(form.get_by_label("Subject")).to_have_value("Re: the plan")
        form.get_by_label("Text").press("Control+Home")
        form.get_by_label("Text").press_sequentially("Yes, today.")
        form.get_by_label("Text").press("Control+Enter")
        expect(form).to_have_count(0)
        row = alice.locator("#rows .row", has_text="the plan")
        row.wait_for()
        row.locator("a").click()
        expect(alice.locator("#reader .msg")).to_have_count(2)
        expect(alice.frame_locator("#reader iframe").last.locator("body")).to_contain_text("Yes, today.")

    def test_a_bounce_comes_into_the_thread(self) -> None:
        """Nobody is told that nobody is there but alice, in her conversation, with what to do."""
        alice = self.window().login(ALICE, PASSWORD)
        self.send(alice, "nobody@alpha.example", "anybody?", "Hello?")
        row = alice.locator("#rows .row", has_text="anybody?")
        row.wait_for()
        row.locator("a").click()
        reader = alice.locator("#reader")
        expect(reader.locator(".msg")).to_have_count(2)
        expect(reader).to_contain_text("nobody@alpha.example")
        expect(reader).to_contain_text("5.1.1")

    def test_sessions_end_everywhere(self) -> None:
        """Signing out in one tab sends the other to the login."""
        window = self.window()
        window.expected.append("401")
        first = window.login(BOB, PASSWORD)
        second = window.tab()
        second.goto("/mail/inbox")
        first.locator("details.me summary").click()
        first.get_by_role("button", name="Sign out").click()
        first.wait_for_url("**/login**")
        second.wait_for_url("**/login**")
