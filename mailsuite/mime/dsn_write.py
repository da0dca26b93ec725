"""Delivery status notifications written for originators (RFC 3464, RFC 3461 6, RFC 6522, RFC 6533, RFC 3834)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from mailsuite.mime.addresses import message_ids
from mailsuite.mime.advice import ENGLISH, advice
from mailsuite.mime.clean import clean_line, show_overrides
from mailsuite.mime.dates import format_date
from mailsuite.mime.dsn import Action
from mailsuite.mime.dsn_texts import texts
from mailsuite.mime.emit import MAX_LINE, MESSAGE_ID, encode_body, header, text_header
from mailsuite.mime.headers import Headers
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope
from mailsuite.model.status import Status

RETURNED = 256 * 1024
"""Messages up to this size (octets) are returned whole; of larger ones the header."""

_SUBJECT_CHARACTERS = 200
_DIAGNOSTIC_CHARACTERS = 2000
_HEADER_OCTETS = 64 * 1024
_WORD = re.compile(r"[^ ]{200}(?=[^ ])")
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\Z")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_SPECIAL = re.compile(r"[^!-*,-<>-\[\]-~]")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,60}\Z")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_PEER = re.compile(r"([^ ]+) \[([^ \]]+)\]\Z")


@dataclass(frozen=True, slots=True)
class Reported:
    """One recipient and what was said last (None: nobody could be asked yet).

    ``mx`` is who said it, a name or ``name [IP]`` ("" ourselves), ``orcpt`` as given at RCPT, ``at`` when (ms, 0: no
    attempt was made).
    """

    address: str
    status: Status | None
    mx: str = ""
    orcpt: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A notice to be written; times in ms.

    ``original`` is the message, ``envelope`` the one with which it came, ``until`` when tries end (delayed only).
    ``to`` None is the reverse-path; the postmaster is told with ``to`` that a notice of ours failed.
    """

    action: Action
    reporting_mta: str
    original: bytes
    envelope: Envelope
    recipients: Sequence[Reported]
    arrived: int
    date: int
    message_id: str
    boundary: str
    until: int = 0
    to: Address | None = None
    language: str = ENGLISH

    @property
    def smtputf8(self) -> bool:
        """Is the notice to be sent with SMTPUTF8? When an address needs it and the originator has used it."""
        known = self.envelope.smtputf8 or not self.envelope.sender.isascii()
        named = "".join([self.envelope.sender, *(r.address + _original(r.orcpt) for r in self.recipients)])
        return self.to is None and known and not named.isascii()


def write_notice(report: Report) -> bytes:
    """The notice as a message.

    Raises ValueError when the reverse-path is null and nobody else is to be told, when no recipient is reported, or
    when a value of ours cannot stand in a header.
    """
    if report.to is None and report.envelope.reverse_path is None:
        raise ValueError("a null reverse-path gets no notice")
    if not report.recipients or not _BOUNDARY.match(report.boundary):
        raise ValueError("a notice needs a recipient and a boundary")
    headers = Headers.parse(report.original)
    subject = show_overrides(headers.first("subject") or "")[:_SUBJECT_CHARACTERS]
    own_ids = [one for one in message_ids(headers.first("message-id") or "") if MESSAGE_ID.match(one)][:1]
    words = texts(report.language)
    lead = words.leads[report.action] if report.to is None else words.postmaster
    parts = (
        _part("text/plain; charset=utf-8", *encode_body(_explanation(report, subject).encode("utf-8"))),
        _status_part(report),
        _returned(report, headers),
    )
    boundary = report.boundary
    while f"--{boundary}".encode() in report.original:
        boundary += "_"
    head = [
        header("From", f"Mail Delivery System <mailer-daemon@{report.reporting_mta}>"),
        header("To", clean_line(str(report.to) if report.to is not None else report.envelope.sender)),
        text_header("Subject", f"{lead.subject}: {subject}".strip()),
        header("Date", format_date(report.date)),
        header("Message-ID", report.message_id),
        *(header(name, one) for one in own_ids for name in ("In-Reply-To", "References")),
        header("Auto-Submitted", "auto-replied"),
        header("MIME-Version", "1.0"),
        header(
            "Content-Type",
            f'multipart/report; report-type={_status_type(report).partition("/")[2]}; boundary="{boundary}"',
        ),
        b"" if all(part.isascii() for part in parts) else header("Content-Transfer-Encoding", "8bit"),
    ]
    delimiter = b"--" + boundary.encode("ascii")
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts)
    return b"".join((*head, b"\r\n", body, delimiter, b"--\r\n"))


def _part(content_type: str, encoding: str, body: bytes) -> bytes:
    return header("Content-Type", content_type) + header("Content-Transfer-Encoding", encoding) + b"\r\n" + body


def _explanation(report: Report, subject: str) -> str:
    words = texts(report.language)
    lead = words.leads[report.action] if report.to is None else words.postmaster
    subject = subject or words.no_subject
    values = {
        "message": words.message.format(date=format_date(report.arrived), subject=subject),
        "subject": subject,
        "until": format_date(report.until),
    }
    lead_text = lead.one if len(report.recipients) == 1 or not lead.more else lead.more
    lines = [words.system.format(host=report.reporting_mta), "", lead_text.format(**values)]
    for recipient in report.recipients:
        lines += ["", clean_line(recipient.address)]
        lines += [f"    {line}" for line in _about(report, recipient)]
    return "\n".join(lines) + "\n"


def _about(report: Report, recipient: Reported) -> Iterator[str]:
    words = texts(report.language)
    if report.action is Action.DELIVERED:
        return
    if recipient.status is None:
        yield words.nothing_said
        return
    yield clean_line(words.said.format(mx=recipient.mx) if recipient.mx else words.reason)
    yield clean_line(str(recipient.status))
    if report.action is Action.FAILED and report.to is None:
        yield from wrap(advice(_enhanced(recipient.status), report.language), 74)


def _status_type(report: Report) -> str:
    return "message/global-delivery-status" if report.smtputf8 else "message/delivery-status"


def _status_part(report: Report) -> bytes:
    groups: list[tuple[tuple[str, str], ...]] = [
        (
            ("Original-Envelope-Id", _from_xtext(report.envelope.envid)),
            ("Reporting-MTA", f"dns; {report.reporting_mta}"),
            ("Arrival-Date", format_date(report.arrived)),
        )
    ]
    groups += [tuple(_recipient_fields(report, recipient)) for recipient in report.recipients]
    utf8 = report.smtputf8
    body = b"\r\n".join(
        b"".join(header(name, _value(value, utf8)) for name, value in group if value) for group in groups
    )
    return _part(_status_type(report), "7bit" if body.isascii() else "8bit", body)


def _recipient_fields(report: Report, recipient: Reported) -> Iterator[tuple[str, str]]:
    utf8 = report.smtputf8
    kind, semicolon, _ = recipient.orcpt.partition(";")
    if semicolon:
        yield "Original-Recipient", f"{kind}; {_typed_address(kind, _original(recipient.orcpt), utf8)}"
    kind = "rfc822" if recipient.address.isascii() else "utf-8"
    yield "Final-Recipient", f"{kind}; {_typed_address(kind, recipient.address, utf8)}"
    yield "Action", report.action.value
    status = recipient.status
    if status is None:
        # RFC 3463 section 3.5: X.4.1 is "no answer from host".
        yield "Status", "4.4.1"
    else:
        yield "Status", _enhanced(status)
        yield "Remote-MTA", _remote_mta(recipient.mx)
        yield "Diagnostic-Code", f"smtp; {status}"
    yield "Last-Attempt-Date", format_date(recipient.at) if recipient.at else ""
    yield "Will-Retry-Until", format_date(report.until) if report.action is Action.DELAYED else ""


def _remote_mta(mx: str) -> str:
    """``name [IP]`` with the address as a comment (RFC 3464 section 2.3.5)."""
    if not mx:
        return ""
    peer = _PEER.match(mx)
    if peer is None:
        return f"dns; {mx}"
    name, ip = peer.groups()
    return f"dns; [{ip}]" if name in (ip, f"[{ip}]") else f"dns; {name} ([{ip}])"


def _original(orcpt: str) -> str:
    """The address of an ORCPT as it was before it was encoded for the command (RFC 3461 section 4.2, RFC 6533 3)."""
    kind, _, address = orcpt.partition(";")
    if kind.lower() == "utf-8":
        return clean_line(_UNITEXT.sub(_character, address))
    return _from_xtext(address)


def _typed_address(kind: str, address: str, utf8: bool) -> str:
    """An address of type utf-8 in seven bits has what is no plain character as ``\\x{F6}`` (RFC 6533 section 3)."""
    address = clean_line(address)
    if kind.lower() == "utf-8" and not utf8:
        return _SPECIAL.sub(lambda match: f"\\x{{{ord(match[0]):X}}}", address)
    return address


def _value(value: str, utf8: bool) -> str:
    """One line with words that fit on it; without ``utf8`` other characters than ASCII are written ``\\x{C4}``."""
    value = clean_line(value)[:_DIAGNOSTIC_CHARACTERS]
    if not utf8 and not value.isascii():
        value = "".join(c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in value)
    return _WORD.sub(r"\g<0> ", value)


def _from_xtext(value: str) -> str:
    """RFC 3461 section 4."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), value)


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 else match[0]


def _enhanced(status: Status) -> str:
    return status.enhanced if _ENHANCED.match(status.enhanced) else f"{status.code // 100}.0.0"


def _returned(report: Report, headers: Headers) -> bytes:
    """The message when a failure is reported and RET does not forbid it (RFC 3461 section 4.3), else its header."""
    head = report.original[: headers.body_start]
    utf8 = report.smtputf8 and not head.isascii()
    # RFC 8689 section 5: REQUIRETLS is RET=HDRS.
    only_head = report.envelope.ret == "HDRS" or report.envelope.require_tls
    wanted = report.action is Action.FAILED and report.to is None and not only_head
    if wanted and not headers.defects and len(report.original) <= RETURNED and (utf8 or head.isascii()):
        whole = _LINE_END.sub(b"\r\n", report.original)
        if whole.strip() and b"\0" not in whole and all(len(line) <= MAX_LINE for line in whole.split(b"\r\n")):
            # No other encoding is allowed for it (RFC 2046 section 5.2.1).
            content_type = "message/global" if utf8 else "message/rfc822"
            return _part(content_type, "7bit" if whole.isascii() else "8bit", whole)
    content_type = "message/global-headers" if utf8 else "text/rfc822-headers"
    return _part(content_type, *encode_body(head[:_HEADER_OCTETS].rstrip()))
