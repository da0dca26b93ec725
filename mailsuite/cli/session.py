"""A command's time with the store: opened, used, closed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailsuite.model.address import Address
from mailsuite.model.errors import Conflict, MailError, NotThere, StoreUnavailable
from mailsuite.model.job import Lane
from mailsuite.mta.notices import Notices
from mailsuite.queue.accept import Queue
from mailsuite.queue.control import Control
from mailsuite.redis.connection import Link
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.redis.server import PrivateServer
from mailsuite.runtime.clock import now
from mailsuite.runtime.settings import Settings
from mailsuite.runtime.threads import Threads
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.directory import AccountDirectory
from mailsuite.sqlite.job_control import JobControl
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.schema import SchemaRefused
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.suppressions import SuppressionList
from mailsuite.sqlite.trace import TraceStore
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.sqlite.zones import ZoneSource


class Tools:
    """What commands work with, each part made when it is first asked for."""

    def __init__(self, settings: Settings, reactor: Any, store: Store, threads: Threads) -> None:
        self.settings = settings
        self.reactor = reactor
        self.threads = threads
        self._store = store

    @cached_property
    def directory(self) -> AccountDirectory:
        """Domains and accounts."""
        return AccountDirectory(self._store)

    @cached_property
    def traces(self) -> TraceStore:
        """What happened in SMTP sessions."""
        return TraceStore(self._store)

    @cached_property
    def zones(self) -> ZoneSource:
        """What the DNS service is authoritative for."""
        return ZoneSource(self._store)

    @cached_property
    def suppressions(self) -> SuppressionList:
        """Where bulk mail does not go."""
        return SuppressionList(self._store)

    @cached_property
    def mailboxes(self) -> MailboxUpkeep:
        """Whether mailboxes are consistent."""
        keeper = BlobKeeper(self._store, self.settings.database.with_name("blobs"))
        return MailboxUpkeep(self._store, keeper.files.exists)

    @cached_property
    def search(self) -> MailSearch:
        """The index of mail."""
        return MailSearch(self._store)

    @staticmethod
    def clock() -> int:
        """The time, in ms since 1970."""
        return now()

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Control]:
        """The queue to act on; the schedule may be away."""
        settings = self.settings
        keeper = BlobKeeper(self._store, settings.database.with_name("blobs"))
        blobs, jobs = BlobStore(self._store, keeper), JobStore(self._store, keeper)
        link = Link(self.reactor, settings.redis.url or PrivateServer(self.reactor, settings.server.data).url)
        schedules = {lane: RedisSchedule(link, lane) for lane in Lane}

        async def hosts(domain: str) -> bool:
            return await self.directory.domain(domain) is not None

        delivery, hostname = settings.delivery, settings.server.hostname
        queue = Queue(jobs, hosts, schedules, hostname, now, os.urandom, delivery.expire, delivery.expire_notices)
        postmaster = settings.server.postmaster or Address("postmaster", hostname)
        notices = Notices(queue, blobs, hostname, postmaster, now)
        try:
            yield Control(jobs, JobControl(self._store), schedules, notices, now, "mailctl")
        finally:
            await link.close()


def as_owner(data: Path) -> None:
    """As root, become the owner of the data directory: files that root makes there the daemons could not write."""
    if os.geteuid() != 0 or not data.exists():
        return
    owner = data.stat()
    if owner.st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def with_store(settings: Settings, work: Callable[[Tools], Awaitable[None]]) -> None:
    """Run ``work``; errors that a person can mend are told in words and end with status 1."""
    as_owner(settings.server.data)
    problems: list[str] = []

    async def main(reactor: Any) -> None:
        store = Store(settings.database, reactor, now)
        threads = Threads(reactor, "mailctl", 1)
        with ExitStack() as ending:
            try:
                store.start()
                threads.start()
                ending.callback(threads.stop)
                await work(Tools(settings, reactor, store, threads))
            except StoreUnavailable as error:
                problems.append(f"the store cannot be used: {error.detail}")
            except (Conflict, NotThere, SchemaRefused, ValueError, MailError) as error:
                problems.append(str(error))
            finally:
                await store.stop()

    try:
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    except SystemExit as end:
        if end.code:
            raise
    if problems:
        raise click.ClickException(problems[0])
