"""Sends one message again and again by STARTTLS: smtp-source speaks no TLS.

    .venv/bin/python bench/load/tls.py HOST:PORT SENDER RECIPIENT CONNECTIONS MESSAGES FILE

``CONNECTIONS`` sessions at a time, a new connection and a full handshake for each message, no pipelining, as
smtp-source does it. One process of asyncio: it takes about as much CPU as a server does, and serves all peers of a
bench alike, so that their ratio is worth more than their rates. The certificate is not checked.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path


class Session:
    """One connection to an SMTP server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def expect(self, code: bytes) -> None:
        """Read a reply; anything but ``code`` ends the bench."""
        while True:
            line = await self._reader.readline()
            if line[:3] != code:
                raise SystemExit(f"the server says {line.decode('utf-8', 'replace')!r} instead of {code.decode()}")
            if line[3:4] != b"-":
                return

    async def say(self, command: bytes, code: bytes) -> None:
        """A command and its reply."""
        self._writer.write(command + b"\r\n")
        await self.expect(code)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Begin TLS in this connection."""
        await self.say(b"STARTTLS", b"220")
        await self._writer.start_tls(context)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def send(host: str, port: int, context: ssl.SSLContext, sender: str, recipient: str, content: bytes) -> None:
    """One message in a session of its own."""
    session = Session(*await asyncio.open_connection(host, port))
    try:
        await session.expect(b"220")
        await session.say(b"EHLO mx.load.example", b"250")
        await session.start_tls(context)
        await session.say(b"EHLO mx.load.example", b"250")
        await session.say(f"MAIL FROM:<{sender}>".encode(), b"250")
        await session.say(f"RCPT TO:<{recipient}>".encode(), b"250")
        await session.say(b"DATA", b"354")
        await session.say(content + b".", b"250")
        await session.say(b"QUIT", b"221")
    finally:
        session.close()


async def run(target: str, sender: str, recipient: str, connections: int, messages: int, content: bytes) -> None:
    """Send all messages."""
    host, _, port = target.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    numbers = iter(range(messages))

    async def work(numbers: Iterator[int]) -> None:
        for _ in numbers:
            await send(host, int(port), context, sender, recipient, content)

    await asyncio.gather(*(work(numbers) for _ in range(connections)))


def main(target: str, sender: str, recipient: str, connections: str, messages: str, file: str) -> None:
    """Stuff dots once, then send."""
    lines = Path(file).read_bytes().splitlines()
    content = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    asyncio.run(run(target, sender, recipient, int(connections), int(messages), content))


if __name__ == "__main__":
    main(*sys.argv[1:])
