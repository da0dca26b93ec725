"""The headers that make browsers safe: content security policies and their companions (CSP level 3, RFC 6797)."""

from __future__ import annotations

from typing import Final

from twisted.web.server import Request

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

SANDBOX: Final = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"
"""What a message's frame may do. Never scripts: so allow-same-origin gives the mail nothing, but lets the page
read the height, and lets the inline images have the cookie."""

FILE_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
"""For parts of mail: whatever a browser takes them for, they run nothing."""

PERMISSIONS: Final = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), "
    "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), usb=()"
)


def message_policy(origin: str) -> str:
    """The policy of a message's own document: its styles and its own inline images, nothing else, from nowhere."""
    return (
        f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data: {origin}/mail/m/; "
        "font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )


def secure(request: Request, https: bool) -> None:
    """Set what every answer carries; a page may replace single ones."""
    headers = {
        "content-security-policy": PAGE_POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": PERMISSIONS,
        "cache-control": "no-store",
        "server": "mailsuite",
    }
    if https:
        headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
    for name, value in headers.items():
        request.setHeader(name, value)
