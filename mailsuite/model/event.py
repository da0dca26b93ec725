"""What a browser is told: that something changed, never what it says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Changed:
    """Folder ``folder`` of ``account`` has news up to ``seq``."""

    account: str
    folder: str
    seq: int


@dataclass(frozen=True, slots=True)
class Toast:
    """A short text to show at once, e.g. that a message bounced. ``conversation`` is where it belongs."""

    account: str
    text: str
    conversation: str = ""


@dataclass(frozen=True, slots=True)
class Bye:
    """A session of ``account`` ended: the pages that show it go to the login."""

    account: str
    token_hash: str


Event = Changed | Toast | Bye
