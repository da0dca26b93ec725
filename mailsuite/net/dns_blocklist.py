"""Blocklists on the disk, read again when they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsuite.dns.blocklist import Blocklist
from mailsuite.net.dns_pace import Pace
from mailsuite.net.dns_zone_files import Stamp, stamp
from mailsuite.runtime.threads import Threads

INTERVAL = 2.0


class BlocklistFiles(Service):
    """Gives ``serve`` a new list soon after one of ``paths`` has changed. A file that is not there blocks nothing."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        threads: Threads,
        serve: Callable[[Blocklist], None],
        paths: Sequence[Path],
        allowed: Sequence[str] = (),
    ) -> None:
        self._reactor = reactor
        self._threads = threads
        self._serve = serve
        self._paths = tuple(paths)
        self._allowed = tuple(allowed)
        self._seen: list[Stamp] | None = None
        self._running: Deferred[None] | None = None

    def startService(self) -> None:
        """Look now and every few seconds."""
        super().startService()
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(lambda failure: failure.trap(CancelledError))

    def stopService(self) -> Deferred[None] | None:
        """Look no more."""
        super().stopService()
        if self._running is not None:
            self._running.cancel()
        return self._running

    async def _run(self) -> None:
        while self.running:
            await self.look()
            await deferLater(self._reactor, INTERVAL)

    async def look(self) -> None:
        """Read the lists if one has changed. Never raises."""
        try:
            blocklist: Blocklist | None = await self._threads.run(self._changed)
        except Exception:
            self.log.failure("the blocklists could not be read; the old ones hold")
            return
        if blocklist is not None:
            self._serve(blocklist)
            self.log.info("{count} names are blocked", count=len(blocklist))

    def _changed(self) -> Blocklist | None:
        """The lists read anew; None when none of them has changed."""
        seen = self._stamps()
        if seen == self._seen:
            return None
        self._seen = seen
        blocklist = Blocklist(self._lines(), self._allowed, Pace())
        if self._stamps() != seen:
            self._seen = None  # one changed meanwhile: who knows whether it was read before or after that
        return blocklist

    def _stamps(self) -> list[Stamp]:
        return [stamp(path) for path in self._paths]

    def _lines(self) -> Iterator[str]:
        for path in self._paths:
            try:
                with path.open(encoding="utf-8", errors="replace") as file:
                    yield from file
            except OSError as error:
                self.log.error("the blocklist {path} cannot be read: {error}", path=str(path), error=error.strerror)
