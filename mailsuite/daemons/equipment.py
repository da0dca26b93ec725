"""What daemons and commands both work with: store, Redis, queue, each part made when it is first asked for."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mailsuite.interfaces.schedule import Limits
from mailsuite.mda.accounts import Accounts
from mailsuite.model.address import Address
from mailsuite.model.job import Lane
from mailsuite.mta.notices import Notices
from mailsuite.mta.srs import Srs
from mailsuite.queue.accept import Queue
from mailsuite.redis.connection import Link
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.redis.server import PrivateServer
from mailsuite.runtime.clock import now
from mailsuite.runtime.settings import Settings
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.contents import MailContents
from mailsuite.sqlite.directory import AccountDirectory
from mailsuite.sqlite.drafts import DraftStore
from mailsuite.sqlite.folders import FolderStore
from mailsuite.sqlite.job_control import JobControl
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.rules import RuleStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.sts import StsCache
from mailsuite.sqlite.suppressions import SuppressionList
from mailsuite.sqlite.trace import TraceStore
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.sqlite.zones import ZoneSource


class Equipment(ABC):
    """The same from the same settings, whoever asks; the heirs open and close ``store`` and ``link``."""

    def __init__(self, reactor: Any, settings: Settings) -> None:
        self.reactor = reactor
        self.settings = settings
        self.clock = now
        self.random = os.urandom
        self._srs: Srs | None = None

    # Storage

    @property
    @abstractmethod
    def store(self) -> Store:
        """The database, open."""

    @cached_property
    def _keeper(self) -> BlobKeeper:
        return BlobKeeper(self.store, self.settings.database.with_name("blobs"))

    @cached_property
    def blobs(self) -> BlobStore:
        """Contents."""
        return BlobStore(self.store, self._keeper)

    @cached_property
    def jobs(self) -> JobStore:
        """The queue's truth."""
        return JobStore(self.store, self._keeper)

    @cached_property
    def job_control(self) -> JobControl:
        """The same for admins: searched, and switched by hand."""
        return JobControl(self.store)

    @cached_property
    def messages(self) -> MessageStore:
        """Mailboxes."""
        return MessageStore(self.store, self.random)

    @cached_property
    def drafts(self) -> DraftStore:
        """Messages being written."""
        return DraftStore(self.store, self.random)

    @cached_property
    def contents(self) -> MailContents:
        """Which contents mailboxes have."""
        return MailContents(self.store)

    @cached_property
    def actions(self) -> MailActions:
        """What is done to mail."""
        return MailActions(self.store, self.random)

    @cached_property
    def folders(self) -> FolderStore:
        """Own folders and labels."""
        return FolderStore(self.store, self.random)

    @cached_property
    def rules(self) -> RuleStore:
        """Rules and vacations."""
        return RuleStore(self.store)

    @cached_property
    def search(self) -> MailSearch:
        """The index of mail."""
        return MailSearch(self.store)

    @cached_property
    def mailbox_upkeep(self) -> MailboxUpkeep:
        """What becomes due in mailboxes, and whether they are consistent."""
        return MailboxUpkeep(self.store, self._keeper.files.exists)

    @cached_property
    def directory(self) -> AccountDirectory:
        """Domains and accounts."""
        return AccountDirectory(self.store)

    @cached_property
    def zones(self) -> ZoneSource:
        """What the DNS service is authoritative for."""
        return ZoneSource(self.store)

    @cached_property
    def traces(self) -> TraceStore:
        """What happened in SMTP sessions."""
        return TraceStore(self.store)

    @cached_property
    def suppressions(self) -> SuppressionList:
        """Where bulk mail does not go."""
        return SuppressionList(self.store)

    @cached_property
    def sts_cache(self) -> StsCache:
        """The MTA-STS policies of others."""
        return StsCache(self.store)

    # Redis

    @property
    @abstractmethod
    def link(self) -> Link:
        """The way to Redis."""

    @property
    def redis_url(self) -> str:
        """Where Redis is: what is configured, else the server that a daemon of ours runs."""
        return self.settings.redis.url or PrivateServer(self.reactor, self.settings.server.data).url

    @cached_property
    def schedules(self) -> Mapping[Lane, RedisSchedule]:
        """One schedule for each lane."""
        remote = Limits(max_concurrency=self.settings.delivery.destination_concurrency)
        return {
            Lane.LOCAL: RedisSchedule(self.link, Lane.LOCAL),
            Lane.REMOTE: RedisSchedule(self.link, Lane.REMOTE, remote),
        }

    # The queue

    @cached_property
    def queue(self) -> Queue:
        """The door."""
        delivery = self.settings.delivery
        return Queue(
            self.jobs,
            self.accounts.hosts,
            self.schedules,
            self.settings.server.hostname,
            self.clock,
            self.random,
            delivery.expire,
            delivery.expire_notices,
        )

    @cached_property
    def notices(self) -> Notices:
        """What originators are told."""
        hostname = self.settings.server.hostname
        postmaster = self.settings.server.postmaster or Address("postmaster", hostname)
        return Notices(self.queue, self.blobs, hostname, postmaster, self.clock)

    @cached_property
    def accounts(self) -> Accounts:
        """Where mail for our addresses goes."""
        postmaster = self.settings.server.postmaster
        return Accounts(
            self.directory,
            self.clock,
            self.rewriting,
            postmaster.key if postmaster else "",
            self.settings.mda.subaddress,
            self.settings.server.hostname,
            self.settings.dns.addresses,
        )

    async def rewriting(self) -> Srs:
        """Rewrites reverse-paths with the installation's key."""
        if self._srs is None:
            self._srs = Srs(await self.directory.secret("srs", self.random(32)), self.clock)
        return self._srs
