"""The SMTP listener on real sockets: decisions that take time, flow control, faults, TLS, shutdown."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import time
import warnings
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mailsuite.model.errors import Deferral, Refusal
from mailsuite.model.status import Status
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory, client_address, client_network
from mailsuite.net.tls import ServerTls
from mailsuite.smtp.limits import Limits
from mailsuite.testing.temporary import temporary_directory
from tests.net.smtp_support import ANN, Gate, Role, Talk, chain, pause, self_signed, server_tls, until

HOST = "mx.alpha.example"
START = b"EHLO client.example\r\nMAIL FROM:<ann@alpha.example>\r\nRCPT TO:<bob@beta.example>\r\n"
WIRE = b"Subject: hello\r\n\r\ntext\r\n.\r\n"


class ServerCase(TestCase):
    """Listens with a Role on a free port."""

    async def serve(
        self, role: Role | None = None, config: ServerConfig | None = None, tls: Any = None, implicit: bool = False
    ) -> int:
        """Start; the port."""
        self.role = role or Role()
        self.factory = SmtpFactory(reactor, self.role, config or ServerConfig(HOST), tls, lambda: "f-1")
        endpoint: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        if implicit:
            endpoint = SSL4ServerEndpoint(reactor, 0, server_tls(*self_signed()), interface="127.0.0.1")
        listening = await endpoint.listen(self.factory)
        self.addCleanup(lambda factory: Deferred.fromCoroutine(self.stop(listening, factory)), self.factory)
        port: int = listening.getHost().port
        return port

    async def stop(self, listening: Any, factory: SmtpFactory) -> None:
        """Close the port and cut off the sessions."""
        await listening.stopListening()
        await factory.drain(0)
        await until(lambda: not factory.sessions)

    async def talk(self, port: int) -> Talk:
        """A client behind the greeting."""
        talk = await Talk.to(port)
        self.addCleanup(lambda: Deferred.fromCoroutine(talk.close()))
        self.assertEqual(await talk.replies(1), [f"220 {HOST} ESMTP"])
        return talk


class SessionTests(ServerCase):
    """A session and its role."""

    async def test_message(self) -> None:
        """A message reaches the role with envelope and client, and the role's reply reaches the client."""
        talk = await self.talk(await self.serve())
        found = await talk.say(START + b"DATA\r\n", 4)
        self.assertEqual(found, ["250 CHUNKING", "250 2.1.0", "250 2.1.5", "354 end"])
        talk.transport.write(WIRE)
        self.assertEqual(await talk.replies(1), ["250 2.0.0 queued as 1"])
        ((envelope, content),) = self.role.messages
        self.assertEqual(content, WIRE[:-3])
        self.assertEqual(envelope.sender, "ann@alpha.example")
        client = self.role.clients[-1]
        self.assertEqual(
            (client.address, client.helo, client.extended, client.tls), ("127.0.0.1", "client.example", True, "")
        )
        self.assertEqual(await talk.say(b"QUIT\r\n", 1), ["221 2.0.0"])
        await talk.gone()
        await until(lambda: self.factory.sessions == 0)

    async def test_slow_decisions_keep_the_order(self) -> None:
        """While the role decides, pipelined commands wait; each gets its reply, in order."""
        gate = Gate()

        async def hook(step: str, subject: Any) -> Status | None:
            await gate.wait()
            return None

        port = await self.serve(Role(hook))
        talk = await Talk.to(port)
        self.addCleanup(lambda: Deferred.fromCoroutine(talk.close()))
        talk.transport.write(START + b"DATA\r\n" + WIRE + b"NOOP\r\nQUIT\r\n")
        for step in ("connect", "mail", "rcpt", "message"):
            await until(lambda step=step: self.role.steps[-1:] == [step])  # type: ignore[misc]
            await pause(0.02)
            self.assertEqual(self.role.steps[-1], step)
            gate.open()
        found = [" ".join(r.split(" ")[:2]) for r in await talk.replies(8)]
        self.assertEqual(
            found,
            [f"220 {HOST}", "250 CHUNKING", "250 2.1.0", "250 2.1.5", "354 end", "250 2.0.0", "250 2.0.0", "221 2.0.0"],
        )
        self.assertEqual(len(self.role.messages), 1)

    async def test_what_the_role_raises(self) -> None:
        """A MailError is replied as its status: a Deferral stays a deferral."""

        async def hook(step: str, subject: Any) -> Status | None:
            if step == "mail":
                raise Deferral(451, "4.7.1", "greylisted")
            raise Refusal(550, "5.7.1", "no")

        self.role = Role(None)
        talk = await self.talk(await self.serve(self.role))
        self.role.hook = hook
        self.assertEqual(await talk.say(b"EHLO x\r\nMAIL FROM:<>\r\n", 2), ["250 CHUNKING", "451 4.7.1"])
        self.role.hook = None
        await talk.say(b"MAIL FROM:<>\r\n", 1)
        self.role.hook = hook
        self.assertEqual(await talk.say(b"RCPT TO:<a@b.example>\r\n", 1), ["550 5.7.1"])

    async def test_our_fault(self) -> None:
        """A bug of ours is 451 4.3.0 with an id, logged once under that id; the session lives on."""

        async def hook(step: str, subject: Any) -> Status | None:
            if step == "rcpt":
                raise ZeroDivisionError("bug")
            return None

        events: list[LogEvent] = []

        @implementer(ILogObserver)
        def observer(event: LogEvent) -> None:
            events.append(event)

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        talk = await self.talk(await self.serve(Role(hook)))
        await talk.say(b"EHLO x\r\nMAIL FROM:<>\r\n", 2)
        talk.transport.write(b"RCPT TO:<a@b.example>\r\n")
        (reply,) = await talk.replies(1)
        self.assertTrue(reply.startswith("451 4.3.0 ") and reply.endswith("f-1"), reply)
        self.assertEqual(await talk.say(b"NOOP\r\n", 1), ["250 2.0.0"])
        failures = [e for e in events if e["log_level"] is LogLevel.critical]
        self.assertEqual([e["failure_id"] for e in failures], ["f-1"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_refused_connection(self) -> None:
        """What connect gives is the greeting, and the connection is closed."""

        async def hook(step: str, subject: Any) -> Status | None:
            return Status(554, "5.7.1", "not you")

        talk = await Talk.to(await self.serve(Role(hook)))
        self.assertEqual(await talk.replies(1), ["554 5.7.1 not you"])
        await talk.gone()

    async def test_client_leaves_during_the_commit(self) -> None:
        """The message that the role is committing is committed; later commands are not run; nothing is logged."""
        gate = Gate()

        async def hook(step: str, subject: Any) -> Status | None:
            if step == "message":
                await gate.wait()
            return None

        talk = await self.talk(await self.serve(Role(hook)))
        await talk.say(START + b"DATA\r\n", 4)
        talk.transport.write(WIRE + b"MAIL FROM:<>\r\n")
        await until(lambda: gate.waiting == 1)
        await talk.close()
        await pause(0.02)
        self.assertEqual(self.factory.sessions, 1)
        gate.open()
        await until(lambda: self.factory.sessions == 0)
        self.assertEqual(len(self.role.messages), 1)
        self.assertEqual(self.role.steps[-1], "message")

    async def test_a_thousand_pipelined_recipients(self) -> None:
        """A long pipeline does not nest: 900 recipients that are answered at once."""
        talk = await self.talk(await self.serve())
        await talk.say(b"EHLO x\r\nMAIL FROM:<>\r\n", 2)
        wire = b"".join(b"RCPT TO:<u%d@beta.example>\r\n" % n for n in range(900))
        self.assertEqual(await talk.say(wire, 900), ["250 2.1.5"] * 900)


class FlowTests(ServerCase):
    """Memory does not grow with what a client sends or does not read."""

    async def test_client_that_does_not_read(self) -> None:
        """It is not read either: neither input nor output grows; when it reads again everything is answered."""
        limits = Limits(commands=10**9)
        port = await self.serve(config=ServerConfig(HOST, limits))
        peer = socket.socket()
        self.addCleanup(peer.close)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.setblocking(False)
        peer.connect_ex(("127.0.0.1", port))
        await until(lambda: self.factory.sessions == 1)
        (protocol,) = self.factory._protocols
        protocol.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        protocol.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire = b"HELP\r\n" * 400_000
        sent = 0
        quiet = time.monotonic()
        while sent < len(wire) and time.monotonic() < quiet + 0.3:
            with contextlib.suppress(BlockingIOError):
                sent += peer.send(wire[sent : sent + 65_536])
                quiet = time.monotonic()
            await pause(0.001)
        # What is neither worked on nor in the two buffers is in the kernel's.
        self.assertLess(protocol.session.commands, 200_000)
        self.assertLess(protocol.session.buffered, 200_000)
        self.assertLess(len(protocol.transport.dataBuffer) + protocol.transport._tempDataLen, 1_000_000)
        received = 0

        def all_answered() -> bool:
            nonlocal received
            with contextlib.suppress(BlockingIOError):
                received += peer.recv(1_000_000).count(b"\n")
            return received == sent // 6 + 1

        await until(all_answered, 60)

    async def test_input_during_a_decision(self) -> None:
        """While the role decides, no more than 64 kB and one read are taken from the socket."""
        gate = Gate()

        async def hook(step: str, subject: Any) -> Status | None:
            if step == "mail":
                await gate.wait()
            return None

        port = await self.serve(Role(hook), ServerConfig(HOST, Limits(commands=10**9)))
        talk = await self.talk(port)
        talk.transport.write(b"EHLO x\r\nMAIL FROM:<>\r\n" + b"NOOP\r\n" * 200_000)
        await until(lambda: gate.waiting == 1)
        await pause(0.2)
        (protocol,) = self.factory._protocols
        self.assertLess(protocol.session.buffered, 64 * 1024 + 2 * 64 * 1024)
        gate.open()
        found = await talk.replies(200_002)
        self.assertEqual(found[-1], "250 2.0.0 OK")
        self.assertEqual(len(found), 200_002)


class TlsTests(ServerCase):
    """STARTTLS and implicit TLS with smtplib and the standard library's ssl on the other side."""

    def context(self) -> ssl.SSLContext:
        """A client's, that takes any certificate."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    async def test_starttls_and_login(self) -> None:
        """After STARTTLS smtplib logs in and sends; the role sees TLS and account."""
        port = await self.serve(config=ServerConfig(HOST, auth=True), tls=server_tls(*self_signed()))

        def client() -> tuple[bool, bool, int]:
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                smtp.ehlo("client.example")
                before = smtp.has_extn("auth")
                smtp.starttls(context=self.context())
                smtp.ehlo("client.example")
                smtp.login("ann@alpha.example", "right")
                smtp.sendmail("ann@alpha.example", ["bob@beta.example"], b"Subject: x\r\n\r\n.\r\n")
                return before, smtp.has_extn("starttls"), 1

        self.assertEqual(await deferToThread(client), (False, False, 1))
        self.assertEqual(self.role.messages[0][1], b"Subject: x\r\n\r\n.\r\n")
        client_seen = self.role.clients[-1]
        self.assertEqual(client_seen.account, ANN)
        self.assertRegex(client_seen.tls, r"TLSv1\.[23] \w+")

    async def test_implicit_tls(self) -> None:
        """On an endpoint that speaks TLS from the start the greeting comes after the handshake, AUTH is offered."""
        port = await self.serve(config=ServerConfig(HOST, auth=True, implicit_tls=True), implicit=True)

        def client() -> tuple[int, bytes]:
            with smtplib.SMTP_SSL("127.0.0.1", port, context=self.context()) as smtp:
                smtp.login("ann@alpha.example", "right")
                try:
                    return smtp.docmd("STARTTLS")
                finally:
                    smtp.sendmail("", ["bob@beta.example"], b"Subject: x\r\n\r\nx\r\n")

        self.assertEqual((await deferToThread(client))[0], 503)
        self.assertEqual(len(self.role.messages), 1)
        self.assertTrue(self.role.clients[-1].tls)

    async def test_quit_over_tls(self) -> None:
        """After the reply to QUIT it is we who close, with a TLS close alert, at once."""
        port = await self.serve(tls=server_tls(*self_signed()))

        def client() -> tuple[int, bytes]:
            with contextlib.closing(smtplib.SMTP("127.0.0.1", port, timeout=6)) as smtp:
                smtp.starttls(context=self.context())
                code, _ = smtp.docmd("QUIT")
                assert smtp.sock is not None
                return code, smtp.sock.recv(1)

        self.assertEqual(await deferToThread(client), (221, b""))

    async def test_large_message_over_tls(self) -> None:
        """A message of 3 MB comes through TLS octet for octet."""
        port = await self.serve(tls=server_tls(*self_signed()))
        content = b"Subject: x\r\n\r\n" + (b"." * 70 + b"\r\n") * 42_000

        def client() -> None:
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                smtp.starttls(context=self.context())
                smtp.sendmail("ann@alpha.example", ["bob@beta.example"], content)

        await deferToThread(client)
        self.assertEqual(self.role.messages[0][1], content)

    async def test_chain(self) -> None:
        """The whole chain of the certificate file is sent: a client that trusts only the root verifies it."""
        leaf, middle, root, key = chain([HOST, "middle.example", "root.example"])
        port = await self.serve(tls=server_tls(leaf + middle, key))

        def client() -> str | None:
            context = ssl.create_default_context(cadata=root.decode())
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                smtp._host = HOST  # type: ignore[attr-defined]
                smtp.starttls(context=context)
                assert isinstance(smtp.sock, ssl.SSLSocket)
                return smtp.sock.version()

        self.assertEqual(await deferToThread(client), "TLSv1.3")

    async def test_old_tls(self) -> None:
        """TLS 1.1 is refused in the handshake (RFC 8996)."""
        port = await self.serve(tls=server_tls(*self_signed()))

        def client() -> None:
            context = self.context()
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                smtp.starttls(context=context)

        with self.assertRaises((ssl.SSLError, smtplib.SMTPServerDisconnected)):
            await deferToThread(client)
        await until(lambda: self.factory.sessions == 0)

    async def test_f010_glued_plaintext(self) -> None:
        """F010: what comes in one segment with STARTTLS is never run: 501 and the end."""
        talk = await self.talk(await self.serve(tls=server_tls(*self_signed())))
        found = await talk.say(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b.example>\r\n", 3)
        self.assertEqual(found, ["250 STARTTLS", "501 5.5.1"])
        await talk.gone()
        self.assertNotIn("mail", self.role.steps)

    def test_bad_pem(self) -> None:
        """A certificate that cannot be read, or a key that is another's, is a ValueError at start."""
        certificate, key = self_signed()
        _, other = self_signed()
        for bad in ((b"", key), (certificate, b""), (certificate, other), (certificate.replace(b"M", b"N"), key)):
            self.assertRaises(ValueError, server_tls, *bad)

    async def test_names_and_kinds_of_key(self) -> None:
        """SNI chooses the certificate by name; of two kinds of key the client's abilities choose; else the first."""
        pems = [*self_signed(HOST), *self_signed(HOST, rsa_key=True), *self_signed("*.beta.example")]
        port = await self.serve(tls=server_tls(*pems))
        ecdsa, rsa, beta = (ssl.PEM_cert_to_DER_cert(pem.decode()) for pem in pems[::2])

        def shown(name: str, ciphers: str = "DEFAULT") -> bytes | None:
            context = self.context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                smtp._host = name  # type: ignore[attr-defined]
                smtp.starttls(context=context)
                assert isinstance(smtp.sock, ssl.SSLSocket)
                return smtp.sock.getpeercert(binary_form=True)

        for name, ciphers, certificate in (
            (HOST, "ECDHE-ECDSA-AES256-GCM-SHA384", ecdsa),
            (HOST.upper(), "ECDHE-RSA-AES256-GCM-SHA384", rsa),
            ("mx.beta.example", "DEFAULT", beta),
            ("deep.mx.beta.example", "ECDHE-ECDSA-AES256-GCM-SHA384", ecdsa),
            ("elsewhere.example", "ECDHE-RSA-AES256-GCM-SHA384", rsa),
            ("127.0.0.1", "ECDHE-RSA-AES256-GCM-SHA384", rsa),
        ):
            self.assertEqual(await deferToThread(shown, name, ciphers), certificate, name)

    async def test_certificate_reload(self) -> None:
        """After a reload handshakes show the new certificate, an old session lives on; a bad pair changes nothing."""
        old, new = self_signed(), self_signed()
        directory = temporary_directory(self)
        pair = directory / "cert.pem", directory / "key.pem"

        def install(pems: tuple[bytes, bytes]) -> None:
            for path, pem in zip(pair, pems, strict=True):
                path.write_bytes(pem)

        install(old)
        tls = ServerTls([pair])
        port = await self.serve(tls=tls)

        def connect() -> tuple[smtplib.SMTP, bytes | None]:
            smtp = smtplib.SMTP("127.0.0.1", port)
            smtp.starttls(context=self.context())
            assert isinstance(smtp.sock, ssl.SSLSocket)
            return smtp, smtp.sock.getpeercert(binary_form=True)

        before, certificate = await deferToThread(connect)
        self.addCleanup(before.close)
        self.assertEqual(certificate, ssl.PEM_cert_to_DER_cert(old[0].decode()))
        install((new[0], old[1]))
        self.assertRaises(ValueError, tls.reload, [pair])
        for pems in (old, new):
            # While it waits for a reload the server does not look at the files.
            install(new)
            later, certificate = await deferToThread(connect)
            later.close()
            self.assertEqual(certificate, ssl.PEM_cert_to_DER_cert(pems[0].decode()))
            tls.reload([pair])
        self.assertEqual((await deferToThread(before.noop))[0], 250)


class DrainTests(ServerCase):
    """Shutdown."""

    async def test_idle_and_busy(self) -> None:
        """An idle session gets 421 at once, a transaction is finished first, a new connection gets 421."""
        port = await self.serve()
        idle, busy = await self.talk(port), await self.talk(port)
        await busy.say(START + b"DATA\r\n", 4)
        drained = Deferred.fromCoroutine(self.factory.drain(10))
        self.assertEqual(await idle.replies(1), [f"421 4.3.2 {HOST} is shutting down"])
        await idle.gone()
        late = await Talk.to(port)
        self.assertEqual((await late.replies(1))[0][:9], "421 4.3.2")
        await late.gone()
        self.assertEqual(await busy.say(WIRE, 2), ["250 2.0.0", "421 4.3.2"])
        await drained
        self.assertEqual(self.factory.sessions, 0)
        self.assertEqual(len(self.role.messages), 1)

    async def test_no_longer_than_said(self) -> None:
        """A transaction that does not end is cut off when the time is over."""
        talk = await self.talk(await self.serve())
        await talk.say(START + b"DATA\r\n", 4)
        await self.factory.drain(0.05)
        await talk.gone()
        self.assertEqual(self.role.messages, [])

    async def test_nothing_to_do(self) -> None:
        """Without sessions it returns at once."""
        await self.serve()
        await self.factory.drain(1000)


class TimeTests(SynchronousTestCase):
    """Time-outs, on a clock and a memory transport."""

    def setUp(self) -> None:
        """One connection."""
        self.clock = Clock()
        self.role = Role()
        self.factory = SmtpFactory(self.clock, self.role, ServerConfig(HOST))
        self.protocol, self.transport = self.connect()
        self.transport.clear()

    def connect(self, address: str = "192.0.2.1") -> tuple[Any, StringTransport]:
        """A new connection from an address."""
        kind = IPv6Address if ":" in address else IPv4Address
        protocol = self.factory.buildProtocol(kind("TCP", address, 40000))
        transport = StringTransport(peerAddress=kind("TCP", address, 40000))
        protocol.makeConnection(transport)
        return protocol, transport

    def said(self) -> str:
        """What the server said, forgotten here."""
        text: str = self.transport.value().decode()
        self.transport.clear()
        return text

    def pass_time(self, seconds: int) -> None:
        """Turn the clock."""
        self.clock.pump([1] * seconds)

    def test_idle(self) -> None:
        """421 4.4.2 after 300 s without a command; the clock is not pushed back by half a command."""
        self.pass_time(290)
        self.protocol.dataReceived(b"NOOP\r\n")
        self.pass_time(290)
        self.assertEqual(self.said(), "250 2.0.0 OK\r\n")
        self.protocol.dataReceived(b"NOO")
        self.pass_time(20)
        self.assertEqual(self.said()[:9], "421 4.4.2")
        self.assertTrue(self.transport.disconnecting)

    def test_farewell_not_taken(self) -> None:
        """When the connection is not closed by then it is aborted 10 s later."""
        self.pass_time(305)
        self.assertFalse(self.transport.disconnected)
        self.pass_time(15)
        self.assertTrue(self.transport.disconnected)

    def test_data_block(self) -> None:
        """Inside DATA it is 180 s from block to block."""
        self.protocol.dataReceived(START + b"DATA\r\n")
        self.said()
        for _ in range(3):
            self.pass_time(50)
            self.protocol.dataReceived(b"x" * 20_000 + b"\r\n")
        self.assertEqual(self.said(), "")
        self.pass_time(175)
        self.assertEqual(self.said(), "")
        self.pass_time(10)
        self.assertEqual(self.said()[:9], "421 4.4.2")

    def test_data_rate(self) -> None:
        """Content that trickles is cut off after its first minute."""
        self.protocol.dataReceived(START + b"DATA\r\n")
        self.said()
        for _ in range(60):
            self.protocol.dataReceived(b"x\r\n")
            self.pass_time(1)
        self.assertEqual(self.said(), "")
        self.protocol.dataReceived(b"x\r\n")
        self.pass_time(6)
        self.assertEqual(self.said()[:9], "421 4.4.2")

    def test_time_of_the_role_is_not_the_client_s(self) -> None:
        """A decision may take longer than the idle time."""
        gate = Gate()

        async def hook(step: str, subject: Any) -> Status | None:
            await gate.wait()
            return None

        self.role.hook = hook
        self.protocol.dataReceived(b"EHLO x\r\nMAIL FROM:<>\r\n")
        self.said()
        self.pass_time(400)
        self.assertEqual(self.said(), "")
        gate.open()
        self.assertEqual(self.said()[:9], "250 2.1.0")
        self.pass_time(290)
        self.assertEqual(self.said(), "")

    def test_nothing_runs_without_sessions(self) -> None:
        """The sweep ends with the last session."""
        self.protocol.connectionLost()
        self.assertEqual(self.factory.sessions, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connections_per_network(self) -> None:
        """The 51st connection from one /24 or /64 gets 421 4.7.0; one that left makes room; loopback is not counted."""
        for base, other in (("198.51.100.{}", "203.0.113.1"), ("2001:db8::{}", "2001:db8:0:1::1")):
            made = [self.connect(base.format(n + 1)) for n in range(50)]
            self.assertEqual(made[-1][1].value()[:3], b"220")
            self.assertEqual(self.connect(base.format(99))[1].value()[:9], b"421 4.7.0")
            self.assertEqual(self.connect(other)[1].value()[:3], b"220")
            for protocol, _ in made[:2]:
                protocol.connectionLost()
            self.assertEqual(self.connect(base.format(98))[1].value()[:3], b"220")
        for _ in range(60):
            self.assertEqual(self.connect("127.0.0.1")[1].value()[:3], b"220")

    def test_connections_in_all(self) -> None:
        """One connection over the limit gets 421 4.7.0."""
        self.factory.config = ServerConfig(HOST, connections=3)
        self.assertEqual([self.connect("127.0.0.1")[1].value()[:3] for _ in range(3)], [b"220", b"220", b"421"])


class AddressTests(SynchronousTestCase):
    """Who the client is."""

    def test_forms(self) -> None:
        """A scope is dropped, an IPv4-mapped address is its IPv4 address."""
        for text, address in {
            "192.0.2.1": "192.0.2.1",
            "::ffff:192.0.2.1": "192.0.2.1",
            "fe80::1%eth0": "fe80::1",
            "2001:DB8::1": "2001:db8::1",
        }.items():
            self.assertEqual(client_address(IPv6Address("TCP", text, 1)), address)

    def test_networks(self) -> None:
        """/24 for IPv4, /64 for IPv6, none for loopback."""
        self.assertEqual(client_network("192.0.2.77"), "192.0.2.0/24")
        self.assertEqual(client_network("2001:db8:1:2:3::4"), "2001:db8:1:2::/64")
        self.assertEqual((client_network("127.0.0.9"), client_network("::1"), client_network("")), ("", "", ""))


class StockFaultsTests(ServerCase):
    """The measured faults of the stock server engine (protocols.md) are absent."""

    async def test_one_segment(self) -> None:
        """MAIL, RCPT, RCPT and DATA in one segment are not 503."""
        talk = await self.talk(await self.serve())
        wire = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
        self.assertEqual(await talk.say(wire, 5), ["250 CHUNKING", "250 2.1.0", "250 2.1.5", "250 2.1.5", "354 end"])

    async def test_command_behind_the_dot(self) -> None:
        """A command pipelined behind the final dot takes nothing away from the 250."""
        talk = await self.talk(await self.serve())
        await talk.say(START + b"DATA\r\n", 4)
        self.assertEqual(await talk.say(WIRE + b"RSET\r\nQUIT\r\n", 3), ["250 2.0.0", "250 2.0.0", "221 2.0.0"])

    async def test_long_line_of_data(self) -> None:
        """Behind a DATA line of more than 16,384 octets the rest is still content, however it is cut."""
        talk = await self.talk(await self.serve())
        await talk.say(START + b"DATA\r\n", 4)
        content = b"Subject: x\r\n\r\n" + b"a" * 16_390 + b"\r\nMAIL FROM:<evil@evil.example>\r\nQUIT\r\n"
        for start in range(0, len(content), 4000):
            talk.transport.write(content[start : start + 4000])
            await pause()
        self.assertEqual(await talk.say(b".\r\n", 1), ["250 2.0.0"])
        self.assertEqual(self.role.messages[0][1], content)

    async def test_unterminated_line_is_linear(self) -> None:
        """8 MB of one line in pieces of 200 octets take little time, as a command and inside DATA."""
        factory = SmtpFactory(Clock(), Role(), ServerConfig(HOST))
        for prelude in (b"", START + b"DATA\r\n"):
            protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
            protocol.makeConnection(StringTransport())
            protocol.dataReceived(prelude)
            began = time.process_time()
            for _ in range(40_000):
                protocol.dataReceived(b"A" * 200)
            self.assertLess(time.process_time() - began, 10)
            protocol.connectionLost()

    async def test_deferral(self) -> None:
        """451 of the role is not turned into 550, at no step."""
        for failing in ("mail", "rcpt", "message"):

            async def hook(step: str, subject: Any, failing: str = failing) -> Status | None:
                if step == failing:
                    raise Deferral(451, "4.3.0", "later")
                return None

            talk = await self.talk(await self.serve(Role(hook)))
            found = await talk.say(START + b"DATA\r\n" + WIRE + b"QUIT\r\n", 9)
            self.assertIn("451 4.3.0", found)
            self.assertNotIn("550", " ".join(found))
            await talk.gone()

    async def test_auth_in_the_clear(self) -> None:
        """AUTH in the clear is 538, a bare AUTH 501; neither ends the session."""
        talk = await self.talk(await self.serve(config=ServerConfig(HOST, auth=True), tls=server_tls(*self_signed())))
        wire = b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\nAUTH\r\nNOOP\r\n"
        self.assertEqual(await talk.say(wire, 4), ["250 STARTTLS", "538 5.7.11", "501 5.5.4", "250 2.0.0"])
        self.assertNotIn("authenticate", self.role.steps)

    async def test_address_literals(self) -> None:
        """A literal is an address."""
        talk = await self.talk(await self.serve())
        wire = b"EHLO [192.0.2.1]\r\nMAIL FROM:<a@[192.0.2.1]>\r\nRCPT TO:<b@[IPv6:2001:db8::1]>\r\n"
        self.assertEqual(await talk.say(wire, 3), ["250 CHUNKING", "250 2.1.0", "250 2.1.5"])
