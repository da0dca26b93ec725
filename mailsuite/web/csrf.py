"""Refuses unsafe requests that another site's page makes a browser send (Fetch Metadata, RFC 6454)."""

from __future__ import annotations

from twisted.web.server import Request

SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


def same_site(request: Request, origin: str) -> bool:
    """May the request go on? ``origin`` is our own, such as ``https://mail.alpha.example``.

    Browsers of today say where a request comes from in Sec-Fetch-Site (over https and to loopback), all of them
    in Origin. A client that says neither is no browser, so nobody's cookie can be misused through it.
    """
    if request.method in SAFE:
        return True
    site = request.getHeader("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    sender = request.getHeader("origin")
    return sender is None or sender.lower() == origin
