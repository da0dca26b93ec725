"""EventBusContract: what every IEventBus must do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailsuite.interfaces.events import IEventBus
from mailsuite.model.event import Bye, Changed, Event, Toast

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Case
else:
    _Case = object


class EventBusContract(_Case):
    """Mix into a trial TestCase.

    ``make_buses`` gives the buses of two processes (for a bus within one process: twice the same); ``tick`` lets
    some milliseconds pass.
    """

    here: IEventBus
    there: IEventBus

    async def make_buses(self) -> tuple[IEventBus, IEventBus]:
        raise NotImplementedError

    async def tick(self) -> None:
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]
        self.here, self.there = await self.make_buses()

    async def heard_all(self, heard: list[Event | None], account: str = "ann") -> list[Event]:
        """What a listener of ``account`` at ``here`` has heard of all that was published before this call."""
        for turn in range(1000):
            last = Toast(account, f"last {turn}")
            await self.there.publish(last)
            await self.tick()
            if last in heard:
                return [event for event in heard if event and not (isinstance(event, Toast) and "last" in event.text)]
        return self.fail("nothing was heard")

    async def test_each_kind(self) -> None:
        """Every kind of event arrives whole, from the own and from another process, once and in order."""
        toasts = Toast("ann", "zurück\r\n\0😀", "c1"), Toast("ann", "")
        events: list[Event] = [Changed("ann", "inbox", 2**40), *toasts, Bye("ann", "h")]
        heard: list[Event | None] = []
        self.here.subscribe("ann", heard.append)
        await self.heard_all(heard)
        for bus in (self.here, self.there):
            heard.clear()
            for event in events:
                await bus.publish(event)
            self.assertEqual(events, await self.heard_all(heard))

    async def test_accounts(self) -> None:
        """A listener hears only of its account."""
        heard: list[Event | None] = []
        self.here.subscribe("ann", heard.append)
        self.here.subscribe("bob", lambda event: None)
        await self.heard_all(heard)
        for account in ("bob", "an", "ann2", "ann", "*", "ann*"):
            for bus in (self.here, self.there):
                await bus.publish(Changed(account, "inbox", 1))
        self.assertEqual([Changed("ann", "inbox", 1)] * 2, await self.heard_all(heard))

    async def test_listeners(self) -> None:
        """All listeners of an account hear; one that ended does not, and the rest go on; ending twice is nothing."""
        first: list[Event | None] = []
        second: list[Event | None] = []
        stop = self.here.subscribe("ann", first.append)
        self.here.subscribe("ann", second.append)
        await self.heard_all(first)
        await self.heard_all(second)
        stop()
        stop()
        first.clear()
        second.clear()
        await self.there.publish(Changed("ann", "inbox", 1))
        self.assertEqual([Changed("ann", "inbox", 1)], await self.heard_all(second))
        self.assertEqual([], first)

    async def test_begin_again(self) -> None:
        """An account whose last listener ended can be listened to again."""
        heard: list[Event | None] = []
        stop = self.here.subscribe("ann", lambda event: None)
        stop()
        self.here.subscribe("ann", heard.append)
        await self.heard_all(heard)
        stop()
        heard.clear()
        await self.there.publish(Changed("ann", "inbox", 1))
        self.assertEqual([Changed("ann", "inbox", 1)], await self.heard_all(heard))

    async def test_a_listener_fails(self) -> None:
        """What one listener raises is logged and does not reach the publisher or the other listeners."""

        def fail(event: Event | None) -> None:
            raise ValueError("a listener's fault")

        heard: list[Event | None] = []
        self.here.subscribe("ann", fail)
        self.here.subscribe("ann", heard.append)
        await self.here.publish(Changed("ann", "inbox", 1))
        self.assertIn(Changed("ann", "inbox", 1), await self.heard_all(heard))
        self.assertTrue(self.flushLoggedErrors(ValueError))

    async def test_a_listener_ends_itself(self) -> None:
        """A listener may end its subscription while it is told."""
        heard: list[Event | None] = []

        def once(event: Event | None) -> None:
            if event is not None:
                heard.append(event)
                stop()

        stop = self.here.subscribe("ann", once)
        for _ in range(2):
            await self.here.publish(Changed("ann", "inbox", 1))
        self.assertEqual([Changed("ann", "inbox", 1)], heard)
