"""Keeps the DNS service's table in step with the directory of domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsuite.dns.builder import Built, TableBuilder
from mailsuite.dns.compile import Table
from mailsuite.dns.records import MailHost, hosted_zones
from mailsuite.dns.serials import Serials
from mailsuite.interfaces.zones import IZoneSource
from mailsuite.model.account import Domain
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.zone import Record, Zone
from mailsuite.net.dns_pace import Pace, uncollected
from mailsuite.net.dns_zone_files import ZoneFiles
from mailsuite.runtime.threads import Threads

INTERVAL = 0.5
"""Seconds between two looks at the generation: a change is to be served within a second, and building takes time."""


class DnsAuthority(Service):
    """Gives ``serve`` a new table soon after each change of ``source``.

    ``networks`` are those whose reverse names are delegated to us. ``directory`` holds further zones as files
    ``*.zone``; they are read again when one of them changes. While the store is unavailable the table stays; a zone
    that fails its checks stays as it was served before.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        threads: Threads,
        source: IZoneSource,
        serve: Callable[[Table], None],
        host: MailHost,
        networks: Sequence[IPv4Network | IPv6Network] = (),
        directory: Path | None = None,
    ) -> None:
        self._reactor = reactor
        self._threads = threads
        self._source = source
        self._serve = serve
        self._host = host
        self._networks = tuple(networks)
        self._files = None if directory is None else ZoneFiles(directory)
        self.changed: Callable[[Mapping[str, int]], None] | None = None
        """Told the serials by origin of what is served, after each change."""
        self._builder = TableBuilder()
        self._serials = Serials()
        self._generation: int | None = None
        self._content: tuple[Sequence[Domain], Sequence[Record]] = (), ()
        """What is served, while somebody may want whole zones."""
        self._faults: Mapping[str, str] = {}
        self._unavailable = False
        self._nap: Deferred[None] | None = None
        self._again = False
        self._done: Deferred[None] | None = None

    def startService(self) -> None:
        """Look at the store now and twice a second."""
        super().startService()
        self._done = Deferred.fromCoroutine(self._run())

    def stopService(self) -> Deferred[None] | None:
        """Fires when a table that is being built is done."""
        super().stopService()
        self.poke()
        return self._done

    def poke(self) -> None:
        """Somebody knows of a change: look at once, or right after the look that is under way."""
        self._again = True
        if self._nap is not None:
            self._nap.cancel()

    async def _run(self) -> None:
        while self.running:
            self._again = False
            await self.refresh()
            if not self._again:
                self._nap = deferLater(self._reactor, INTERVAL)
                with suppress(CancelledError):
                    await self._nap
                self._nap = None

    async def refresh(self) -> None:
        """Build and serve a new table if the generation has changed. Never raises."""
        try:
            generation = await self._source.generation()
            changed = self._files is not None and await self._threads.run(self._files.look)
            if generation != self._generation or changed:
                domains, records = await self._source.domains(), await self._source.records()
                with uncollected():
                    built, serials = await self._threads.run(self._build, domains, records, generation)
                self._serve(built.table)
                self._generation = generation
                self._tell(built.faults)
                if self.changed is not None:
                    self._content = domains, records
                    self.changed(serials)
            if self._unavailable:
                self.log.info("the zones can be read again")
            self._unavailable = False
        except StoreUnavailable as error:
            if not self._unavailable:
                self.log.warn("the zones cannot be read ({detail}); the old ones are served", detail=error.detail)
            self._unavailable = True
        except Exception:
            self.log.failure("the zones could not be built; the old ones are served")

    async def zone(self, origin: str) -> Zone | None:
        """The zone as it is served, for a transfer; None when it is not ours, or fails its checks."""
        if self._generation is None or origin in self._faults:
            return None
        domains, records = self._content
        if not origin.endswith(".arpa."):
            # Those below it matter too: custom records belong to the nearest zone.
            domains = [domain for domain in domains if f".{domain.name}.".endswith(f".{origin}")]
            records = [record for record in records if f".{record.name}".endswith(f".{origin}")]
        hosted, _ = self._zones(domains, records, self._generation)
        for zone in hosted:
            if zone.origin == origin:
                return self._serials.settled(zone)
        files = self._files.zones if self._files is not None else {}
        return next((zone for zone in files.values() if zone.origin == origin), None)

    def _zones(
        self, domains: Sequence[Domain], records: Sequence[Record], generation: int
    ) -> tuple[list[Zone], dict[str, str]]:
        zones, orphans = hosted_zones(domains, records, self._host, generation=generation, networks=self._networks)
        return zones, {record.name: "the record lies in no hosted domain" for record in orphans}

    def _build(
        self, domains: Sequence[Domain], records: Sequence[Record], generation: int
    ) -> tuple[Built, dict[str, int]]:
        hosted, faults = self._zones(domains, records, generation)
        zones = self._serials.settle(hosted, self._reactor.seconds())
        if self._files is not None:
            faults |= self._files.faults
            origins = {zone.origin for zone in zones}
            for path, zone in self._files.zones.items():
                if zone.origin in origins:
                    faults[path] = f"{zone.origin} is served already; add records to it by mailctl dns record"
                else:
                    origins.add(zone.origin)
                    zones.append(zone)
        built = self._builder.build(zones, Pace() if self._generation is not None else lambda: None)
        serials = {zone.origin: zone.serial for zone in zones if zone.origin not in built.faults}
        return Built(built.table, {**faults, **built.faults}), serials

    def _tell(self, faults: Mapping[str, str]) -> None:
        for name, fault in faults.items():
            if self._faults.get(name) != fault:
                self.log.error("{name} is not served as it should be: {fault}", name=name, fault=fault)
        self._faults = faults
