"""How much one client network may do on port 25: connections, messages, guesses (RFC 5321 sections 7.3 and 7.8)."""

from __future__ import annotations

from zope.interface import implementer

from mailsuite.interfaces.checks import PASS, Decision, IMessageCheck
from mailsuite.interfaces.counters import ICounter
from mailsuite.interfaces.reception import Client
from mailsuite.login.checker import network_of
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status
from mailsuite.mta.checks import BaseCheck

_MINUTE = 60
GUESSING = 600
"""Seconds for which an unknown recipient counts."""


@implementer(IMessageCheck)
class RateCheck(BaseCheck):
    """Connections and messages a minute from one /24 or /64; ``counter`` counts nothing while Redis is down."""

    def __init__(self, counter: ICounter, connections: int, messages: int) -> None:
        self._counter = counter
        self._connections = connections
        self._messages = messages

    async def connect(self, client: Client) -> Decision:
        """421 4.7.0 to one too many."""
        network = network_of(client.address)
        if await self._counter.hit(f"mx:connections:{network}", _MINUTE) > self._connections:
            return Decision(Status(421, "4.7.0", f"too many connections from {network} in a minute, try again later"))
        return PASS

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """450 4.7.0 to one too many."""
        network = network_of(client.address)
        if await self._counter.hit(f"mx:messages:{network}", _MINUTE) > self._messages:
            return Decision(Status(450, "4.7.0", f"too many messages from {network} in a minute, try again later"))
        return PASS


@implementer(IMessageCheck)
class GuessingCheck(BaseCheck):
    """Sends away who asks for ``most`` mailboxes that do not exist; from then on nothing more is told."""

    def __init__(self, counter: ICounter, most: int) -> None:
        self._counter = counter
        self._most = most

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """Not even known recipients are confirmed to one who guesses."""
        return self._judge(await self._counter.value(_guesses(client)) > self._most)

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient, known: bool) -> Decision:
        """Count a miss."""
        return PASS if known else self._judge(await self._counter.hit(_guesses(client), GUESSING) > self._most)

    def _judge(self, over: bool) -> Decision:
        return Decision(Status(421, "4.7.0", "too many unknown recipients, try again later")) if over else PASS


def _guesses(client: Client) -> str:
    return f"mx:unknown:{network_of(client.address)}"
