"""What rules look at in a message (model.rule.Facts)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailsuite.mime.domains import a_labels
from mailsuite.mime.headers import Headers
from mailsuite.model.address import Mailbox
from mailsuite.model.message import Description
from mailsuite.model.rule import Facts
from mailsuite.model.verdict import Authentication


def facts_of(
    content: bytes, description: Description, text: str, verdict: Authentication, envelope: Sequence[str] = ()
) -> Facts:
    """``text`` is that of mime.searchable, ``envelope`` the addresses by which the message came."""
    return Facts(
        author=tuple(with_a_labels(description.author)),
        to=tuple(with_a_labels((*description.to, *description.cc))),
        envelope=tuple(envelope),
        subject=description.subject,
        text=text,
        list_id=Headers.parse(content).first("list-id") or "",
        size=len(content),
        has_attachments=description.has_attachments,
        verdict=verdict,
    )


def with_a_labels(boxes: Iterable[Mailbox]) -> Iterable[Mailbox]:
    """The same mailboxes, their domains comparable with those of Address."""
    for box in boxes:
        local, at, domain = box.address.rpartition("@")
        yield Mailbox(box.name, f"{local}@{a_labels(domain)}") if at and not domain.isascii() else box
