"""Signing in and out."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.web.server import Request

from mailsuite.interfaces.credentials import ICredentialChecker
from mailsuite.interfaces.events import IEventBus
from mailsuite.model.errors import Deferral
from mailsuite.model.event import Bye
from mailsuite.web.errors import sentence_of
from mailsuite.web.forms import client_address, field, local_path
from mailsuite.web.redirect import see_other
from mailsuite.web.render import Renderer
from mailsuite.web.session import NotSignedIn, SessionCookie

_log = Logger()

HOME = "/mail/inbox"
WRONG = "The name or the password is wrong."
"""Never which of the two."""


class LoginPages:
    """``GET /login``, ``POST /login``, ``POST /logout``."""

    def __init__(
        self, renderer: Renderer, cookie: SessionCookie, checker: ICredentialChecker, events: IEventBus
    ) -> None:
        self._renderer = renderer
        self._cookie = cookie
        self._checker = checker
        self._events = events

    async def form(self, request: Request) -> bytes:
        """The form; who is signed in already goes on to the mail."""
        goal = local_path(field(request, "next"))
        try:
            await self._cookie.visitor(request)
        except NotSignedIn:
            return self._form(request, "", goal, "")
        return see_other(request, goal or HOME)

    async def sign_in(self, request: Request) -> bytes:
        """303 with the cookie, 401 when the two do not fit, 429 after too many failures."""
        address, password = field(request, "address").strip(), field(request, "password")
        goal = local_path(field(request, "next"))
        client = client_address(request)
        try:
            account = await self._checker.check(address, password, client)
        except Deferral as error:
            if error.status.enhanced != "4.7.0":
                raise
            request.setResponseCode(429)
            request.setHeader("retry-after", "600")
            return self._form(request, address, goal, sentence_of(error.status.text))
        if account is None:
            _log.info("login refused for a client at {client}", client=client)
            request.setResponseCode(401)
            return self._form(request, address, goal, WRONG)
        await self._leave(request)
        await self._cookie.open(request, account)
        return see_other(request, goal or HOME)

    async def sign_out(self, request: Request) -> bytes:
        """End the session; the pages that show it go to the login at once."""
        await self._leave(request)
        self._cookie.take_back(request)
        request.setHeader("clear-site-data", '"storage"')
        return see_other(request, "/login")

    async def _leave(self, request: Request) -> None:
        session = await self._cookie.close(request)
        if session is not None:
            await self._events.publish(Bye(session.account, session.token_hash))

    def _form(self, request: Request, address: str, goal: str, error: str) -> bytes:
        return self._renderer.page(request, "login.html", address=address, goal=goal, error=error)
