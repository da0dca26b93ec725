"""Small services around what is not one: a start and a stop, a loop, a timer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()


class Part(Service):
    """Starts by ``start`` (may block, may raise) and stops by ``stop``."""

    def __init__(self, start: Callable[[], object], stop: Callable[[], Awaitable[None]]) -> None:
        self._start = start
        self._stop = stop

    def startService(self) -> None:
        """Call ``start``."""
        self._start()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Fires when ``stop`` is done."""
        super().stopService()

        async def stop() -> None:
            await self._stop()

        return Deferred.fromCoroutine(stop())


class Looping(Protocol):
    """Runs until it is told to stop."""

    def run(self) -> Coroutine[Deferred[Any], Any, None]: ...

    async def stop(self) -> None: ...


class Loop(Service):
    """Runs a loop from start to stop."""

    def __init__(self, loop: Looping) -> None:
        self._loop = loop
        self._running: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin to run."""
        super().startService()
        self._running = Deferred.fromCoroutine(self._loop.run())
        self._running.addErrback(self._ended)

    def _ended(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("{loop} ended", failure, loop=type(self._loop).__name__)

    def stopService(self) -> Deferred[None]:
        """Fires when what the loop had begun is finished; then its waiting ends at once."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._loop.stop()
        if self._running is not None:
            self._running.cancel()


class Every:
    """A loop that does ``work`` every ``seconds``, the first time after ``seconds``; its errors are logged."""

    def __init__(self, reactor: Any, seconds: float, work: Callable[[], Awaitable[object]], name: str) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._work = work
        self._name = name
        self._stopping = False

    async def run(self) -> None:
        """Until ``stop``."""
        while not self._stopping:
            await deferLater(self._reactor, self._seconds)
            try:
                await self._work()
            except CancelledError:
                raise
            except Exception:
                log.failure("{name} failed; it is tried again", name=self._name)

    async def stop(self) -> None:
        """No more rounds."""
        self._stopping = True
