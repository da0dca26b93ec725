"""Steps that the tests of this room share."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailsuite.redis.connection import Link
from mailsuite.testing.redis_server import RedisServer

T = TypeVar("T")


class RealTimeCase(TestCase):
    """Waits without sleeping for a fixed time."""

    async def eventually(self, probe: Callable[[], Awaitable[T]], seconds: float = 15) -> T:
        """Repeat until the probe gives something true."""
        deadline = time.monotonic() + seconds
        while not (result := await probe()):
            self.assertLess(time.monotonic(), deadline, "did not happen in time")
            await deferLater(reactor, 0.01)
        return result

    def link_to(self, url: str, **options: Any) -> Link:
        """A Link that is closed when the test ends."""
        link = Link(reactor, url, **options)
        self.addCleanup(lambda: Deferred.fromCoroutine(link.close()))
        return link

    def server(self, *options: str, password: str = "") -> RedisServer:
        """A server of this test's own, which it may kill."""
        server = RedisServer("redis", *options, password=password).start()
        self.addCleanup(server.stop)
        return server


class ServedCase(RealTimeCase):
    """One server for all tests of a class, emptied before each."""

    shared: ClassVar[RedisServer]

    @classmethod
    def setUpClass(cls) -> None:
        cls.shared = RedisServer().start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.shared.stop()

    def setUp(self) -> None:
        self.redis: Any = self.shared.client
        self.redis.flushall()
        self.link = self.link_to(self.shared.url)
