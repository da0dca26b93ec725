"""Transfers to scripted hosts on real sockets: what comes out, whatever the host does."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailsuite.interfaces.transfer import Host, ITransferClient
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import DestinationDown
from mailsuite.model.job import Outcome
from mailsuite.net.smtp_client import TransferClient
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.smtp.client import Timeouts
from mailsuite.testing.smtp_peers import DROP, EXTENSIONS, HANG, ScriptedServer
from tests.net.smtp_support import Gate, Role, pause, self_signed, server_tls, until

BOB = Recipient(Address("bob", "beta.example"))
CAT = Recipient(Address("cat", "beta.example"))
ENVELOPE = Envelope(Address("ann", "alpha.example"), (BOB, CAT))
CONTENT = b"Subject: hello\r\n\r\n.dot\r\ntext\r\n"


async def go() -> bool:
    """The hook that lets the dot pass."""
    return True


def brief(outcomes: Sequence[Outcome]) -> list[str]:
    """State and status of each."""
    return [f"{o.state} {o.status.code} {o.status.enhanced}".strip() for o in outcomes]


class ClientCase(TestCase):
    """A client and hosts."""

    def client(self, tls: bool = True, **timeouts: float) -> TransferClient:
        """A client; time-outs in seconds."""
        client = TransferClient(reactor, "out.alpha.example", tls, Timeouts(**timeouts))
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def host(
        self,
        replies: Mapping[str, Sequence[str]] | None = None,
        extensions: Sequence[str] = EXTENSIONS,
        tls: Any = None,
        interface: str = "127.0.0.1",
    ) -> ScriptedServer:
        """A scripted host that listens."""
        server = ScriptedServer(replies, extensions, tls)
        await server.listen(reactor, interface)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.close()))
        return server

    async def send(
        self,
        server: ScriptedServer,
        client: TransferClient | None = None,
        *,
        envelope: Envelope = ENVELOPE,
        recipients: Sequence[Recipient] = (BOB, CAT),
        content: bytes = CONTENT,
        before_dot: Callable[[], Awaitable[bool]] = go,
        addresses: tuple[str, ...] = ("127.0.0.1",),
    ) -> Sequence[Outcome]:
        """One transfer."""
        host = Host("mx.beta.example", addresses, server.port)
        return await (client or self.client()).transfer(host, envelope, recipients, content, before_dot)

    async def down(self, server: ScriptedServer, **arguments: Any) -> str:
        """A transfer that must fail with DestinationDown: the text of it."""
        with self.assertRaises(DestinationDown) as caught:
            await self.send(server, **arguments)
        return str(caught.exception)


class TransferTests(ClientCase):
    """One transaction."""

    async def test_delivered(self) -> None:
        """The host gets the message once, octet for octet; each recipient is delivered, by whom is said; then QUIT."""
        server = await self.host()
        client = self.client()
        self.assertTrue(verifyObject(ITransferClient, client))
        outcomes = await self.send(server, client)
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)
        self.assertEqual([o.recipient for o in outcomes], [BOB, CAT])
        self.assertEqual({o.mx for o in outcomes}, {"mx.beta.example [127.0.0.1]"})
        self.assertEqual(outcomes[0].status.text, "queued as 1")
        await until(lambda: "QUIT" in server.commands)
        self.assertEqual(
            server.commands,
            [
                "EHLO out.alpha.example",
                f"MAIL FROM:<ann@alpha.example> SIZE={len(CONTENT)}",
                "RCPT TO:<bob@beta.example>",
                "RCPT TO:<cat@beta.example>",
                "DATA",
                "QUIT",
            ],
        )
        self.assertEqual(server.messages, [CONTENT])

    async def test_ipv6(self) -> None:
        """An IPv6 address is connected to."""
        server = await self.host(interface="::1")
        outcomes = await self.send(server, addresses=("::1",))
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(outcomes[0].mx, "mx.beta.example [::1]")

    async def test_large_content(self) -> None:
        """5 MB of lines that begin with dots arrive as they were."""
        server = await self.host()
        content = b"Subject: x\r\n\r\n" + (b"." * 76 + b"\r\n") * 65_000
        self.assertEqual(brief(await self.send(server, content=content)), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(server.messages, [content])

    async def test_each_recipient_its_own_outcome(self) -> None:
        """Refused, deferred and taken recipients are told apart."""
        server = await self.host({"RCPT bob@beta.example": ["550-5.1.1 no\n550 5.1.1 such user"]})
        outcomes = await self.send(server)
        self.assertEqual(brief(outcomes), ["failed 550 5.1.1", "delivered 250 2.0.0"])
        self.assertEqual(outcomes[0].status.text, "no such user")
        self.assertEqual(server.transactions[0].rcpts, ["RCPT TO:<cat@beta.example>"])

    async def test_simple_host(self) -> None:
        """A host that knows HELO only gets the message without parameters."""
        server = await self.host({"EHLO": ["500 what?"]})
        self.assertEqual(brief(await self.send(server)), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(server.transactions[0].mail, "MAIL FROM:<ann@alpha.example>")

    async def test_refused_by_the_host(self) -> None:
        """A 554 greeting is the failure of every recipient, with the host's words; no other address is asked."""
        server = await self.host({"CONNECT": ["554 5.7.1 you are on a list"]})
        outcomes = await self.send(server, addresses=("127.0.0.1", "127.0.0.2"))
        self.assertEqual(brief(outcomes), ["failed 554 5.7.1"] * 2)
        self.assertEqual(outcomes[0].status.text, "you are on a list")
        self.assertEqual(server.connections, 1)

    async def test_injection(self) -> None:
        """An argument with a line end is a ValueError and nothing of the transaction reaches the host."""
        server = await self.host()
        envelope = Envelope(Address("a\r\nRSET", "alpha.example"), (BOB,))
        with self.assertRaises(ValueError):
            await self.send(server, envelope=envelope)
        await until(lambda: server.connections == 1 and not server._open)
        self.assertEqual(server.commands, ["EHLO out.alpha.example"])


class BeforeDotTests(ClientCase):
    """The stop point before the final dot."""

    async def test_asked_between_content_and_dot(self) -> None:
        """The hook is called once, after the content and before the dot; the dot waits for it."""
        server = await self.host()
        gate = Gate()
        calls = []

        async def hook() -> bool:
            calls.append(len(server.commands))
            await gate.wait()
            return True

        sending = Deferred.fromCoroutine(self.send(server, before_dot=hook))
        await until(lambda: gate.waiting == 1)
        await until(lambda: bool(server._open) and server.commands[-1] == "DATA")
        await pause(0.05)
        self.assertEqual(server.messages, [])
        gate.open()
        self.assertEqual(brief(await sending), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(len(calls), 1)

    async def test_broken_off(self) -> None:
        """When it gives False the dot is never sent: the host has no message, the recipients are deferred."""
        server = await self.host()

        async def hook() -> bool:
            return False

        self.assertEqual(brief(await self.send(server, before_dot=hook)), ["deferred 451 4.3.0"] * 2)
        await until(lambda: not server._open)
        self.assertEqual(server.messages, [])

    async def test_not_asked_for_nobody(self) -> None:
        """Without an accepted recipient there is no dot to ask for."""
        server = await self.host({"RCPT": ["550 5.1.1 no"], "DATA": ["554 5.5.1 nobody"]})

        async def hook() -> bool:
            raise AssertionError("asked")

        self.assertEqual(brief(await self.send(server, before_dot=hook)), ["failed 550 5.1.1"] * 2)

    async def test_hook_fails(self) -> None:
        """What it raises comes out, and the host has no message."""
        server = await self.host()

        async def hook() -> bool:
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            await self.send(server, before_dot=hook)
        await until(lambda: not server._open)
        self.assertEqual(server.messages, [])


class DownTests(ClientCase):
    """Hosts that cannot serve."""

    def unused_port(self) -> int:
        """A port where nobody listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    async def test_nobody_listens(self) -> None:
        """A refused connection is DestinationDown, and so is a host without addresses."""
        server = ScriptedServer()
        server.port = self.unused_port()
        self.assertIn("451 4.4.1", await self.down(server))
        self.assertIn("no address", await self.down(server, addresses=()))

    async def test_f055_next_address(self) -> None:
        """F055: a dead IPv6 address falls to IPv4 in the same attempt, also when it accepts and then hangs."""
        server = await self.host()
        outcomes = await self.send(server, addresses=("::1", "127.0.0.1"))
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(outcomes[0].mx, "mx.beta.example [127.0.0.1]")
        hanging = ScriptedServer({"CONNECT": [HANG, "220 hello"]})
        await hanging.listen(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(hanging.close()))
        client = self.client(greeting=0.5)
        outcomes = await self.send(hanging, client, addresses=("127.0.0.1", "127.0.0.1"))
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(hanging.connections, 2)

    async def test_greeting(self) -> None:
        """421 and 4yz greetings, a closed connection and silence are DestinationDown, in words."""
        for reply, words in {
            "421 4.3.2 closing": "421 4.3.2 closing",
            "450 busy": "450 busy",
            DROP: "waiting for the greeting",
            HANG: "timed out after 0.5 s waiting for the greeting",
            "hello": "what is no reply",
        }.items():
            server = await self.host({"CONNECT": [reply]})
            self.assertIn(words, await self.down(server, client=self.client(greeting=0.5)))

    async def test_before_the_dot(self) -> None:
        """A link that breaks, 421 or silence at any step before the dot is DestinationDown."""
        for step in ("EHLO", "MAIL", "RCPT", "DATA"):
            for reply in ("421 4.3.2 closing", DROP, HANG):
                server = await self.host({step: [reply]})
                client = self.client(hello=0.3, mail=0.3, rcpt=0.3, data=0.3)
                await self.down(server, client=client)
                self.assertEqual(server.messages, [])

    async def test_after_the_dot(self) -> None:
        """After the dot a broken link or silence is a deferral of those that were accepted."""
        for reply, status in {DROP: "451 4.4.2", HANG: "451 4.4.2", "421 4.3.2 bye": "421 4.3.2"}.items():
            server = await self.host({"END": [reply], "RCPT cat@beta.example": ["550 5.1.1 no"]})
            outcomes = await self.send(server, self.client(dot=0.5))
            self.assertEqual(brief(outcomes), [f"deferred {status}", "failed 550 5.1.1"])

    async def test_refuses_all_and_hangs_up(self) -> None:
        """What was refused stays refused when the host then drops the link."""
        server = await self.host({"RCPT": ["550 5.7.1 blocked"], "DATA": [DROP]})
        self.assertEqual(brief(await self.send(server)), ["failed 550 5.7.1"] * 2)

    async def test_host_that_does_not_read(self) -> None:
        """Content that is not taken is given up after the time for a block."""

        class Deaf(Protocol):
            def connectionMade(self) -> None:
                transport: Any = self.transport
                transport.write(b"220 x\r\n250-x\r\n250 PIPELINING\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n")
                transport.pauseProducing()
                made.append(transport)

        made: list[Any] = []
        listening: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(Deaf))
        self.addCleanup(listening.stopListening)
        self.addCleanup(lambda: [transport.abortConnection() for transport in made])
        server = ScriptedServer()
        server.port = listening.getHost().port
        text = await self.down(
            server, client=self.client(block=0.3), content=b"Subject: x\r\n\r\n" + b"x\r\n" * 7_000_000
        )
        self.assertIn("timed out after 0.3 s sending the content", text)

    async def test_early_refusal(self) -> None:
        """A host that refuses in the midst of the content is believed, and gets no dot."""

        class Impatient(Protocol):
            def connectionMade(self) -> None:
                self.seen = 0
                self.write(b"220 x\r\n250-x\r\n250 PIPELINING\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n")

            def write(self, data: bytes) -> None:
                transport: Any = self.transport
                transport.write(data)

            def dataReceived(self, data: bytes) -> None:
                before, self.seen = self.seen, self.seen + len(data)
                if before < 100_000 <= self.seen:
                    self.write(b"552 5.3.4 too big for us\r\n")

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                lost.append(self)

        lost: list[Impatient] = []
        listening: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(
            Factory.forProtocol(Impatient)
        )
        self.addCleanup(listening.stopListening)
        server = ScriptedServer()
        server.port = listening.getHost().port

        async def hook() -> bool:
            raise AssertionError("asked")

        content = b"Subject: x\r\n\r\n" + b"x\r\n" * 5_000_000
        outcomes = await self.send(server, content=content, before_dot=hook)
        self.assertEqual(brief(outcomes), ["failed 552 5.3.4"] * 2)
        await until(lambda: bool(lost))


class TlsTests(ClientCase):
    """Opportunistic TLS; field case F057."""

    async def test_f057_offered(self) -> None:
        """F057: STARTTLS is used when offered; an expired self-signed certificate does not matter."""
        server = await self.host(tls=server_tls(*self_signed("elsewhere.example", expired=True)))
        self.assertEqual(brief(await self.send(server)), ["delivered 250 2.0.0"] * 2)
        self.assertEqual([t.tls for t in server.transactions], [True])
        self.assertEqual(server.commands[:3], ["EHLO out.alpha.example", "STARTTLS", "EHLO out.alpha.example"])
        self.assertEqual(server.messages, [CONTENT])

    async def test_f057_not_offered_or_not_wanted(self) -> None:
        """F057: a host without STARTTLS, and any host when TLS is off, gets the message in the clear."""
        server = await self.host()
        self.assertEqual(brief(await self.send(server)), ["delivered 250 2.0.0"] * 2)
        self.assertFalse(server.transactions[0].tls)
        server = await self.host(tls=server_tls(*self_signed()))
        self.assertEqual(brief(await self.send(server, self.client(tls=False))), ["delivered 250 2.0.0"] * 2)
        self.assertFalse(server.transactions[0].tls)

    async def test_f057_broken(self) -> None:
        """F057: when the handshake fails the message goes in the clear, on a new connection."""
        for answer in ("what?", DROP):
            server = await self.host(
                {"STARTTLS": ["220 go"], "HANDSHAKE": [answer]}, extensions=(*EXTENSIONS, "STARTTLS")
            )
            self.assertEqual(brief(await self.send(server)), ["delivered 250 2.0.0"] * 2)
            self.assertEqual(server.connections, 2)
            self.assertEqual(server.commands[:3], ["EHLO out.alpha.example", "STARTTLS", "EHLO out.alpha.example"])

    async def test_f057_refused_or_hanging(self) -> None:
        """F057: 454 to STARTTLS goes on in the clear; a handshake that is not answered is given up for it."""
        server = await self.host({"STARTTLS": ["454 4.7.0 not now"]}, extensions=(*EXTENSIONS, "STARTTLS"))
        self.assertEqual(brief(await self.send(server)), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(server.connections, 1)
        server = await self.host({"STARTTLS": ["220 go"]}, extensions=(*EXTENSIONS, "STARTTLS"))
        self.assertEqual(brief(await self.send(server, self.client(handshake=0.2))), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(server.connections, 2)

    async def test_glued_octets(self) -> None:
        """Octets behind the 220 to STARTTLS are never believed: DestinationDown, and no fallback to the clear."""
        server = await self.host(
            {"STARTTLS": ["220 go\n250-evil.example\n250 SIZE"]}, extensions=(*EXTENSIONS, "STARTTLS")
        )
        self.assertIn("behind its reply to STARTTLS", await self.down(server))
        self.assertEqual(server.connections, 1)

    async def test_no_glue_over_tls(self) -> None:
        """What was announced in the clear counts for nothing after the handshake."""
        server = await self.host(
            {"EHLO": ["250-x\n250-DSN\n250 STARTTLS", "250 x"]}, tls=server_tls(*self_signed()), extensions=()
        )
        await self.send(server, envelope=Envelope(None, (BOB, CAT), ret="HDRS"))
        self.assertEqual(server.transactions[0].mail, "MAIL FROM:<>")


class OurServerTests(ClientCase):
    """Our client to our server, over TLS."""

    async def test_transfer(self) -> None:
        """Envelope parameters and content come through as they were sent."""
        role = Role()
        factory = SmtpFactory(reactor, role, ServerConfig("mx.beta.example"), server_tls(*self_signed()))
        listening: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(listening.stopListening)
        recipient = Recipient(Address("ünal", "beta.example"), ("SUCCESS", "FAILURE"), "utf-8;ünal@beta.example")
        envelope = Envelope(
            Address("a b", "alpha.example"), (), smtputf8=True, ret="HDRS", envid="QQ+2B1", require_tls=True
        )
        content = "Subject: ü\r\n\r\n.\r\n..x\r\n".encode() + b"z" * 20_000 + b"\r\n"
        host = Host("mx.beta.example", ("127.0.0.1",), listening.getHost().port)
        outcomes = await self.client().transfer(host, envelope, [recipient], content, go)
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"])
        ((seen, received),) = role.messages
        self.assertEqual(received, content)
        self.assertEqual(seen.recipients, (recipient,))
        self.assertEqual(
            (seen.sender, seen.smtputf8, seen.body, seen.ret, seen.envid, seen.require_tls),
            ('"a b"@alpha.example', True, "8BITMIME", "HDRS", "QQ+2B1", True),
        )
        await until(lambda: factory.sessions == 0)
