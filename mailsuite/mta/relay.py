"""One attempt to hand a job's message to the next host (RFC 5321 sections 3.6, 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.logger import Logger

from mailsuite.interfaces.transfer import Host, ITransferClient
from mailsuite.model.errors import DestinationBusy, DestinationDown, Postponed, Refusal, ScheduleUnavailable
from mailsuite.model.job import Job, Outcome, QueuedMessage, RecipientState
from mailsuite.mta.route import Router
from mailsuite.mta.site import site_of

log = Logger()

Sign = Callable[[bytes], Awaitable[bytes]]
"""The message with our signatures on top."""

Protect = Callable[[str, Sequence[Host]], Awaitable[Sequence[Host]]]
"""A domain's hosts with what the links to them must be, without those that nothing may be sent to.

Raises DestinationDown when none is left.
"""

Enter = Callable[[str, str, str], Awaitable[int]]
"""Counts a worker's job at a site: 0, or the time (ms) until which it must wait. Raises ScheduleUnavailable."""


async def anywhere(worker: str, job_id: str, site: str) -> int:
    """Limits nothing."""
    return 0


async def unchanged(content: bytes) -> bytes:
    """Signs nothing."""
    return content


async def as_they_are(domain: str, hosts: Sequence[Host]) -> Sequence[Host]:
    """Demands nothing."""
    return hosts


class Relay:
    """The attempt of the remote lane."""

    def __init__(
        self,
        router: Router,
        client: ITransferClient,
        sign: Sign = unchanged,
        protect: Protect = as_they_are,
        enter: Enter = anywhere,
    ) -> None:
        self._router = router
        self._client = client
        self._sign = sign
        self._protect = protect
        self._enter = enter

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """Try the hosts in turn until one takes the session; its answers are the outcomes.

        Raises Refusal or Deferral when no host could be asked, DestinationDown when none takes the session now, and
        Postponed when the hosts' site has as many links as it may have.
        """
        hosts = await self._protect(job.destination, await self._router.hosts(job.destination))
        await self._count(site_of(hosts[0].name), job)
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

    async def _count(self, site: str, job: Job) -> None:
        """Without Redis nobody counts, and mail goes on."""
        worker = "" if job.claim is None else job.claim.worker
        try:
            until = await self._enter(worker, job.id, site)
        except ScheduleUnavailable as error:
            log.debug("{job_id} does not count at {site}: {reason}", job_id=job.id, site=site, reason=str(error))
            return
        if until:
            raise Postponed(until, f"{site} has as many connections as it may have")
