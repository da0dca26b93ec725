"""ITransferClient: one SMTP transaction with one host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import Outcome
from mailsuite.model.tls_policy import OPPORTUNISTIC, TlsPolicy


@dataclass(frozen=True, slots=True)
class Host:
    """Where to connect: ``name`` is the MX host, ``addresses`` its IPs in the order to try, ``port`` usually 25.

    ``tls`` is what the link must be.
    """

    name: str
    addresses: tuple[str, ...]
    port: int = 25
    tls: TlsPolicy = OPPORTUNISTIC


class ITransferClient(Interface):
    """Connects, says EHLO, sends, and tells how each recipient fared."""

    async def transfer(
        host: Host,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        content: bytes,
        before_dot: Callable[[], Awaitable[bool]],
    ) -> Sequence[Outcome]:
        """One outcome for each of ``recipients``, in their order, with the host's text verbatim.

        ``before_dot`` is awaited just before the final dot: when it gives False the transaction is broken off
        and nothing was sent. Raises DestinationDown when no address can be reached, the greeting or EHLO is
        refused with 4yz or 421, the host does not protect the link as ``host.tls`` demands, or the link breaks before
        the final dot; DestinationBusy when all that the host says is that it wants fewer links or messages; Refusal
        when it refuses the session, or cannot give what the envelope requires: another host might. After the dot a
        broken link is a deferral of each accepted recipient.
        """
