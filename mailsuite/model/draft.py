"""A message as its writer typed it, and what is kept of one that is not sent yet."""

from __future__ import annotations

from dataclasses import dataclass

from mailsuite.model.errors import Conflict


@dataclass(frozen=True, slots=True)
class Draft:
    """``to``, ``cc`` and ``bcc`` are address lists as typed; ``in_reply_to`` is the id of a stored message or ""."""

    to: str
    cc: str
    bcc: str
    subject: str
    text: str
    in_reply_to: str = ""


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """``key`` names the draft from its first line until it is sent; who begins it chooses the key.

    ``message`` is the id of the message in Drafts that holds it, "" when it was sent without being saved first.
    ``revision`` counts the times it was saved, the last of them at ``saved_at`` (ms).
    """

    key: str
    message: str
    revision: int
    saved_at: int
    sent: bool
    draft: Draft


class DraftConflict(Conflict):
    """What is to be saved or sent is not the latest word. ``revision`` is the one that is kept, which may be saved
    over; None when there is nothing left to save over: the draft was sent or thrown away.
    """

    def __init__(self, text: str, revision: int | None) -> None:
        super().__init__(text)
        self.revision = revision
