"""Links to mail hosts that wait for their next message."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from mailsuite.net.smtp_connection import SmtpConnection
from mailsuite.smtp.client import ClientSession


@dataclass(eq=False, slots=True)
class SmtpLink:
    """A connection and its session; ``key`` says whom it serves how, ``served`` how many messages it was given.

    ``hurried``: there are other addresses, the greeting is waited for less long.
    """

    key: Hashable
    connection: SmtpConnection
    session: ClientSession
    hurried: bool = False
    served: int = 0
    timer: Any = None


def say_goodbye(link: SmtpLink) -> None:
    """QUIT; its reply is not waited for."""
    link.session.quit()
    link.connection.write(link.session.output())
    link.connection.close()


class IdleLinks:
    """Keeps each link for ``seconds`` and ``messages``, ``most`` in all: then the longest idle one goes.

    What a host says or does on an idle link ends the link, and nobody is told.
    """

    def __init__(self, reactor: Any, seconds: float, messages: int, most: int) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._messages = messages
        self._most = most
        self._links: dict[SmtpLink, None] = {}
        self._closed = False

    def take(self, key: Hashable) -> SmtpLink | None:
        """The link of this key that was used last."""
        link = next((link for link in reversed(self._links) if link.key == key), None)
        if link is not None:
            self._forget(link)
        return link

    def put(self, link: SmtpLink) -> None:
        """Keep a link whose transaction is over, or close it."""
        if self._closed or not link.connection.quiet or link.served >= self._messages or not self._most:
            say_goodbye(link)
            return
        if len(self._links) >= self._most:
            self._expire(next(iter(self._links)))
        self._links[link] = None
        link.timer = self._reactor.callLater(self._seconds, self._expire, link)
        link.connection.on_noise = lambda: self._expire(link)

    def close(self) -> set[SmtpConnection]:
        """Say goodbye on all, and keep none from now on; the connections that are closing."""
        self._closed = True
        links = list(self._links)
        for link in links:
            self._expire(link)
        return {link.connection for link in links}

    def _expire(self, link: SmtpLink) -> None:
        self._forget(link)
        say_goodbye(link)

    def _forget(self, link: SmtpLink) -> None:
        del self._links[link]
        link.connection.on_noise = None
        if link.timer.active():
            link.timer.cancel()
