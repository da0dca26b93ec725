"""IEventBus: tells the browsers of an account, on whatever host their stream is, that something changed."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import Interface

from mailsuite.model.event import Event


class IEventBus(Interface):
    """Best effort: who missed an event asks the store for what is newer."""

    async def publish(event: Event) -> None:
        """Tell all subscribers of ``event.account``. Never raises: a lost event is made good by the next look."""

    def subscribe(account: str, listener: Callable[[Event | None], None]) -> Callable[[], None]:
        """Call ``listener`` for each event; with None when events may have been lost (look again).

        Gives a function that ends the subscription.
        """
