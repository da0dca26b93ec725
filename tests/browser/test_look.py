"""The pages look as the design says, in both schemes and three sizes.

With MAILSUITE_SCREENS set to a folder the pictures are kept there, to be laid beside the design's.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.case import BrowserCase
from tests.browser.sample import fill
from tests.browser.support import DESK, PHONE, TABLET
from tests.web.house import ALICE, PASSWORD

CANVAS = {False: "rgb(243, 244, 241)", True: "rgb(18, 20, 25)"}
SURFACE = {False: "rgb(255, 255, 255)", True: "rgb(25, 28, 34)"}
SMALLEST = {**PHONE, "viewport": {"width": 320, "height": 640}}


@pytest.mark.browser
class LookTests(BrowserCase):
    """Every page at every size breaks no policy and logs no error."""

    def box(self, page: Page, selector: str) -> tuple[int, int]:
        """Width and height of an element."""
        box = page.locator(selector).first.bounding_box()
        assert box, selector
        return round(box["width"]), round(box["height"])

    def colour(self, page: Page, selector: str) -> str:
        """Its background."""
        text: str = page.locator(selector).first.evaluate("e => getComputedStyle(e).backgroundColor")
        return text

    def shoot(self, page: Page, name: str) -> None:
        """Take a picture; it cannot be wider than the window."""
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        self.assertFalse(wide, f"{name} scrolls sideways")
        if folder := os.environ.get("MAILSUITE_SCREENS"):
            page.screenshot(path=Path(folder) / f"{name}.png")

    def open(self, page: Page, conversation: str) -> None:
        """Open the conversation; its frames are as high as their mail."""
        page.locator(f"#t{conversation} .txt").click()
        expect(page.locator("#subject")).to_have_text("Cut-over plan for mx2 on Saturday")
        frame = page.locator(".msg[open] iframe").last
        expect(page.frame_locator(".msg[open] iframe").last.get_by_text("Hi Mira")).to_be_visible()
        page.wait_for_function("f => f.offsetHeight > 200", arg=frame.element_handle())
        page.mouse.move(700, 5)

    async def test_desk(self) -> None:
        """1440 × 900, light and dark: sizes and colours of the design, list, conversation, composer."""
        conversation = await fill(self.house)

        def flow(browser: Browser) -> None:
            for dark in (False, True):
                scheme = "dark" if dark else "light"
                window = self.window(browser, dark=dark)
                page = window.tab()
                page.goto("/login")
                self.assertEqual(self.box(page, ".login form")[0], 400)
                self.shoot(page, f"login-{scheme}")
                page.close()
                page = window.login(ALICE, PASSWORD)
                self.assertEqual(self.box(page, ".top")[1], 56)
                self.assertEqual(self.box(page, ".side")[0], 236)
                self.assertEqual(self.box(page, ".list")[0], 412)
                self.assertIn(self.box(page, ".row >> nth=1")[1], range(76, 80))
                self.assertEqual(self.colour(page, "html"), CANVAS[dark])
                self.assertEqual(self.colour(page, ".panes"), SURFACE[dark])
                expect(page.locator(".empty.none")).to_be_hidden()
                self.shoot(page, f"desk-empty-{scheme}")
                self.open(page, conversation)
                self.shoot(page, f"desk-{scheme}")
                page.get_by_role("link", name="Reply all").click()
                expect(page.get_by_label("Text")).to_be_focused()
                self.assertEqual(self.box(page, ".cmp")[0], 580)
                self.shoot(page, f"desk-compose-{scheme}")
                window.check()
                window.close()

        await self.drive(flow)

    async def test_tablet_and_phone(self) -> None:
        """A rail of icons at 1024; at 390 one pane, whose content the address decides; nothing overflows at 320."""
        conversation = await fill(self.house)

        def flow(browser: Browser) -> None:
            window = self.window(browser, size=TABLET)
            page = window.login(ALICE, PASSWORD)
            self.open(page, conversation)
            self.assertEqual(self.box(page, ".side")[0], 64)
            self.shoot(page, "tablet-light")
            window.check()
            window.close()
            for size, name in ((PHONE, "phone"), (SMALLEST, "small")):
                window = self.window(browser, size=size)
                page = window.login(ALICE, PASSWORD)
                expect(page.locator(".reader")).to_be_hidden()
                self.shoot(page, f"{name}-list-light")
                page.get_by_role("button", name="Folders").click()
                expect(page.get_by_role("link", name="Sent")).to_be_visible()
                self.shoot(page, f"{name}-drawer-light")
                page.keyboard.press("Escape")
                expect(page.get_by_role("link", name="Sent")).to_be_hidden()
                self.open(page, conversation)
                expect(page.locator(".list")).to_be_hidden()
                self.shoot(page, f"{name}-thread-light")
                page.get_by_role("link", name="Reply", exact=True).last.click()
                expect(page.get_by_label("Text")).to_be_visible()
                self.shoot(page, f"{name}-compose-light")
                page.get_by_role("link", name="Close").click()
                page.get_by_role("link", name="Back to the list").click()
                expect(page.locator("#rows .row").first).to_be_visible()
                window.check()
                window.close()

        await self.drive(flow)

    async def test_theme(self) -> None:
        """The button turns the scheme, in frames too, and the server remembers: no flash on the next page."""
        conversation = await fill(self.house)

        def flow(browser: Browser) -> None:
            window = self.window(browser, size=DESK)
            page = window.login(ALICE, PASSWORD)
            self.open(page, conversation)
            page.get_by_role("button", name="Light or dark").click()
            expect(page.locator("html")).to_have_css("background-color", CANVAS[True])
            frame = page.frame_locator(".msg[open] iframe").last
            expect(frame.locator("html")).to_have_css("background-color", SURFACE[True])
            page.reload()
            expect(page.locator("html")).to_have_attribute("data-theme", "dark")
            window.check()

        await self.drive(flow)
