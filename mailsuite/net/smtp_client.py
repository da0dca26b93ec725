"""Mail to another host: connections, time-outs and opportunistic TLS round a ClientSession.

RFC 5321 sections 4.5.3.2 and 5.1 (addresses are tried in order), RFC 3207, RFC 7435.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger
from zope.interface import implementer

from mailsuite.interfaces.transfer import Host, ITransferClient
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import DestinationDown, Refusal
from mailsuite.model.job import Outcome, RecipientState
from mailsuite.net.smtp_connection import Broken, HandshakeFailed, SmtpConnection
from mailsuite.net.tls import OpportunisticTls, opportunistic_options
from mailsuite.smtp.client import BeforeDot, ClientSession, Event, Finished, Phase, SendContent, Timeouts
from mailsuite.smtp.events import StartTls

_WAITING = {
    Phase.GREETING: "waiting for the greeting",
    Phase.HELLO: "waiting for the reply to EHLO",
    Phase.STARTTLS: "waiting for the reply to STARTTLS",
    Phase.MAIL: "waiting for the reply to MAIL",
    Phase.RCPT: "waiting for the reply to RCPT",
    Phase.DATA: "waiting for the reply to DATA",
    Phase.BLOCK: "sending the content",
    Phase.DOT: "waiting for the reply to the message",
}

BeforeDotHook = Callable[[], Awaitable[bool]]


@implementer(ITransferClient)
class TransferClient:
    """One connection for each transfer; TLS where the host offers it, whatever its certificate.

    ``tls`` False: never. A host that offers TLS but fails the handshake is asked again in the clear.
    """

    log = Logger()

    def __init__(self, reactor: Any, hostname: str, tls: bool = True, timeouts: Timeouts | None = None) -> None:
        self._reactor = reactor
        self._hostname = hostname
        self._options = opportunistic_options() if tls else None
        self._timeouts = timeouts or Timeouts()
        self._connections: set[SmtpConnection] = set()

    async def transfer(
        self,
        host: Host,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        content: bytes,
        before_dot: BeforeDotHook,
    ) -> Sequence[Outcome]:
        """See ITransferClient. The next address is tried as long as MAIL has not been said."""
        down = DestinationDown(451, "4.4.1", f"{host.name} has no address to connect to")
        for address in host.addresses:
            peer = f"{host.name} [{address}]"
            try:
                connection, session = await self._open(host, address, peer)
            except DestinationDown as error:
                self.log.info("smtp to {peer}: {reason}", peer=peer, reason=str(error))
                down = error
            except Refusal as refusal:
                return [Outcome(r, RecipientState.FAILED, refusal.status, peer) for r in recipients]
            else:
                return await self._converse(connection, session, envelope, recipients, content, before_dot)
        raise down

    async def close(self) -> None:
        """Cut off what is still open; a transfer under way raises."""
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        await gatherResults([connection.gone for connection in connections])

    async def _open(self, host: Host, address: str, peer: str) -> tuple[SmtpConnection, ClientSession]:
        """A session that is ready for a transaction. Raises DestinationDown and Refusal."""
        try:
            return await self._greet(host, address, peer, self._options)
        except HandshakeFailed as error:
            self.log.info("smtp to {peer}: TLS failed, trying in the clear: {reason}", peer=peer, reason=str(error))
            return await self._greet(host, address, peer, None)

    async def _greet(
        self, host: Host, address: str, peer: str, options: CertificateOptions | None
    ) -> tuple[SmtpConnection, ClientSession]:
        connection = await self._connect(address, host.port, peer)
        session = ClientSession(self._hostname, peer, options is not None)
        try:
            while isinstance(await self._next(connection, session), StartTls):
                assert options is not None
                creator = OpportunisticTls(host.name, options)
                session.secured(await connection.start_tls(creator, self._timeouts.handshake))
        except Broken as error:
            connection.abort()
            session.lost(str(error))  # raises DestinationDown: nothing has been sent
            raise
        except BaseException:
            connection.abort()
            raise
        return connection, session

    async def _connect(self, address: str, port: int, peer: str) -> SmtpConnection:
        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        endpoint = kind(self._reactor, address, port, timeout=self._timeouts.connect)
        try:
            connection = await endpoint.connect(Factory.forProtocol(lambda: SmtpConnection(self._reactor)))
        except ConnectError as error:
            raise DestinationDown(451, "4.4.1", f"{peer}: {error}") from None
        assert isinstance(connection, SmtpConnection)
        self._connections.add(connection)
        connection.gone.addCallback(lambda _: self._connections.discard(connection))
        return connection

    async def _converse(
        self,
        connection: SmtpConnection,
        session: ClientSession,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        content: bytes,
        before_dot: BeforeDotHook,
    ) -> Sequence[Outcome]:
        try:
            session.transfer(envelope, recipients, content)
            while not isinstance(event := await self._next(connection, session), Finished):
                if isinstance(event, BeforeDot):
                    session.confirm(await before_dot())
                elif isinstance(event, SendContent):
                    seconds = self._timeouts.block
                    if await connection.send(event.octets, seconds, _WAITING[Phase.BLOCK]):
                        session.sent()
                    else:
                        session.receive(await connection.read(seconds, _WAITING[Phase.BLOCK]))
        except Broken as error:
            connection.abort()
            return session.lost(str(error))
        except BaseException:
            connection.abort()
            raise
        if event.reusable:
            # The reply to QUIT is not waited for: what was delivered is to be recorded now.
            session.quit()
            connection.write(session.output())
            connection.close()
        else:
            connection.abort()
        return event.outcomes

    async def _next(self, connection: SmtpConnection, session: ClientSession) -> Event:
        while (event := session.next_event()) is None:
            connection.write(session.output())
            session.receive(await connection.read(self._timeouts.of(session.phase), _WAITING[session.phase]))
        connection.write(session.output())
        return event
