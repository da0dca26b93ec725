"""One attempt to hand a job's message to the next host (RFC 5321 sections 3.6, 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailsuite.interfaces.permits import IPermits
from mailsuite.interfaces.transfer import Host, ITransferClient
from mailsuite.model.errors import DestinationBusy, DestinationDown, Postponed, Refusal, ScheduleUnavailable
from mailsuite.model.job import Job, Outcome, QueuedMessage, RecipientState
from mailsuite.mta.route import Router
from mailsuite.mta.site import site_of

log = Logger()

LEASE = 120_000
RENEW = 40.0

Sign = Callable[[bytes], Awaitable[bytes]]
"""The message with our signatures on top."""

Protect = Callable[[str, Sequence[Host]], Awaitable[Sequence[Host]]]
"""A domain's hosts with what the links to them must be, without those that nothing may be sent to.

Raises DestinationDown when none is left.
"""

Sleep = Callable[[float], Awaitable[None]]


async def unchanged(content: bytes) -> bytes:
    """Signs nothing."""
    return content


async def as_they_are(domain: str, hosts: Sequence[Host]) -> Sequence[Host]:
    """Demands nothing."""
    return hosts


class Relay:
    """The attempt of the remote lane. Without ``permits`` the number of links to a site is not limited."""

    def __init__(
        self,
        router: Router,
        client: ITransferClient,
        sleep: Sleep,
        sign: Sign = unchanged,
        protect: Protect = as_they_are,
        permits: IPermits | None = None,
    ) -> None:
        self._router = router
        self._client = client
        self._sleep = sleep
        self._sign = sign
        self._protect = protect
        self._permits = permits

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """Try the hosts in turn until one takes the session; its answers are the outcomes.

        Raises Refusal or Deferral when no host could be asked, DestinationDown when none takes the session now, and
        Postponed when the hosts' site has as many links as it may have.
        """
        hosts = await self._protect(job.destination, await self._router.hosts(job.destination))
        site = site_of(hosts[0].name)
        if not await self._take(site, job.id):
            return await self._try(hosts, message, job, content, before_dot)
        keeping = Deferred.fromCoroutine(self._keep(site, job.id))
        try:
            return await self._try(hosts, message, job, content, before_dot)
        finally:
            keeping.addErrback(lambda _: None)
            keeping.cancel()
            await self._give(site, job.id)

    async def _try(
        self,
        hosts: Sequence[Host],
        message: QueuedMessage,
        job: Job,
        content: bytes,
        before_dot: Callable[[], Awaitable[bool]],
    ) -> Sequence[Outcome]:
        signed = await self._sign(content)
        recipients = job.open_recipients
        down: DestinationDown | None = None
        refused: list[Outcome] = []
        for host in hosts:
            try:
                return await self._client.transfer(host, message.envelope, recipients, signed, before_dot)
            except DestinationDown as error:
                # The best host's words, unless another one works and only wants fewer links.
                if down is None or (isinstance(error, DestinationBusy) and not isinstance(down, DestinationBusy)):
                    down = error
            except Refusal as refusal:
                refused = refused or [Outcome(r, RecipientState.FAILED, refusal.status, host.name) for r in recipients]
        if down is not None:
            raise down
        assert refused, "a router gives at least one host"
        return refused

    async def _take(self, site: str, holder: str) -> bool:
        """True when there is a permit to give back."""
        if self._permits is None:
            return False
        try:
            until = await self._permits.take(site, holder, LEASE)
        except ScheduleUnavailable as error:
            log.debug("{job_id}: no permit asked for {site}: {reason}", job_id=holder, site=site, reason=str(error))
            return False
        if until:
            raise Postponed(until, f"{site} has as many connections as it may have")
        return True

    async def _keep(self, site: str, holder: str) -> None:
        assert self._permits is not None
        while True:
            await self._sleep(RENEW)
            with suppress(ScheduleUnavailable):
                await self._permits.take(site, holder, LEASE)

    async def _give(self, site: str, holder: str) -> None:
        assert self._permits is not None
        with suppress(ScheduleUnavailable):  # it expires
            await self._permits.give(site, holder)
