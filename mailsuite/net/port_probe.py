"""PortProbe: does a mail server answer at an address (RFC 5321 sections 3.1 and 3.2)?"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError

from mailsuite.model.reach import Reach
from mailsuite.net.smtp_connection import Broken, SmtpConnection
from mailsuite.smtp.replies import Reply, ReplyError, ReplyReader

PATIENCE = 5.0
"""Seconds in all."""

_GREETING = 200
"""Characters of a greeting that are told."""


class PortProbe:
    """Connects, says EHLO as ``hostname``, and goes."""

    def __init__(self, reactor: Any, hostname: str, port: int = 25, patience: float = PATIENCE) -> None:
        self._reactor = reactor
        self._hostname = hostname
        self._port = port
        self._patience = patience

    async def reach(self, address: str) -> Reach:
        """What answers at this IP address. Never raises."""
        connection = SmtpConnection(self._reactor)
        trying = Deferred.fromCoroutine(self._try(connection, address))
        try:
            return await trying.addTimeout(self._patience, self._reactor)
        except TimeoutError:
            return Reach(address, fault=f"nothing answers within {self._patience:g} s")
        except ConnectError as error:
            return Reach(address, fault=str(error).rstrip("."))
        except (Broken, ReplyError) as error:
            return Reach(address, fault=str(error))
        finally:
            if connection.transport is not None:
                connection.close()

    async def _try(self, connection: SmtpConnection, address: str) -> Reach:
        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        endpoint = kind(self._reactor, address, self._port, timeout=self._patience)
        await connectProtocol(endpoint, connection)
        replies = ReplyReader()
        greeting = await self._reply(connection, replies, "before the greeting")
        text = f"{greeting.code} {' '.join(greeting.lines)}"[:_GREETING]
        if greeting.code != 220:
            return Reach(address, text)
        connection.write(f"EHLO {self._hostname}\r\n".encode("ascii"))
        hello = await self._reply(connection, replies, "after EHLO")
        connection.write(b"QUIT\r\n")
        return Reach(address, text, any(line.upper().split(" ")[0] == "STARTTLS" for line in hello.lines))

    async def _reply(self, connection: SmtpConnection, replies: ReplyReader, when: str) -> Reply:
        while (reply := replies.next_reply()) is None:
            replies.feed(await connection.read(self._patience, when))
        return reply
