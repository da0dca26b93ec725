"""Cookie to account: who is asking (RFC 6265 and its draft successor for the __Host- prefix)."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.server import Request

from mailsuite.login.sessions import Sessions
from mailsuite.model.account import Account, Session
from mailsuite.web.forms import client_address


class NotSignedIn(Exception):
    """The request needs a session and has none."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and by which login."""

    account: Account
    session: Session


class SessionCookie:
    """Keeps a session's token in a cookie; over plain http (a demo on loopback) it cannot have its secure name."""

    def __init__(self, sessions: Sessions, https: bool) -> None:
        self._sessions = sessions
        self._name = b"__Host-sid" if https else b"sid"
        self._https = https

    async def open(self, request: Request, account: Account) -> None:
        """Begin a session and give the browser its cookie."""
        agent = request.getHeader("user-agent") or ""
        self._set(request, await self._sessions.open(account, client_address(request), agent), None)

    async def visitor(self, request: Request) -> Visitor:
        """Who asks. Raises NotSignedIn."""
        token = self._token(request)
        found = await self._sessions.find(token) if token else None
        if found is None:
            raise NotSignedIn
        return Visitor(*found)

    async def close(self, request: Request) -> Session | None:
        """End the session of the request; what it was, None when there was none."""
        token = self._token(request)
        return await self._sessions.close(token) if token else None

    def take_back(self, request: Request) -> None:
        """Have the browser forget the cookie."""
        self._set(request, "", 0)

    def _token(self, request: Request) -> str:
        return (request.getCookie(self._name) or b"").decode("ascii", "replace")

    def _set(self, request: Request, token: str, max_age: int | None) -> None:
        request.addCookie(
            self._name,
            token,
            path="/",
            max_age=None if max_age is None else str(max_age),
            secure=self._https,
            httpOnly=True,
            sameSite="lax",
        )
