"""The Received field of a submission (RFC 5321 section 4.4, RFC 3848, RFC 6531 section 4.3)."""

from __future__ import annotations

import re

from mailsuite.interfaces.reception import Client
from mailsuite.mime.dates import format_date
from mailsuite.model.envelope import Envelope

_UNSAFE = re.compile(r"[^A-Za-z0-9.\-:\[\]]")


def received(client: Client, envelope: Envelope, hostname: str, queue_id: str, now: int) -> bytes:
    """The whole field with its CRLF; ``now`` in ms. A sole recipient is named, several are not: some may be blind."""
    literal = f"[IPv6:{client.address}]" if ":" in client.address else f"[{client.address}]"
    helo = _UNSAFE.sub("-", client.helo)[:255] or literal
    utf8 = "UTF8SMTP" if envelope.smtputf8 else "ESMTP"
    lines = [
        f"Received: from {helo} ({literal})",
        f"\tby {hostname} with {utf8}{'S' if client.tls else ''}A id {queue_id}",
    ]
    recipients = [str(recipient.address) for recipient in envelope.recipients]
    if len(recipients) == 1 and (envelope.smtputf8 or recipients[0].isascii()):
        lines.append(f"\tfor <{recipients[0]}>")
    return ("\r\n".join(lines) + f";\r\n\t{format_date(now)}\r\n").encode()
