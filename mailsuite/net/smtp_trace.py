"""Notes what happens in an SMTP session, and hands a trace in for each transaction."""

from __future__ import annotations

from collections.abc import Callable

from mailsuite.interfaces.reception import Client, Visit
from mailsuite.interfaces.trace import ITrace
from mailsuite.model.account import Account
from mailsuite.model.envelope import Envelope
from mailsuite.model.status import Status
from mailsuite.model.trace import Trace
from mailsuite.smtp.events import Mail, Message, Rcpt

_NAMED = 10
"""So many accepted recipients of a transaction get a step; all that are refused do."""


class SessionTrace:
    """The steps of one session. ``clock`` tells ms since 1970, ``client`` who it is now."""

    def __init__(
        self, sink: ITrace | None, service: str, clock: Callable[[], int], visit: Visit, client: Callable[[], Client]
    ) -> None:
        self._sink = sink
        self._service = service
        self._began = clock()
        self._client = client
        self._visit = visit
        self._telling = False
        self._envelope: Envelope | None = None

    def note(self, step: str, text: str, took: int = 0, telling: bool = True) -> None:
        """A step; sessions that have none which is ``telling`` leave no trace."""
        self._visit.note(step, text, took)
        self._telling |= telling

    def greeted(self, refusal: Status | None, took: int) -> None:
        """The client was greeted, or refused."""
        self.note("connect", str(refusal or "accepted"), took, telling=refusal is not None)

    def logged_in(self, account: Account | None, took: int) -> None:
        """Whether AUTH went well; what was tried is not told, it might be a password."""
        self.note("login", account.address if account else "refused", took)

    def refused(self, status: Status) -> None:
        """The engine itself said no: syntax, size, limits, time."""
        self.note("session", str(status), telling=self._envelope is not None)

    def answered(self, event: Mail | Rcpt | Message, status: Status, took: int) -> None:
        """The role's answer."""
        if isinstance(event, Mail):
            if self._envelope is not None:
                self.close()
            self._envelope = event.envelope
            self.note("mail", f"<{event.envelope.sender}> {status}", took)
            return
        self._envelope = event.envelope
        if isinstance(event, Message):
            self.note("message", f"{len(event.content)} octets: {status}", took)
            self.close()
        elif not status.positive or len(event.envelope.recipients) < _NAMED:
            self.note("rcpt", f"<{event.recipient.address}> {status}", took)

    def close(self) -> None:
        """The transaction, or the session, is over."""
        client, visit, envelope = self._client(), self._visit, self._envelope
        steps, queue_id = visit.take_steps(), visit.queue_id
        telling, self._telling, self._envelope, visit.queue_id = self._telling, False, None, ""
        if self._sink is not None and telling:
            trace = Trace(
                began=self._began,
                service=self._service,
                client=client.address,
                helo=client.helo,
                account=client.account.address if client.account else "",
                sender=None if envelope is None else envelope.sender,
                recipients=0 if envelope is None else len(envelope.recipients),
                queue_id=queue_id,
                steps=steps,
            )
            self._sink.record(trace)
