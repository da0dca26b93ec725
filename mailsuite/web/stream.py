"""Server-Sent Events: tells a browser that a folder has news, never what it is (WHATWG HTML section 9.2).

An event that is lost does no harm: the page asks for everything newer than the seq that it knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.server import Request

from mailsuite.interfaces.events import IEventBus
from mailsuite.model.event import Bye, Changed, Event, Toast
from mailsuite.web.session import Visitor

PING = 15.0
"""Seconds between comments, which keep proxies from closing an idle stream."""

LIFETIME = 1800.0
"""Seconds after which a stream ends, so that the browser comes again and its session is looked at."""

COALESCE = 0.25
RETRY = 2000

BYE: tuple[str, dict[str, object]] = ("bye", {})
"""The event that says: your session is over."""


def event(name: str, data: dict[str, object]) -> bytes:
    """One event as it is sent."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def begin(request: Request) -> None:
    """Set the fields of an answer that is a stream."""
    request.setHeader("content-type", "text/event-stream; charset=utf-8")
    request.setHeader("x-accel-buffering", "no")


class Coalescer:
    """Passes the first change of a folder on at once, and what follows within the interval as one."""

    def __init__(self, clock: IReactorTime, interval: float, emit: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._interval = interval
        self._emit = emit
        self._waiting: dict[str, int] = {}
        self._timers: dict[str, IDelayedCall] = {}

    def offer(self, folder: str, seq: int) -> None:
        """A folder has changed."""
        if folder in self._timers:
            self._waiting[folder] = max(seq, self._waiting.get(folder, 0))
        else:
            self._send(folder, seq)

    def stop(self) -> None:
        """Forget what waits."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()

    def _send(self, folder: str, seq: int) -> None:
        self._timers[folder] = self._clock.callLater(self._interval, self._over, folder)
        self._emit(folder, seq)

    def _over(self, folder: str) -> None:
        del self._timers[folder]
        if (seq := self._waiting.pop(folder, None)) is not None:
            self._send(folder, seq)


class _Stream:
    """One open answer."""

    def __init__(self, request: Request, token_hash: str, clock: IReactorTime) -> None:
        self.opened = clock.seconds()
        self.ended: Deferred[None] = Deferred()
        self._request = request
        self._token_hash = token_hash
        self._changes = Coalescer(clock, COALESCE, self._changed)
        request.notifyFinish().addBoth(lambda _: self.end())

    def hear(self, event: Event | None) -> None:
        """What the bus says; None: something may have been lost, so the page is to look."""
        match event:
            case None:
                self._changes.offer("", 0)
            case Changed():
                self._changes.offer(event.folder, event.seq)
            case Toast():
                self.send("toast", {"text": event.text, "conversation": event.conversation})
            case Bye() if event.token_hash == self._token_hash:
                self.send(*BYE)
                self.end()

    def send(self, name: str, data: dict[str, object]) -> None:
        if not self.ended.called:
            self._request.write(event(name, data))

    def ping(self) -> None:
        if not self.ended.called:
            self._request.write(b":\n\n")

    def end(self) -> None:
        self._changes.stop()
        if not self.ended.called:
            self.ended.callback(None)

    def _changed(self, folder: str, seq: int) -> None:
        self.send("changed", {"folder": folder, "seq": seq})


class Streams:
    """All open streams of this process."""

    def __init__(self, bus: IEventBus, clock: IReactorTime) -> None:
        self._bus = bus
        self._clock = clock
        self._open: set[_Stream] = set()
        self._draining = False
        self._pings = LoopingCall(self._ping)
        self._pings.clock = clock

    async def serve(self, request: Request, visitor: Visitor) -> bytes:
        """Answer with a stream; returns when it has ended. Its first event has the page look what came before it."""
        begin(request)
        request.write(f"retry: {RETRY}\n\n".encode())
        if self._draining:
            return b""
        stream = _Stream(request, visitor.session.token_hash, self._clock)
        unsubscribe = self._bus.subscribe(visitor.account.id, stream.hear)
        self._open.add(stream)
        stream.hear(None)
        if not self._pings.running:
            self._pings.start(PING, now=False)
        try:
            await stream.ended
        finally:
            unsubscribe()
            self._open.discard(stream)
            if not self._open and self._pings.running:
                self._pings.stop()
        return b""

    def end(self) -> None:
        """End all streams, and each that is asked for from now on: the daemon stops."""
        self._draining = True
        for stream in list(self._open):
            stream.end()

    def _ping(self) -> None:
        for stream in list(self._open):
            if self._clock.seconds() - stream.opened >= LIFETIME:
                stream.end()
            else:
                stream.ping()
