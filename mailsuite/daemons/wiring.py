"""The parts that roles share, made from the settings when a role first asks for one."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsuite.daemons.mailboxes import Mailboxes
from mailsuite.daemons.services import Every, Loop, Part
from mailsuite.daemons.slot import Slot
from mailsuite.interfaces.schedule import Limits
from mailsuite.login.checker import CredentialChecker
from mailsuite.login.passwords import Passwords
from mailsuite.mda.accounts import Accounts
from mailsuite.mda.deliver import Deliverer
from mailsuite.mda.forward import Forwarder
from mailsuite.model.address import Address
from mailsuite.model.errors import LookupFailed, MailError, ScheduleUnavailable, StoreUnavailable
from mailsuite.model.job import Job, Lane, Outcome, QueuedMessage, RecipientState
from mailsuite.msa.allowance import Allowance, Rates
from mailsuite.mta.notices import Notices
from mailsuite.mta.srs import Srs
from mailsuite.net.dns_client import StubResolver
from mailsuite.net.proxy_protocol import ProxyEndpoint
from mailsuite.net.tls import ServerTls
from mailsuite.queue.accept import Queue
from mailsuite.queue.delays import Delays
from mailsuite.queue.reconcile import Reconciler
from mailsuite.queue.settle import RetryPolicy
from mailsuite.queue.suppress import Suppressing
from mailsuite.queue.worker import Attempt, Tools, Worker
from mailsuite.redis.connection import Link
from mailsuite.redis.counters import RedisCounter
from mailsuite.redis.events import RedisEvents
from mailsuite.redis.schedule import RedisSchedule
from mailsuite.redis.server import PrivateServer
from mailsuite.runtime.clock import now
from mailsuite.runtime.daemon import Daemon, Stage
from mailsuite.runtime.lenient_counter import LenientCounter
from mailsuite.runtime.metrics import CounterFamily, GaugeFamily, Metrics
from mailsuite.runtime.network_values import Listen, Network
from mailsuite.runtime.settings import Settings
from mailsuite.runtime.sockets import stream_endpoints
from mailsuite.runtime.threads import Threads
from mailsuite.runtime.trace_writer import TraceWriter
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.directory import AccountDirectory
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.suppressions import SuppressionList
from mailsuite.sqlite.trace import TraceStore
from mailsuite.sqlite.zones import ZoneSource

log = Logger()

T = TypeVar("T")

Check = Callable[[], Awaitable[None]]
"""A health check: raises when its part is not up."""


class Wiring:
    """Makes each shared part once and puts it into the daemon, so that it starts before what needs it."""

    def __init__(self, reactor: Any, settings: Settings, daemon: Daemon, name: str) -> None:
        self.reactor = reactor
        self.settings = settings
        self.daemon = daemon
        self.name = name
        self.clock = now
        self.random = os.urandom
        self.checks: dict[str, Check] = {}
        self._srs: Srs | None = None

    def _base(self, start: Callable[[], object], stop: Callable[[], Awaitable[None]]) -> None:
        self.daemon.add(Part(start, stop), Stage.BASE)

    # Storage

    @cached_property
    def store(self) -> Store:
        """The database, open from the daemon's start to its stop."""
        store = Store(self.settings.database, self.reactor, self.clock)
        self._base(store.start, store.stop)
        self.checks["store"] = store.ping
        return store

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
    def messages(self) -> MessageStore:
        """Mailboxes."""
        return MessageStore(self.store, self.random)

    @cached_property
    def mailboxes(self) -> Mailboxes:
        """What is done to mail, searched in it, and becomes due."""
        return Mailboxes(self.store, self._keeper, self.blobs, self.events, self.cpu.run, self.clock, self.random)

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
    def trace(self) -> TraceWriter:
        """Takes the traces of this process's sessions."""
        writer = TraceWriter(self.reactor, self.traces)
        self._base(lambda: None, writer.stop)
        return writer

    # Redis

    @cached_property
    def private_redis(self) -> PrivateServer | None:
        """Our own server when none is configured, as a child of this process."""
        if self.settings.redis.url:
            return None
        server = PrivateServer(self.reactor, self.settings.server.data)
        self.daemon.add(server, Stage.BASE)
        return server

    @cached_property
    def link(self) -> Link:
        """The way to Redis. A daemon starts without it too, unless Redis refuses us: that needs a person."""
        url = self.settings.redis.url or PrivateServer(self.reactor, self.settings.server.data).url
        link = Link(self.reactor, url)
        self._base(lambda: None, link.close)
        self.daemon.before_ready(self._greet_redis)
        self.checks["redis"] = link.ping
        return link

    async def _greet_redis(self) -> None:
        try:
            await self.link.ready()
        except ScheduleUnavailable as error:
            log.warn("starting without Redis: {error}", error=str(error))

    @cached_property
    def schedules(self) -> Mapping[Lane, RedisSchedule]:
        """One schedule for each lane."""
        remote = Limits(max_concurrency=self.settings.delivery.destination_concurrency)
        return {
            Lane.LOCAL: RedisSchedule(self.link, Lane.LOCAL),
            Lane.REMOTE: RedisSchedule(self.link, Lane.REMOTE, remote),
        }

    @cached_property
    def events(self) -> RedisEvents:
        """The event bus."""
        return RedisEvents(self.link)

    @cached_property
    def counter(self) -> RedisCounter:
        """Rates."""
        return RedisCounter(self.link)

    @cached_property
    def rates(self) -> LenientCounter:
        """The same, for limits that are off while Redis is down."""
        return LenientCounter(self.counter, self.clock)

    @cached_property
    def allowance(self) -> Allowance:
        """What accounts may send."""
        msa = self.settings.msa
        rates = Rates(msa.messages_per_hour, msa.messages_per_day, msa.recipients_per_hour, msa.recipients_per_day)
        return Allowance(self.rates, rates)

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
    def slot(self) -> Slot:
        """Our place among the workers of this host."""
        slot = Slot(self.settings.server.data, self.name, self.random(8))

        async def close() -> None:
            slot.close()

        self._base(lambda: None, close)
        return slot

    def worker(self, lane: Lane, attempt: Attempt) -> Worker:
        """A worker of this process for a lane, its outcomes counted."""
        delivery = self.settings.delivery
        return Worker(
            self.slot.worker(lane.value),
            lane,
            self.jobs,
            self.blobs,
            self.queue.recent,
            self.schedules[lane],
            self._counted(lane, Suppressing(attempt, self.suppressions, self.clock)),
            self.notices,
            self.policy,
            self.tools,
            delivery.concurrency,
        )

    @cached_property
    def notices(self) -> Notices:
        """What originators are told."""
        hostname = self.settings.server.hostname
        postmaster = self.settings.server.postmaster or Address("postmaster", hostname)
        return Notices(self.queue, self.blobs, hostname, postmaster, self.clock)

    @cached_property
    def policy(self) -> RetryPolicy:
        """When to try again, and when to tell of a delay."""
        delivery = self.settings.delivery
        return RetryPolicy(delivery.retry, delivery.retry_limit, delivery.delay_notice)

    def _counted(self, lane: Lane, attempt: Attempt) -> Attempt:
        async def count(
            message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
        ) -> Sequence[Outcome]:
            outcomes = await attempt(message, job, content, before_dot)
            for outcome in outcomes:
                self._outcomes.add(lane=lane.value, outcome=outcome.state.value)
            return outcomes

        return count

    @cached_property
    def metrics(self) -> Metrics:
        """What this process counts."""
        return Metrics()

    @cached_property
    def _outcomes(self) -> CounterFamily:
        labels = {"lane": [lane.value for lane in Lane], "outcome": [state.value for state in RecipientState]}
        return self.metrics.counter("recipients", "Recipients attempted, by how it ended", labels)

    @cached_property
    def _waiting(self) -> GaugeFamily:
        return self.metrics.gauge("jobs_pending", "Jobs in the queue", {"lane": [lane.value for lane in Lane]})

    async def figures(self) -> bytes:
        """The counters and gauges as text; the queue's length is the whole suite's."""
        for lane in Lane:
            self._waiting.set(await self.jobs.depth(lane), lane=lane.value)
        return self.metrics.exposition()

    @cached_property
    def tools(self) -> Tools:
        """Clock, sleep and chance for workers."""
        return Tools(self.clock, self.sleep, random.SystemRandom().uniform)

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """Await work for so long at most; raises twisted.internet.defer.TimeoutError."""
        return await Deferred.fromCoroutine(work).addTimeout(seconds, self.reactor)

    async def sleep(self, seconds: float) -> None:
        """Wait on the reactor."""
        await deferLater(self.reactor, seconds)

    def work(self, worker: Worker, lane: Lane) -> None:
        """Run a worker, and what looks after the jobs of its lane, from start to stop."""
        self.daemon.add(Loop(worker), Stage.WORK)
        reconciler = Reconciler(self.jobs, {lane: self.schedules[lane]}, self.clock, self.sleep)
        self.daemon.add(Loop(reconciler), Stage.WORK)
        schedule = self.schedules[lane]
        delays = Delays(worker.name, lane, self.jobs, schedule, self.notices, self.policy, self.clock)
        self.daemon.add(Loop(Every(self.reactor, 300, delays.round, "telling of delays")), Stage.WORK)

    # Filing

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
            self.settings.dns.addresses,
        )

    async def rewriting(self) -> Srs:
        """Rewrites reverse-paths with the installation's key."""
        if self._srs is None:
            self._srs = Srs(await self.directory.secret("srs", self.random(32)), self.clock)
        return self._srs

    @cached_property
    def local_worker(self) -> Worker:
        """Files mail: run by the mda; web and msa have it do eager jobs."""
        forwarder = Forwarder(
            self.queue,
            self.directory,
            self.accounts.hosts,
            self.rewriting,
            self.settings.server.hostname,
            self.clock,
        )
        deliverer = Deliverer(self.accounts, self.messages, self.events, self.cpu.run, forwarder)
        return self.worker(Lane.LOCAL, deliverer.attempt)

    def eager(self) -> None:
        """Have eager jobs done in the request, by the worker of this process."""
        self.queue.run_eagerly(self.local_worker.attempt_now)
        self.daemon.before_ready(self.local_worker.free_slot)

    # Threads, names, certificates

    @cached_property
    def certificate(self) -> ServerTls | None:
        """What our TLS listeners show; None when no certificate is configured. Raises ValueError.

        SIGHUP has the files read again.
        """
        if not self.settings.tls.pairs:
            return None
        shown = ServerTls(self.settings.tls.pairs)

        def reload(settings: Settings) -> None:
            try:
                if settings.tls.pairs:
                    shown.reload(settings.tls.pairs)
                else:
                    log.error("TLS can be switched off only by a restart; the old certificate stays")
            except ValueError as error:
                log.error("the old certificate stays: {error}", error=str(error))

        self.daemon.on_reload(reload)
        return shown

    def proxied(self, listens: Sequence[Listen], networks: Sequence[Network]) -> list[IStreamServerEndpoint]:
        """Endpoints where the balancers of ``networks`` say who the client is."""
        endpoints = stream_endpoints(self.reactor, listens)
        return [ProxyEndpoint(self.reactor, endpoint, networks) if networks else endpoint for endpoint in endpoints]

    @cached_property
    def checker(self) -> CredentialChecker:
        """Checks passwords."""
        return CredentialChecker(self.directory, self.counter, self.cpu.run, Passwords())

    @cached_property
    def cpu(self) -> Threads:
        """For work above some milliseconds: parsing, hashing of passwords. Two at a time."""
        threads = Threads(self.reactor, "cpu", 2)

        async def stop() -> None:
            threads.stop()

        self._base(threads.start, stop)
        return threads

    @cached_property
    def resolver(self) -> StubResolver:
        """The suite's own look-ups."""
        resolver = StubResolver(self.reactor, [self.settings.dns.asked])
        self.checks["dns"] = self._dns_answers
        return resolver

    async def _dns_answers(self) -> None:
        await self.resolver.lookup(self.settings.server.hostname, "A")

    async def health(self) -> Mapping[str, str]:
        """The state of each part of this process: "ok" or what is wrong, in words."""
        found = {}
        for name, check in self.checks.items():
            try:
                await Deferred.fromCoroutine(_run(check)).addTimeout(5, self.reactor)
                found[name] = "ok"
            except StoreUnavailable as error:
                found[name] = error.detail
            except (LookupFailed, MailError, ScheduleUnavailable) as error:
                found[name] = str(error)
            except Exception as error:
                found[name] = f"does not answer: {type(error).__name__}"
        return found


async def _run(check: Check) -> None:
    await check()
