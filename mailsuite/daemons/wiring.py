"""The parts that roles share, made from the settings when a role first asks for one."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import cached_property
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsuite.daemons.foundations import Foundations
from mailsuite.daemons.services import Every, Loop, Part
from mailsuite.daemons.slot import Slot
from mailsuite.login.checker import CredentialChecker
from mailsuite.login.passwords import Passwords
from mailsuite.mda.deliver import Deliverer
from mailsuite.mda.forward import Forwarder
from mailsuite.mda.sorting import Sorter
from mailsuite.mda.vacation import Responder
from mailsuite.model.job import Job, Lane, Outcome, QueuedMessage, RecipientState
from mailsuite.msa.allowance import Allowance, Rates
from mailsuite.net.proxy_protocol import ProxyEndpoint
from mailsuite.net.tls import ServerTls
from mailsuite.queue.attempt import Attempt
from mailsuite.queue.delays import Delays
from mailsuite.queue.direct import Direct
from mailsuite.queue.reconcile import Reconciler
from mailsuite.queue.settle import RetryPolicy
from mailsuite.queue.suppress import Suppressing
from mailsuite.queue.worker import Tools, Worker
from mailsuite.runtime.daemon import Stage
from mailsuite.runtime.metrics import CounterFamily, GaugeFamily, Metrics
from mailsuite.runtime.network_values import Listen, Network
from mailsuite.runtime.settings import Settings
from mailsuite.runtime.sockets import stream_endpoints
from mailsuite.sqlite.final_delivery import FinalDelivery

log = Logger()

T = TypeVar("T")


class Wiring(Foundations):
    """The queue, filing, certificates."""

    # The queue

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
            self.queue.recent,
            self.schedules[lane],
            self._counted(lane, Suppressing(attempt, self.suppressions, self.clock)),
            self.notices,
            self.policy,
            self.tools,
            delivery.concurrency,
        )

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
        reconciler = Reconciler(self.jobs, {lane: self.schedules[lane]}, self.clock, self.sleep, worker.expire)
        self.daemon.add(Loop(reconciler), Stage.WORK)
        schedule = self.schedules[lane]
        delays = Delays(worker.name, lane, self.jobs, schedule, self.notices, self.policy, self.clock)
        self.daemon.add(Loop(Every(self.reactor, 300, delays.round, "telling of delays")), Stage.WORK)

    # Filing

    @cached_property
    def deliverer(self) -> Deliverer:
        """Files mail, or sends it on."""
        forwarder = Forwarder(
            self.queue,
            self.directory,
            self.accounts.hosts,
            self.rewriting,
            self.settings.server.hostname,
            self.clock,
        )
        hostname = self.settings.server.hostname
        responder = Responder(self.rules, self.queue, self.accounts, hostname, self.clock)
        sorter = Sorter(self.rules, forwarder, responder, self.cpu.run, self.trace)
        return Deliverer(self.accounts, self.messages, self.events, self.cpu.run, forwarder, sorter, hostname)

    @cached_property
    def local_worker(self) -> Worker:
        """Files mail: run by the mda; web and msa have it do eager jobs."""
        return self.worker(Lane.LOCAL, self.deliverer.attempt)

    def file_directly(self) -> None:
        """File what this process accepts without asking the schedule for turns."""
        direct = Direct(
            self.deliverer.plain,
            FinalDelivery(self.store, self.random),
            self.events,
            self.queue.schedule,
            self.policy,
            self.clock,
            self.sleep,
            self.reactor.seconds,
            self.local_worker.name,
            lambda outcome: self._outcomes.add(lane=Lane.LOCAL.value, outcome=outcome.state.value),
        )
        self.queue.file_directly(direct.take)
        self.daemon.add(Part(lambda: None, direct.stop), Stage.WORK)

    def eager(self) -> None:
        """Have eager jobs done in the request, by the worker of this process."""
        self.queue.run_eagerly(self.local_worker.attempt_now)
        self.daemon.before_ready(self.local_worker.free_slot)

    # Certificates, passwords

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
    def allowance(self) -> Allowance:
        """What accounts may send."""
        msa = self.settings.msa
        rates = Rates(msa.messages_per_hour, msa.messages_per_day, msa.recipients_per_hour, msa.recipients_per_day)
        return Allowance(self.rates, rates)
