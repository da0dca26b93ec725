"""Messages written by a person: composed, answered, quoted (RFC 5322 sections 3.6 and 3.6.4, RFC 2045)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from mailsuite.mime.addresses import format_mailbox
from mailsuite.mime.dates import format_date
from mailsuite.mime.emit import MESSAGE_ID, check_line, header, text_header
from mailsuite.mime.entity import Attached, whole
from mailsuite.model.address import Mailbox
from mailsuite.model.message import Description

_REPLY = re.compile(
    r"(?:\s*(?:re|aw|sv|vs|antw|odp|ynt|ref|rif|res|回复|答复|回覆)(?:\[[0-9]{1,3}\]|\([0-9]{1,3}\))?\s*[:：])+\s*",
    re.IGNORECASE,
)
_FIRST_REFERENCES = 1
_LAST_REFERENCES = 10


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be composed. ``date`` in ms since 1970; ids in angle brackets; ``text`` with any line ends."""

    author: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    subject: str
    text: str
    date: int
    message_id: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    html: str = ""
    """The same as ``text``, to be shown as it is: whoever sets it has made it harmless. It names ``pictures``."""
    pictures: tuple[Attached, ...] = ()
    files: tuple[Attached, ...] = ()


def compose(message: Outgoing) -> bytes:
    """The content of a message: CRLF, no line over 998 octets, ASCII but for addresses that are not (RFC 6532).

    Raises ValueError, which begins with the name of the field, when a value holds a line end or another control
    character, or an address is none. Ids of other people's messages that are no ASCII ids are left out.
    """
    check_line("subject", message.subject)
    if not MESSAGE_ID.match(message.message_id):
        raise ValueError(f"message_id: {message.message_id!r} is no message id")
    for name in ("in_reply_to", "references"):
        value = getattr(message, name)
        check_line(name, value if isinstance(value, str) else "".join(value))
    fields = [header("From", _mailbox("author", message.author))]
    if message.to or not message.cc:
        to = ", ".join(_mailbox("to", box) for box in message.to)
        fields.append(header("To", to or "undisclosed-recipients:;"))
    if message.cc:
        fields.append(header("Cc", ", ".join(_mailbox("cc", box) for box in message.cc)))
    fields += [
        text_header("Subject", message.subject),
        header("Date", format_date(message.date)),
        header("Message-ID", message.message_id),
    ]
    if MESSAGE_ID.match(message.in_reply_to):
        fields.append(header("In-Reply-To", message.in_reply_to))
    if references := [one for one in message.references if MESSAGE_ID.match(one)]:
        fields.append(header("References", " ".join(references)))
    body = whole(message.text, message.html, message.pictures, message.files, message.message_id)
    fields.append(header("MIME-Version", "1.0"))
    return b"".join((*fields, body.fields, b"\r\n", body.body))


def _mailbox(field: str, box: Mailbox) -> str:
    check_line(field, box.name)
    check_line(field, box.address)
    try:
        return format_mailbox(box)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def reply_subject(subject: str) -> str:
    """``subject`` with one "Re: " before it, whatever marks of a reply it had."""
    match = _REPLY.match(subject)
    return "Re: " + (subject[match.end() :] if match else subject.lstrip())


def quote(text: str, author: str, date: int) -> str:
    """The text to be answered, each line behind ">", below a line that says who wrote it when (ms since 1970)."""
    when = datetime.fromtimestamp(date // 1000, UTC)
    lines = text.strip("\n").split("\n")
    quoted = (f">{line}" if line.startswith(">") or not line else f"> {line}" for line in lines)
    return f"On {when.day} {when:%b %Y at %H:%M} UTC, {author} wrote:\n" + "\n".join(quoted) + "\n"


def references_of(description: Description) -> tuple[str, ...]:
    """What the References field of a reply holds: the first and the last ten ids of the thread, the parent last."""
    ids = [one for one in description.references if one != description.message_id]
    if description.message_id:
        ids.append(description.message_id)
    if len(ids) > _FIRST_REFERENCES + _LAST_REFERENCES:
        ids = ids[:_FIRST_REFERENCES] + ids[-_LAST_REFERENCES:]
    return tuple(ids)
