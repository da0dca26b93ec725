"""Subscriber: the one connection on which a process hears what is published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from txredisapi import RedisError

from mailsuite.redis.pool import Listener, Pool
from mailsuite.redis.url import RedisUrl

Hear = Callable[[bytes | None], None]


class Subscriber:
    """Connects at the first ``listen`` and subscribes again after each loss.

    A server that is silent is noticed within five times ``timeout`` (s).
    """

    log = Logger()

    def __init__(self, reactor: Any, url: RedisUrl, timeout: float) -> None:
        self._reactor = reactor
        self._pool = Pool(
            url,
            Listener,
            1,
            timeout,
            on_joined=self._joined,
            on_left=self._left,
            on_refused=lambda reason: None,  # the Link's own connections tell it
            on_message=self._tell,
        )
        self._ping_interval = 4 * timeout
        self._opened = False
        self._closed = False
        self._listeners: dict[str, dict[object, Hear]] = {}
        self._pinging = LoopingCall(self._ping)
        self._pinging.clock = reactor

    def listen(self, channel: str, listener: Hear) -> Callable[[], None]:
        """Call ``listener`` with each message, and with None whenever a subscription of the channel takes effect:
        what was published before it is unknown. Gives a function that ends it.
        """
        if not self._opened and not self._closed:
            self._opened = True
            self._pool.open(self._reactor)
        listeners = self._listeners.setdefault(channel, {})
        key = object()
        listeners[key] = listener
        if len(listeners) == 1:
            self._each_connection("subscribe", channel)

        def stop() -> None:
            if listeners.pop(key, None) and not listeners:
                del self._listeners[channel]
                self._each_connection("unsubscribe", channel)

        return stop

    async def close(self) -> None:
        """Hang up for good."""
        self._closed = True
        await self._pool.close()

    def _each_connection(self, verb: str, channel: str) -> None:
        for connection in self._pool.connections:
            Deferred.fromCoroutine(self._change(connection, verb, channel))

    async def _change(self, connection: Any, verb: str, channel: str) -> None:
        try:
            # One channel a command: the server confirms each channel by itself.
            await getattr(connection, verb)(channel)
        except RedisError:
            return  # lost meanwhile; the next connection subscribes to all
        if verb == "subscribe":
            self._tell(channel, None)

    async def _ping(self) -> None:
        """On this connection the server seldom speaks by itself; without a ping nobody would miss it."""
        for connection in self._pool.connections:
            try:
                await connection.execute_command("PING")
            except RedisError:
                return  # no answer in time has ended the connection

    def _joined(self, connection: Any) -> None:
        for channel in list(self._listeners):
            self._each_connection("subscribe", channel)
        if not self._pinging.running:
            self._pinging.start(self._ping_interval, now=False)

    def _left(self, connection: Any) -> None:
        if self._pinging.running:
            self._pinging.stop()

    def _tell(self, channel: str, message: bytes | None) -> None:
        for listener in list(self._listeners.get(channel, {}).values()):
            try:
                listener(message)
            except Exception:
                self.log.failure("a listener of {channel} failed", Failure(), channel=channel)
