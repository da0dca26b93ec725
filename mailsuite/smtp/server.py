"""The server's side of an SMTP session without I/O: octets in; octets and events out.

RFC 5321 sections 3 and 4; RFC 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 2034 (enhanced codes),
3461 (DSN), 3030 (CHUNKING), 3207 (STARTTLS), 8689 (REQUIRETLS), 4954 (AUTH).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import ClassVar

from mailsuite.interfaces.reception import Client
from mailsuite.model.account import Account
from mailsuite.model.errors import MailError, Refusal
from mailsuite.model.status import Status
from mailsuite.smtp import grammar
from mailsuite.smtp.data import ChunkReader, DotReader
from mailsuite.smtp.events import Credentials, Event, Message, StartTls
from mailsuite.smtp.limits import Limits
from mailsuite.smtp.lines import LineReader
from mailsuite.smtp.replies import format_lines, format_reply
from mailsuite.smtp.sasl import MECHANISMS, Exchange
from mailsuite.smtp.transaction import Transaction


class _Mode(Enum):
    """What the next octets are."""

    COMMAND = auto()
    CONTENT = auto()  # DATA or a BDAT chunk
    RESPONSE = auto()  # of an AUTH exchange
    HELD = auto()  # not looked at: the greeting, an answer or a handshake is due
    CLOSED = auto()


_OK = Status(250, "2.0.0", "OK")


class ServerSession:
    """One client's session.

    Feed it with ``receive``, ask ``next_event`` until it gives None, send what ``output`` gives, and close when
    ``closing`` is set. An event stops the session until ``answer`` (or ``answer_login``, ``secured``) is called: one
    command is in flight, later input stays in the buffer.
    """

    def __init__(
        self,
        client: Client,
        hostname: str,
        limits: Limits,
        *,
        starttls: bool = False,
        auth: bool = False,
        normalise: bool = False,
        refused: Callable[[Status], None] = lambda _: None,
    ) -> None:
        """``starttls``: a certificate exists. ``auth``: offer AUTH once TLS is on. ``normalise``: see ContentSink.

        ``refused`` is told what the session itself says no to, without asking its role.
        """
        self.client = client
        self.closing = False
        self.accepted = 0
        self.commands = 0
        self._refused = refused
        self._hostname = hostname
        self._limits = limits
        self._starttls = starttls
        self._auth = auth
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._mode = _Mode.HELD
        self._pending: Event | None = None
        self._lines = LineReader(limits.command_line)
        self._transaction = Transaction(limits, hostname, normalise)
        self._reader: DotReader | ChunkReader | None = None
        self._exchange: Exchange | None = None
        self._errors = 0
        self._commands_before = 0
        self._login_failures = 0
        self._draining = False

    @property
    def buffered(self) -> int:
        """Octets that wait to be looked at."""
        return len(self._buffer)

    @property
    def content_size(self) -> int | None:
        """Octets of content so far while a message is coming in, else None."""
        return self._transaction.content_size if self._mode is _Mode.CONTENT else None

    def receive(self, data: bytes) -> None:
        """Take octets from the client."""
        if not self.closing:
            self._buffer += data

    def output(self) -> bytes:
        """What is to be sent now; it is forgotten here."""
        out, self._out = self._out, []
        return b"".join(out)

    def greet(self, refusal: Status | None) -> None:
        """Begin: with 220, or with the refusal and the end."""
        if refusal is not None:
            self._bye(refusal)
        elif not self.closing:
            self._mode = _Mode.COMMAND
            self._reply(Status(220, "", f"{self._hostname} ESMTP"))

    def next_event(self) -> Event | None:
        """Work through the buffer up to the next event; None when more input is needed or the session is over."""
        while True:
            try:
                if self._mode is _Mode.CONTENT:
                    assert self._reader is not None
                    if not self._reader.feed(self._buffer):
                        return None
                    event = self._content_read(self._reader)
                elif self._mode is _Mode.COMMAND or self._mode is _Mode.RESPONSE:
                    if self._draining and not self._transaction.begun:
                        self._bye(Status(421, "4.3.2", f"{self._hostname} is shutting down"))
                        return None
                    if (line := self._lines.take(self._buffer)) is None:
                        return None
                    event = self._command(line) if self._mode is _Mode.COMMAND else self._response(line)
                else:
                    return None
            except Refusal as refusal:
                self._refused(refusal.status)
                self._refuse(refusal.status)
                continue
            except MailError as error:
                self._refused(error.status)
                self._reply(error.status)
                continue
            if event is not None:
                self._pending = event
                self._mode = _Mode.HELD
                return event

    def answer(self, status: Status) -> None:
        """The reply to the pending Mail, Rcpt, Message, or to Credentials that could not be checked."""
        event = self._answered()
        if self.closing:
            return
        self._transaction.answered(event, status)
        if isinstance(event, Message) and status.positive:
            self.accepted += 1
            self._errors = 0
            self._commands_before = self.commands
        if status.code == 421:
            self._bye(status)
        elif status.permanent:
            self._refuse(status)
        else:
            self._reply(status)

    def answer_login(self, account: Account | None) -> None:
        """Whether the pending Credentials are right."""
        self._answered()
        if self.closing:
            return
        if account is None:
            self._refuse(Status(535, "5.7.8", "authentication failed"))
        else:
            self.client = replace(self.client, account=account)
            self._reply(Status(235, "2.7.0", "authenticated"))

    def secured(self, tls: str) -> None:
        """The handshake is done; ``tls`` says protocol and cipher. All that was said in the clear is forgotten."""
        self.client = replace(self.client, helo="", extended=False, tls=tls, account=None)
        self._transaction.reset()
        if self._pending is not None:
            self._answered()

    def shut_down(self) -> None:
        """Say 421 as soon as no transaction is under way; ask ``next_event`` after it."""
        self._draining = True

    def time_out(self) -> None:
        """The client took too long: 421 and the end."""
        self._bye(Status(421, "4.4.2", f"{self._hostname} waited too long and closes the connection"))

    def _answered(self) -> Event:
        event, self._pending = self._pending, None
        if event is None:
            raise RuntimeError("no event waits for an answer")
        if not self.closing:
            self._mode = _Mode.COMMAND
        return event

    def _reply(self, status: Status) -> None:
        self._out.append(format_reply(status))

    def _bye(self, status: Status) -> None:
        if self.closing:
            return
        if not status.positive:
            self._refused(status)
        self._reply(status)
        self._mode = _Mode.CLOSED
        self.closing = True
        self._buffer.clear()
        self._transaction.reset()

    def _refuse(self, status: Status) -> None:
        self._reply(status)
        self._errors += 1
        if status.code == 535:
            self._login_failures += 1
        if self._login_failures >= self._limits.login_failures:
            self._bye(Status(421, "4.7.0", "too many failed logins"))
        elif self._errors >= self._limits.errors:
            self._bye(Status(421, "4.7.0", "too many errors"))

    def _command(self, line: bytes) -> Event | None:
        self.commands += 1
        if self.commands - self._commands_before > self._limits.commands:
            self._bye(Status(421, "4.7.0", "too many commands"))
            return None
        if not line:
            raise self._too_long
        verb, argument = grammar.command_line(line)
        handler = self._handlers.get(verb)
        if handler is None:
            raise Refusal(500, "5.5.2", "unknown command")
        if argument and verb in ("RSET", "QUIT", "STARTTLS"):
            raise Refusal(501, "5.5.4", f"{verb} takes no argument")
        return handler(self, argument)

    @property
    def _too_long(self) -> Refusal:
        return Refusal(500, "5.5.2", f"a line has at most {self._limits.command_line} octets")

    def _ehlo(self, argument: str) -> None:
        self._hello(argument, extended=True)
        lines = [self._hostname, "PIPELINING", f"SIZE {self._limits.size}", "8BITMIME", "SMTPUTF8"]
        lines += ["ENHANCEDSTATUSCODES", "DSN", "CHUNKING"]
        if self.client.tls:
            lines.append("REQUIRETLS")
            if self._auth:
                lines.append("AUTH " + " ".join(MECHANISMS))
        elif self._starttls:
            lines.append("STARTTLS")
        self._out.append(format_lines(250, lines))

    def _helo(self, argument: str) -> None:
        self._hello(argument, extended=False)
        self._reply(Status(250, "", self._hostname))

    def _hello(self, argument: str, extended: bool) -> None:
        self.client = replace(self.client, helo=grammar.parse_hello(argument), extended=extended)
        self._transaction.reset()

    def _mail(self, argument: str) -> Event | None:
        event = self._transaction.mail(argument, bool(self.client.helo), bool(self.client.tls))
        if self.accepted >= self._limits.messages:
            self._bye(Status(421, "4.7.0", "too many messages in one connection"))
            return None
        return event

    def _rcpt(self, argument: str) -> Event:
        return self._transaction.rcpt(argument)

    def _data(self, argument: str) -> None:
        self._reader = self._transaction.data(argument)
        self._mode = _Mode.CONTENT
        self._reply(Status(354, "", "end with <CR><LF>.<CR><LF>"))

    def _bdat(self, argument: str) -> None:
        try:
            self._reader = self._transaction.bdat(argument)
        except Refusal as refusal:
            # What follows cannot be told from commands.
            self._bye(refusal.status)
        else:
            self._mode = _Mode.CONTENT

    def _content_read(self, reader: DotReader | ChunkReader) -> Event | None:
        """The final dot, or the end of a chunk, was read."""
        self._mode = _Mode.COMMAND
        if isinstance(reader, ChunkReader):
            if reader.refusal is not None:
                self._refuse(reader.refusal)
                return None
            if not reader.last and reader.sink is not None and not reader.sink.too_large:
                self._reply(Status(250, "2.0.0", "chunk taken"))
                return None
        return self._transaction.complete()

    def _start_tls(self, _argument: str) -> Event | None:
        if self.client.tls:
            raise Refusal(503, "5.5.1", "TLS is on")
        if not self._starttls:
            raise Refusal(502, "5.5.1", "STARTTLS is not offered")
        if self._buffer:
            self._bye(Status(501, "5.5.1", "nothing may follow STARTTLS before the handshake"))
            return None
        self._reply(Status(220, "2.0.0", "ready for TLS"))
        return StartTls()

    def _login(self, argument: str) -> Event | None:
        mechanism, _, initial = argument.partition(" ")
        if not mechanism:
            raise Refusal(501, "5.5.4", "the form is AUTH mechanism [initial-response]")
        if not self._auth:
            raise Refusal(502, "5.5.1", "AUTH is not offered")
        if not self.client.tls:
            raise Refusal(538, "5.7.11", "AUTH needs TLS")
        if self.client.account is not None or self._transaction.begun:
            raise Refusal(503, "5.5.1", "AUTH comes once, outside a transaction")
        self._exchange = Exchange(mechanism)
        return self._step(self._exchange.begin(initial))

    def _response(self, line: bytes) -> Event | None:
        assert self._exchange is not None
        self._mode = _Mode.COMMAND
        if not line:
            raise self._too_long
        return self._step(self._exchange.step(line.removesuffix(b"\r\n")))

    def _step(self, result: bytes | Credentials) -> Event | None:
        if isinstance(result, Credentials):
            return result
        self._out.append(result)
        self._mode = _Mode.RESPONSE
        return None

    def _rset(self, _argument: str) -> None:
        self._transaction.reset()
        self._reply(_OK)

    def _noop(self, _argument: str) -> None:
        self._reply(_OK)

    def _quit(self, _argument: str) -> None:
        self._bye(Status(221, "2.0.0", f"{self._hostname} closes the connection"))

    def _vrfy(self, argument: str) -> None:
        if not argument:
            raise Refusal(501, "5.5.4", "the form is VRFY address")
        self._reply(Status(252, "2.5.2", "send it, and RCPT tells"))

    def _help(self, _argument: str) -> None:
        self._reply(Status(214, "2.0.0", "see RFC 5321"))

    def _not_here(self, _argument: str) -> None:
        raise Refusal(502, "5.5.1", "the command is not implemented")

    _handlers: ClassVar[dict[str, Callable[[ServerSession, str], Event | None]]] = {
        "EHLO": _ehlo,
        "HELO": _helo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "BDAT": _bdat,
        "STARTTLS": _start_tls,
        "AUTH": _login,
        "RSET": _rset,
        "NOOP": _noop,
        "QUIT": _quit,
        "VRFY": _vrfy,
        "HELP": _help,
        "EXPN": _not_here,
        "TURN": _not_here,
        "ETRN": _not_here,
    }
