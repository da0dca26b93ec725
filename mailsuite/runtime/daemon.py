"""The root service of every daemon: start in order, be ready, reload, drain, stop in order."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from mailsuite.runtime.logs import LogOutput
from mailsuite.runtime.sdnotify import notify, reloading
from mailsuite.runtime.settings import Settings, SettingsError

_log = Logger()


class Stage(IntEnum):
    """What is started first is stopped last; the services of one stage stop together."""

    BASE = 0
    """Threads, stores, links to other servers: stopped one after the other, the first added last."""
    WORK = 1
    """Workers and other loops: stopping, they finish or release what they hold."""
    DOOR = 2
    """Listeners: stopping, they refuse what is new and let sessions end."""


_PATIENCE = {Stage.DOOR: 22.0, Stage.WORK: 12.0, Stage.BASE: 6.0}
"""Seconds that a stage gets to stop; together less than the TimeoutStopSec= of the units."""


class Daemon(MultiService):
    """Holds the services of a process, by stage.

    ``load`` reads the settings again at SIGHUP (None: there is no file). A service whose ``privilegedStartService``
    or ``startService`` raises ends the process: a daemon without its port or store must not look alive.
    """

    def __init__(self, reactor: Any, output: LogOutput, load: Callable[[], Settings] | None = None) -> None:
        super().__init__()
        self._reactor = reactor
        self._output = output
        self._load = load
        self._checks: list[Callable[[], Awaitable[None]]] = []
        self._appliers: list[Callable[[Settings], None]] = []
        self._ready: list[Callable[[], None]] = []
        self._is_ready = False
        self._hangup_before: Any = None
        self._becoming: Deferred[None] | None = None
        self.failed = False
        """Whether it stopped because it could not become ready."""
        self._stages = {stage: MultiService() for stage in Stage}
        for service in self._stages.values():
            service.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Join an application, as twistd does with it, and have it log to our output."""
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._output)

    def add(self, service: IService, stage: Stage) -> None:
        """Put a service in its stage; within one they start in the order in which they were added."""
        service.setServiceParent(self._stages[stage])

    def before_ready(self, check: Callable[[], Awaitable[None]]) -> None:
        """Await this, after all before it, when everything has started; what it raises stops the daemon."""
        self._checks.append(check)

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call this once everything is up."""
        self._ready.append(callback)

    def on_reload(self, apply: Callable[[Settings], None]) -> None:
        """Call this with new settings, after they were read without a problem."""
        self._appliers.append(apply)

    def startService(self) -> None:
        """Start all stages, and take care of SIGHUP, which would kill us."""
        super().startService()
        self._hangup_before = signal.signal(signal.SIGHUP, self._hangup)
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        self._becoming = Deferred.fromCoroutine(self._become_ready())

    async def _become_ready(self) -> None:
        try:
            for check in self._checks:
                await check()
            self._is_ready = True
            notify("READY=1")
            for callback in self._ready:
                callback()
        except CancelledError:
            return
        except Exception:
            _log.failure("this daemon cannot start")
            self.failed = True
            self._reactor.stop()

    def stopService(self) -> Deferred[None]:
        """Stop the stages, the last one first; one that takes too long is left behind."""
        self.running = 0
        signal.signal(signal.SIGHUP, self._hangup_before)
        notify("STOPPING=1")
        if self._becoming is not None:
            self._becoming.cancel()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for stage in reversed(Stage):
            deadline = self._reactor.seconds() + _PATIENCE[stage]
            services = list(reversed(list(self._stages[stage])))
            for some in [[service] for service in services] if stage == Stage.BASE else [services]:
                await self._stop_together(some, deadline, stage)

    async def _stop_together(self, services: list[IService], deadline: float, stage: Stage) -> None:
        stopping = DeferredList([maybeDeferred(service.stopService) for service in services], consumeErrors=True)
        stopping.addTimeout(max(deadline - self._reactor.seconds(), 0.1), self._reactor)
        # A time-out cancels each of them, which lets the list fire.
        for service, (worked, result) in zip(services, await stopping, strict=True):
            if worked:
                continue
            if result.check(CancelledError):
                _log.warn("{service} ({stage}) did not stop in time", service=type(service).__name__, stage=stage.name)
            else:
                _log.failure(
                    "{service} ({stage}) failed to stop", result, service=type(service).__name__, stage=stage.name
                )

    def _hangup(self, signum: int, frame: object) -> None:
        self._reactor.callFromThread(self.reload)

    def reload(self) -> None:
        """Read the settings again. One problem in them, and all of the old ones stay."""
        if not self._is_ready:
            self._reload()
            return
        reloading()
        try:
            self._reload()
        finally:
            notify("READY=1")

    def _reload(self) -> None:
        if self._load is None:
            _log.info("there is no settings file to read again")
            return
        try:
            settings = self._load()
        except SettingsError as error:
            for problem in error.problems:
                _log.error("settings: {problem}", problem=problem)
            _log.error("the new settings are refused; the old ones stay")
            return
        self._output.configure(settings.log.format, settings.log.level)
        for apply in self._appliers:
            apply(settings)
        _log.info("the settings were read again")
