"""Refuses what was sent on from here and came back (RFC 5321 section 6.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zope.interface import implementer

from mailsuite.interfaces.checks import PASS, Decision, IMessageCheck
from mailsuite.interfaces.reception import Client
from mailsuite.mime.loop import looped
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope
from mailsuite.model.status import Status
from mailsuite.model.trace import Step
from mailsuite.mta.checks import BaseCheck


@implementer(IMessageCheck)
class ForwardLoopCheck(BaseCheck):
    """554 5.4.6 when the message was sent on for each of its recipients before: the host that has it tells the sender.

    ``leaves`` says whether mail for a recipient goes on to other hosts (mda.accounts).
    """

    def __init__(self, leaves: Callable[[Address], Awaitable[bool]]) -> None:
        self._leaves = leaves

    async def body(self, client: Client, envelope: Envelope, content: bytes) -> Decision:
        """The header is read only when mail for all recipients goes on."""
        for recipient in envelope.recipients:
            if not await self._leaves(recipient.address):
                return PASS
        if not all(looped(recipient.address, content) for recipient in envelope.recipients):
            return PASS
        text = f"mail loop: this was sent on for <{envelope.recipients[0].address}> before"
        return Decision(Status(554, "5.4.6", text), (Step("loop", text),))
