"""The port 25 probe: says to who asks whether port 25 of the asking address can be reached from here.

It connects to nothing but the address that asked, whose TCP handshake proves that it is its own, at port 25, and heeds
nothing that who asks may send: it cannot be turned on others.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, TCPTimedOutError
from twisted.internet.error import TimeoutError as ConnectTimedOut
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from mailsuite.dns.limit import RateLimit, Turn
from mailsuite.model.errors import ProbeUnavailable
from mailsuite.model.reach import PORT, Outcome, Reach

CONNECT = 3.0
"""Seconds for the connection back."""
TALK = 2.0
"""Seconds for the greeting and the answer to EHLO; a host that greets late is reachable all the same."""
AT_ONCE = 20
"""Askers at a time."""
_RATE = 1
"""Questions a second of one /24 or /56."""
_ANSWER = 512


class _Look(LineOnlyReceiver):
    """Reads the greeting, asks EHLO, quits; ``done`` fires when it knows, or is cut off."""

    transport: Any
    delimiter = b"\n"
    MAX_LENGTH = 2048

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname
        self._lines = 0
        self._greeted = False
        self.banner = ""
        self.starttls = False
        self.done: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        self._lines += 1
        text = line.decode("ascii", "replace").rstrip()
        last = text[3:4] != "-"
        self.banner = self.banner or text
        if self._greeted:
            self.starttls |= text.startswith("250") and text[4:].upper() == "STARTTLS"
        if last and not self._greeted and text.startswith("220"):
            self._greeted = True
            self.transport.write(f"EHLO {self._hostname}\r\n".encode("ascii"))
        elif last or self._lines > 100:
            self.transport.write(b"QUIT\r\n")
            self._finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._finish()

    def _finish(self) -> None:
        if not self.done.called:
            self.done.callback(None)


class _Once(Factory):
    """Gives the one protocol."""

    noisy = False

    def __init__(self, made: Protocol) -> None:
        self._made = made

    def buildProtocol(self, addr: Any) -> Protocol:
        return self._made


async def look(reactor: Any, address: str, hostname: str, port: int = PORT) -> Reach:
    """Connect to the IP ``address`` and see. ``hostname`` is ours, for EHLO. Takes CONNECT + TALK seconds at most."""
    kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
    seen = _Look(hostname)
    try:
        await kind(reactor, address, port, timeout=CONNECT).connect(_Once(seen))
    except ConnectionRefusedError:
        return Reach(Outcome.REFUSED, address)
    except (ConnectTimedOut, TCPTimedOutError):
        return Reach(Outcome.TIMEOUT, address)
    except ConnectError:
        return Reach(Outcome.UNREACHABLE, address)
    try:
        await seen.done.addTimeout(TALK, reactor)
    except TimeoutError:
        pass
    finally:
        seen.transport.abortConnection()
    return Reach(Outcome.REACHABLE, address, seen.starttls, seen.banner)


class _Asked(Protocol):
    """One asker: what it sends is passed over; it gets one line."""

    transport: Any

    def __init__(self, probe: ProbeFactory) -> None:
        self._probe = probe

    def connectionMade(self) -> None:
        answering = Deferred.fromCoroutine(self._probe.answer(self.transport.getPeer().host))
        answering.addErrback(self._probe.failed).addCallback(self._say)

    def _say(self, line: bytes) -> None:
        if line:
            self.transport.write(line + b"\r\n")
        self.transport.loseConnection()


class ProbeFactory(Factory):
    """Answers whoever connects; ``hostname`` is ours, ``port`` that which is looked at."""

    noisy = False
    log = Logger()

    def __init__(self, reactor: Any, hostname: str, port: int = PORT) -> None:
        self._reactor = reactor
        self._hostname = hostname
        self._port = port
        self._limit = RateLimit(_RATE, reactor.seconds)
        self._open = 0

    def buildProtocol(self, addr: Any) -> _Asked:
        """One for each asker."""
        return _Asked(self)

    async def answer(self, peer: str) -> bytes:
        """The line for who asks from this IP."""
        address = peer.removeprefix("::ffff:")
        if self._open >= AT_ONCE or self._limit.turn(address) is not Turn.SEND:
            return Reach(Outcome.BUSY, address).line()
        self._open += 1
        try:
            reach = await look(self._reactor, address, self._hostname, self._port)
        finally:
            self._open -= 1
        self.log.info("port {port} of {address}: {outcome}", port=self._port, address=address, outcome=reach.outcome)
        return reach.line()

    def failed(self, failure: Failure) -> bytes:
        """Our own fault: who asks gets no line."""
        self.log.failure("a probe failed", failure)
        return b""


class _Answer(Protocol):
    """Collects the probe's line."""

    transport: Any = None

    def __init__(self) -> None:
        self.data = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > _ANSWER:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            self.done.callback(self.data)


async def ask_probe(reactor: Any, host: str, port: int) -> Reach:
    """What the probe at a name or IP sees of this machine's port 25. Raises ProbeUnavailable when it does not say."""
    answer = _Answer()
    try:
        await HostnameEndpoint(reactor, host, port, timeout=CONNECT).connect(_Once(answer))
        return Reach.parse((await answer.done).removesuffix(b"\r\n"))
    except (ConnectError, DNSLookupError) as error:
        raise ProbeUnavailable(f"it cannot be reached: {error}") from error
    except ValueError:
        raise ProbeUnavailable("what answers there is no probe") from None
    finally:
        if answer.transport is not None:
            answer.transport.abortConnection()
