"""What submission does to the content of a message (RFC 6409 section 8; Bcc: RFC 5322 section 3.6.3)."""

from __future__ import annotations

from mailsuite.mime.dates import format_date
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.errors import Refusal
from mailsuite.msa.author import author_of
from mailsuite.msa.fields import Field, split_fields

_BLIND = ("bcc", "resent-bcc")


def submitted(content: bytes, account: Account, trace: bytes, now: int, message_id: str) -> tuple[bytes, Address]:
    """The content with ``trace`` on top, a Date (of ``now``, ms) and Message-ID if missing, without Bcc; its author.

    All other octets stay as they are. Raises Refusal when there is not one author; who it is is not judged here.
    """
    try:
        fields, rest = split_fields(content)
    except ValueError as error:
        raise Refusal(550, "5.6.0", str(error)) from None
    author = _author(account, [field for field in fields if field.name == "from"])
    names = {field.name for field in fields}
    added = [trace]
    if "date" not in names:
        added.append(f"Date: {format_date(now)}\r\n".encode())
    if "message-id" not in names:
        added.append(f"Message-ID: {message_id}\r\n".encode())
    if names.isdisjoint(_BLIND):
        return b"".join((*added, content)), author
    kept = (field.raw for field in fields if field.name not in _BLIND)
    return b"".join((*added, *kept, content[rest:])), author


def _author(account: Account, authors: list[Field]) -> Address:
    if len(authors) != 1:
        raise Refusal(550, "5.7.1", f"the message needs one From field, it has {len(authors)}")
    try:
        return author_of(authors[0].value)
    except ValueError:
        raise Refusal(550, "5.7.1", f"the From field must hold one address, that of {account.address}") from None
