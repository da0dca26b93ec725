"""RedisEvents: the event bus over pub/sub, one channel an account.

Listeners of the publishing process are called at once, whether Redis is up or not; the message bears the bus' own
mark, and a bus drops what bears its own, so nobody hears an event twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import get_args

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.interfaces.events import IEventBus
from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.model.event import Event
from mailsuite.redis.connection import Link

_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}

Tell = Callable[[Event | None], None]


class _Wire(msgspec.Struct):
    origin: str
    kind: str
    event: msgspec.Raw


@implementer(IEventBus)
class RedisEvents:
    """See IEventBus. Listeners also hear None when their subscription takes effect, at first and after each loss."""

    log = Logger()

    def __init__(self, link: Link, random: Callable[[int], bytes] = os.urandom) -> None:
        self._link = link
        self._origin = random(8).hex()
        self._listeners: dict[str, dict[object, Tell]] = {}
        self._stops: dict[str, Callable[[], None]] = {}

    async def publish(self, event: Event) -> None:
        self._tell(event.account, event)
        wire = _Wire(self._origin, type(event).__name__, msgspec.Raw(msgspec.json.encode(event)))
        try:
            await self._link.command("PUBLISH", _channel(event.account), msgspec.json.encode(wire))
        except ScheduleUnavailable:
            pass  # the Link has logged it, and listeners look again when it is back
        except Exception:
            self.log.failure("an event of {account} was not published", Failure(), account=event.account)

    def subscribe(self, account: str, listener: Tell) -> Callable[[], None]:
        listeners = self._listeners.setdefault(account, {})
        key = object()
        listeners[key] = listener
        if len(listeners) == 1:
            self._stops[account] = self._link.listen(_channel(account), partial(self._heard, account))

        def stop() -> None:
            if listeners.pop(key, None) and not listeners:
                del self._listeners[account]
                self._stops.pop(account)()

        return stop

    def _heard(self, account: str, message: bytes | None) -> None:
        if message is None:
            self._tell(account, None)
            return
        try:
            wire = msgspec.json.decode(message, type=_Wire)
            if wire.origin == self._origin:
                return
            event = msgspec.json.decode(wire.event, type=_KINDS[wire.kind])
        except (msgspec.DecodeError, KeyError) as error:
            # A suite of another version on another host: look again instead.
            self.log.warn("an event of {account} is not understood: {error}", account=account, error=str(error))
            self._tell(account, None)
            return
        self._tell(account, event)

    def _tell(self, account: str, event: Event | None) -> None:
        for listener in list(self._listeners.get(account, {}).values()):
            try:
                listener(event)
            except Exception:
                self.log.failure("a listener of {account} failed", Failure(), account=account)


def _channel(account: str) -> str:
    return f"events:{account}"
