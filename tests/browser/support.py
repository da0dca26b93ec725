"""Headless Chromium: windows that notice every breach of the content security policy and every script error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"

DESK = {"viewport": {"width": 1440, "height": 900}}
TABLET = {"viewport": {"width": 1024, "height": 768}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}

_WATCH = """addEventListener("securitypolicyviolation", e =>
  console.error(`policy breach: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`))"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright; use it in the thread that opened it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """A browser of one person: cookies of its own, any number of tabs.

    ``expected`` are parts of console errors that are no faults, e.g. of an answer 401 that a test asks for.
    Call ``check`` at the end.
    """

    def __init__(self, browser: Browser, base_url: str, *, dark: bool = False, size: dict[str, Any] = DESK) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=base_url,
            locale="en-GB",
            timezone_id="UTC",
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **size,
        )
        self.context.add_init_script(_WATCH)
        self.context.set_default_timeout(10_000)
        self.faults: list[str] = []
        self.expected: list[str] = []

    def tab(self) -> Page:
        """A new page."""
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"{message.text} at {message.location.get('url', '')}")

    def login(self, address: str, password: str) -> Page:
        """Sign in by the form; the tab shows the inbox."""
        page = self.tab()
        page.goto("/login")
        page.get_by_label("E-mail address").fill(address)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/mail/inbox")
        return page

    def check(self) -> None:
        """Fail on what went wrong in any tab."""
        faults = [f for f in self.faults if not any(part in f for part in self.expected)]
        assert not faults, faults

    def close(self) -> None:
        """End it with all its tabs."""
        self.context.close()
