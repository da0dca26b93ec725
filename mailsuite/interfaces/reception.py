"""IReception: what an SMTP session asks of the role behind it (mta.receive on 25, msa on 587 and 465)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zope.interface import Interface

from mailsuite.model.account import Account
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status
from mailsuite.model.trace import STEPS, TEXT, Step


class Visit:
    """What is found out during one session, by whoever finds it: the session's steps, and results of checks.

    ``iprev`` is "pass", "fail" or "temperror" (RFC 8601 section 3) once it is known, and ``reverse_name`` the client's
    forward-confirmed name. ``spf`` is the result for the transaction under way and ``spf_domain`` the domain that it
    is about, both "" when it was not looked at. ``queue_id`` is that of the message just accepted.
    """

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        """``clock`` tells seconds."""
        self._clock = clock
        self._began = clock()
        self._steps: list[Step] = []
        self.iprev = ""
        self.reverse_name = ""
        self.spf = ""
        self.spf_domain = ""
        self.queue_id = ""

    def elapsed(self) -> int:
        """Milliseconds since the session began."""
        return round((self._clock() - self._began) * 1000)

    def note(self, name: str, text: str, took: int = 0) -> None:
        """Add a step that ends now; of too many the last one replaces the one before."""
        step = Step(name, text[:TEXT], self.elapsed(), took)
        if len(self._steps) < STEPS:
            self._steps.append(step)
        else:
            self._steps[-1] = step

    def take_steps(self) -> tuple[Step, ...]:
        """The steps since the last call."""
        steps, self._steps = tuple(self._steps), []
        return steps


@dataclass(frozen=True, slots=True)
class Client:
    """The other side of a session as it is now.

    ``address`` is an IP without brackets; ``tls`` the protocol and cipher in words, "" in the clear;
    ``account`` who logged in, else None; ``visit`` is the same object from the first to the last step.
    """

    address: str
    port: int
    helo: str = ""
    extended: bool = False
    tls: str = ""
    account: Account | None = None
    visit: Visit = field(default_factory=Visit, compare=False, repr=False)


class IReception(Interface):
    """Each method gives the reply to send. What it raises: MailError is replied as its status.

    Anything else is our bug: logged once with an id, 451 4.3.0 to the client.
    """

    async def connect(client: Client) -> Status | None:
        """None: greet. A Status (554 or 421) is the greeting instead, and the connection is closed."""

    async def mail(client: Client, envelope: Envelope, size: int) -> Status:
        """MAIL: ``envelope`` has no recipients yet; ``size`` is the SIZE parameter, 0 when not given."""

    async def rcpt(client: Client, envelope: Envelope, recipient: Recipient) -> Status:
        """RCPT: ``envelope`` holds the recipients accepted so far."""

    async def message(client: Client, envelope: Envelope, content: bytes) -> Status:
        """The whole message, unstuffed, lines end in CRLF. A 250 means that it is durable."""

    async def authenticate(client: Client, identity: str, password: str) -> Account | None:
        """AUTH: None is answered 535 5.7.8. Only asked where the session offers AUTH."""
