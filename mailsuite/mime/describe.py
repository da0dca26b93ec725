"""Describes a message for lists and conversation views without its content (RFC 5322 section 3.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mailsuite.mime.addresses import MAILBOXES, message_ids, parse_mailboxes
from mailsuite.mime.charsets import known
from mailsuite.mime.dates import parse_date
from mailsuite.mime.domains import show_address
from mailsuite.mime.headers import Headers
from mailsuite.mime.structure import scan
from mailsuite.mime.text import best_html, best_text, decode_text, html_to_text, snippet
from mailsuite.model.address import Mailbox
from mailsuite.model.message import Description, Part

REFERENCES = 50
"""So many references are kept: the first ten and the last ones."""

_TEXT_OCTETS = 8 * 1024
_HTML_OCTETS = 64 * 1024
_SNIPPET_SOURCE = 500
_ONCE = ("from", "date", "subject", "message-id", "to", "cc", "reply-to")
_SUBJECT_CHARACTERS = 2000


def describe(raw: bytes) -> Description:
    """The description of any octets; never raises. ``defects`` says what could not be read as it should.

    Subject, names and file names are decoded and hold no controls.
    """
    root, headers, defects = scan(raw)
    text, html = best_text(root), best_html(root)
    headers = headers.with_charset((text or html or root).charset)
    author, to, cc, reply_to = (_mailboxes(headers, name) for name in ("from", "to", "cc", "reply-to"))
    usable = tuple(box for box in author if _is_usable(box))
    own_ids = [found for value in headers.unfolded("message-id") for found in message_ids(value)]
    date = parse_date(next(iter(headers.unfolded("date")), None))
    return Description(
        message_id=own_ids[0] if own_ids else "",
        references=_references(headers),
        author=usable or author,
        to=to,
        cc=cc,
        reply_to=reply_to,
        subject=(headers.first("subject") or "")[:_SUBJECT_CHARACTERS],
        date=date,
        structure=root,
        snippet=_snippet(raw, text, html),
        has_attachments=any(part.is_attachment for part in _own_parts(root)),
        defects=(*headers.defects, *defects, *_defects(headers, root, date, (author, to, cc, reply_to))),
    )


def opaque(raw: bytes) -> Description:
    """A message as one piece of text, for octets at which ``describe`` failed."""
    whole = Part("1", "text/plain", "", "8bit", "", "", "", 0, len(raw))
    defects = ("this message could not be parsed",)
    return Description("", (), (), (), (), (), "", None, whole, "", has_attachments=False, defects=defects)


def _is_usable(box: Mailbox) -> bool:
    local, _, domain = box.address.rpartition("@")
    return bool(local and domain) and '"' not in domain


def _mailboxes(headers: Headers, name: str) -> tuple[Mailbox, ...]:
    boxes = [box for value in headers.unfolded(name) for box in parse_mailboxes(value)]
    return tuple(replace(box, address=show_address(box.address)) for box in boxes[:MAILBOXES])


def _references(headers: Headers) -> tuple[str, ...]:
    """References, then what In-Reply-To adds to them; the parent comes last."""
    names = ("references", "in-reply-to")
    found = (one for name in names for value in headers.unfolded(name) for one in message_ids(value))
    ids = tuple(dict.fromkeys(found))
    return ids if len(ids) <= REFERENCES else (*ids[:10], *ids[10 - REFERENCES :])


def _snippet(raw: bytes, text: Part | None, html: Part | None) -> str:
    if text is not None:
        line = snippet(decode_text(raw, replace(text, end=min(text.end, text.start + _TEXT_OCTETS))))
        if line or html is None:
            return line
    if html is None:
        return ""
    beginning = decode_text(raw, replace(html, end=min(html.end, html.start + _HTML_OCTETS)))
    return snippet(html_to_text(beginning, _SNIPPET_SOURCE))


def _own_parts(part: Part) -> Iterator[Part]:
    """The parts of this message, not those of messages attached to it, and of a report the part for people only."""
    yield part
    if part.content_type.startswith("multipart/"):
        for child in part.children[:1] if part.content_type == "multipart/report" else part.children:
            yield from _own_parts(child)


def _defects(headers: Headers, root: Part, date: int | None, lists: Sequence[Sequence[Mailbox]]) -> Iterator[str]:
    for name in _ONCE:
        if len(headers.raw(name)) > 1:
            yield f"{len(headers.raw(name))} {name} fields"
    if any(len(boxes) == MAILBOXES for boxes in lists):
        yield f"more than {MAILBOXES} addresses in a field: the rest is not listed"
    if date is None:
        yield "no usable date"
    for part in root.walk():
        if part.content_type.startswith("text/") and not known(part.charset):
            yield f"unknown charset {part.charset[:40]!r}"
            return
