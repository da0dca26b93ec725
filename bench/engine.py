"""Messages a second of the SMTP server engine: bare, behind a socket, and aiosmtpd and smtp-sink beside it.

    python bench/engine.py [messages]

5 kB messages, discarded. "bare" runs the sans-I/O session alone in this process; it and net.smtp_server are to stay
below 0.15 ms of CPU a message. The others listen on loopback, each in a process of its own, and Postfix's smtp-source
sends to them over 50 reused connections; "cpu" is the server's CPU time for a message. Nothing is asserted: the numbers
are for a reader.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from aiosmtpd.smtp import SMTP
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from zope.interface import implementer

from mailsuite.interfaces.reception import Client, IReception
from mailsuite.model.account import Account
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.status import Status
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.smtp.limits import Limits
from mailsuite.smtp.server import ServerSession

HOST = "mx.alpha.example"
UNLIMITED = Limits(messages=10**9, commands=10**9)
OK = Status(250, "2.0.0", "ok")
LINE = b"y" * 70 + b"\r\n"
CONTENT = b"Subject: x\r\nFrom: ann@alpha.example\r\nTo: bob@beta.example\r\n\r\n" + LINE * 69
SOURCE = ["smtp-source", "-s", "50", "-l", "5000", "-d", "-f", "ann@alpha.example", "-t", "bob@beta.example"]
PATH = os.environ["PATH"] + ":/usr/sbin"


def bare(messages: int) -> None:
    """Time the engine alone: one segment per command, one for the content."""
    session = ServerSession(Client("192.0.2.1", 40000), HOST, UNLIMITED)
    session.greet(None)
    session.receive(b"EHLO out.beta.example\r\n")
    session.next_event()
    mail = b"MAIL FROM:<ann@alpha.example> SIZE=5000\r\n"
    segments = (mail, b"RCPT TO:<bob@beta.example>\r\n", b"DATA\r\n", CONTENT + b".\r\n")
    began = time.process_time()
    for _ in range(messages):
        for segment in segments:
            session.receive(segment)
            while session.next_event() is not None:
                session.answer(OK)
            session.output()
    cpu = time.process_time() - began
    assert session.accepted == messages
    show("bare engine", messages, cpu, cpu)


@implementer(IReception)
class Discard:
    """A role that takes everything and keeps nothing."""

    async def connect(self, client: Client) -> Status | None:
        return None

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Status:
        return OK

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> Status:
        return OK

    async def message(self, client: Client, envelope: Envelope, content: bytes) -> Status:
        return OK

    async def authenticate(self, client: Client, identity: str, password: str) -> Account | None:
        return None


def serve(port: int) -> None:
    """Be the server under test until killed."""
    factory = SmtpFactory(reactor, Discard(), ServerConfig(HOST, UNLIMITED))
    TCP4ServerEndpoint(reactor, port, backlog=500, interface="127.0.0.1").listen(factory)
    reactor.run()


class Taker:
    """aiosmtpd's handler: takes everything and keeps nothing."""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        """The end of a message."""
        return "250 2.0.0 ok"


def serve_aiosmtpd(port: int) -> None:
    """The same with aiosmtpd."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(Taker(), hostname=HOST, enable_SMTPUTF8=True), "127.0.0.1", port, backlog=500
        )
        await server.serve_forever()

    asyncio.run(run())


SERVERS = {"--serve": serve, "--serve-aiosmtpd": serve_aiosmtpd}


def over_loopback(name: str, messages: int, command: Callable[[int], list[str]]) -> None:
    """Start a server, send to it, stop it, and show what it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PATH": PATH, "PYTHONPATH": os.getcwd()}
    server = subprocess.Popen(command(port), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        send = [*SOURCE, "-m", str(messages), f"127.0.0.1:{port}"]
        subprocess.run([*send[:-2], "500", send[-1]], env=environment, check=True)  # warms it up
        used, began = cpu_of(server.pid), time.monotonic()
        subprocess.run(send, env=environment, check=True)
        show(name, messages, time.monotonic() - began, cpu_of(server.pid) - used)
    finally:
        server.terminate()
        server.wait()


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used (proc(5): utime and stime)."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(name: str, messages: int, elapsed: float, cpu: float) -> None:
    """One line."""
    print(f"{name:24} {messages / elapsed:9,.0f} messages/s   {cpu / messages * 1000:6.3f} ms cpu/message", flush=True)


def main(arguments: list[str]) -> None:
    """Run all that can run here."""
    if arguments and arguments[0] in SERVERS:
        SERVERS[arguments[0]](int(arguments[1]))
        return
    messages = int(arguments[0]) if arguments else 20_000
    bare(messages)
    if shutil.which("smtp-source", path=PATH) is None:
        print("smtp-source is not installed: nothing is measured over loopback")
        return
    over_loopback("net.smtp_server", messages, lambda port: [sys.executable, __file__, "--serve", str(port)])
    over_loopback("aiosmtpd", messages, lambda port: [sys.executable, __file__, "--serve-aiosmtpd", str(port)])
    user = ["-u", "root"] if os.getuid() == 0 else []
    over_loopback("smtp-sink", messages, lambda port: ["smtp-sink", *user, f"127.0.0.1:{port}", "500"])


if __name__ == "__main__":
    main(sys.argv[1:])
