"""One SMTP connection on a Twisted transport: time, flow, faults round a ServerSession (RFC 5321 section 4.5.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.interfaces.reception import Client, IReception
from mailsuite.interfaces.trace import ITrace
from mailsuite.model.errors import MailError
from mailsuite.model.status import Status
from mailsuite.net.prompt_writes import PromptWrites
from mailsuite.net.smtp_trace import SessionTrace
from mailsuite.net.tls import in_words
from mailsuite.smtp.events import Credentials, Event, Mail, Message, Rcpt, StartTls
from mailsuite.smtp.limits import Limits
from mailsuite.smtp.server import ServerSession

_HIGH_WATER = 65_536
_FAREWELL = 10.0
_RATE_GRACE = 60.0
_A_TURN = 50
"""So many commands of one client are answered, some 2 ms, before others get their turn."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How one listener serves. Times are seconds."""

    hostname: str
    limits: Limits = field(default_factory=Limits)
    auth: bool = False
    """Offer AUTH once TLS is on (submission)."""
    implicit_tls: bool = False
    """The endpoint speaks TLS from the first octet (port 465)."""
    normalise_newlines: bool = False
    """Take a bare CR or LF in content for a line end instead of refusing the message."""
    idle: float = 300
    """To the end of the next command."""
    data_block: float = 180
    """To the next octets of content."""
    data_rate: int = 100
    """Octets a second of content, on average, after its first minute."""
    connections: int = 1000
    connections_per_network: int = 50
    """From one /24 or /64; loopback is not counted."""
    service: str = "smtp"
    """What traces call it."""


class Listener(Protocol):
    """What a connection needs of the factory that made it."""

    config: ServerConfig
    reception: IReception
    tls: IOpenSSLServerConnectionCreator | None
    trace: ITrace | None
    now: Callable[[], float]
    clock: Callable[[], int]
    failure_id: Callable[[], str]

    def joined(self, protocol: SmtpProtocol) -> None:
        """The connection is there."""

    def left(self, protocol: SmtpProtocol) -> None:
        """It is gone, and no work of it is under way."""

    def full(self, client: Client) -> Status | None:
        """A refusal instead of a greeting."""

    def turn(self) -> Deferred[None]:
        """Fires in the reactor's next turn."""


@implementer(IHandshakeListener, IPushProducer)
class SmtpProtocol(TwistedProtocol):
    """One connection; made by SmtpFactory."""

    transport: Any
    _writes: PromptWrites
    log = Logger()

    def __init__(self, factory: Listener, client: Client) -> None:
        config = factory.config
        self._trace = SessionTrace(
            factory.trace, config.service, factory.clock, client.visit, lambda: self.session.client
        )
        self.session = ServerSession(
            client,
            config.hostname,
            config.limits,
            starttls=factory.tls is not None,
            auth=config.auth,
            normalise=config.normalise_newlines,
            refused=self._trace.refused,
        )
        self._factory = factory
        self._config = config
        self._connected = False
        self._handshaking = config.implicit_tls
        self._working = False
        self._closing = False
        self._write_blocked = False
        self._reading = True
        self._commands_seen = 0
        self._content_since: float | None = None
        self._deadline = factory.now() + config.idle

    def connectionMade(self) -> None:
        """Greet: at once, or after the handshake of implicit TLS."""
        self._connected = True
        self._writes = PromptWrites(self.transport)
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._factory.joined(self)
        if not self._handshaking:
            self._start(self._greet())

    def handshakeCompleted(self) -> None:
        """TLS is on."""
        self._handshaking = False
        tls = in_words(self.transport)
        self.log.info("smtp {client}: {tls}", client=self.session.client.address, tls=tls)
        self._trace.note("tls", tls, telling=False)
        self.session.secured(tls)
        if self._config.implicit_tls:
            self._start(self._greet())

    def dataReceived(self, data: bytes) -> None:
        """Feed the session; what comes while it works waits in its buffer."""
        self.session.receive(data)
        if self._working:
            self._flow()
        else:
            self._advance()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone. Work under way goes on: a message may be half committed."""
        self._connected = False
        self._write_blocked = True
        session = self.session
        self.log.info(
            "smtp {client}: closed after {messages} messages and {commands} commands {why}",
            client=session.client.address,
            helo=session.client.helo,
            messages=session.accepted,
            commands=session.commands,
            why="" if reason.check(ConnectionDone, ConnectionAborted) else f"({reason.getErrorMessage()})",
        )
        if not self._working:
            self._left()

    def pauseProducing(self) -> None:
        """The client does not read its replies: no more of its commands are worked on or read."""
        self._write_blocked = True
        self._flow()

    def resumeProducing(self) -> None:
        """It reads again."""
        self._write_blocked = False
        self._advance()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost follows."""

    def check_time(self, now: float) -> None:
        """Say 421 to a client that is too slow; abort the connection of one that does not take even that."""
        since, size = self._content_since, self.session.content_size
        slow = (
            since is not None
            and size is not None
            and now - since > _RATE_GRACE
            and size < self._config.data_rate * (now - since)
        )
        if self._working or (now < self._deadline and not slow):
            return
        self.log.info("smtp {client}: timed out", client=self.session.client.address)
        if self._handshaking or self._closing:
            self.transport.abortConnection()
        else:
            self.session.time_out()
            self._flush()

    def shut_down(self) -> None:
        """Say 421 now, or at the end of the transaction under way."""
        if self._handshaking:
            self.transport.abortConnection()
            return
        self.session.shut_down()
        if not self._working:
            self._advance()

    def abort(self) -> None:
        """Close without a word."""
        self.transport.abortConnection()

    def _advance(self) -> None:
        if self._working or self._write_blocked:
            return
        event = self.session.next_event()
        if event is not None:
            self._start(self._serve(event))
            return
        self._flush()
        self._touch()
        self._flow()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._working = True
        Deferred.fromCoroutine(work).addBoth(self._rest)

    def _rest(self, result: Failure | None) -> None:
        self._working = False
        if result is not None:
            self.log.failure("smtp session failed, {failure_id}", result, failure_id=self._factory.failure_id())
            self.transport.abortConnection()
        if self._connected:
            self._touch()
            self._flow()
        else:
            self._left()

    def _left(self) -> None:
        self._trace.close()
        self._factory.left(self)

    async def _greet(self) -> None:
        client = self.session.client
        began = client.visit.elapsed()
        status = self._factory.full(client)
        if status is None:
            try:
                status = await self._factory.reception.connect(client)
            except MailError as error:
                status = error.status
            except Exception:
                status = self._our_fault("CONNECT")
        self.log.info(
            "smtp {client}: connected {refusal}",
            client=client.address,
            port=client.port,
            refusal=f"and refused: {status}" if status else "",
        )
        self._trace.greeted(status, client.visit.elapsed() - began)
        self.session.greet(status)
        await self._serve(self.session.next_event())

    async def _serve(self, event: Event | None) -> None:
        """Answer events until there are none, or the client does not read."""
        served = 0
        while event is not None:
            served += 1
            if served % _A_TURN == 0:
                await self._factory.turn()
            self._flush()
            if isinstance(event, StartTls):
                self._handshaking = True
                self._writes.stop()
                self.transport.startTLS(self._factory.tls)
                return
            await self._answer(event)
            event = None if self._write_blocked else self.session.next_event()
        self._flush()

    async def _answer(self, event: Mail | Rcpt | Message | Credentials) -> None:
        reception, client = self._factory.reception, self.session.client
        began = client.visit.elapsed()
        try:
            match event:
                case Mail():
                    status = await reception.mail(client, event.envelope, event.size)
                case Rcpt():
                    status = await reception.rcpt(client, event.envelope, event.recipient)
                case Message():
                    status = await reception.message(client, event.envelope, event.content)
                case Credentials():
                    account = await reception.authenticate(client, event.identity, event.password)
                    self.log.info(
                        "smtp {client}: login of {identity} {outcome}",
                        client=client.address,
                        identity=event.identity,
                        outcome="refused" if account is None else "accepted",
                    )
                    self._trace.logged_in(account, client.visit.elapsed() - began)
                    self.session.answer_login(account)
                    return
        except MailError as error:
            status = error.status
        except Exception:
            status = self._our_fault(type(event).__name__.upper())
        if not isinstance(event, Credentials):
            self._trace.answered(event, status, client.visit.elapsed() - began)
        self.session.answer(status)

    def _our_fault(self, command: str) -> Status:
        identifier = self._factory.failure_id()
        self.log.failure(
            "smtp {client}: {command} failed, {failure_id}",
            client=self.session.client.address,
            command=command,
            failure_id=identifier,
        )
        return Status(451, "4.3.0", f"our fault, try again later; it is logged as {identifier}")

    def _flush(self) -> None:
        if out := self.session.output():
            self._writes.write(out)
        if self.session.closing and not self._closing:
            self._closing = True
            self._deadline = self._factory.now() + _FAREWELL
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _touch(self) -> None:
        """Set the time that the client has for what is next."""
        if self._closing:
            return
        now = self._factory.now()
        if self.session.content_size is not None:
            self._content_since = self._content_since or now
            self._deadline = now + self._config.data_block
        elif self._commands_seen != self.session.commands or self._content_since is not None:
            self._commands_seen = self.session.commands
            self._content_since = None
            self._deadline = now + self._config.idle

    def _flow(self) -> None:
        """Read from the transport only what can be worked on soon."""
        reading = not self._write_blocked and self.session.buffered <= _HIGH_WATER
        if reading != self._reading and not self._closing:
            self._reading = reading
            if reading:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
