"""A draft as the message that it becomes."""

from __future__ import annotations

from collections.abc import Sequence

from mailsuite.mime.compose import Outgoing, references_of
from mailsuite.model.account import Account
from mailsuite.model.address import Mailbox
from mailsuite.model.draft import Draft
from mailsuite.model.message import Message
from mailsuite.msa.draft import FieldError

SUBJECT_CHARACTERS = 1000
TEXT_CHARACTERS = 500_000
"""So much is composed in some 50 ms, on the reactor thread."""


def check_lengths(draft: Draft) -> None:
    """Raises FieldError when the subject or the text is too long."""
    for field, value, most in (
        ("subject", draft.subject, SUBJECT_CHARACTERS),
        ("text", draft.text, TEXT_CHARACTERS),
    ):
        if len(value) > most:
            raise FieldError(field, f"the {field} is longer than {most} characters")


def outgoing(
    account: Account,
    draft: Draft,
    to: Sequence[Mailbox],
    cc: Sequence[Mailbox],
    answered: Message | None,
    now: int,
    message_id: str,
) -> Outgoing:
    """What is to be composed: from the account, to whom its lists were read as, in the thread of ``answered``."""
    return Outgoing(
        author=Mailbox(account.name, account.address),
        to=tuple(to),
        cc=tuple(cc),
        subject=draft.subject,
        text=draft.text,
        date=now,
        message_id=message_id,
        in_reply_to=answered.description.message_id if answered else "",
        references=references_of(answered.description) if answered else (),
    )
