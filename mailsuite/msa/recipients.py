"""Address lists as people type them: every piece is understood or refused by name, none vanishes (field case F093)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailsuite.login.typed import CONTROLS, typed_address
from mailsuite.model.address import Mailbox
from mailsuite.msa.draft import FieldError

_PIECE = re.compile(r'(?:[^",;\r\n]|"(?:[^"\\]|\\.|\\\Z)*(?:"|\Z))+', re.DOTALL)
"""What stands between commas, semicolons and line ends; a quote that is never closed swallows the rest."""

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\Z', re.DOTALL)
_SPECIAL = re.compile(r'[",;<>@\\]')


def read_recipients(field: str, text: str) -> tuple[Mailbox, ...]:
    """The mailboxes of a list such as ``Ann <ann@alpha.example>, bob@beta.example``; domains become A-labels.

    Raises FieldError with the first piece that is none.
    """
    return tuple(_mailbox(field, piece) for piece in _pieces(text))


def usable_recipients(text: str) -> tuple[Mailbox, ...]:
    """As ``read_recipients``, of a list that is still being typed: pieces that are no mailboxes are left out."""
    found = []
    for piece in _pieces(text):
        try:
            found.append(_mailbox("", piece))
        except FieldError:
            continue
    return tuple(found)


def _pieces(text: str) -> Iterator[str]:
    for match in _PIECE.finditer(text):
        piece = match.group().strip()
        if piece:
            yield piece


def _mailbox(field: str, piece: str) -> Mailbox:
    try:
        if not piece.endswith(">"):
            return Mailbox("", str(typed_address(piece)))
        name, bracket, address = piece[:-1].rpartition("<")
        if not bracket:
            raise ValueError(f"{piece!r} has no < before its >")
        return Mailbox(_name(name.strip()), str(typed_address(address)))
    except ValueError as error:
        text = str(error)
        raise FieldError(field, text if len(text) <= 250 else text[:250] + "…", piece) from None


def _name(text: str) -> str:
    if quoted := _QUOTED.match(text):
        text = re.sub(r"\\(.)", r"\1", quoted.group(1))
    elif _SPECIAL.search(text):
        # An address in a name is most likely a recipient whose comma was forgotten.
        raise ValueError(f"the name {text!r} needs quotes, or a comma is missing")
    if CONTROLS.search(text):
        raise ValueError("a name cannot hold line breaks or other control characters")
    return text
