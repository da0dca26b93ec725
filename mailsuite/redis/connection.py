"""Link: the way to one Redis server, for commands, scripts and subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.logger import Logger
from txredisapi import RedisError, ResponseError

from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.redis.pool import Caller, Pool, RedisRefused, is_passing
from mailsuite.redis.script import Script
from mailsuite.redis.subscriber import Subscriber
from mailsuite.redis.url import RedisUrl


class Link:
    """Connects at the first call and again whenever the server was away.

    ``timeout`` in seconds bounds each call. A call made before the first connection waits for it; once the server is
    known to be away calls fail at once. A call in flight when the connection drops fails and may have been done.
    """

    log = Logger()

    def __init__(self, reactor: Any, url: str, *, timeout: float = 5.0, connections: int = 3) -> None:
        """``url`` as RedisUrl.parse reads it (ValueError)."""
        self.reactor = reactor
        self._url = RedisUrl.parse(url)
        self._timeout = timeout
        self._pool = Pool(
            self._url,
            Caller,
            connections,
            timeout,
            on_joined=self._joined,
            on_left=self._left,
            on_refused=self._refused,
        )
        self._subscriber = Subscriber(reactor, self._url, timeout)
        self._opened = False
        self._closed = False
        self._away = False
        self._refusal = ""
        self._waiting: list[Deferred[None]] = []
        self._turn = 0

    def __str__(self) -> str:
        return str(self._url)

    async def ready(self) -> None:
        """Wait for the server. Raises RedisRefused when it cannot be used, ScheduleUnavailable when it is not there."""
        try:
            await self.ping()
        except ScheduleUnavailable:
            if self._refusal:
                raise RedisRefused(self._refusal) from None
            raise

    async def ping(self) -> None:
        """Raise ScheduleUnavailable unless the server answers now."""
        await self.command("PING")

    async def command(self, *words: str | bytes | int) -> Any:
        """One command; bulk replies are bytes, numbers int, status lines str.

        Raises ScheduleUnavailable when there is no answer in time; txredisapi.ResponseError when the command is wrong.
        """
        return await self._ask(await self._connection(), *words)

    async def run(self, script: Script, keys: Sequence[str], *args: str | int, run_id: bool = False) -> Any:
        """Run a script by its SHA-1; one that the server does not know is loaded. Errors as of ``command``.

        ``run_id``: the last argument is the id of the server's process.
        """
        connection = await self._connection()
        call: tuple[str | int, ...] = ("EVALSHA", script.sha, len(keys), *keys, *args)
        if run_id:
            call += (connection.run_id,)
        try:
            return await self._ask(connection, *call)
        except ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        await self._ask(connection, "SCRIPT", "LOAD", script.source)
        return await self._ask(connection, *call)

    def listen(self, channel: str, listener: Callable[[bytes | None], None]) -> Callable[[], None]:
        """Subscribe, see Subscriber.listen."""
        self._open()
        return self._subscriber.listen(channel, listener)

    async def close(self) -> None:
        """Hang up. Calls in flight and later ones fail."""
        if self._closed:
            return
        self._closed = True
        self._release()
        await self._subscriber.close()
        await self._pool.close()

    async def _ask(self, connection: Any, *words: str | bytes | int) -> Any:
        try:
            return await connection.execute_command(*words)
        except ResponseError as error:
            if is_passing(error):
                raise ScheduleUnavailable(f"{self._url}: {error}") from error
            raise
        except RedisError as error:
            raise ScheduleUnavailable(f"{self._url}: {error}") from error

    def _open(self) -> None:
        if not self._opened and not self._closed:
            self._opened = True
            self._pool.open(self.reactor)

    async def _connection(self) -> Any:
        if self._closed:
            raise ScheduleUnavailable(f"the link to {self._url} is closed")
        self._open()
        if not self._pool.connections and not self._away and not self._refusal:
            await self._first_connection()
        if not self._pool.connections:
            raise ScheduleUnavailable(self._refusal or f"{self._url} does not answer")
        self._turn += 1
        return self._pool.connections[self._turn % len(self._pool.connections)]

    async def _first_connection(self) -> None:
        arrival: Deferred[None] = Deferred()
        self._waiting.append(arrival)
        try:
            await arrival.addTimeout(self._timeout, self.reactor)
        except DeferredTimeout:
            self._gone()
        finally:
            self._waiting.remove(arrival)

    def _release(self) -> None:
        for arrival in list(self._waiting):
            arrival.callback(None)

    def _joined(self, connection: Any) -> None:
        if self._away or self._refusal:
            self._away, self._refusal = False, ""
            self.log.info("Redis at {redis} is back", redis=str(self._url))
        self._release()

    def _left(self, connection: Any) -> None:
        if not self._pool.connections and not self._closed:
            self._gone()

    def _gone(self) -> None:
        if not self._away:
            self._away = True
            self.log.warn("Redis at {redis} is gone: mail waits until it is back", redis=str(self._url))

    def _refused(self, reason: str) -> None:
        if self._refusal != reason:
            self._refusal = reason
            self.log.critical("{reason}", reason=reason)
        self._release()
