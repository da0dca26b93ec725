"""A message as its writer typed it, and the error that names what is wrong in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Draft:
    """``to``, ``cc`` and ``bcc`` are address lists as typed; ``in_reply_to`` is the id of a stored message or ""."""

    to: str
    cc: str
    bcc: str
    subject: str
    text: str
    in_reply_to: str = ""


class FieldError(ValueError):
    """``field`` of the draft breaks a rule, which the text says; ``piece`` is the part of it to mark, maybe ""."""

    def __init__(self, field: str, text: str, piece: str = "") -> None:
        super().__init__(text)
        self.field = field
        self.piece = piece
