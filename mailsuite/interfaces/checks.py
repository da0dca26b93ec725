"""IMessageCheck: one rule or test for mail from other hosts; mta.receive runs them in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from zope.interface import Interface

from mailsuite.interfaces.reception import Client
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status
from mailsuite.model.trace import Step


@dataclass(frozen=True, slots=True)
class Decision:
    """What a check says. The default is to go on.

    ``status``: refuse (5yz) or defer (4yz) with it; later checks are not asked. ``steps`` go into the trace; the one
    step of a check that does not say how long it took gets the time of the call. ``content``: the message as it goes
    on, e.g. with an Authentication-Results field on top; only body may give it. ``forged``: the message does not
    prove its origin; say it at most once a message. Repeated, it has the client greylisted. ``quarantine``: file it
    into Spam.
    """

    status: Status | None = None
    steps: tuple[Step, ...] = ()
    content: bytes | None = field(default=None, repr=False)
    forged: bool = False
    quarantine: bool = False


PASS = Decision()


class IMessageCheck(Interface):
    """Results that later checks need are written to ``client.visit``.

    A MailError is a decision with its status. Anything else is our bug and defers the message.
    """

    async def connect(client: Client) -> Decision:
        """Before the greeting; a status is 421 or 554."""

    async def mail(client: Client, envelope: Envelope, size: int) -> Decision:
        """MAIL: ``envelope`` has no recipients yet."""

    async def rcpt(client: Client, envelope: Envelope, recipient: Recipient, known: bool) -> Decision:
        """RCPT to one of our domains; ``known``: there is such a mailbox. What is unknown is refused in any case."""

    async def body(client: Client, envelope: Envelope, content: bytes) -> Decision:
        """The whole message, as the checks before have left it."""
