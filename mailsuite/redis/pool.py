"""Pool: txredisapi connections to one server that are logged in and checked before anybody uses them.

txredisapi gives up for ever when the link drops during its own AUTH or SELECT; ours tries again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from txredisapi import RedisError, RedisFactory, RedisProtocol, ResponseError, SubscriberProtocol

from mailsuite.redis.url import RedisUrl

PASSING = ("LOADING", "BUSY", "MASTERDOWN", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN")
"""Error replies that say "not now"."""


class RedisRefused(Exception):
    """The server answers but cannot be used: wrong password or database, or it would evict keys."""


def is_passing(error: ResponseError) -> bool:
    """Does this reply mean that the server cannot serve now?"""
    return str(error).strip().startswith(PASSING)


async def greet(connection: Any, url: RedisUrl) -> str:
    """Log in, choose the database, check that the server never evicts; the id of the server's process (its run_id).

    Raises RedisRefused or RedisError.
    """
    try:
        if url.password:
            await connection.execute_command("AUTH", *([url.username] if url.username else []), url.password)
        if url.db:
            await connection.execute_command("SELECT", url.db)
        info: bytes = await connection.execute_command("INFO")
    except ResponseError as error:
        if is_passing(error):
            raise
        raise RedisRefused(f"{url} refuses us: {str(error).strip()}") from error
    facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    policy = facts.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise RedisRefused(f"{url} may evict our keys: set its maxmemory-policy to noeviction (it is {policy})")
    return facts.get("run_id", "")


class _Greeting:
    """Lets a connection into its pool after ``greet``."""

    factory: Pool
    transport: Any
    run_id = ""

    def connectionMade(self) -> None:
        Deferred.fromCoroutine(self._greet())

    async def _greet(self) -> None:
        try:
            self.run_id = await greet(self, self.factory.url)
        except RedisRefused as refusal:
            self.factory.on_refused(str(refusal))
            self.transport.loseConnection()
        except RedisError:
            self.transport.loseConnection()  # the pool connects again
        else:
            super().connectionMade()  # type: ignore[misc]


class Caller(_Greeting, RedisProtocol):
    """A connection for commands."""


class Listener(_Greeting, SubscriberProtocol):
    """A connection for subscriptions."""

    def messageReceived(self, pattern: None, channel: bytes, message: bytes) -> None:
        """Hand a published message to the pool's owner."""
        self.factory.on_message(channel.decode(), message)


class Pool(RedisFactory):
    """``size`` connections, each made again when it is lost, within about two seconds of the server's return.

    ``connections`` are those in use. ``timeout`` (s) bounds each connection attempt and each reply: a server that is
    silent for longer loses the connection.
    """

    def __init__(
        self,
        url: RedisUrl,
        protocol: type[Caller] | type[Listener],
        size: int,
        timeout: float,
        *,
        on_joined: Callable[[Any], None],
        on_left: Callable[[Any], None],
        on_refused: Callable[[str], None],
        on_message: Callable[[str, bytes], None] = lambda channel, message: None,
    ) -> None:
        super().__init__(str(url), None, size, isLazy=True, charset=None, replyTimeout=timeout, convertNumbers=False)
        self.initialDelay = 0.1
        self.maxDelay = 2.0
        self.protocol = protocol
        self.url = url
        self.on_refused = on_refused
        self.on_message = on_message
        self._timeout = timeout
        self._on_joined = on_joined
        self._on_left = on_left

    @property
    def connections(self) -> list[Any]:
        """Those that can be used now."""
        return self.pool  # type: ignore[no-any-return]

    def open(self, reactor: Any) -> None:
        """Begin to connect."""
        self.startConnecting(self.url.endpoint(reactor, self._timeout))

    async def close(self) -> None:
        """End all connections and wait for that."""
        await self.disconnect()

    def addConnection(self, connection: Any) -> None:
        """A connection is ready for use."""
        super().addConnection(connection)
        if connection in self.pool:
            self._on_joined(connection)

    def delConnection(self, connection: Any) -> None:
        """A connection that was in use is lost."""
        super().delConnection(connection)
        self._on_left(connection)
