"""Delivery status notifications of anybody, read for conversations (RFC 3464, RFC 6522, RFC 6533)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mailsuite.mime.advice import advice
from mailsuite.mime.clean import clean_line, show_overrides
from mailsuite.mime.domains import show_address
from mailsuite.mime.headers import Headers
from mailsuite.mime.text import decode_bytes
from mailsuite.model.message import Part

RECIPIENTS = 100
"""So many recipients of a notice are read."""

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
"""The part for programs; the second one with addresses in UTF-8 (RFC 6533 section 4)."""

_STATUS_OCTETS = 256 * 1024
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_EMPTY_LINES = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+")
_COMMENT = re.compile(r"\s*\(.*")


class Action(StrEnum):
    """What was done about a recipient (RFC 3464 section 2.3.3), the worst first."""

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class NoticeRecipient:
    """A recipient of whom a notice reports.

    ``status`` is the enhanced code, ``text`` what the other side said, verbatim, ``mx`` who said it ("" not told),
    ``advice`` what the author can do ("": nothing needs to be done).
    """

    address: str
    status: str
    text: str
    mx: str
    advice: str
    action: Action = Action.FAILED


@dataclass(frozen=True, slots=True)
class Notice:
    """A report of delivery: ``recipients`` at least one, ``reporting_mta`` the host that wrote it."""

    recipients: tuple[NoticeRecipient, ...]
    reporting_mta: str

    @property
    def action(self) -> Action:
        """The worst that is reported."""
        reported = {recipient.action for recipient in self.recipients}
        return next(action for action in Action if action in reported)


def parse_notice(raw: bytes, structure: Part) -> Notice | None:
    """What a notice reports, None when the message is none or reports on nobody.

    ``structure`` is the tree of ``raw``. Never raises.
    """
    if structure.content_type != "multipart/report":
        return None
    part = next((part for part in structure.children if part.content_type in STATUS_TYPES), None)
    if part is None:
        return None
    blocks = _EMPTY_LINES.split(decode_bytes(raw, part)[:_STATUS_OCTETS].strip())
    groups = [Headers.parse(block + b"\n") for block in blocks[: RECIPIENTS + 1]]
    reporting_mta = next((mta for group in groups if (mta := _typed(group, "reporting-mta"))), "")
    recipients = tuple(found for group in groups if (found := _recipient(group)))
    return Notice(recipients, reporting_mta) if recipients else None


def _recipient(group: Headers) -> NoticeRecipient | None:
    address = _typed(group, "original-recipient") or _typed(group, "final-recipient")
    try:
        action = Action(_COMMENT.sub("", group.first("action") or "").strip().lower())
    except ValueError:
        return None
    if not address:
        return None
    status = (group.first("status") or "").split(" ")[0]
    return NoticeRecipient(
        address=show_address(show_overrides(address)),
        status=status,
        text=show_overrides(_typed(group, "diagnostic-code")) or status,
        mx=_typed(group, "remote-mta").split(" ")[0],
        advice=advice(status) if action is Action.FAILED else "",
        action=action,
    )


def _typed(group: Headers, name: str) -> str:
    """The value of a field of the form ``type; value``; some forget the type, some put brackets round an address."""
    text = group.first(name) or ""
    kind, semicolon, value = text.partition(";")
    value = value if semicolon and " " not in kind.strip() else text
    value = clean_line(_UNITEXT.sub(_character, value))
    return value[1:-1] if value.startswith("<") and value.endswith(">") else value


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 else match[0]
