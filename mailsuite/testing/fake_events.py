"""FakeEvents: IEventBus within one process."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.interfaces.events import IEventBus
from mailsuite.model.event import Event


@implementer(IEventBus)
class FakeEvents:
    """See IEventBus. ``published`` holds all events; ``lose()`` tells every listener to look again."""

    log = Logger()

    def __init__(self) -> None:
        self.published: list[Event] = []
        self._listeners: dict[object, tuple[str, Callable[[Event | None], None]]] = {}

    async def publish(self, event: Event) -> None:
        self.published.append(event)
        for account, listener in list(self._listeners.values()):
            if account == event.account:
                self._tell(listener, event)

    def subscribe(self, account: str, listener: Callable[[Event | None], None]) -> Callable[[], None]:
        key = object()
        self._listeners[key] = (account, listener)

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def lose(self) -> None:
        """As if the connection to Redis had been away."""
        for _, listener in list(self._listeners.values()):
            self._tell(listener, None)

    def _tell(self, listener: Callable[[Event | None], None], event: Event | None) -> None:
        try:
            listener(event)
        except Exception:
            self.log.failure("a listener failed", Failure())
