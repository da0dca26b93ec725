"""The Received field that a host puts before a message (RFC 5321 section 4.4, RFC 3848, RFC 6531 section 4.3)."""

from __future__ import annotations

import re

from mailsuite.interfaces.reception import Client
from mailsuite.mime.dates import format_date
from mailsuite.model.envelope import Envelope

_UNSAFE = re.compile(r"[^A-Za-z0-9.\-_:\[\]]")


def protocol(client: Client, utf8: bool) -> str:
    """The "with" keyword: SMTP, ESMTP, ESMTPS, ESMTPSA, UTF8SMTP… (RFC 3848, RFC 6531 section 3.7.3)."""
    if not client.extended:
        return "SMTP"
    name = "UTF8SMTP" if utf8 else "ESMTP"
    return name + ("S" if client.tls else "") + ("A" if client.account else "")


def received(client: Client, envelope: Envelope, hostname: str, queue_id: str, now: int) -> bytes:
    """The whole field with its CRLF; ``now`` in ms. A sole recipient is named, several are not: some may be blind."""
    address = f"[IPv6:{client.address}]" if ":" in client.address else f"[{client.address}]"
    helo = _UNSAFE.sub("_", client.helo)[:255] or address
    name = f"{_UNSAFE.sub('_', client.visit.reverse_name)[:255]} " if client.visit.reverse_name else ""
    lines = [
        f"Received: from {helo} ({name}{address})",
        f"\tby {hostname} with {protocol(client, envelope.smtputf8)} id {queue_id}",
    ]
    if client.tls and client.account is None:  # how a person connects is nobody else's business
        lines.append(f"\t({client.tls})")
    recipients = [str(recipient.address) for recipient in envelope.recipients]
    if len(recipients) == 1 and (envelope.smtputf8 or recipients[0].isascii()):
        lines.append(f"\tfor <{recipients[0]}>")
    return ("\r\n".join(lines) + f";\r\n\t{format_date(now)}\r\n").encode()
