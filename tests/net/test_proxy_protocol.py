"""The PROXY protocol: its headers, and who may send them."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network
from struct import pack
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.address import IPv4Address as TcpAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mailsuite.net.proxy_protocol import Header, Network, ProxyEndpoint, parse
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from tests.net.smtp_support import Role, self_signed, server_tls, until

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
"""Section 2.2 of the specification."""
HOST = "mx.alpha.example"


def version_2(source: IPv4Address | IPv6Address, port: int, extra: bytes = b"") -> bytes:
    """A PROXY header as the specification's struct says."""
    family = 0x11 if source.version == 4 else 0x21
    addresses = source.packed + source.packed + pack("!HH", port, 25)
    return SIGNATURE + pack("!BBH", 0x21, family, len(addresses) + len(extra)) + addresses + extra


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PORTS = st.integers(0, 65535)


class ParseTests(SynchronousTestCase):
    """parse."""

    def test_examples_of_the_specification(self) -> None:
        """Section 2.1: the longest lines of each kind, UNKNOWN with and without addresses."""
        v4 = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"
        full = b":".join([b"ffff"] * 8)
        v6 = b"PROXY TCP6 " + full + b" " + full + b" 65535 65535\r\n"
        unknown = b"PROXY UNKNOWN " + full + b" " + full + b" 65535 65535\r\n"
        self.assertEqual((len(v4), len(v6), len(unknown)), (56, 104, 107))
        self.assertEqual(parse(v4), Header("255.255.255.255", 65535, 56))
        self.assertEqual(parse(v6 + b"EHLO x\r\n"), Header("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 104))
        self.assertEqual(parse(unknown), Header("", 0, 107))
        self.assertEqual(parse(b"PROXY UNKNOWN\r\n"), Header("", 0, 15))

    def test_no_headers(self) -> None:
        """Whatever is none is a ValueError as soon as it cannot become one."""
        for octets in (
            b"EHLO x\r\n",
            b"PR0",
            b"PROXX",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
            b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY UNKNOWNX\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 " + b"1" * 100,
            SIGNATURE[:-1] + b"x",
            SIGNATURE + b"\x11\x11\0\0",
            SIGNATURE + b"\x22\x11\0\0",
            SIGNATURE + b"\x21\x11\0\x04abcd",
            SIGNATURE + b"\x21\x21\0\x0c" + b"a" * 12,
        ):
            with self.assertRaises(ValueError, msg=repr(octets)):
                parse(octets)

    def test_local_and_other_families(self) -> None:
        """LOCAL, UNSPEC and UNIX headers are skipped whole; the balancer speaks for itself."""
        for command, family, size in ((0x20, 0x00, 0), (0x20, 0x11, 12), (0x21, 0x00, 3), (0x21, 0x31, 216)):
            header = SIGNATURE + pack("!BBH", command, family, size) + b"x" * size
            self.assertEqual(parse(header + b"rest"), Header("", 0, 16 + size))

    @settings(max_examples=200)
    @given(ADDRESSES, PORTS, st.binary(max_size=40), st.booleans())
    def test_round_trip(self, source: IPv4Address | IPv6Address, port: int, rest: bytes, old: bool) -> None:
        """Each beginning of a header needs more; the whole one gives its address, whatever follows."""
        kind = "TCP4" if source.version == 4 else "TCP6"
        header = (
            f"PROXY {kind} {source} {source} {port} 25\r\n".encode() if old else version_2(source, port, b"\x04\0\0")
        )
        for end in range(len(header)):
            self.assertIsNone(parse(header[:end]) if end else None)
        self.assertEqual(parse(header + rest), Header(str(source), port, len(header)))

    @settings(max_examples=200)
    @given(
        st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]), st.binary(max_size=200)
    )
    def test_anything(self, start: bytes, rest: bytes) -> None:
        """No octets raise anything but ValueError, and a header is never longer than what came."""
        with contextlib.suppress(ValueError):
            header = parse(start + rest)
            if header is not None:
                self.assertLessEqual(header.length, len(start + rest))
            else:
                self.assertLess(len(start + rest), 16 + 65536)


@implementer(IStreamServerEndpoint)
class Kept:
    """An endpoint that only keeps the factory."""

    def listen(self, factory: Any) -> Any:
        self.factory = factory


class WaitingTests(SynchronousTestCase):
    """A header that does not come."""

    def setUp(self) -> None:
        self.clock = Clock()
        kept = Kept()
        self.smtp = SmtpFactory(self.clock, Role(), ServerConfig(HOST))
        ProxyEndpoint(self.clock, kept, [ip_network("192.0.2.0/24")]).listen(self.smtp)
        protocol = kept.factory.buildProtocol(TcpAddress("TCP", "192.0.2.9", 1))
        self.transport = StringTransport()
        self.transport.protocol = protocol  # type: ignore[attr-defined]
        protocol.makeConnection(self.transport)
        self.protocol = protocol

    def test_silence(self) -> None:
        """After ten seconds the connection is closed; SMTP never began."""
        self.protocol.dataReceived(b"PROXY ")
        self.clock.advance(9)
        self.assertFalse(self.transport.disconnected)
        self.clock.advance(1)
        self.assertTrue(self.transport.disconnected)
        self.assertEqual((self.transport.value(), self.smtp.sessions), (b"", 0))

    def test_lost(self) -> None:
        """A balancer that goes leaves nothing behind."""
        self.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_header(self) -> None:
        """A connection from a balancer without its header is closed at once."""
        self.protocol.dataReceived(b"EHLO x\r\n")
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ListeningTests(TestCase):
    """On real sockets, in the clear and before TLS."""

    async def serve(self, networks: Sequence[Network], implicit: bool = False) -> int:
        """Listen; the port."""
        self.role = Role()
        self.factory = SmtpFactory(reactor, self.role, ServerConfig(HOST, implicit_tls=implicit))
        endpoint: Any = ProxyEndpoint(reactor, TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"), networks)
        if implicit:
            endpoint = wrapServerTLS(server_tls(*self_signed()), endpoint)
        listening = await endpoint.listen(self.factory)

        async def stop() -> None:
            await listening.stopListening()
            await self.factory.drain(0)
            await until(lambda: not self.factory.sessions)

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        port: int = listening.getHost().port
        return port

    async def test_the_true_client(self) -> None:
        """Behind a header of either version the role sees the client that it names; commands may follow at once."""
        port = await self.serve([ip_network("127.0.0.0/8")])

        def client(header: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), 10) as peer:
                peer.sendall(header + b"EHLO x\r\nMAIL FROM:<>\r\nQUIT\r\n")
                said = b""
                while chunk := peer.recv(4096):
                    said += chunk
                return said

        for header, address in (
            (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 25\r\n", "203.0.113.9"),
            (version_2(IPv6Address("2001:db8::9"), 4711), "2001:db8::9"),
            (SIGNATURE + b"\x20\0\0\0", "127.0.0.1"),
        ):
            said = await deferToThread(client, header)
            self.assertTrue(said.startswith(b"220 ") and b"250 2.1.0" in said, said)
            self.assertEqual(self.role.clients[-1].address, address)

    async def test_strangers(self) -> None:
        """From an address that is not listed PROXY is an unknown command, and the client is who it is."""
        port = await self.serve([ip_network("192.0.2.0/24")])

        def client() -> tuple[int, int]:
            with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
                code = smtp.docmd("PROXY TCP4 203.0.113.9 192.0.2.1 4711 25")[0]
                return code, smtp.ehlo("x")[0]

        self.assertEqual(await deferToThread(client), (500, 250))
        self.assertEqual(self.role.clients[-1].address, "127.0.0.1")

    async def test_before_tls(self) -> None:
        """On 465 the header comes in the clear, then the handshake; without one there is none."""
        port = await self.serve([ip_network("127.0.0.0/8")], implicit=True)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def client(header: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), 10) as plain:
                plain.sendall(header)
                with context.wrap_socket(plain) as peer:
                    greeting = peer.recv(100)
                    peer.sendall(b"QUIT\r\n")
                    return greeting

        greeting = await deferToThread(client, b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 465\r\n")
        self.assertEqual(greeting, f"220 {HOST} ESMTP\r\n".encode())
        self.assertEqual(self.role.clients[-1].address, "203.0.113.9")
        with self.assertRaises(OSError):
            await deferToThread(client, b"")
