"""A message as its writer typed it, and the error that names what is wrong in it."""

from __future__ import annotations

from mailsuite.model.draft import Draft

__all__ = ["Draft", "FieldError"]


class FieldError(ValueError):
    """``field`` of the draft breaks a rule, which the text says; ``piece`` is the part of it to mark, maybe ""."""

    def __init__(self, field: str, text: str, piece: str = "") -> None:
        super().__init__(text)
        self.field = field
        self.piece = piece
