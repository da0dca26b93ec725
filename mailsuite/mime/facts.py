"""What rules look at in a message (model.rule.Facts)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailsuite.mime.domains import a_labels, u_labels
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
        author=tuple(_in_both_forms(description.author)),
        to=tuple(_in_both_forms((*description.to, *description.cc))),
        envelope=tuple(box.address for box in _in_both_forms(Mailbox("", address) for address in envelope)),
        subject=description.subject,
        text=text,
        list_id=Headers.parse(content).first("list-id") or "",
        size=len(content),
        has_attachments=description.has_attachments,
        verdict=verdict,
    )


def _in_both_forms(boxes: Iterable[Mailbox]) -> Iterable[Mailbox]:
    """In A-labels, and as people read and type them."""
    for box in with_a_labels(boxes):
        yield box
        local, _, domain = box.address.rpartition("@")
        read = u_labels(domain)
        if read != domain:
            yield Mailbox("", f"{local}@{read}")


def with_a_labels(boxes: Iterable[Mailbox]) -> Iterable[Mailbox]:
    """The same mailboxes, their domains comparable with those of Address."""
    for box in boxes:
        local, at, domain = box.address.rpartition("@")
        yield Mailbox(box.name, f"{local}@{a_labels(domain)}") if at and not domain.isascii() else box
