"""IReception: what an SMTP session asks of the role behind it (mta.receive on 25, msa on 587 and 465)."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import Interface

from mailsuite.model.account import Account
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status


@dataclass(frozen=True, slots=True)
class Client:
    """The other side of a session as it is now.

    ``address`` is an IP without brackets; ``tls`` the protocol and cipher in words, "" in the clear;
    ``account`` who logged in, else None.
    """

    address: str
    port: int
    helo: str = ""
    extended: bool = False
    tls: str = ""
    account: Account | None = None


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
