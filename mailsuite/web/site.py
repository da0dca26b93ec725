"""The HTTP edge: limits and time-outs of requests, no access log, a quiet end (RFC 9110, RFC 9112)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from klein.resource import KleinResource
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from werkzeug.exceptions import HTTPException

from mailsuite.web.errors import BadRequest, Errors
from mailsuite.web.headers import secure
from mailsuite.web.stream import Streams

MAX_BODY = 2 * 1024 * 1024
"""Octets of a request's content: a long letter, not an attachment."""

IDLE = 60
"""Seconds without an octet after which a connection is closed."""

WHOLE_REQUEST = 60.0
"""Seconds within which a request must be there, however slowly it trickles in."""


class WebRequest(Request):
    """A request that may be neither too large nor too slow."""

    _received = 0
    _refused = False

    def __init__(self, channel: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(channel, *args, **kwargs)
        site: WebSite = channel.factory
        self._deadline = site.clock.callLater(WHOLE_REQUEST, self._give_up)

    def getClientAddress(self) -> Any:
        """Who asks; behind a proxy that is believed, the last one in X-Forwarded-For that is no such proxy."""
        address = super().getClientAddress()
        site: WebSite = self.channel.factory
        if not site.believes(getattr(address, "host", "")):
            return address
        for name in reversed((self.getHeader("x-forwarded-for") or "").split(",")):
            try:
                client = str(ip_address(name.strip()))
            except ValueError:
                return address
            if not site.believes(client):
                return (IPv6Address if ":" in client else IPv4Address)("TCP", client, 0)
        return address

    def gotLength(self, length: int | None) -> None:
        """The header is there: ``length`` of the content, None when it comes in chunks."""
        super().gotLength(length)
        if length is not None and length > MAX_BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """Some of the content has come."""
        self._received += len(data)
        if self._received > MAX_BODY:
            self._refuse()
        elif not self._refused:
            super().handleContentChunk(data)

    def process(self) -> None:
        """All of it has come."""
        self._stop_waiting()
        if not self._refused:
            super().process()

    def connectionLost(self, reason: Any) -> None:
        """The client has gone."""
        self._stop_waiting()
        super().connectionLost(reason)

    def _stop_waiting(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self._stop_waiting()
            transport: Any = self.channel.transport
            transport.write(
                b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n"
                b"X-Content-Type-Options: nosniff\r\n\r\n"
            )
            self.channel.loseConnection()

    def _give_up(self) -> None:
        _abort(self)


def _abort(request: Request) -> None:
    transport: Any = request.channel.transport
    transport.abortConnection()


class Front(Resource):
    """Before any page: the headers that every answer has, and addresses that cannot be."""

    isLeaf = True  # noqa: N815

    def __init__(self, pages: KleinResource, errors: Errors, https: bool) -> None:
        super().__init__()
        self._pages = pages
        self._errors = errors
        self._https = https

    def render(self, request: Request) -> Any:
        """Give what Klein gives."""
        secure(request, self._https)
        try:
            b"/".join((request.getRequestHostname(), *(request.postpath or ()))).decode()  # or Klein would log it
            return self._pages.render(request)
        except (UnicodeError, HTTPException):
            return self._errors.answer(request, BadRequest("The address cannot be read."))


class WebSite(Site):
    """The factory. It writes no access log: paths tell whom one writes to."""

    def __init__(
        self,
        front: Front,
        streams: Streams,
        reactor: IReactorTime,
        proxies: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        super().__init__(front, requestFactory=WebRequest, timeout=IDLE, reactor=reactor)
        self.displayTracebacks = False
        self.clock = reactor
        self._streams = streams
        self._proxies = proxies
        self._busy: set[Request] = set()
        self._idle: list[Deferred[None]] = []

    def log(self, request: object) -> None:
        """Nothing: see above."""

    def believes(self, host: str) -> bool:
        """Is this a proxy of ours? What comes by a socket in the file system ("") does."""
        address = ip_address(host.partition("%")[0].removeprefix("::ffff:")) if host else None
        return address is None or any(address in network for network in self._proxies)

    def getResourceFor(self, request: Request) -> Any:
        """A request begins."""
        self._busy.add(request)
        request.notifyFinish().addBoth(self._done, request)
        return super().getResourceFor(request)

    def _done(self, result: object, request: Request) -> None:
        self._busy.discard(request)
        if not self._busy:
            waiting, self._idle = self._idle, []
            for deferred in waiting:
                deferred.callback(None)

    async def drain(self, seconds: float) -> None:
        """End the streams, then let requests finish for at most so long."""
        self._streams.end()
        if not self._busy:
            return
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        idle.addTimeout(seconds, self.clock)
        try:
            await idle
        except TimeoutError:
            for request in list(self._busy):
                _abort(request)
