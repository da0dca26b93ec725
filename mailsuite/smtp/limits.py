"""What one SMTP session may ask for (RFC 5321 section 4.5.3.1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets, the rest in numbers. A server takes at least what RFC 5321 demands."""

    size: int = 35_000_000
    """Of a message, unstuffed (RFC 1870)."""
    text_line: int = 65_536
    """Of a line of the content, without its CRLF."""
    header: int = 262_144
    fields: int = 1000
    received: int = 100
    """Received fields: more of them are a loop."""
    recipients: int = 1000
    command_line: int = 12_288
    """With its CRLF: what RFC 4954 section 4 wants for AUTH; other commands need far less."""
    errors: int = 20
    """Refused commands since the last accepted message."""
    commands: int = 5000
    """Commands since the last accepted message."""
    messages: int = 1000
    login_failures: int = 3
