"""See Other: after a form, the browser is to look at a page (RFC 9110 section 15.4.4)."""

from __future__ import annotations

from twisted.web.server import Request


def see_other(request: Request, path: str) -> bytes:
    """Answer 303 with a path of this site."""
    request.setResponseCode(303)
    request.setHeader("location", path)
    request.setHeader("content-type", "text/plain; charset=utf-8")
    return b""
