"""What a request says, as text."""

from __future__ import annotations

from urllib.parse import urlsplit

from twisted.web.server import Request


def field(request: Request, name: str) -> str:
    """The first value of a form field or query parameter, "" when there is none; broken UTF-8 is marked U+FFFD."""
    values = fields(request, name)
    return values[0] if values else ""


def fields(request: Request, name: str) -> tuple[str, ...]:
    """All its values."""
    return tuple(value.decode("utf-8", "replace") for value in (request.args or {}).get(name.encode(), ()))


def number(request: Request, name: str) -> int:
    """A field that holds a non-negative number, 0 when it does not (or is beyond any id or time of ours)."""
    text = field(request, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def wants_fragment(request: Request) -> bool:
    """Does htmx ask for a piece of the page (rather than the whole, e.g. for history)?"""
    return request.getHeader("hx-request-type") == "partial"


def is_scripted(request: Request) -> bool:
    """Does htmx or a module of ours ask, which cannot follow a redirect to another page?"""
    return request.getHeader("hx-request") is not None


def accepts_gzip(request: Request) -> bool:
    """May the answer be compressed?"""
    offers = (request.getHeader("accept-encoding") or "").lower().split(",")
    return any(
        coding.strip() == "gzip" and weight.strip() != "q=0" for coding, _, weight in (o.partition(";") for o in offers)
    )


def client_address(request: Request) -> str:
    """The IP address of the other side, "" for a socket in the file system."""
    return getattr(request.getClientAddress(), "host", "")


def local_path(text: str) -> str:
    """``text`` when it is a path on this very site, else ""."""
    if (
        not text.startswith("/")
        or text.startswith("//")
        or "\\" in text
        or any(ord(c) <= 32 or ord(c) == 127 for c in text)
    ):
        return ""
    parts = urlsplit(text)
    return "" if parts.scheme or parts.netloc else text
