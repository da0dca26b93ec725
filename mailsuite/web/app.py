"""The webmail: which page answers which request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request

from mailsuite.interfaces.credentials import ICredentialChecker
from mailsuite.interfaces.events import IEventBus
from mailsuite.login.sessions import Sessions
from mailsuite.mailbox.browse import Browser
from mailsuite.mailbox.change import Changer
from mailsuite.msa.drafts import Drafts
from mailsuite.msa.submit import Submitter
from mailsuite.runtime.clock import Clock
from mailsuite.web.assets import Assets
from mailsuite.web.csrf import SAFE, same_site
from mailsuite.web.errors import Errors, Forbidden
from mailsuite.web.health import Health
from mailsuite.web.metrics import MetricsPage
from mailsuite.web.pages.compose import ComposePages
from mailsuite.web.pages.conversation import ConversationPages
from mailsuite.web.pages.login import LoginPages
from mailsuite.web.pages.mail import MailPages
from mailsuite.web.pages.shell import Shell
from mailsuite.web.render import Renderer
from mailsuite.web.session import SessionCookie, Visitor
from mailsuite.web.site import Front, WebSite
from mailsuite.web.stream import Streams
from mailsuite.web.sts import PolicyPage

Handler = Callable[..., Coroutine[Any, Any, bytes]]
"""Called with the request and the variable parts of the path, by name; gives the body."""


class WebApp:
    """Pages and stream over the roles that do the work.

    ``assets`` is the folder webroot; ``public_url`` is how browsers reach us, its scheme decides whether the cookie
    is a secure one; ``brand`` is the name shown; ``random`` gives n random bytes; ``health`` says of each part of
    the suite "ok" or what is wrong; ``metrics`` gives the figures for Prometheus; ``policies`` are those of MTA-STS;
    ``proxies`` are believed when they say in X-Forwarded-For who the client is.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        checker: ICredentialChecker,
        browser: Browser,
        changer: Changer,
        submitter: Submitter,
        drafts: Drafts,
        events: IEventBus,
        assets: Path,
        public_url: str,
        brand: str,
        clock: Clock,
        random: Callable[[int], bytes],
        health: Callable[[], Awaitable[Mapping[str, str]]],
        metrics: Callable[[], Awaitable[bytes]],
        policies: PolicyPage,
        proxies: Sequence[IPv4Network | IPv6Network],
    ) -> None:
        url = urlsplit(public_url)
        self._origin = f"{url.scheme}://{url.netloc}".lower()
        self._https = url.scheme == "https"
        self._events = events
        self._assets = Assets(assets, brand)
        renderer = Renderer(assets / "templates", self._assets.prefix, brand, clock)
        shell = Shell(browser, brand)
        self._errors = Errors(renderer, random)
        self._cookie = SessionCookie(sessions, self._https)
        self._login = LoginPages(renderer, self._cookie, checker, events)
        self._mail = MailPages(renderer, browser, changer, shell)
        self._conversation = ConversationPages(renderer, browser, shell, self._origin)
        self._compose = ComposePages(renderer, browser, submitter, drafts, changer, shell, random)
        self._health = Health(health)
        self._metrics = MetricsPage(metrics)
        self._policies = policies
        self._proxies = proxies

    def site(self, reactor: IReactorTime) -> WebSite:
        """A factory for HTTP connections, which runtime's Listener can drain."""
        streams = Streams(self._events, reactor)
        klein = Klein()
        klein.url_map.merge_slashes = False  # no redirects made of what a client wrote

        def route(path: str, handler: Handler, *, method: str = "GET", public: bool = False) -> None:
            answer = partial(self._answer, handler if public else partial(self._signed_in, handler))
            answer.__name__ = f"{method} {path}"  # type: ignore[attr-defined]  # Klein's name for the rule
            klein.route(path, methods=[method])(answer)

        route("/s/<version>/<path:name>", self._asset, public=True)
        route("/healthz", self._health.report, public=True)
        route("/metrics", self._metrics.report, public=True)
        route("/.well-known/mta-sts.txt", self._policies.report, public=True)
        route("/login", self._login.form, public=True)
        route("/login", self._login.sign_in, method="POST", public=True)
        route("/logout", self._login.sign_out, method="POST", public=True)
        route("/", self._mail.home)
        route("/events", streams.serve)
        route("/mail/compose", self._compose.form)
        route("/mail/send", self._compose.send, method="POST")
        route("/mail/draft", self._compose.save, method="POST")
        route("/mail/draft/discard", self._compose.discard, method="POST")
        route("/mail/draft/undo", self._compose.undo, method="POST")
        route("/mail/act", self._mail.act, method="POST")
        route("/mail/m/<message>/body", self._conversation.body)
        route("/mail/m/<message>/part/<path>/<name>", self._conversation.part)
        route("/mail/m/<message>/attachments.zip", self._conversation.archive)
        route("/mail/<folder>", self._mail.folder)
        route("/mail/<folder>/rows", self._mail.rows)
        route("/mail/<folder>/since", self._mail.since)
        route("/mail/<folder>/t/<conversation>", self._conversation.conversation)
        klein.handle_errors(Exception)(self._not_routed)
        return WebSite(Front(klein.resource(), self._errors, self._https), streams, reactor, self._proxies)

    async def _asset(self, request: Request, version: str, name: str) -> bytes:
        return self._assets.serve(request, version, name)

    async def _signed_in(self, handler: Handler, request: Request, **path: str) -> bytes:
        visitor: Visitor = await self._cookie.visitor(request)
        return await handler(request, visitor, **path)

    def _answer(self, handler: Handler, request: Request, **path: str) -> Deferred[bytes]:
        work = Deferred.fromCoroutine(self._guarded(handler, request, **path))
        if request.method in SAFE:
            return work
        # Klein cancels when the client hangs up. What was begun to be changed is to be finished all the same.
        reply: Deferred[bytes] = Deferred()
        work.chainDeferred(reply)
        return reply

    async def _guarded(self, handler: Handler, request: Request, **path: str) -> bytes:
        try:
            if not same_site(request, self._origin):
                raise Forbidden
            return await handler(request, **path)
        except Exception as error:
            return self._errors.answer(request, error)

    def _not_routed(self, request: Any, failure: Failure) -> bytes:
        error = failure.value
        return self._errors.answer(request, error if isinstance(error, Exception) else RuntimeError(repr(error)))
