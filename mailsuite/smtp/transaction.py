"""A mail transaction on the server's side: MAIL, RCPT, then DATA or BDAT (RFC 5321 section 3.3, RFC 3030)."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.model.envelope import Envelope
from mailsuite.model.errors import Deferral, MailError, Refusal
from mailsuite.model.status import Status
from mailsuite.smtp import grammar
from mailsuite.smtp.data import ChunkReader, ContentSink, DotReader
from mailsuite.smtp.events import Event, Mail, Message, Rcpt
from mailsuite.smtp.limits import Limits

_MAIL_UNDER_TLS = grammar.MAIL_PARAMETERS | {"REQUIRETLS"}
# Statuses and not Refusals: an exception that is raised again and again keeps every frame it has come through.
_NO_TRANSACTION = (503, "5.5.1", "send MAIL first")
_NO_RECIPIENTS = (554, "5.5.1", "no valid recipients")


class Transaction:
    """What has been said since MAIL. Methods named like commands take the argument and raise MailError.

    ``normalise``: see ContentSink.
    """

    def __init__(self, limits: Limits, hostname: str, normalise: bool) -> None:
        self._limits = limits
        self._hostname = hostname
        self._normalise = normalise
        self._envelope: Envelope | None = None
        self._sink: ContentSink | None = None

    @property
    def begun(self) -> bool:
        """Was MAIL accepted?"""
        return self._envelope is not None

    @property
    def content_size(self) -> int:
        """Octets of content so far."""
        return self._sink.size if self._sink else 0

    def reset(self) -> None:
        """Forget it all."""
        self._envelope = None
        self._sink = None

    def mail(self, argument: str, greeted: bool, tls: bool) -> Mail:
        """``greeted``: EHLO or HELO has been said."""
        # The form is judged before the order: a bad line is 501 or 555 at any time.
        envelope, size = grammar.parse_mail(
            argument, self._hostname, _MAIL_UNDER_TLS if tls else grammar.MAIL_PARAMETERS
        )
        if not greeted:
            raise Refusal(503, "5.5.1", "send EHLO first")
        if self._envelope is not None:
            raise Refusal(503, "5.5.1", "a transaction is under way")
        if size > self._limits.size:
            raise Refusal(552, "5.3.4", f"a message has at most {self._limits.size} octets here")
        return Mail(envelope, size)

    def rcpt(self, argument: str) -> Rcpt:
        """RCPT."""
        envelope = self._envelope
        recipient = grammar.parse_rcpt(argument, self._hostname, envelope is not None and envelope.smtputf8)
        if envelope is None:
            raise Refusal(*_NO_TRANSACTION)
        if self._sink is not None:
            raise Refusal(503, "5.5.1", "RCPT does not follow BDAT")
        if len(envelope.recipients) >= self._limits.recipients:
            raise Deferral(452, "4.5.3", f"a message has at most {self._limits.recipients} recipients here")
        return Rcpt(envelope, recipient)

    def data(self, argument: str) -> DotReader:
        """DATA: the content comes through the reader that is given."""
        if argument:
            raise Refusal(501, "5.5.4", "DATA takes no argument")
        if self._sink is not None:
            raise Refusal(503, "5.5.1", "DATA does not follow BDAT")
        return DotReader(self._open())

    def bdat(self, argument: str) -> ChunkReader:
        """BDAT: the chunk must be read in any case; ``refusal`` of the reader is set when it has no place.

        A Refusal raised here means that the size of the chunk is not known: what follows cannot be read.
        """
        size, _, last = argument.partition(" ")
        if not (size.isascii() and size.isdigit() and len(size) <= 20 and last.upper() in ("", "LAST")):
            raise Refusal(501, "5.5.4", "the form is BDAT octets [LAST]")
        reader = ChunkReader(int(size), bool(last))
        try:
            reader.sink = self._sink or self._open()
        except MailError as error:
            reader.refusal = error.status
        return reader

    def _open(self) -> ContentSink:
        if self._envelope is None:
            raise Refusal(*_NO_TRANSACTION)
        if not self._envelope.recipients:
            raise Refusal(*_NO_RECIPIENTS)
        self._sink = ContentSink(self._limits, self._normalise)
        return self._sink

    def complete(self) -> Message:
        """The content is there. Raises the Refusal that it deserves, and the transaction is over."""
        assert self._sink is not None
        assert self._envelope is not None
        try:
            return Message(self._envelope, self._sink.close())
        except Refusal:
            self.reset()
            raise
        finally:
            self._sink = None

    def answered(self, event: Event, status: Status) -> None:
        """Go on as the answer to one's event demands."""
        if isinstance(event, Message):
            self.reset()
        elif isinstance(event, Mail) and status.positive:
            self._envelope = event.envelope
        elif isinstance(event, Rcpt) and status.positive:
            self._envelope = replace(event.envelope, recipients=(*event.envelope.recipients, event.recipient))
