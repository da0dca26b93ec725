"""Mail to another host: links, time-outs and TLS round a ClientSession.

RFC 5321 sections 4.5.3.2 and 5.1 (addresses are tried in order), RFC 3207, RFC 7435, RFC 7672, RFC 8461.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

from mailsuite.interfaces.transfer import Host, ITransferClient
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import DestinationBusy, DestinationDown, Refusal
from mailsuite.model.job import Outcome
from mailsuite.model.tls_policy import TlsLevel, TlsPolicy
from mailsuite.net.smtp_connection import Broken, Handshake, HandshakeFailed, SmtpConnection
from mailsuite.net.smtp_links import IdleLinks, SmtpLink, say_goodbye
from mailsuite.net.tls_client import ClientTls
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

Handshakes = Callable[[TlsPolicy, str], Handshake]
"""How to shake hands with the host of a name so that it must prove what the policy asks."""


class _Stale(Exception):
    """A link that had been idle was of no use after all, before anything happened."""


@dataclass(frozen=True, slots=True)
class _Message:
    envelope: Envelope
    recipients: Sequence[Recipient]
    content: bytes
    before_dot: BeforeDotHook


@dataclass(frozen=True, slots=True)
class Reuse:
    """How long a link waits for its next message (seconds), how many messages it takes, how many wait in all."""

    seconds: float = 60
    messages: int = 100
    most: int = 100


@implementer(ITransferClient)
class TransferClient:
    """One link for each transfer under way; it is kept for the next message to the same address under the same policy.

    A host that offers TLS but fails the handshake is asked again in the clear, unless its policy demands TLS.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        hostname: str,
        tls: bool = True,
        timeouts: Timeouts | None = None,
        reuse: Reuse | None = None,
        sources: Sequence[str] = (),
        handshakes: Handshakes | None = None,
    ) -> None:
        """``tls`` False: never. ``sources`` are our addresses to connect from, one for each family at most."""
        self._reactor = reactor
        self._hostname = hostname
        self._tls = tls
        self._timeouts = timeouts or Timeouts()
        self._sources = {":" in address: (address, 0) for address in sources}
        self._handshakes = handshakes or ClientTls().creator
        self._connections: set[SmtpConnection] = set()
        reuse = reuse or Reuse()
        self._idle = IdleLinks(reactor, reuse.seconds, reuse.messages, reuse.most)

    async def transfer(
        self,
        host: Host,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        content: bytes,
        before_dot: BeforeDotHook,
    ) -> Sequence[Outcome]:
        """See ITransferClient. The next address is tried as long as MAIL has not been said."""
        message = _Message(envelope, recipients, content, before_dot)
        for address in host.addresses:
            link = self._idle.take(_key(host, address))
            if link is not None:
                try:
                    return await self._converse(link, message)
                except _Stale as stale:
                    self.log.debug("smtp to {name}: new link, {reason}", name=host.name, reason=str(stale))
                    break
        return await self._converse(await self._link(host), message)

    async def close(self) -> None:
        """Close idle links, cut off the others: a transfer under way raises."""
        connections = list(self._connections)
        closing = self._idle.close()
        for connection in connections:
            if connection not in closing:
                connection.abort()
        await gatherResults([connection.gone for connection in connections])

    async def _link(self, host: Host) -> SmtpLink:
        """A new link that is ready for a transaction. Raises DestinationDown and Refusal.

        A refusal of the host outweighs addresses of it that are dead, and so does its wish for fewer links.
        """
        down = DestinationDown(451, "4.4.1", f"{host.name} has no address to connect to")
        refusal: Refusal | None = None
        for left, address in zip(reversed(range(len(host.addresses))), host.addresses, strict=True):
            peer = f"{host.name} [{address}]"
            try:
                return await self._open(host, address, peer, bool(left))
            except DestinationDown as error:
                self.log.info("smtp to {peer}: {reason}", peer=peer, reason=str(error))
                down = down if isinstance(down, DestinationBusy) else error
            except Refusal as error:
                self.log.info("smtp to {peer}: refused, {reason}", peer=peer, reason=str(error))
                refusal = refusal or error
        raise refusal or down

    async def _open(self, host: Host, address: str, peer: str, more: bool) -> SmtpLink:
        """``more``: another address is left to try."""
        try:
            return await self._greet(host, address, peer, more, self._tls)
        except HandshakeFailed as error:
            if host.tls.level is not TlsLevel.OPPORTUNISTIC:
                text = f"{peer}: no TLS such as {host.tls.source} demands: {error}"
                raise DestinationDown(451, "4.7.5", text) from None
            self.log.info("smtp to {peer}: TLS failed, trying in the clear: {reason}", peer=peer, reason=str(error))
            return await self._greet(host, address, peer, more, False)

    async def _greet(self, host: Host, address: str, peer: str, more: bool, tls: bool) -> SmtpLink:
        connection = await self._connect(address, host.port, peer)
        session = ClientSession(self._hostname, peer, tls, host.tls)
        link = SmtpLink(_key(host, address), connection, session, hurried=more)
        try:
            while isinstance(await self._next(link), StartTls):
                handshake = self._handshakes(host.tls, host.name)
                session.secured(await connection.start_tls(handshake, self._timeouts.handshake))
        except Broken as error:
            connection.abort()
            session.lost(str(error))  # raises DestinationDown: nothing has been sent
            raise
        except (DestinationDown, Refusal):
            say_goodbye(link)
            raise
        except BaseException:
            connection.abort()
            raise
        return link

    async def _connect(self, address: str, port: int, peer: str) -> SmtpConnection:
        v6 = ":" in address
        kind = TCP6ClientEndpoint if v6 else TCP4ClientEndpoint
        endpoint = kind(self._reactor, address, port, self._timeouts.connect, self._sources.get(v6))
        try:
            connection = await endpoint.connect(Factory.forProtocol(lambda: SmtpConnection(self._reactor)))
        except ConnectError as error:
            raise DestinationDown(451, "4.4.1", f"{peer}: {error}") from None
        assert isinstance(connection, SmtpConnection)
        self._connections.add(connection)
        connection.gone.addCallback(lambda _: self._connections.discard(connection))
        return connection

    async def _converse(self, link: SmtpLink, message: _Message) -> Sequence[Outcome]:
        """One transaction. Raises _Stale when a link that was used before turns out to be of no more use."""
        connection, session = link.connection, link.session
        reused = link.served > 0
        link.served += 1
        try:
            session.transfer(message.envelope, message.recipients, message.content)
            while not isinstance(event := await self._next(link), Finished):
                if isinstance(event, BeforeDot):
                    go = await message.before_dot()
                    if not connection.quiet:
                        session.receive(await connection.read(0, "before the final dot"))
                    session.confirm(go)
                elif isinstance(event, SendContent):
                    seconds = self._timeouts.block
                    if await connection.send(event.octets, seconds, _WAITING[Phase.BLOCK]):
                        session.sent()
                    else:
                        session.receive(await connection.read(seconds, _WAITING[Phase.BLOCK]))
        except Broken as error:
            connection.abort()
            if reused and not session.answered:
                raise _Stale(str(error)) from None
            return session.lost(str(error))
        except DestinationDown as error:
            say_goodbye(link)
            if reused and (error.status.code == 421 or not session.answered):
                raise _Stale(str(error)) from None
            raise
        except Refusal:
            self._idle.put(link)
            raise
        except BaseException:
            connection.abort()
            raise
        if event.reusable:
            self._idle.put(link)
        else:
            connection.abort()
        return event.outcomes

    async def _next(self, link: SmtpLink) -> Event:
        connection, session = link.connection, link.session
        while (event := session.next_event()) is None:
            connection.write(session.output())
            session.receive(await connection.read(self._time(link), _WAITING[session.phase]))
        connection.write(session.output())
        return event

    def _time(self, link: SmtpLink) -> float:
        seconds = self._timeouts.of(link.session.phase)
        if link.session.phase is Phase.GREETING and link.hurried:
            return min(seconds, self._timeouts.next_greeting)
        if link.served > 1 and not link.session.answered:
            return min(seconds, self._timeouts.reused)
        return seconds


def _key(host: Host, address: str) -> Hashable:
    """Who shares links: whoever asks for the policy does not matter."""
    return host.name, address, host.port, replace(host.tls, source="")
