"""A scripted SMTP server for tests: it says what it is told to, and remembers what it was told.

It shares no code with our engines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

DROP = "drop"
"""Instead of a reply: close the connection."""

HANG = "hang"
"""Instead of a reply: say nothing."""

EXTENSIONS = ("PIPELINING", "SIZE 35000000", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8")

_REPLIES: Mapping[str, Sequence[str]] = {
    "CONNECT": ["220 peer.example ESMTP"],
    "HELO": ["250 peer.example"],
    "STARTTLS": ["220 2.0.0 go"],
    "HANDSHAKE": [HANG],
    "MAIL": ["250 2.1.0 ok"],
    "RCPT": ["250 2.1.5 ok"],
    "DATA": ["354 go"],
    "END": ["250 2.0.0 queued as 1"],
    "RSET": ["250 2.0.0 ok"],
    "NOOP": ["250 2.0.0 ok"],
    "QUIT": ["221 2.0.0 bye"],
}


@dataclass
class Received:
    """One transaction: the MAIL and RCPT lines, and the content as it was on the wire, without the final dot.

    ``complete``: the final dot came. ``tls``: it came over TLS.
    """

    mail: str
    rcpts: list[str] = field(default_factory=list)
    content: bytes = b""
    complete: bool = False
    tls: bool = False

    @property
    def unstuffed(self) -> bytes:
        """The content as it was meant."""
        return b"".join(line.removeprefix(b".") + b"\r\n" for line in self.content.split(b"\r\n")[:-1])


class ScriptedServer(Factory):
    """Listens on loopback.

    ``replies`` says for a verb ("MAIL"; also CONNECT, END for the final dot, and EHLO to replace the whole reply) or
    for a verb and its address ("RCPT bob@beta.example") what to reply, one after the other, the last one for ever. A
    reply is a text with "\\n" between its lines, or DROP, or HANG. ``extensions`` are announced to EHLO, STARTTLS as
    well when there is a ``tls`` context factory; without one a script that says 220 to STARTTLS answers the handshake
    with what it has for HANDSHAKE.
    """

    noisy = False

    def __init__(
        self,
        replies: Mapping[str, Sequence[str]] | None = None,
        extensions: Sequence[str] = EXTENSIONS,
        tls: Any = None,
    ) -> None:
        self.script = {key: list(texts) for key, texts in {**_REPLIES, **(replies or {})}.items()}
        self.extensions = tuple(extensions)
        self.tls = tls
        self.commands: list[str] = []
        """All command lines of all connections, in the order of their arrival."""
        self.transactions: list[Received] = []
        self.connections = 0
        self.clients: list[str] = []
        """The addresses that they came from."""
        self.port = 0
        self._listening: Any = None
        self._open: set[_ScriptedProtocol] = set()

    async def listen(self, reactor: Any, interface: str = "127.0.0.1", port: int = 0) -> int:
        """Start on ``port``, or on a free one, which is returned."""
        kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
        self._listening = await kind(reactor, port, interface=interface).listen(self)
        self.port = self._listening.getHost().port
        return self.port

    async def close(self) -> None:
        """Stop, and cut off the connections that are open."""
        await self._listening.stopListening()
        ends = [protocol.gone for protocol in self._open]
        for protocol in list(self._open):
            protocol.transport.abortConnection()
        await gatherResults(ends)

    @property
    def messages(self) -> list[bytes]:
        """The contents that came with their final dot, unstuffed."""
        return [t.unstuffed for t in self.transactions if t.complete]

    def buildProtocol(self, addr: IAddress | None) -> _ScriptedProtocol:
        """One connection."""
        self.connections += 1
        if isinstance(addr, IPv4Address | IPv6Address):
            self.clients.append(addr.host)
        return _ScriptedProtocol(self, self._open)

    def next_reply(self, *keys: str) -> str:
        """The reply that the script has for the first of ``keys`` that it knows."""
        for key in keys:
            if texts := self.script.get(key):
                return texts.pop(0) if len(texts) > 1 else texts[0]
        return "502 5.5.1 not in the script"


class _ScriptedProtocol(LineReceiver):
    transport: Any
    MAX_LENGTH = 1_000_000

    def __init__(self, server: ScriptedServer, opened: set[_ScriptedProtocol]) -> None:
        self._server = server
        self._opened = opened
        self._tls = False
        self._content: list[bytes] | None = None
        self._current: Received | None = None
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self._opened.add(self)
        self._say("CONNECT")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._opened.discard(self)
        if self._current is not None and self._content is not None:
            self._current.content = b"".join(self._content)
        self.gone.callback(None)

    def lineReceived(self, line: bytes) -> None:
        if self._content is not None:
            self._take(line)
            return
        text = line.decode("utf-8", "replace")
        self._server.commands.append(text)
        verb = text.split(" ")[0].upper()
        address = text.partition("<")[2].partition(">")[0]
        if verb == "EHLO" and "EHLO" not in self._server.script:
            lines = ["peer.example", *self._server.extensions]
            if self._server.tls is not None and not self._tls:
                lines.append("STARTTLS")
            self._write(250, lines)
            return
        reply = self._say(f"{verb} {address}", verb)
        if verb == "MAIL" and reply.startswith("2"):
            self._current = Received(text, tls=self._tls)
            self._server.transactions.append(self._current)
        elif verb == "RCPT" and reply.startswith("2") and self._current is not None:
            self._current.rcpts.append(text)
        elif verb == "DATA" and reply.startswith("3"):
            self._content = []
        elif verb == "STARTTLS" and reply.startswith("2"):
            if self._server.tls is None:
                self.setRawMode()
            else:
                self._tls = True
                self.transport.startTLS(self._server.tls)
        elif verb == "QUIT":
            self.transport.loseConnection()

    def rawDataReceived(self, data: bytes) -> None:
        """The handshake of one who was promised TLS, where there is none."""
        self._say("HANDSHAKE")

    def _take(self, line: bytes) -> None:
        assert self._content is not None
        if line != b".":
            self._content.append(line + b"\r\n")
            return
        if self._current is not None:
            self._current.content = b"".join(self._content)
            self._current.complete = True
        self._content = None
        self._say("END")

    def _say(self, *keys: str) -> str:
        reply = self._server.next_reply(*keys)
        if reply == DROP:
            self.transport.loseConnection()
        elif reply != HANG:
            self.transport.write("".join(line + "\r\n" for line in reply.split("\n")).encode())
        return reply

    def _write(self, code: int, lines: Sequence[str]) -> None:
        marks = ["-"] * (len(lines) - 1) + [" "]
        self.transport.write("".join(f"{code}{m}{line}\r\n" for m, line in zip(marks, lines, strict=True)).encode())
