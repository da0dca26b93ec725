"""One attempt to hand a job's message to the next host (RFC 5321 sections 3.6, 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from mailsuite.interfaces.transfer import ITransferClient
from mailsuite.model.errors import DestinationDown
from mailsuite.model.job import Job, Outcome, QueuedMessage
from mailsuite.mta.route import Router


class Relay:
    """The attempt of the remote lane."""

    def __init__(self, router: Router, client: ITransferClient) -> None:
        self._router = router
        self._client = client

    async def attempt(
        self, message: QueuedMessage, job: Job, content: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> Sequence[Outcome]:
        """Try the hosts in turn until one takes the session; its answers are the outcomes.

        Raises Refusal or Deferral when no host could be asked.
        """
        hosts = await self._router.hosts(job.destination)
        down: DestinationDown | None = None
        for host in hosts:
            try:
                return await self._client.transfer(host, message.envelope, job.open_recipients, content, before_dot)
            except DestinationDown as error:
                down = error
        assert down is not None, "a router gives at least one host"
        raise down
