"""SASL for the server: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), framed by RFC 4954."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Generator

from mailsuite.model.errors import Refusal
from mailsuite.smtp.events import Credentials

_Steps = Generator[bytes, bytes, Credentials]


def _plain() -> _Steps:
    response = yield b""
    parts = response.split(b"\0")
    if len(parts) != 3 or parts[0] not in (b"", parts[1]):
        raise _refused()
    return _credentials(parts[1], parts[2])


def _login() -> _Steps:
    identity = yield b"Username:"
    password = yield b"Password:"
    return _credentials(identity, password)


MECHANISMS: dict[str, Callable[[], _Steps]] = {"PLAIN": _plain, "LOGIN": _login}


class Exchange:
    """One AUTH command: challenges and responses until there are Credentials."""

    def __init__(self, mechanism: str) -> None:
        """Raises Refusal 504 for a mechanism that is not known."""
        if mechanism.upper() not in MECHANISMS:
            raise Refusal(504, "5.5.4", "unknown mechanism")
        self._steps = MECHANISMS[mechanism.upper()]()
        self._first = next(self._steps)

    def begin(self, initial: str) -> bytes | Credentials:
        """The first challenge as a 334 reply, or what the initial response ("" when there is none) gives."""
        if not initial:
            return _challenge(self._first)
        return self.step(b"" if initial == "=" else initial.encode())

    def step(self, line: bytes) -> bytes | Credentials:
        """A response line without its CRLF: the next 334 reply or the Credentials.

        Raises Refusal: 501 when the client gives up ("*") or the line is not base64, 535 when it cannot be right.
        """
        if line == b"*":
            raise Refusal(501, "5.7.0", "authentication cancelled")
        try:
            response = base64.b64decode(line, validate=True)
        except binascii.Error:
            raise Refusal(501, "5.5.2", "a response is base64") from None
        try:
            return _challenge(self._steps.send(response))
        except StopIteration as stop:
            credentials: Credentials = stop.value
            return credentials


def _challenge(text: bytes) -> bytes:
    return b"334 " + base64.b64encode(text) + b"\r\n"


def _credentials(identity: bytes, password: bytes) -> Credentials:
    # Longer ones cannot be right and would only make a hash function work.
    if not 0 < len(identity) <= 320 or not 0 < len(password) <= 1024:
        raise _refused()
    try:
        return Credentials(identity.decode(), password.decode())
    except UnicodeDecodeError:
        raise _refused() from None


def _refused() -> Refusal:
    return Refusal(535, "5.7.8", "authentication failed")
