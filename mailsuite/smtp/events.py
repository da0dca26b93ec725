"""What a server session asks of its role, one value per question."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailsuite.model.envelope import Envelope, Recipient


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL; ``size`` is the SIZE parameter or 0."""

    envelope: Envelope
    size: int


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT; ``envelope`` holds the recipients accepted before."""

    envelope: Envelope
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Message:
    """A complete message, unstuffed, lines end in CRLF."""

    envelope: Envelope
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client says it is, and the proof."""

    identity: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartTls:
    """The 220 is in the output: write it, shake hands, then call ``secured``."""


Event = Mail | Rcpt | Message | Credentials | StartTls
