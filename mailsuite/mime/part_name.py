"""What a part is called that brings no name of its own (RFC 2046, RFC 3462, RFC 3464, RFC 6533)."""

from __future__ import annotations

from mailsuite.mime.clean import clean_filename
from mailsuite.mime.headers import Headers
from mailsuite.model.message import Part

_NAMES = {
    "message/rfc822": "message.eml",
    "message/global": "message.eml",
    "message/delivery-status": "delivery-status.txt",
    "message/global-delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/global-disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt",
    "message/global-headers": "headers.txt",
    "text/rfc822-headers": "headers.txt",
    "text/calendar": "invitation.ics",
    "text/vcard": "contact.vcf",
    "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
}
_EXTENSIONS = {
    "text/plain": ".txt",
    "text/html": ".html",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/pgp-signature": ".asc",
    "application/pkcs7-signature": ".p7s",
}


def part_name(part: Part) -> str:
    """Its own name, else one for its type, else "part-" and its number with what such files end in."""
    if part.filename:
        return part.filename
    return _NAMES.get(part.content_type) or f"part-{part.path}{_EXTENSIONS.get(part.content_type, '')}"


def message_name(headers: Headers) -> str:
    """The name of an attached message with this header block: its subject as the name of a file."""
    # A slash within a subject divides no path.
    subject = (headers.first("subject") or "").replace("/", "-").replace("\\", "-")
    return clean_filename(f"{subject}.eml") if subject else "message.eml"
