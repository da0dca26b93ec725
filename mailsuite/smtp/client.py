"""The client's side of an SMTP session without I/O: octets in; octets and requests out.

RFC 5321 sections 3, 4.1, 4.2 and 4.5.3.2; RFC 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8),
3461 (DSN), 3207 (STARTTLS), 8689 (REQUIRETLS). CHUNKING is not used: with PIPELINING it saves no round trip.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import DestinationBusy, DestinationDown, Refusal
from mailsuite.model.job import Outcome, RecipientState
from mailsuite.model.status import Status
from mailsuite.model.tls_policy import OPPORTUNISTIC, TlsLevel, TlsPolicy
from mailsuite.smtp.busy import busy
from mailsuite.smtp.data import DotWriter
from mailsuite.smtp.events import StartTls
from mailsuite.smtp.parameters import NEEDS_TLS, command, mail_line, rcpt_line, refusals
from mailsuite.smtp.replies import Reply, ReplyError, ReplyReader

_CHUNK = 65_536
_NOTHING_SAID = Status(451, "4.3.0", "nothing was said of the recipient")
_BARE = re.compile(rb"\r\n|\r|\n")


class Phase(StrEnum):
    """What the session waits for; the value is the name of its time-out in Timeouts."""

    GREETING = "greeting"
    HELLO = "hello"
    STARTTLS = "starttls"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BLOCK = "block"
    DOT = "dot"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase (RFC 5321 section 4.5.3.2); ``block`` is for 64 kB of content.

    ``connect`` is for one address, and so is ``next_greeting``: for a greeting while another address is left to try.
    ``reused`` is for the first reply on a link that was idle.
    """

    connect: float = 10
    greeting: float = 300
    next_greeting: float = 30
    reused: float = 15
    hello: float = 300
    starttls: float = 300
    handshake: float = 60
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    block: float = 180
    dot: float = 600

    def of(self, phase: Phase) -> float:
        """The time for a phase."""
        seconds: float = getattr(self, phase.value)
        return seconds


@dataclass(frozen=True, slots=True)
class Ready:
    """The greeting and EHLO are over: call ``transfer`` or ``quit``."""


@dataclass(frozen=True, slots=True)
class SendContent:
    """Write these octets with regard to back-pressure, then call ``sent``.

    Input that comes meanwhile ends the writing: hand it to ``receive`` and go on with ``next_event``.
    """

    octets: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class BeforeDot:
    """The final dot is due: hand what has come to ``receive``, then call ``confirm``."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One outcome for each recipient, in their order. ``reusable``: the session can take another ``transfer``."""

    outcomes: tuple[Outcome, ...]
    reusable: bool


Event = StartTls | Ready | SendContent | BeforeDot | Finished

# A dialogue yields the phase whose reply it waits for, or an event, and is sent what came of it.
_Dialogue = Generator[Phase | Event, Reply | bool | None, None]


class ClientSession:
    """One connection to a host that takes mail.

    Feed it with ``receive``, ask ``next_event``, send what ``output`` gives. ``next_event`` raises DestinationDown when
    the host cannot serve now or does not offer the TLS that ``policy`` demands, DestinationBusy when it asks for fewer
    links or messages, and Refusal when it refuses all mail; the connection is then to be closed. Where an argument
    holds CR, LF or NUL, ``transfer`` raises ValueError.
    """

    def __init__(self, hostname: str, peer: str, starttls: bool = True, policy: TlsPolicy = OPPORTUNISTIC) -> None:
        """``hostname``: our name; ``peer``: how outcomes name the host; ``starttls``: use it when it is offered."""
        self.phase = Phase.GREETING
        self.tls = ""
        self.answered = False
        """Was MAIL of this transaction replied to?"""
        self._hostname = hostname
        self._peer = peer
        self._starttls = starttls
        self._policy = policy
        self._replies = ReplyReader()
        self._out: list[bytes] = []
        self._extensions: dict[str, str] = {}
        self._clean = True
        self._waits: Phase | Event | None = None
        self._results: list[Status | None] = []
        self._recipients: Sequence[Recipient] = ()
        self._refused: Status | None = None
        self._dotted = False
        self._dialogue: _Dialogue = self._open()
        self._go_on(None)

    def receive(self, data: bytes) -> None:
        """Take octets from the host."""
        self._replies.feed(data)

    def output(self) -> bytes:
        """What is to be sent now; it is forgotten here."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def next_event(self) -> Event | None:
        """The next thing to do; None when a reply is needed within the time of ``phase``."""
        while isinstance(self._waits, Phase | SendContent):
            try:
                reply = self._replies.next_reply()
                if reply is None:
                    return None if isinstance(self._waits, Phase) else self._waits
                self._go_on(reply)
            except ReplyError as error:
                down = DestinationDown(451, "4.5.0", f"{self._peer} said what is no reply: {error}")
                self._waits = self._broken(down)
            except DestinationDown as down:
                self._waits = self._broken(down)
        return self._waits

    def secured(self, tls: str) -> None:
        """The handshake is done; ``tls`` says protocol and cipher."""
        self.tls = tls
        self._go_on(None)

    def sent(self) -> None:
        """The content was written."""
        self._go_on(None)

    def confirm(self, go: bool) -> None:
        """Send the final dot, or break the transaction off."""
        self._go_on(go)

    def transfer(self, envelope: Envelope, recipients: Sequence[Recipient], content: bytes) -> None:
        """Begin a transaction; after Ready, or after a Finished that is reusable.

        Raises Refusal when the message requires more of the link than this host gives (RFC 8689 section 4.2.1);
        another host may give it, and the session stays as it was.
        """
        if envelope.require_tls and not (self._verified and "REQUIRETLS" in self._extensions):
            raise Refusal(NEEDS_TLS.code, NEEDS_TLS.enhanced, NEEDS_TLS.text)
        self.answered = False
        self._recipients = recipients
        self._results = [None] * len(recipients)
        self._refused = None
        self._dotted = False
        self._dialogue = self._transaction(envelope, content)
        self._go_on(None)

    def quit(self) -> None:
        """Say QUIT; the reply need not be waited for."""
        self._out.append(b"QUIT\r\n")

    def lost(self, why: str) -> tuple[Outcome, ...]:
        """The connection broke or timed out, ``why`` in words: the outcomes, when every recipient has one.

        Raises DestinationDown when it broke before the final dot and something was still to be sent.
        """
        return self._broken(DestinationDown(451, "4.4.2", f"{self._peer}: {why}")).outcomes

    @property
    def _verified(self) -> bool:
        return bool(self.tls) and self._policy.level in (TlsLevel.VERIFY, TlsLevel.DANE)

    def _broken(self, down: DestinationDown) -> Finished:
        known = [status for status in (self._refused, *self._results) if status is not None]
        if isinstance(down, DestinationBusy) and all(map(busy, known)):
            raise down
        if self._dotted or self._refused or (self._results and None not in self._results):
            return Finished(self._outcomes(self._refused or down.status), False)
        raise down

    def _go_on(self, result: Reply | bool | None) -> None:
        try:
            self._waits = next(self._dialogue) if result is None else self._dialogue.send(result)
        except StopIteration:
            self._waits = None
        if isinstance(self._waits, Phase):
            self.phase = self._waits

    def _send(self, line: str) -> None:
        self._out.append(line.encode() + b"\r\n")

    # Dialogues

    def _open(self) -> _Dialogue:
        greeting = yield Phase.GREETING
        self._demand(greeting)
        yield from self._hello()
        if self._starttls and not self.tls and "STARTTLS" in self._extensions:
            self._send("STARTTLS")
            reply = yield Phase.STARTTLS
            assert isinstance(reply, Reply)
            if reply.code == 421:
                raise self._down(reply)
            if reply.code == 220:
                if self._replies.buffer:
                    raise DestinationDown(451, "4.7.0", f"{self._peer} sent octets behind its reply to STARTTLS")
                yield StartTls()
                yield from self._hello()
        if self._policy.level is not TlsLevel.OPPORTUNISTIC and not self.tls:
            raise DestinationDown(451, "4.7.4", f"{self._peer} does not offer TLS, which {self._policy.source} demands")
        yield Ready()

    def _hello(self) -> _Dialogue:
        self._send(command("EHLO", self._hostname))
        reply = yield Phase.HELLO
        assert isinstance(reply, Reply)
        if reply.status.permanent:
            self._send(command("HELO", self._hostname))
            reply = yield Phase.HELLO
            assert isinstance(reply, Reply)
            self._extensions = {}
        else:
            words = (line.partition(" ") for line in reply.lines[1:])
            self._extensions = {keyword.upper(): value for keyword, _, value in words}
        self._demand(reply)

    def _demand(self, reply: Reply | bool | None) -> None:
        assert isinstance(reply, Reply)
        if reply.status.permanent:
            raise Refusal(reply.status.code, reply.status.enhanced, reply.status.text)
        if not reply.status.positive:
            raise self._down(reply)

    def _down(self, reply: Reply) -> DestinationDown:
        kind = DestinationBusy if busy(reply.status) else DestinationDown
        return kind(reply.status.code, reply.status.enhanced, reply.status.text)

    def _end(self, status: Status | None, reusable: bool) -> Finished:
        """Raises DestinationBusy when that is all the host has to say."""
        outcomes = self._outcomes(status)
        if all(busy(outcome.status) for outcome in outcomes):
            first = outcomes[0].status
            raise DestinationBusy(first.code, first.enhanced, first.text)
        return Finished(outcomes, reusable)

    def _transaction(self, envelope: Envelope, content: bytes) -> _Dialogue:
        if content.count(b"\r\n") != content.count(b"\n") or content.count(b"\r\n") != content.count(b"\r"):
            content = _BARE.sub(b"\r\n", content)
        offered = self._extensions
        self._results = refusals(envelope, self._recipients, content, offered)
        going = [n for n, status in enumerate(self._results) if status is None]
        if not going:
            yield self._end(None, True)
            return
        if not self._clean:
            self._send("RSET")
            yield from self._ask(Phase.MAIL)
        self._clean = False
        utf8 = (
            envelope.smtputf8 or not "".join([envelope.sender, *(str(r.address) for r in self._recipients)]).isascii()
        )
        lines = [(mail_line(envelope, content, utf8, offered), Phase.MAIL)]
        lines += [(rcpt_line(self._recipients[n], utf8, offered), Phase.RCPT) for n in going]
        pipelining = "PIPELINING" in offered
        if pipelining:
            for line, _ in lines:
                self._send(line)
            self._send("DATA")
        for n, (line, phase) in zip([-1, *going], lines, strict=True):
            if not pipelining:
                self._send(line)
            reply = yield from self._ask(phase)
            self.answered = True
            if phase is Phase.RCPT:
                self._results[n] = None if reply.status.positive else self._refused or _judged(reply.status)
            elif not reply.status.positive:
                self._refused = _judged(reply.status)
                if not pipelining:
                    break
        accepted = self._refused is None and None in self._results
        if not pipelining:
            if not accepted:
                yield self._end(self._refused, True)
                return
            self._send("DATA")
        reply = yield from self._ask(Phase.DATA)
        if reply.code != 354:
            yield self._end(self._refused or _judged(reply.status), True)
        elif not accepted:
            # RFC 2920 section 3.1: a server that wants data for nobody gets a dot.
            self._out.append(b".\r\n")
            yield from self._ask(Phase.DOT)
            yield self._end(self._refused, True)
        else:
            yield from self._content(content)

    def _content(self, content: bytes) -> _Dialogue:
        writer = DotWriter()
        self.phase = Phase.BLOCK
        early = yield SendContent(
            writer.write(content[start : start + _CHUNK]) for start in range(0, len(content), _CHUNK)
        )
        if early is None and not (yield BeforeDot()):
            yield self._end(Status(451, "4.3.0", "broken off before the final dot"), False)
            return
        if early is None and self._replies.buffer:
            early = yield Phase.BLOCK
        if isinstance(early, Reply):
            if early.code == 421:
                raise self._down(early)
            yield self._end(_judged(early.status), False)
            return
        self._out.append(writer.finish())
        self._dotted = True
        reply = yield Phase.DOT
        assert isinstance(reply, Reply)
        status = reply.status
        self._clean = True
        yield self._end(status if status.positive else _judged(status), reply.code != 421)

    def _ask(self, phase: Phase) -> Generator[Phase | Event, Reply | bool | None, Reply]:
        reply = yield phase
        assert isinstance(reply, Reply)
        if reply.code == 421:
            raise self._down(reply)
        return reply

    def _outcomes(self, status: Status | None = None) -> tuple[Outcome, ...]:
        """``status`` is for those of whom nothing is known yet."""
        known = (result or status or _NOTHING_SAID for result in self._results)
        dsn = "DSN" in self._extensions
        return tuple(
            Outcome(r, _state(s), s, self._peer, dsn_passed=dsn and s.positive)
            for r, s in zip(self._recipients, known, strict=True)
        )


def _state(status: Status) -> RecipientState:
    if status.positive:
        return RecipientState.DELIVERED
    return RecipientState.FAILED if status.permanent else RecipientState.DEFERRED


def _judged(status: Status) -> Status:
    """A reply that is neither 4yz nor 5yz where only these make sense is a deferral."""
    if 400 <= status.code < 600:
        return status
    return Status(451, "4.5.0", f"a reply out of place: {status}")
