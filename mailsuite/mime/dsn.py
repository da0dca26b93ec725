"""Delivery status notifications: made for originators, read for conversations (RFC 3464, RFC 3461 6.3, RFC 6522)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from mailsuite.mime.addresses import message_ids
from mailsuite.mime.advice import advice
from mailsuite.mime.clean import clean_line, show_overrides
from mailsuite.mime.dates import format_date
from mailsuite.mime.domains import show_address
from mailsuite.mime.emit import MESSAGE_ID, encode_body, header, text_header
from mailsuite.mime.headers import Headers
from mailsuite.mime.text import decode_bytes
from mailsuite.model.envelope import Envelope
from mailsuite.model.message import Part
from mailsuite.model.status import Status

RECIPIENTS = 100
"""So many recipients of a notice are read."""

_SUBJECT_CHARACTERS = 200
_DIAGNOSTIC_CHARACTERS = 2000
_HEADER_OCTETS = 64 * 1024
_STATUS_OCTETS = 256 * 1024
_WORD = re.compile(r"[^ ]{200}(?=[^ ])")
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\Z")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_EMPTY_LINES = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}\Z")


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """Who was not reached and what was said last; ``mx`` who said it ("" ourselves), ``orcpt`` as given at RCPT."""

    address: str
    status: Status
    mx: str
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class NoticeRecipient:
    """A recipient that a notice reports as failed.

    ``status`` is the enhanced code, ``text`` what the other side said, verbatim, ``mx`` who said it ("" not told),
    ``advice`` what the author can do.
    """

    address: str
    status: str
    text: str
    mx: str
    advice: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A report of failed delivery: ``recipients`` at least one, ``reporting_mta`` the host that wrote it."""

    recipients: tuple[NoticeRecipient, ...]
    reporting_mta: str


def failed_notice(
    *,
    reporting_mta: str,
    original: bytes,
    envelope: Envelope,
    failures: Sequence[FailedRecipient],
    arrived: int,
    date: int,
    message_id: str,
    boundary: str,
) -> bytes:
    """The notice to the reverse-path of ``envelope`` that ``failures`` of ``original`` are final; times in ms.

    ``boundary`` must not occur in the original. Raises ValueError when the reverse-path is null, for there is nobody
    to tell, when nobody failed, or when a value of ours cannot stand in a header.
    """
    if envelope.reverse_path is None:
        raise ValueError("a null reverse-path gets no notice")
    if not failures or not _BOUNDARY.match(boundary):
        raise ValueError("a notice needs a failure and a boundary")
    headers = Headers.parse(original)
    subject = show_overrides(headers.first("subject") or "")[:_SUBJECT_CHARACTERS]
    own_ids = [one for one in message_ids(headers.first("message-id") or "") if MESSAGE_ID.match(one)][:1]
    head = [
        header("From", f"Mail Delivery System <mailer-daemon@{reporting_mta}>"),
        header("To", envelope.sender),
        text_header("Subject", f"Undelivered: {subject}".strip()),
        header("Date", format_date(date)),
        header("Message-ID", message_id),
        *(header(name, one) for one in own_ids for name in ("In-Reply-To", "References")),
        header("Auto-Submitted", "auto-replied"),
        header("MIME-Version", "1.0"),
        header("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"'),
    ]
    explanation = _explanation(reporting_mta, subject, failures, arrived)
    status = _delivery_status(reporting_mta, envelope, failures, arrived, date)
    parts = (
        _part("text/plain; charset=utf-8", *encode_body(explanation.encode("utf-8"))),
        _part("message/delivery-status", "7bit", status),
        _part("text/rfc822-headers", *encode_body(original[: headers.body_start][:_HEADER_OCTETS].rstrip())),
    )
    delimiter = b"--" + boundary.encode("ascii")
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts)
    return b"".join((*head, b"\r\n", body, delimiter, b"--\r\n"))


def _part(content_type: str, encoding: str, body: bytes) -> bytes:
    return header("Content-Type", content_type) + header("Content-Transfer-Encoding", encoding) + b"\r\n" + body


def _explanation(reporting_mta: str, subject: str, failures: Sequence[FailedRecipient], arrived: int) -> str:
    lines = [
        f"This is the mail system at {reporting_mta}.",
        "",
        f"Your message of {format_date(arrived)}",
        f"    {subject or '(no subject)'}",
        "did not reach the following recipient." if len(failures) == 1 else "did not reach the following recipients.",
        "It will not be tried again.",
    ]
    for failure in failures:
        said = f"The mail server {failure.mx} said:" if failure.mx else "The reason:"
        lines += [
            "",
            clean_line(failure.address),
            f"    {clean_line(said)}",
            f"    {clean_line(str(failure.status))}",
            *wrap(advice(_enhanced(failure.status)), 74, initial_indent="    ", subsequent_indent="    "),
        ]
    return "\n".join(lines) + "\n"


def _delivery_status(
    reporting_mta: str, envelope: Envelope, failures: Sequence[FailedRecipient], arrived: int, date: int
) -> bytes:
    groups = [_status_fields(("Reporting-MTA", f"dns; {reporting_mta}"), ("Arrival-Date", format_date(arrived)))]
    if envelope.envid:
        groups[0] = header("Original-Envelope-Id", _ascii(_from_xtext(envelope.envid))) + groups[0]
    for failure in failures:
        original_type, semicolon, original = failure.orcpt.partition(";")
        fields = [
            ("Original-Recipient", f"{original_type}; {_from_xtext(original)}" if semicolon else ""),
            ("Final-Recipient", f"{'rfc822' if failure.address.isascii() else 'utf-8'}; {failure.address}"),
            ("Action", "failed"),
            ("Status", _enhanced(failure.status)),
            ("Remote-MTA", f"dns; {failure.mx}" if failure.mx else ""),
            ("Diagnostic-Code", f"smtp; {failure.status}"),
            ("Last-Attempt-Date", format_date(date)),
        ]
        groups.append(_status_fields(*fields))
    return b"\r\n".join(groups)


def _status_fields(*fields: tuple[str, str]) -> bytes:
    return b"".join(header(name, _ascii(value)) for name, value in fields if value)


def _ascii(value: str) -> str:
    """One line of ASCII with words that fit on it; other characters as ``\\x{C4}`` (RFC 6533 section 3)."""
    value = clean_line(value)[:_DIAGNOSTIC_CHARACTERS]
    if not value.isascii():
        value = "".join(c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in value)
    return _WORD.sub(r"\g<0> ", value)


def _from_xtext(value: str) -> str:
    """RFC 3461 section 4."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), value)


def _enhanced(status: Status) -> str:
    return status.enhanced if _ENHANCED.match(status.enhanced) else f"{status.code // 100}.0.0"


def parse_notice(raw: bytes, structure: Part) -> Notice | None:
    """The failures that a multipart/report tells of; None when it is no such report or nothing failed.

    ``structure`` is the tree of ``raw``. Never raises.
    """
    if structure.content_type != "multipart/report":
        return None
    part = next((part for part in structure.children if part.content_type == "message/delivery-status"), None)
    if part is None:
        return None
    blocks = _EMPTY_LINES.split(decode_bytes(raw, part)[:_STATUS_OCTETS].strip())
    groups = [Headers.parse(block + b"\n") for block in blocks[: RECIPIENTS + 1]]
    reporting_mta = next((mta for group in groups if (mta := _typed(group, "reporting-mta"))), "")
    recipients = tuple(found for group in groups if (found := _failed(group)))
    return Notice(recipients, reporting_mta) if recipients else None


def _failed(group: Headers) -> NoticeRecipient | None:
    address = _typed(group, "original-recipient") or _typed(group, "final-recipient")
    if not address or (group.first("action") or "").strip().lower() != "failed":
        return None
    status = (group.first("status") or "").split(" ")[0]
    return NoticeRecipient(
        address=show_address(show_overrides(address)),
        status=status,
        text=show_overrides(_typed(group, "diagnostic-code")) or status,
        mx=_typed(group, "remote-mta").split(" ")[0],
        advice=advice(status),
    )


def _typed(group: Headers, name: str) -> str:
    """The value of a field of the form ``type; value``."""
    kind, semicolon, value = (group.first(name) or "").partition(";")
    value = value if semicolon else kind
    return clean_line(_UNITEXT.sub(_character, value))


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 else match[0]
