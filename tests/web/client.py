"""A browser without a window: cookies, no redirects followed."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from tests.web.content import BytesProducer


@dataclass(frozen=True)
class Answer:
    """One response, its content as it came over the wire."""

    code: int
    headers: Headers
    content: bytes

    def header(self, name: str) -> str:
        """The first value, "" when there is none."""
        return (self.headers.getRawHeaders(name) or [""])[0]

    @property
    def text(self) -> str:
        """The content, unpacked and decoded."""
        packed = self.header("content-encoding") == "gzip"
        return (gzip.decompress(self.content) if packed else self.content).decode()


class Client:
    """Asks one site. ``cookies`` are sent with each request and follow Set-Cookie."""

    def __init__(self, reactor: Any, port: int) -> None:
        self._agent = Agent(reactor)
        self.origin = f"http://127.0.0.1:{port}"
        self.cookies: dict[str, str] = {}

    async def ask(
        self,
        method: str,
        path: str,
        form: dict[str, str] | list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request and read the whole answer."""
        response = await self.open(method, path, form, headers)
        tail = Tail()
        response.deliverBody(tail)
        await tail.ended
        return Answer(response.code, response.headers, tail.heard)

    async def open(
        self,
        method: str,
        path: str,
        form: dict[str, str] | list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> IResponse:
        """Send a request; the answer when its header is there."""
        fields = Headers({name: [value] for name, value in (headers or {}).items()})
        if self.cookies:
            fields.addRawHeader("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        body = None
        if form is not None:
            fields.addRawHeader("content-type", "application/x-www-form-urlencoded")
            body = BytesProducer(urlencode(form).encode())
        response: IResponse = await self._agent.request(method.encode(), (self.origin + path).encode(), fields, body)
        for cookie in response.headers.getRawHeaders("set-cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response

    async def get(self, path: str, **headers: str) -> Answer:
        """GET; header names have underscores for hyphens."""
        return await self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def post(self, path: str, form: dict[str, str] | list[tuple[str, str]], **headers: str) -> Answer:
        """POST a form."""
        return await self.ask(
            "POST", path, form, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    async def login(self, address: str, password: str) -> None:
        """Sign in, or fail."""
        answer = await self.post("/login", {"address": address, "password": password})
        assert answer.code == 303, (answer.code, answer.content)


class Tail(Protocol):
    """Collects what an endless answer says; ``ended`` fires when it ends."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[None] = Deferred()
        self._waiting: list[tuple[bytes, Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        for wanted, deferred in list(self._waiting):
            if wanted in self.heard:
                self._waiting.remove((wanted, deferred))
                deferred.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone):
            self.ended.callback(None)
        else:
            self.ended.errback(reason)

    async def until(self, wanted: bytes, reactor: Any, seconds: float = 5) -> None:
        """Wait until ``wanted`` has been said."""
        if wanted not in self.heard:
            said: Deferred[None] = Deferred()
            self._waiting.append((wanted, said))
            await said.addTimeout(seconds, reactor)

    def stop(self) -> None:
        """Hang up."""
        transport: Any = self.transport
        self.ended.addErrback(lambda _: None)
        transport.loseConnection()
