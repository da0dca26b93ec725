"""A service that listens, and lets sessions end when it stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure


@runtime_checkable
class Drainable(Protocol):
    """A factory that can let its sessions end."""

    async def drain(self, seconds: float) -> None:
        """Tell idle sessions good-bye (421 4.3.2); return when none is left, those that outlast ``seconds`` cut."""


class Listener(Service):
    """One factory on any number of endpoints. When it stops: no new sessions, then ``drain`` where there is one."""

    def __init__(
        self, endpoints: Sequence[IStreamServerEndpoint], factory: IProtocolFactory, grace: float = 20.0
    ) -> None:
        self._endpoints = endpoints
        self._factory = factory
        self._grace = grace
        self.ports: list[IListeningPort] = []
        """What it listens on."""

    def privilegedStartService(self) -> None:
        """Listen, or raise what hinders it (CannotListenError)."""
        failures: list[Failure] = []
        for endpoint in self._endpoints:
            endpoint.listen(self._factory).addCallbacks(self.ports.append, failures.append)
        if failures:
            failures[0].raiseException()

    def stopService(self) -> Deferred[None]:
        """Fires when the last session has ended."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for port in self.ports:
            await maybeDeferred(port.stopListening)
        if isinstance(self._factory, Drainable):
            await self._factory.drain(self._grace)
