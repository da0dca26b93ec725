"""Our look-ups as a reactor and twisted.names users see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver, IResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.names import dns as names
from twisted.names.error import DNSNameError, DNSServerError
from twisted.trial.unittest import TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailsuite.dns.builder import compile_table
from mailsuite.net.dns_client import StubResolver
from mailsuite.net.dns_reactor import ReactorResolver
from mailsuite.net.dns_server import DnsServer
from tests.dns.building import zone
from tests.net.dns_peers import reactor


@implementer(IResolutionReceiver)
class Receiver:
    """Collects addresses; ``done`` fires with them."""

    def __init__(self) -> None:
        self.addresses: list[Any] = []
        self.done: Deferred[list[Any]] = Deferred()

    def resolutionBegan(self, resolution: object) -> None:
        """It begins."""

    def addressResolved(self, address: object) -> None:
        """One more."""
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        """All are there."""
        self.done.callback(self.addresses)


class ReactorResolverTests(TestCase):
    """With our own service as the server."""

    timeout = 30

    def setUp(self) -> None:
        lines = (
            "@ 60 MX 10 both",
            "both 60 A 127.0.0.1",
            "both 60 AAAA ::1",
            "alias 60 CNAME both",
            "six 60 AAAA ::1",
            "odd 60 TYPE65280 \\# 1 ff",
        )
        server = DnsServer(reactor, [("127.0.0.1", 0)], table=compile_table([zone("alpha.example.", *lines)]))
        server.startService()
        self.addCleanup(server.stopService)
        hosts = Path(self.mktemp())
        hosts.write_text("192.0.2.7 db.internal db # a comment\n2001:db8::7 DB.internal\n")
        self.resolver = ReactorResolver(StubResolver(reactor, server.addresses), str(hosts))

    async def resolve(self, name: str, **options: Any) -> list[Any]:
        """The addresses a reactor would get."""
        receiver = Receiver()
        self.resolver.resolveHostName(receiver, name, 25, **options)
        return await receiver.done

    def test_interfaces(self) -> None:
        """It is a resolver of both kinds."""
        verifyObject(IHostnameResolver, self.resolver)
        verifyObject(IResolver, self.resolver)

    async def test_host_names(self) -> None:
        """A and AAAA, IPv4 first; through aliases; of one kind when asked for; nothing for what does not exist."""
        four, six = IPv4Address("TCP", "127.0.0.1", 25), IPv6Address("TCP", "::1", 25)
        for name in ("both.alpha.example", "alias.alpha.example", "BOTH.alpha.example."):
            self.assertEqual([four, six], await self.resolve(name))
        self.assertEqual([six], await self.resolve("both.alpha.example", addressTypes=[IPv6Address]))
        udp = await self.resolve("six.alpha.example", transportSemantics="UDP")
        self.assertEqual([IPv6Address("UDP", "::1", 25)], udp)
        for name in ("no.alpha.example", "www.elsewhere.test", "a..b"):
            self.assertEqual([], await self.resolve(name))

    async def test_without_a_server(self) -> None:
        """Literals, the hosts file and localhost need none (RFC 6761 section 6.3)."""
        for name, expected in (
            ("192.0.2.9", ["192.0.2.9"]),
            ("2001:db8::9", ["2001:db8::9"]),
            ("db.internal", ["192.0.2.7", "2001:db8::7"]),
            ("DB", ["192.0.2.7"]),
            ("localhost", ["127.0.0.1", "::1"]),
            ("x.localhost.", ["127.0.0.1", "::1"]),
        ):
            self.assertEqual(expected, [address.host for address in await self.resolve(name)])

    async def test_first_address(self) -> None:
        """getHostByName gives the first, or DNSLookupError; no ANY is asked."""
        self.assertEqual("127.0.0.1", await self.resolver.getHostByName("alias.alpha.example"))
        self.assertEqual("::1", await self.resolver.getHostByName(b"six.alpha.example"))
        await self.assertFailure(self.resolver.getHostByName("no.alpha.example"), DNSLookupError)

    async def test_lookups(self) -> None:
        """twisted.names users get its records and its errors."""
        answers, _, additional = await self.resolver.lookupMailExchange("alpha.example")
        self.assertEqual((10, b"both.alpha.example"), (answers[0].payload.preference, answers[0].payload.name.name))
        self.assertEqual(2, len(additional))
        answers, authority, _ = await self.resolver.lookupText("both.alpha.example")
        self.assertEqual(([], names.SOA), (answers, authority[0].type))
        answers, _, _ = await self.resolver.query(names.Query(b"odd.alpha.example", 65280))
        self.assertEqual(b"\xff", answers[0].payload.data)
        await self.assertFailure(self.resolver.lookupAddress("no.alpha.example"), DNSNameError)
        await self.assertFailure(self.resolver.lookupAddress("www.elsewhere.test"), DNSServerError)

    async def test_installed(self) -> None:
        """An endpoint connects by a name that only our service knows."""
        previous = reactor.installNameResolver(self.resolver)
        self.addCleanup(reactor.installNameResolver, previous)
        port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        endpoint = HostnameEndpoint(reactor, b"alias.alpha.example", port.getHost().port)
        client: Any = await endpoint.connect(Factory.forProtocol(Protocol))
        self.assertEqual("127.0.0.1", client.transport.getPeer().host)
        lost: Deferred[None] = Deferred()
        client.connectionLost = lambda reason: lost.callback(None)
        client.transport.abortConnection()
        await lost
