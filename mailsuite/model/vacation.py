"""The answer that an account gives while its person is away (RFC 3834, RFC 5230)."""

from __future__ import annotations

from dataclasses import dataclass

DAYS = 7
"""Days between two answers to one sender, unless said otherwise."""
FEWEST_DAYS = 1
MOST_DAYS = 365
SUBJECT = 200
"""Characters."""
TEXT = 20_000
"""Characters."""
ANSWERED = 5_000
"""So many senders an account remembers within a period; nobody else is answered until one of them is forgotten."""


@dataclass(frozen=True, slots=True)
class Vacation:
    """``subject`` "": that of what is answered. From ``start`` to before ``end`` (ms); 0: no bound."""

    text: str
    subject: str = ""
    start: int = 0
    end: int = 0
    days: int = DAYS

    def lasts(self, now: int) -> bool:
        """Is the person away at this time?"""
        return self.start <= now and (not self.end or now < self.end)


def check_vacation(vacation: Vacation) -> None:
    """Raises ValueError, which begins with the name of the field."""
    if not vacation.text.strip():
        raise ValueError("text: there must be one")
    if len(vacation.text) > TEXT:
        raise ValueError(f"text: at most {TEXT} characters")
    if any(ord(c) < 32 and c not in "\t\r\n" for c in vacation.text):
        raise ValueError("text: it must not hold control characters")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in vacation.subject):
        raise ValueError("subject: it must not hold control characters")
    if len(vacation.subject) > SUBJECT:
        raise ValueError(f"subject: at most {SUBJECT} characters")
    if not FEWEST_DAYS <= vacation.days <= MOST_DAYS:
        raise ValueError(f"days: from {FEWEST_DAYS} to {MOST_DAYS}")
    if vacation.end and vacation.end <= vacation.start:
        raise ValueError("end: it must be after the start")
