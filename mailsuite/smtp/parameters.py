"""MAIL and RCPT lines as a host's extensions allow them, and what cannot be sent to it at all.

RFC 1870 section 6 (SIZE), 6152 (BODY), 6531 section 3 (SMTPUTF8), 3461 section 5 (DSN), 8689 section 4 (REQUIRETLS).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status

_VALUE = re.compile(r"[!-<>-~\u0080-\U0010ffff]+\Z")

_NEEDS_UTF8 = Status(550, "5.6.7", "the address has non-ASCII characters and the host does not take SMTPUTF8")
_NEEDS_UTF8_HEADER = Status(550, "5.6.9", "the header has non-ASCII characters and the host does not take SMTPUTF8")
NEEDS_TLS = Status(550, "5.7.30", "the message requires verified TLS and REQUIRETLS, which the host does not give")


def refusals(
    envelope: Envelope, recipients: Sequence[Recipient], content: bytes, offered: Mapping[str, str]
) -> list[Status | None]:
    """For each recipient: why nothing may be sent to it through this host, None when it may.

    8-bit content goes to a host without 8BITMIME as it is: hosts have long taken it, and a conversion would break
    signatures, ours and others'.
    """
    refusal: Status | None = None
    limit = offered.get("SIZE", "").strip()
    if limit.isascii() and limit.isdigit() and 0 < int(limit[:20]) < len(content):
        text = f"the message has {len(content)} octets and the host takes at most {limit}"
        refusal = Status(552, "5.3.4", text)
    elif "SMTPUTF8" not in offered:
        if not envelope.sender.isascii():
            refusal = _NEEDS_UTF8
        elif envelope.smtputf8 and not content[: _header_end(content)].isascii():
            refusal = _NEEDS_UTF8_HEADER
    if refusal is not None or "SMTPUTF8" in offered:
        return [refusal] * len(recipients)
    return [None if str(recipient.address).isascii() else _NEEDS_UTF8 for recipient in recipients]


def mail_line(envelope: Envelope, content: bytes, smtputf8: bool, offered: Mapping[str, str]) -> str:
    """MAIL with the parameters that the host knows. Raises ValueError for a value that cannot be one.

    ``smtputf8``: the transaction needs it, because of an address or because the submitter said so.
    """
    line = [f"MAIL FROM:<{envelope.sender}>"]
    if "SIZE" in offered:
        line.append(f"SIZE={len(content)}")
    if "8BITMIME" in offered and not content.isascii():
        line.append("BODY=8BITMIME")
    if "SMTPUTF8" in offered and smtputf8:
        line.append("SMTPUTF8")
    if "DSN" in offered:
        if envelope.ret:
            line.append(f"RET={_value(envelope.ret)}")
        if envelope.envid:
            line.append(f"ENVID={_value(envelope.envid)}")
    if envelope.require_tls:
        line.append("REQUIRETLS")
    return command(*line)


def rcpt_line(recipient: Recipient, smtputf8: bool, offered: Mapping[str, str]) -> str:
    """RCPT likewise; an ORCPT in UTF-8 goes only with SMTPUTF8 (RFC 6533 section 3)."""
    line = [f"RCPT TO:<{recipient.address}>"]
    if "DSN" in offered:
        if recipient.notify:
            line.append(f"NOTIFY={_value(','.join(recipient.notify))}")
        if recipient.orcpt and (recipient.orcpt.isascii() or (smtputf8 and "SMTPUTF8" in offered)):
            line.append(f"ORCPT={_value(recipient.orcpt)}")
    return command(*line)


def command(*words: str) -> str:
    """A command line without its end. Raises ValueError when a word holds CR, LF or NUL."""
    line = " ".join(words)
    if any(c in line for c in "\r\n\0"):
        raise ValueError("a command cannot hold CR, LF or NUL")
    return line


def _header_end(content: bytes) -> int:
    end = content.find(b"\r\n\r\n")
    return len(content) if end < 0 else end


def _value(text: str) -> str:
    if not _VALUE.match(text):
        raise ValueError(f"{text!r} cannot be the value of a parameter")
    return text
