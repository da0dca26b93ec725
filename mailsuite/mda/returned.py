"""The message that tells the owner of a forward that it failed."""

from __future__ import annotations

from collections.abc import Sequence

from mailsuite.mime.clean import clean_line, show_overrides
from mailsuite.mime.dates import format_date
from mailsuite.mime.dsn import NoticeRecipient
from mailsuite.mime.emit import encode_body, header, text_header
from mailsuite.model.address import Address

_RECIPIENTS = 10


def returned_notice(
    *,
    hostname: str,
    to: Address,
    failures: Sequence[NoticeRecipient],
    kept: bool | None,
    date: int,
    message_id: str,
) -> bytes:
    """``failures`` may be empty when the other side's notice could not be read; ``kept`` None: there is no mailbox."""
    lines = [f"Mail for {to} could not be sent on."]
    for failure in failures[:_RECIPIENTS]:
        said = f"The mail server {failure.mx} said:" if failure.mx else "The reason:"
        lines += ["", show_overrides(clean_line(failure.address)), f"    {clean_line(said)}", f"    {failure.text}"]
    lines.append("")
    if kept:
        lines.append("The message itself is in your mailbox.")
    elif kept is not None:
        lines.append("No copy of it is kept here. To keep copies, change the forward in your settings.")
    lines.append("However many messages fail, you are told once a day.")
    encoding, body = encode_body(("\n".join(lines) + "\n").encode("utf-8", "replace"))
    fields = (
        header("From", f"Mail Delivery System <mailer-daemon@{hostname}>"),
        header("To", str(to)),
        text_header("Subject", "Forwarded mail was refused"),
        header("Date", format_date(date)),
        header("Message-ID", message_id),
        header("Auto-Submitted", "auto-generated"),
        header("MIME-Version", "1.0"),
        header("Content-Type", "text/plain; charset=utf-8"),
        header("Content-Transfer-Encoding", encoding),
    )
    return b"".join((*fields, b"\r\n", body))
