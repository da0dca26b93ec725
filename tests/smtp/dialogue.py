"""Drives a ServerSession without a transport: answers its events and keeps what it said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from mailsuite.interfaces.reception import Client
from mailsuite.model.account import Account
from mailsuite.model.status import Status
from mailsuite.smtp.events import Credentials, Event, Mail, Message, Rcpt, StartTls
from mailsuite.smtp.limits import Limits
from mailsuite.smtp.server import ServerSession

ACCOUNT = Account("a1", "ann@alpha.example", "Ann", "", 0)
ANSWERS = {
    Mail: Status(250, "2.1.0", "sender ok"),
    Rcpt: Status(250, "2.1.5", "recipient ok"),
    Message: Status(250, "2.0.0", "queued"),
}


class Dialogue:
    """One session with a role that accepts everything, unless ``decide`` gives another Status for an event."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        starttls: bool = False,
        auth: bool = False,
        tls: bool = False,
        normalise: bool = False,
        decide: Callable[[Event], Status | None] = lambda _: None,
    ) -> None:
        self.session = ServerSession(
            Client("192.0.2.1", 50000),
            "mx.alpha.example",
            limits or Limits(),
            starttls=starttls,
            auth=auth,
            normalise=normalise,
        )
        self.decide = decide
        self.events: list[Event] = []
        self.most_buffered = 0
        if tls:
            self.session.secured("TLSv1.3 TEST")
        self.session.greet(None)
        self.greeting = self.session.output()

    def say(self, *chunks: bytes) -> bytes:
        """Send octets; everything that the session says to them."""
        out = []
        for chunk in chunks:
            self.session.receive(chunk)
            while (event := self.session.next_event()) is not None:
                self.events.append(event)
                self.answer(event)
            self.most_buffered = max(self.most_buffered, self.session.buffered)
            out.append(self.session.output())
        return b"".join(out)

    def answer(self, event: Event) -> None:
        """Answer one event."""
        if isinstance(event, StartTls):
            self.session.secured("TLSv1.3 TEST")
        elif (status := self.decide(event)) is not None:
            self.session.answer(status)
        elif isinstance(event, Credentials):
            self.session.answer_login(ACCOUNT if event.password == "right" else None)
        else:
            self.session.answer(ANSWERS[type(event)])

    def codes(self, *chunks: bytes) -> list[str]:
        """The reply codes, with their enhanced codes, of what the session says."""
        return codes(self.say(*chunks))

    @property
    def messages(self) -> list[Message]:
        """The messages that the role was given."""
        return [e for e in self.events if isinstance(e, Message)]


def codes(output: bytes) -> list[str]:
    """Reply code and enhanced code of each reply; continuation lines are left out."""
    found = []
    for line in output.decode().split("\r\n")[:-1]:
        if line[3:4] != "-":
            code, _, text = line.partition(" ")
            first = text.partition(" ")[0]
            found.append(f"{code} {first}" if first.count(".") == 2 and first[0] in "245" else code)
    return found


def cut(octets: bytes, at: Iterable[int]) -> list[bytes]:
    """``octets`` in pieces, cut at the given places."""
    borders = sorted({min(place, len(octets)) for place in at} | {0, len(octets)})
    return [octets[a:b] for a, b in pairwise(borders)]
