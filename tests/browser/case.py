"""A test case that drives Chromium in a thread while the webmail runs on the reactor."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from playwright.sync_api import Browser, Page
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import TestCase

from tests.browser.support import DESK, Window, chromium
from tests.web.house import House

T = TypeVar("T")


class BrowserCase(TestCase):
    """``drive`` runs a flow in a thread; within it ``call`` runs a coroutine of the house."""

    timeout = 120

    async def begin(self) -> None:
        """Start the house."""
        self.house = House(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.house.stop()))
        await self.house.start()
        self.url = f"http://127.0.0.1:{self.house.port}"

    def setUp(self) -> Any:
        return Deferred.fromCoroutine(self.begin())

    async def drive(self, flow: Callable[[Browser], None]) -> None:
        """Open Chromium, run ``flow`` with it, close it."""

        def work() -> None:
            with chromium() as browser:
                flow(browser)

        await deferToThread(work)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """From the flow: run something on the reactor and wait for it."""
        result: T = blockingCallFromThread(reactor, Deferred.fromCoroutine, coroutine)  # type: ignore[arg-type]
        return result

    def window(self, browser: Browser, *, dark: bool = False, size: dict[str, Any] = DESK) -> Window:
        """A person's browser."""
        return Window(browser, self.url, dark=dark, size=size)

    def until(self, page: Page, holds: Callable[[], bool]) -> None:
        """Poll for five seconds."""
        for _ in range(100):
            if holds():
                return
            page.wait_for_timeout(50)
        self.fail("it did not come true")
