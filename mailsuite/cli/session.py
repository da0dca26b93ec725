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

from mailsuite.daemons.equipment import Equipment
from mailsuite.model.errors import Conflict, MailError, NotThere, StoreUnavailable
from mailsuite.queue.control import Control
from mailsuite.redis.connection import Link
from mailsuite.runtime.clock import now
from mailsuite.runtime.settings import Settings
from mailsuite.runtime.threads import Threads
from mailsuite.sqlite.schema import SchemaRefused
from mailsuite.sqlite.store import Store


class Tools(Equipment):
    """What commands work with."""

    def __init__(self, settings: Settings, reactor: Any, store: Store, threads: Threads) -> None:
        super().__init__(reactor, settings)
        self.threads = threads
        self._store = store

    @property
    def store(self) -> Store:
        """The database, open for as long as the command runs."""
        return self._store

    @cached_property
    def link(self) -> Link:
        """The way to Redis, for as long as the queue is acted on."""
        return Link(self.reactor, self.redis_url)

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Control]:
        """The queue to act on; the schedule may be away."""
        try:
            yield Control(self.jobs, self.job_control, self.schedules, self.notices, self.clock, "mailctl")
        finally:
            await self.link.close()


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
