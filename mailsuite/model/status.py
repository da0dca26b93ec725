"""An SMTP reply as a value: reply code, enhanced code, text (RFC 5321 section 4.2, RFC 3463)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Status:
    """``code`` is 200..599, ``enhanced`` such as ``5.1.1`` or empty when none was given, ``text`` without line ends."""

    code: int
    enhanced: str
    text: str

    @property
    def permanent(self) -> bool:
        """Is it a 5yz reply?"""
        return 500 <= self.code < 600

    @property
    def positive(self) -> bool:
        """Is it a 2yz reply?"""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))
