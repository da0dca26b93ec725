"""Transfers to scripted hosts on real sockets: what comes out, whatever the host does."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailsuite.interfaces.transfer import Host, ITransferClient
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import DestinationBusy, DestinationDown, Refusal
from mailsuite.model.job import Outcome
from mailsuite.model.tls_policy import OPPORTUNISTIC, Tlsa, TlsLevel, TlsPolicy
from mailsuite.net.smtp_client import Handshakes, Reuse, TransferClient
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.net.tls_client import ClientTls
from mailsuite.smtp.client import Timeouts
from mailsuite.testing.smtp_peers import DROP, EXTENSIONS, HANG, ScriptedServer
from mailsuite.testing.temporary import temporary_directory
from tests.net.authority import Authority, self_issued
from tests.net.smtp_support import Gate, Role, pause, self_signed, server_tls, until

BOB = Recipient(Address("bob", "beta.example"))
CAT = Recipient(Address("cat", "beta.example"))
ENVELOPE = Envelope(Address("ann", "alpha.example"), (BOB, CAT))
NO_REUSE = Reuse(most=0)
CONTENT = b"Subject: hello\r\n\r\n.dot\r\ntext\r\n"


async def go() -> bool:
    """The hook that lets the dot pass."""
    return True


def brief(outcomes: Sequence[Outcome]) -> list[str]:
    """State and status of each."""
    return [f"{o.state} {o.status.code} {o.status.enhanced}".strip() for o in outcomes]


@implementer(IOpenSSLServerConnectionCreator)
class OldTls:
    """What a server needs that speaks TLS 1.0 and nothing newer."""

    def serverConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection."""
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(SSL.TLS1_VERSION)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        certificate, key = self_signed()
        context.use_certificate(x509.load_pem_x509_certificate(certificate))
        private = serialization.load_pem_private_key(key, None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        context.use_privatekey(private)
        return SSL.Connection(context, None)


class ClientCase(TestCase):
    """A client and hosts."""

    def client(
        self,
        tls: bool = True,
        reuse: Reuse = NO_REUSE,
        sources: Sequence[str] = (),
        handshakes: Handshakes | None = None,
        **timeouts: float,
    ) -> TransferClient:
        """A client; time-outs in seconds."""
        client = TransferClient(reactor, "out.alpha.example", tls, Timeouts(**timeouts), reuse, sources, handshakes)
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
        policy: TlsPolicy = OPPORTUNISTIC,
    ) -> Sequence[Outcome]:
        """One transfer."""
        host = Host("mx.beta.example", addresses, server.port, policy)
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
        """A 554 greeting is a Refusal with the host's words when no address has better ones, dead ones or not."""
        server = await self.host({"CONNECT": ["554 5.7.1 you are on a list"]})
        with self.assertRaises(Refusal) as caught:
            await self.send(server, addresses=("::1", "127.0.0.1", "::1"))
        self.assertEqual(str(caught.exception), "554 5.7.1 you are on a list")
        self.assertEqual(server.connections, 1)
        server = await self.host({"CONNECT": ["554 5.7.1 not this one", "220 hello"]})
        outcomes = await self.send(server, addresses=("127.0.0.1", "127.0.0.1"))
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)

    async def test_busy(self) -> None:
        """A host that wants fewer links is DestinationBusy, whatever its other addresses do."""
        server = await self.host({"CONNECT": ["421 4.7.0 too many connections"]})
        with self.assertRaises(DestinationBusy):
            await self.send(server, addresses=("127.0.0.1", "::1"))

    async def test_f062_three_recipients(self) -> None:
        """F062: one is refused at RCPT, one deferred, one accepted: each has its own outcome with the host's words."""
        dan = Recipient(Address("dan", "beta.example"))
        server = await self.host(
            {
                "RCPT bob@beta.example": ["550 5.7.26 not\u00e9 authenticated, see https://beta.example/?a=b"],
                "RCPT cat@beta.example": ["450 4.2.1 mailbox disabled"],
            }
        )
        outcomes = await self.send(server, recipients=(BOB, CAT, dan))
        self.assertEqual(brief(outcomes), ["failed 550 5.7.26", "deferred 450 4.2.1", "delivered 250 2.0.0"])
        self.assertEqual(outcomes[0].status.text, "not\u00e9 authenticated, see https://beta.example/?a=b")
        self.assertEqual([outcome.dsn_passed for outcome in outcomes], [False, False, True])
        self.assertEqual(server.transactions[0].rcpts, ["RCPT TO:<dan@beta.example>"])

    async def test_f062_refused_at_the_end(self) -> None:
        """F062: 550 5.7.26 to the message is the failure of those that had been accepted."""
        server = await self.host(
            {"END": ["550-5.7.26 unauthenticated\n550 5.7.26 mail"], "RCPT bob@beta.example": ["450 4.2.1 later"]}
        )
        outcomes = await self.send(server)
        self.assertEqual(brief(outcomes), ["deferred 450 4.2.1", "failed 550 5.7.26"])
        self.assertEqual(outcomes[1].status.text, "unauthenticated mail")

    async def test_f003_any_edge(self) -> None:
        """F003: a dot line arrives as one wherever the borders of blocks, segments and TLS records fall."""
        server = await self.host(tls=server_tls(*self_signed()))
        client = self.client(reuse=Reuse())
        sent = []
        for edge in (16_383, 16_384, 65_534, 65_535, 65_536, 65_537, 131_072):
            for start in (b"", b".\r\n", b"..\r\n"):
                head = b"Subject: x\r\n\r\n" + start
                filler = b"x" * ((edge - len(head)) % 64) + b"\r\n" + (b"y" * 62 + b"\r\n") * ((edge - len(head)) // 64)
                for tail in (b".\r\nMAIL FROM:<s@evil.example>\r\n", b"\r\n.\r\n.\r\n"):
                    content = (head + filler)[:edge].rstrip(b"\r\n") + b"\r\n" + tail
                    self.assertEqual(
                        brief(await self.send(server, client, content=content)), ["delivered 250 2.0.0"] * 2
                    )
                    sent.append(content)
        self.assertEqual(server.messages, sent)
        self.assertEqual(server.connections, 1)

    async def test_source(self) -> None:
        """We connect from the address that is ours for the family."""
        server = await self.host()
        await self.send(server, self.client(sources=["127.0.0.9", "::1"]))
        self.assertEqual(server.clients, ["127.0.0.9"])
        self.assertIn("451 4.4.1", await self.down(server, client=self.client(sources=["192.0.2.77"])))

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
        client = self.client(next_greeting=0.5)
        outcomes = await self.send(hanging, client, addresses=("127.0.0.1", "127.0.0.1"))
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(hanging.connections, 2)

    async def test_f055_unroutable(self) -> None:
        """F055: an IPv6 address without a route costs no time, an unanswering one the time to connect."""
        server = await self.host()
        client = self.client(connect=0.5)
        for dead in ("2001:db8::25", "192.0.2.25"):  # RFC 3849, RFC 5737: nobody is there
            outcomes = await self.send(server, client, addresses=(dead, "127.0.0.1"))
            self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)

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


class PolicyTests(ClientCase):
    """Hosts that must protect the link; field case F057."""

    POLICY = TlsPolicy(TlsLevel.ENCRYPT, source="the policy of beta.example")

    async def test_f057_encrypted(self) -> None:
        """F057: ENCRYPT takes any certificate."""
        server = await self.host(tls=server_tls(*self_signed("elsewhere.example", expired=True)))
        self.assertEqual(brief(await self.send(server, policy=self.POLICY)), ["delivered 250 2.0.0"] * 2)
        self.assertEqual([t.tls for t in server.transactions], [True])

    async def test_f057_never_clear(self) -> None:
        """F057: with a policy a host without STARTTLS, or with broken TLS, is deferred, and the words say why."""
        offers = (*EXTENSIONS, "STARTTLS")
        for replies, extensions, words in (
            ({}, EXTENSIONS, "4.7.4"),
            ({"STARTTLS": ["454 4.7.0 not now"]}, offers, "4.7.4"),
            ({"STARTTLS": ["220 go"], "HANDSHAKE": ["what?"]}, offers, "4.7.5"),
            ({"STARTTLS": ["220 go"], "HANDSHAKE": [DROP]}, offers, "4.7.5"),
        ):
            server = await self.host(replies, extensions)
            text = await self.down(server, policy=self.POLICY)
            self.assertIn(f"451 {words}", text)
            self.assertIn("the policy of beta.example demands", text)
            self.assertEqual((server.connections, server.transactions), (1, []))

    async def test_f057_old_tls(self) -> None:
        """F057: TLS 1.0 alone is no TLS: with a policy deferred, without one in the clear."""
        server = await self.host(tls=OldTls())
        self.assertIn("451 4.7.5", await self.down(server, policy=self.POLICY))
        self.assertEqual(brief(await self.send(server)), ["delivered 250 2.0.0"] * 2)
        self.assertFalse(server.transactions[0].tls)

    async def test_unproven(self) -> None:
        """A host that does not prove what the policy asks gets no MAIL; the next address is asked."""
        server = await self.host(tls=server_tls(*self_signed()))
        asked = []

        @implementer(IOpenSSLClientConnectionCreator)
        class Picky:
            def __init__(self, policy: TlsPolicy, name: str) -> None:
                asked.append((policy.level, name))
                self.inner = ClientTls().creator(OPPORTUNISTIC, name)

            def clientConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
                return self.inner.clientConnectionForTLS(tls_protocol)

            def check(self, connection: SSL.Connection) -> None:
                if len(asked) == 1:
                    raise DestinationDown(451, "4.7.5", "it proves nothing")

        client = self.client(handshakes=Picky)
        policy = TlsPolicy(TlsLevel.VERIFY, ("mx.beta.example",), source="x")
        self.assertIn("it proves nothing", await self.down(server, client=client, policy=policy))
        self.assertEqual(server.transactions, [])
        outcomes = await self.send(server, client, policy=policy)
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(asked, [(TlsLevel.VERIFY, "mx.beta.example")] * 2)

    async def test_f059_verified(self) -> None:
        """F059: VERIFY takes a trusted certificate for the host's name, and nothing else; never in the clear."""
        authority = Authority()
        ca_file = temporary_directory(self) / "ca.pem"
        ca_file.write_bytes(authority.pem)
        handshakes = ClientTls(ca_file).creator
        policy = TlsPolicy(TlsLevel.VERIFY, ("mx.beta.example",), source="the MTA-STS policy of beta.example")
        good = authority.issue(["mx.beta.example"])
        server = await self.host(tls=server_tls(good.pem, good.key_pem))
        outcomes = await self.send(server, self.client(handshakes=handshakes), policy=policy)
        self.assertEqual(brief(outcomes), ["delivered 250 2.0.0"] * 2)
        self.assertTrue(server.transactions[0].tls)
        other = authority.issue(["mx.other.example"])
        for bad in (other, self_issued(["mx.beta.example"])):
            server = await self.host(tls=server_tls(bad.pem, bad.key_pem))
            text = await self.down(server, client=self.client(handshakes=handshakes), policy=policy)
            self.assertIn("451 4.7.5", text)
            self.assertIn("which the MTA-STS policy of beta.example requires", text)
            self.assertEqual((server.connections, server.transactions), (1, []))

    async def test_reuse_by_policy(self) -> None:
        """A link that proved nothing is not used for mail whose policy asks for proof."""
        server = await self.host(tls=server_tls(*self_signed()))
        client = self.client(reuse=Reuse())
        await self.send(server, client)
        policy = TlsPolicy(TlsLevel.DANE, ("mx.beta.example",), (Tlsa(3, 1, 1, bytes(32)),), "DANE")
        self.assertIn("451 4.7.5", await self.down(server, client=client, policy=policy))
        self.assertEqual(len(server.transactions), 1)


class ReuseTests(ClientCase):
    """A link is kept for the next message."""

    async def test_same_link(self) -> None:
        """Messages to one address, one after the other, take one link; other addresses and policies their own."""
        server = await self.host(tls=server_tls(*self_signed()))
        client = self.client(reuse=Reuse())
        for _ in range(5):
            self.assertEqual(brief(await self.send(server, client)), ["delivered 250 2.0.0"] * 2)
        self.assertEqual((server.connections, len(server.messages)), (1, 5))
        self.assertEqual(server.commands.count("EHLO out.alpha.example"), 2)
        await self.send(server, client, policy=TlsPolicy(TlsLevel.ENCRYPT, source="a"))
        await self.send(server, client, policy=TlsPolicy(TlsLevel.ENCRYPT, source="b"))
        self.assertEqual(server.connections, 2)

    async def test_reset(self) -> None:
        """After a transaction that did not end the next one begins with RSET."""
        server = await self.host({"RCPT": ["550 5.1.1 no", "550 5.1.1 no", "250 ok"], "DATA": ["503 no", "354 go"]})
        client = self.client(reuse=Reuse())
        self.assertEqual(brief(await self.send(server, client)), ["failed 550 5.1.1"] * 2)
        self.assertEqual(brief(await self.send(server, client)), ["delivered 250 2.0.0"] * 2)
        self.assertEqual((server.connections, server.commands.count("RSET")), (1, 1))

    async def test_parallel(self) -> None:
        """Transfers at one time have each their own link."""
        server = await self.host()
        client = self.client(reuse=Reuse())
        gate = Gate()

        async def hook() -> bool:
            await gate.wait()
            return True

        sending = [Deferred.fromCoroutine(self.send(server, client, before_dot=hook)) for _ in range(3)]
        await until(lambda: gate.waiting == 3)
        gate.open()
        for each in sending:
            self.assertEqual(brief(await each), ["delivered 250 2.0.0"] * 2)
        self.assertEqual(server.connections, 3)

    async def test_limits(self) -> None:
        """A link ends with QUIT after so many messages, after its time, and when others are waiting in its place."""
        server = await self.host()
        client = self.client(reuse=Reuse(messages=2))
        for _ in range(4):
            await self.send(server, client)
        self.assertEqual(server.connections, 2)
        await until(lambda: server.commands.count("QUIT") == 2)
        server = await self.host()
        await self.send(server, self.client(reuse=Reuse(seconds=0.05)))
        await until(lambda: server.commands[-1] == "QUIT" and not server._open)
        server, other = await self.host(), await self.host()
        client = self.client(reuse=Reuse(most=1))
        await self.send(server, client)
        await self.send(other, client)
        await until(lambda: server.commands[-1] == "QUIT")
        await self.send(other, client)
        self.assertEqual(other.connections, 1)

    async def test_died_while_idle(self) -> None:
        """A link that the host closed, or where it said something, is forgotten; the next message gets a new one."""
        for farewell in ("", "421 4.4.2 timeout\r\n"):
            server = await self.host()
            client = self.client(reuse=Reuse())
            await self.send(server, client)
            for protocol in list(server._open):
                protocol.transport.write(farewell.encode())
                protocol.transport.loseConnection()
            await until(lambda: not server._open)  # noqa: B023
            self.assertEqual(brief(await self.send(server, client)), ["delivered 250 2.0.0"] * 2)
            self.assertEqual((server.connections, len(server.messages)), (2, 2))

    async def test_dies_when_used(self) -> None:
        """A used link that breaks, is silent or says 421 before the dot: once more on a new link, nobody is told."""
        for step, reply in (
            ("MAIL", DROP),
            ("MAIL", HANG),
            ("MAIL", "421 4.4.2 timeout"),
            ("MAIL", "421 4.7.0 too many messages in this connection"),
            ("RCPT", "421 4.3.2 closing"),
            ("DATA", "421 4.3.2 closing"),
        ):
            good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go"}[step]
            offers = [each for each in EXTENSIONS if reply != HANG or each != "PIPELINING"]
            server = await self.host({step: [good] * (2 if step == "RCPT" else 1) + [reply, good]}, offers)
            client = self.client(reuse=Reuse(), reused=0.3)
            await self.send(server, client)
            self.assertEqual(brief(await self.send(server, client)), ["delivered 250 2.0.0"] * 2, (step, reply))
            self.assertEqual((server.connections, len(server.messages)), (2, 2))

    async def test_once(self) -> None:
        """What the new link says counts; and so does what a used one says after its reply to MAIL."""
        server = await self.host({"MAIL": ["250 ok", "421 4.3.2 closing"]})
        client = self.client(reuse=Reuse())
        await self.send(server, client)
        self.assertIn("421 4.3.2", await self.down(server, client=client))
        self.assertEqual(server.connections, 2)
        server = await self.host({"DATA": ["354 go", DROP]})
        await self.send(server, client)
        self.assertIn("451 4.4.2", await self.down(server, client=client))
        self.assertEqual(server.connections, 1)

    async def test_speaks_before_the_dot(self) -> None:
        """A reply that comes before the dot is no reply to it, and the dot is not sent."""
        server = await self.host()

        async def hook() -> bool:
            await until(lambda: len(server.commands) == 5)
            for protocol in list(server._open):
                protocol.transport.write(b"250 2.0.0 queued already\r\n")
            await pause(0.1)
            return True

        self.assertEqual(brief(await self.send(server, before_dot=hook)), ["deferred 451 4.5.0"] * 2)
        self.assertEqual(server.messages, [])

    async def test_talkative(self) -> None:
        """A host that goes on talking where nobody listens is cut off."""
        server = await self.host()
        gate = Gate()

        async def hook() -> bool:
            await gate.wait()
            return True

        sending = Deferred.fromCoroutine(self.send(server, before_dot=hook))
        await until(lambda: gate.waiting == 1)
        for _ in range(40):
            for protocol in list(server._open):
                protocol.transport.write(b"250 blah\r\n" * 1000)
            await pause()
        await until(lambda: not server._open)
        gate.open()
        self.assertEqual(brief(await sending), ["deferred 451 4.5.0"] * 2)
        self.assertEqual(server.messages, [])


class OurServerTests(ClientCase):
    """Our client to our server, over TLS."""

    async def test_transfer(self) -> None:
        """Envelope parameters and content come through as they were sent."""
        issued = self_issued(["mx.beta.example"])
        role = Role()
        factory = SmtpFactory(reactor, role, ServerConfig("mx.beta.example"), server_tls(issued.pem, issued.key_pem))
        listening: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(listening.stopListening)
        recipient = Recipient(Address("ünal", "beta.example"), ("SUCCESS", "FAILURE"), "utf-8;ünal@beta.example")
        envelope = Envelope(
            Address("a b", "alpha.example"), (), smtputf8=True, ret="HDRS", envid="QQ+2B1", require_tls=True
        )
        digest = hashlib.sha256(issued.certificate.public_bytes(serialization.Encoding.DER)).digest()
        policy = TlsPolicy(TlsLevel.DANE, ("mx.beta.example",), (Tlsa(3, 0, 1, digest),), "x")
        content = "Subject: ü\r\n\r\n.\r\n..x\r\n".encode() + b"z" * 20_000 + b"\r\n"
        host = Host("mx.beta.example", ("127.0.0.1",), listening.getHost().port, policy)
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
