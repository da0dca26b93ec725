"""Greylisting of networks whose messages again and again do not prove their origin (RFC 6647)."""

from __future__ import annotations

from zope.interface import implementer

from mailsuite.interfaces.checks import PASS, Decision, IMessageCheck
from mailsuite.interfaces.counters import ICounter
from mailsuite.interfaces.reception import Client
from mailsuite.login.checker import network_of
from mailsuite.model.envelope import Envelope
from mailsuite.model.status import Status
from mailsuite.model.trace import Step
from mailsuite.mta.checks import BaseCheck

FORGERIES = 5
FORGERY_WINDOW = 600
GREY = 3600
"""Seconds for which a network is greylisted, and in which a retry counts."""
PATIENCE = 60
"""Seconds before which a retry is none: what cannot wait is what greylisting is for."""
KNOWN = 30 * 86_400


@implementer(IMessageCheck)
class GreylistCheck(BaseCheck):
    """Defers (451 4.7.1) the first attempt of a sender in a greylisted /24 or /64.

    A sender is the domain for which SPF passes, so that a pool of hosts waits once (field case F060), else the network.
    """

    def __init__(self, counter: ICounter) -> None:
        """``counter`` counts nothing while Redis is down: then nobody is greylisted."""
        self._counter = counter

    async def forged(self, client: Client) -> None:
        """A message of the client did not prove its origin."""
        network = network_of(client.address)
        if await self._counter.hit(f"grey:forged:{network}", FORGERY_WINDOW) >= FORGERIES:
            await self._counter.hit(f"grey:list:{network}", GREY)

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """See IMessageCheck; asked after SPF."""
        network = network_of(client.address)
        if not await self._counter.value(f"grey:list:{network}"):
            return PASS
        visit = client.visit
        sender = visit.spf_domain if visit.spf == "pass" and visit.spf_domain else network
        if await self._counter.value(f"grey:known:{sender}"):
            return Decision(steps=(Step("greylist", f"{sender} is known"),))
        waiting, tried = f"grey:wait:{sender}", f"grey:tried:{sender}"
        if await self._counter.value(tried) and not await self._counter.value(waiting):
            await self._counter.hit(f"grey:known:{sender}", KNOWN)
            return Decision(steps=(Step("greylist", f"{sender} has come again and is known now"),))
        if await self._counter.hit(tried, GREY) == 1:
            await self._counter.hit(waiting, PATIENCE)
        text = f"greylisted: too much mail from {network} does not prove its origin, try again in {PATIENCE} s"
        return Decision(Status(451, "4.7.1", text), (Step("greylist", f"{sender} is to come again"),))
