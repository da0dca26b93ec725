"""The measured faults of stock SMTP engines are absent on 25, 587 and 465: each with real sockets, and real TLS."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailsuite.model.errors import Deferral
from mailsuite.model.status import Status
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.smtp.limits import Limits
from tests.net.smtp_support import Gate, Role, self_signed, server_tls, until

if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object

HOST = "mx.alpha.example"
LOGIN = b"AUTH PLAIN " + base64.b64encode(b"\0ann@alpha.example\0right") + b"\r\n"
START = b"MAIL FROM:<ann@alpha.example>\r\nRCPT TO:<bob@beta.example>\r\n"
TLS = server_tls(*self_signed())


class Wire:
    """A client that blocks: octets out, replies in."""

    def __init__(self, port: int) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), 20)
        self._unread = b""

    def secure(self) -> None:
        """Shake hands, whatever the certificate."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def close(self) -> None:
        """End it."""
        self.socket.close()

    def reply(self) -> str:
        """The next reply's code and enhanced code; "" when the connection is closed."""
        while True:
            while (end := self._unread.find(b"\r\n")) >= 0:
                line, self._unread = self._unread[:end].decode(), self._unread[end + 2 :]
                self.last = line
                if line[3:4] != "-":
                    code, _, text = line.partition(" ")
                    word = text.partition(" ")[0]
                    return f"{code} {word}" if word.count(".") == 2 and word[0] in "245" else code
            try:
                chunk = self.socket.recv(65_536)
            except (ConnectionError, ssl.SSLError):
                chunk = b""
            if not chunk:
                return ""
            self._unread += chunk

    def say(self, octets: bytes, replies: int = 1) -> list[str]:
        """Send in one segment and read so many replies."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(octets)
        return [self.reply() for _ in range(replies)]

    def lines(self, octets: bytes) -> list[str]:
        """All lines of the one reply to a command."""
        self.socket.sendall(octets)
        found = []
        while True:
            while b"\r\n" not in self._unread:
                self._unread += self.socket.recv(65_536)
            line, _, self._unread = self._unread.partition(b"\r\n")
            found.append(line.decode())
            if line[3:4] == b" ":
                return found


class Attacks(_Case):
    """Mix into a trial TestCase. ``open`` gives a client that may say MAIL."""

    auth = True
    implicit = False

    async def serve(self, limits: Limits | None = None, hook: Any = None) -> None:
        """Listen with a Role."""
        self.role = Role(hook)
        config = ServerConfig(HOST, limits or Limits(), auth=self.auth, implicit_tls=self.implicit)
        self.factory = SmtpFactory(reactor, self.role, config, None if self.implicit else TLS, lambda: "f-1")
        endpoint: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening: Any = await (wrapServerTLS(TLS, endpoint) if self.implicit else endpoint).listen(self.factory)
        self.port: int = listening.getHost().port

        async def stop() -> None:
            await listening.stopListening()
            await self.factory.drain(0)
            await until(lambda: not self.factory.sessions)

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))

    def begin(self) -> Wire:
        """As far as this port goes before EHLO."""
        wire = Wire(self.port)
        self.addCleanup(wire.close)
        if self.implicit:
            wire.secure()
        self.assertEqual(wire.reply(), "220")
        return wire

    def open(self) -> Wire:
        """EHLO, TLS and login, where the port has them."""
        wire = self.begin()
        self.assertEqual(wire.say(b"EHLO x\r\n"), ["250"])
        if self.auth:
            if not self.implicit:
                self.assertEqual(wire.say(b"STARTTLS\r\n"), ["220 2.0.0"])
                wire.secure()
                wire.say(b"EHLO x\r\n")
            self.assertEqual(wire.say(LOGIN), ["235 2.7.0"])
        return wire

    async def attack(self, work: Callable[[Wire], Any], limits: Limits | None = None, hook: Any = None) -> Any:
        """Run a client in a thread; what it returns."""
        await self.serve(limits, hook)
        return await deferToThread(lambda: work(self.open()))

    async def test_one_segment(self) -> None:
        """MAIL, RCPT, RCPT and DATA in one segment, while the role takes its time: no 503."""
        gate = Gate()

        async def slow(step: str, subject: Any) -> Status | None:
            if step in ("mail", "rcpt"):
                reactor.callLater(0.01, gate.open)
                await gate.wait()
            return None

        found = await self.attack(lambda wire: wire.say(START + b"RCPT TO:<c@beta.example>\r\nDATA\r\n", 4), hook=slow)
        self.assertEqual(found, ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354"])

    async def test_command_behind_the_dot(self) -> None:
        """A command pipelined behind the final dot leaves the 250; the message is there once."""
        found = await self.attack(lambda wire: wire.say(START + b"DATA\r\nSubject: x\r\n\r\n.\r\nRSET\r\nQUIT\r\n", 6))
        self.assertEqual(found[3:], ["250 2.0.0", "250 2.0.0", "221 2.0.0"])
        self.assertEqual(len(self.role.messages), 1)

    async def test_f001_bare_line_feeds(self) -> None:
        """F001: LF round the dot never ends DATA: one reply, no second message."""
        inner = b"MAIL FROM:<x@evil.example>\r\nRCPT TO:<v@beta.example>\r\nDATA\r\nSubject: b\r\n\r\ntwo\r\n.\r\n"

        def smuggle(wire: Wire) -> list[list[str]]:
            return [
                wire.say(START + b"DATA\r\nSubject: a\r\n\r\none" + end + inner + b"NOOP\r\n", 5)
                for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n")
            ]

        for found in await self.attack(smuggle):
            self.assertEqual(found, ["250 2.1.0", "250 2.1.5", "354", "550 5.6.11", "250 2.0.0"])
        self.assertEqual(self.role.messages, [])

    async def test_f007_long_lines_of_content(self) -> None:
        """F007: a line over 16,384 octets is content, so is what follows; one over the limit is refused at its end."""
        evil = b"\r\nMAIL FROM:<evil@evil.example>\r\nQUIT\r\n.\r\n"

        def work(wire: Wire) -> list[str]:
            return [
                *wire.say(START + b"DATA\r\nSubject: x\r\n\r\n" + b"a" * 16_390 + evil, 4)[3:],
                *wire.say(START + b"DATA\r\nSubject: x\r\n\r\n" + b"a" * 70_000 + evil, 4)[3:],
                *wire.say(b"NOOP\r\n"),
            ]

        found = await self.attack(work)
        self.assertEqual((found[0], found[2]), ("250 2.0.0", "250 2.0.0"))
        self.assertIn(found[1].partition(" ")[0], ("500", "550", "552", "554"))
        self.assertEqual(len(self.role.messages), 1)

    async def test_f006_line_without_end(self) -> None:
        """F006: 4 MB of one command line take memory for none of it, then 500 and the session goes on."""

        def work(wire: Wire) -> tuple[list[str], float]:
            began = time.thread_time()
            for _ in range(64):
                wire.socket.sendall(b"A" * 65_536)
            return wire.say(b"\r\nNOOP\r\n", 2), time.thread_time() - began

        found, _ = await self.attack(work)
        self.assertEqual(found, ["500 5.5.2", "250 2.0.0"])

    async def test_deferrals_stay_deferrals(self) -> None:
        """A 451 of the role is 451 at each step."""
        for failing in ("mail", "rcpt", "message"):

            async def hook(step: str, subject: Any, failing: str = failing) -> Status | None:
                if step == failing:
                    raise Deferral(451, "4.3.0", "later")
                return None

            await self.serve(hook=hook)
            found = await deferToThread(lambda: self.open().say(START + b"DATA\r\n\r\n.\r\nQUIT\r\n", 4))
            self.assertIn("451 4.3.0", found)

    async def test_f009_short_commands(self) -> None:
        """F009: commands without their argument get 501 or 555, nothing is thrown, NOOP answers."""
        wire = b"MAIL\r\nRCPT TO:\r\nEHLO\r\nMAIL FROM:<a@b.example> SIZE=\r\nMAIL FROM:<a@b.example> X=Y\r\n"
        found = await self.attack(lambda client: client.say(wire + b"DATA now\r\nAUTH  \r\nAUTH\r\nNOOP\r\n", 9))
        self.assertEqual(found[:6], ["501 5.5.4"] * 4 + ["555 5.5.4", "501 5.5.4"])
        self.assertEqual(found[6:], ["501 5.5.4", "501 5.5.4", "250 2.0.0"])

    async def test_extensions(self) -> None:
        """EHLO offers what protocols demand; AUTH where it is allowed, STARTTLS where it is possible."""
        lines = await self.attack(lambda wire: wire.lines(b"EHLO x\r\n"))
        offered = {line[4:].partition(" ")[0] for line in lines[1:]}
        common = {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING"}
        self.assertEqual(offered, common | ({"REQUIRETLS", "AUTH"} if self.auth else {"STARTTLS"}))

    async def test_address_literals(self) -> None:
        """A literal is an address."""
        wire = b"MAIL FROM:<a@[192.0.2.1]>\r\nRCPT TO:<b@[IPv6:2001:db8::1]>\r\n"
        self.assertEqual(await self.attack(lambda client: client.say(wire, 2)), ["250 2.1.0", "250 2.1.5"])

    async def test_too_many_errors(self) -> None:
        """The twentieth error is the last: 421 and the end."""
        found = await self.attack(lambda wire: wire.say(b"NOPE\r\n" * 30, 23))
        self.assertEqual(found, ["500 5.5.2"] * 20 + ["421 4.7.0", "", ""])

    async def test_ten_thousand_recipients(self) -> None:
        """After the thousandth each gets 452 4.5.3, and those before stay."""
        recipients = b"".join(b"RCPT TO:<r%d@beta.example>\r\n" % n for n in range(1500))

        def work(wire: Wire) -> tuple[list[str], list[str]]:
            found = wire.say(b"MAIL FROM:<a@b.example>\r\n" + recipients, 1501)
            return found, wire.say(b"DATA\r\nSubject: x\r\n\r\n.\r\n", 2)

        found, end = await self.attack(work)
        self.assertEqual(found[1:], ["250 2.1.5"] * 1000 + ["452 4.5.3"] * 500)
        self.assertEqual(end, ["354", "250 2.0.0"])
        self.assertEqual(len(self.role.messages[0][0].recipients), 1000)

    async def test_client_that_does_not_read(self) -> None:
        """It stops being read: neither its replies nor its commands pile up."""
        await self.serve(Limits(commands=10**9))

        def work() -> int:
            wire = self.open()
            wire.socket.settimeout(1)
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < 400_000_000:
                    sent += wire.socket.send(b"HELP\r\n" * 10_000)
            return sent

        sent = await deferToThread(work)
        self.assertLess(sent, 40_000_000)
        (protocol,) = self.factory._protocols
        self.assertLess(protocol.session.buffered, 300_000)

    async def test_shutdown(self) -> None:
        """421 4.3.2 to who is idle."""
        await self.serve()
        wire = await deferToThread(self.open)

        def read() -> str:
            with contextlib.closing(wire):
                return wire.reply()

        reading = deferToThread(read)
        await self.factory.drain(5)
        self.assertEqual(await reading, "421 4.3.2")


class Port25Tests(Attacks, TestCase):
    """Other hosts: no login."""

    auth = False

    async def test_no_login(self) -> None:
        """AUTH is neither offered nor taken, in the clear or not."""
        self.assertEqual(await self.attack(lambda wire: wire.say(LOGIN)), ["502 5.5.1"])
        self.assertNotIn("authenticate", self.role.steps)

    async def test_f010_plaintext_behind_starttls(self) -> None:
        """F010: what is glued to STARTTLS never runs: 501 and the end."""
        found = await self.attack(lambda wire: wire.say(b"STARTTLS\r\nMAIL FROM:<a@b.example>\r\n", 2))
        self.assertEqual(found, ["501 5.5.1", ""])
        self.assertNotIn("mail", self.role.steps)

    async def test_starttls_forgets(self) -> None:
        """A transaction from before the handshake is over, and EHLO is to be said again."""

        def work(wire: Wire) -> list[str]:
            wire.say(START, 2)
            wire.say(b"STARTTLS\r\n")
            wire.secure()
            return wire.say(b"RCPT TO:<c@beta.example>\r\nDATA\r\nMAIL FROM:<a@b.example>\r\n", 3)

        self.assertEqual(await self.attack(work), ["503 5.5.1"] * 3)


class Port587Tests(Attacks, TestCase):
    """Submission with STARTTLS."""

    async def test_login_needs_tls(self) -> None:
        """In the clear AUTH is 538, and not offered."""
        await self.serve()

        def work() -> tuple[list[str], list[str]]:
            wire = self.begin()
            return wire.lines(b"EHLO x\r\n"), wire.say(LOGIN)

        lines, found = await deferToThread(work)
        self.assertFalse([line for line in lines if "AUTH" in line])
        self.assertEqual(found, ["538 5.7.11"])
        self.assertNotIn("authenticate", self.role.steps)

    async def test_f010_plaintext_behind_starttls(self) -> None:
        """F010: as on port 25."""
        await self.serve()
        glued = b"EHLO x\r\nSTARTTLS\r\n" + LOGIN
        found = await deferToThread(lambda: self.begin().say(glued, 3))
        self.assertEqual(found, ["250", "501 5.5.1", ""])

    async def test_guessing(self) -> None:
        """Three wrong passwords are the last: 535, 535, 535, 421."""
        wrong = b"AUTH PLAIN " + base64.b64encode(b"\0ann@alpha.example\0wrong") + b"\r\n"
        await self.serve()

        def work() -> list[str]:
            wire = self.begin()
            if not self.implicit:
                wire.say(b"EHLO x\r\nSTARTTLS\r\n", 2)
                wire.secure()
            return wire.say(b"EHLO x\r\n" + wrong * 5, 6)

        self.assertEqual(await deferToThread(work), ["250", *["535 5.7.8"] * 3, "421 4.7.0", ""])


class Port465Tests(Port587Tests):
    """Submission with TLS from the first octet."""

    implicit = True

    async def test_login_needs_tls(self) -> None:
        """There is nothing in the clear: a greeting is not even sent."""
        await self.serve()

        def work() -> str:
            wire = Wire(self.port)
            wire.socket.sendall(b"EHLO x\r\n" + LOGIN)
            return wire.reply()

        self.assertEqual(await deferToThread(work), "")
        self.assertNotIn("authenticate", self.role.steps)

    async def test_f010_plaintext_behind_starttls(self) -> None:
        """STARTTLS inside TLS is refused, and what follows is a command of its own."""
        found = await self.attack(lambda wire: wire.say(b"STARTTLS\r\nNOOP\r\n", 2))
        self.assertEqual(found, ["503 5.5.1", "250 2.0.0"])
