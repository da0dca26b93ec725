"""RedisUrl: where a Redis is and how to log in to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

_FORMS = "redis://[[user]:password@]host[:port][/db] or unix:///path[?db=n]"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A parsed URL. ``path`` is a unix socket, else "" and ``host`` and ``port`` count. Its text bears no password."""

    host: str = ""
    port: int = 6379
    path: str = ""
    db: int = 0
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> RedisUrl:
        """Read ``redis://[[user]:password@]host[:port][/db]`` or ``unix:///path[?db=n]``; parts may be %-encoded.

        Raises ValueError, which says what is wrong and never shows the password.
        """
        parts = urlsplit(text)
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "unix":
            if parts.hostname or not parts.path.startswith("/"):
                raise ValueError(f"the Redis URL needs an absolute path after unix://: {_FORMS}")
            db = _number(parse_qs(parts.query).get("db", ["0"])[-1])
            return cls(path=unquote(parts.path), db=db, username=username, password=password)
        if parts.scheme != "redis":
            raise ValueError(f"the Redis URL begins with {parts.scheme or 'no scheme'!r}: it must be {_FORMS}")
        try:
            port = parts.port or 6379
        except ValueError:
            raise ValueError("the port in the Redis URL is not a number from 1 to 65535") from None
        if not parts.hostname:
            raise ValueError(f"the Redis URL names no host: {_FORMS}")
        db = _number(parts.path.strip("/") or "0")
        return cls(host=parts.hostname, port=port, db=db, username=username, password=password)

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}?db={self.db}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://{host}:{self.port}/{self.db}"

    def endpoint(self, reactor: Any, timeout: float) -> IStreamClientEndpoint:
        """Where to connect; an attempt ends after ``timeout`` seconds."""
        if self.path:
            return UNIXClientEndpoint(reactor, self.path, timeout=timeout)
        return HostnameEndpoint(reactor, self.host, self.port, timeout=timeout)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the database in the Redis URL is {text!r}: it must be a number")
    return int(text)
