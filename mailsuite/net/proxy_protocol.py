"""The PROXY protocol, versions 1 and 2: the true client behind a balancer (haproxy.org, proxy-protocol.txt)."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from twisted.internet import address as twisted_address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

Network = IPv4Network | IPv6Network

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LONGEST_LINE = 107
_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) ([0-9]{1,5}) ([0-9]{1,5})\Z")
_WAIT = 10.0


@dataclass(frozen=True, slots=True)
class Header:
    """``address`` "" means: the balancer speaks for itself (a health check) or does not know the client."""

    address: str
    port: int
    length: int
    """Octets of the header."""


def parse(octets: bytes) -> Header | None:
    """The header at the start of ``octets``; None when more is needed. Raises ValueError when there is none."""
    if octets[:1] == b"P":
        return _version_1(octets)
    if octets[:12] == _SIGNATURE:
        return _version_2(octets)
    if len(octets) < 12 and _SIGNATURE.startswith(octets):
        return None
    raise ValueError("no PROXY header")


def _version_1(octets: bytes) -> Header | None:
    end = octets.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0:
        if len(octets) >= _LONGEST_LINE or not b"PROXY ".startswith(octets[:6]):
            raise ValueError("no PROXY line")
        return None
    line = octets[:end]
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return Header("", 0, end + 2)
    match = _LINE.match(line)
    if not match:
        raise ValueError("a PROXY line that cannot be read")
    kind = IPv4Address if match[1] == b"TCP4" else IPv6Address
    source, _ = kind(match[2].decode()), kind(match[3].decode())
    ports = int(match[4]), int(match[5])
    if max(ports) > 65535:
        raise ValueError("a port in a PROXY line is above 65535")
    return Header(str(source), ports[0], end + 2)


def _version_2(octets: bytes) -> Header | None:
    if len(octets) < 16:
        return None
    version_command, family, size = struct.unpack_from("!BBH", octets, 12)
    if version_command not in (0x20, 0x21):
        raise ValueError("a PROXY header of unknown version or command")
    if len(octets) < 16 + size:
        return None
    length = 16 + size
    if version_command == 0x20 or family not in (0x11, 0x21):  # LOCAL; or neither TCP over IPv4 nor over IPv6
        return Header("", 0, length)
    width = 4 if family == 0x11 else 16
    if size < 2 * width + 4:
        raise ValueError("a PROXY header that is too short for its addresses")
    (port,) = struct.unpack_from("!H", octets, 16 + 2 * width)
    return Header(str(ip_address(octets[16 : 16 + width])), port, length)


@implementer(IStreamServerEndpoint)
class ProxyEndpoint:
    """An endpoint where connections from ``networks`` begin with a PROXY header; all others are left alone."""

    def __init__(self, reactor: Any, endpoint: IStreamServerEndpoint, networks: Sequence[Network]) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._networks = networks

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See IStreamServerEndpoint; ``factory`` is asked for a protocol with the true client's address."""
        return self._endpoint.listen(_ProxyFactory(self._reactor, factory, self._networks))


class _ProxyFactory(ServerFactory):
    noisy = False

    def __init__(self, reactor: Any, inner: Any, networks: Sequence[Network]) -> None:
        self.reactor = reactor
        self.inner = inner
        self._networks = networks

    def doStart(self) -> None:
        super().doStart()
        self.inner.doStart()

    def doStop(self) -> None:
        super().doStop()
        self.inner.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        ip = ip_address(str(getattr(addr, "host", "")).partition("%")[0])
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if any(ip in network for network in self._networks):
            return _Waiting(self, addr)
        return self.inner.buildProtocol(addr)


class _Waiting(Protocol):
    """Stands in until the header is there, then gives its transport to the real protocol."""

    transport: Any
    log = Logger()

    def __init__(self, factory: _ProxyFactory, peer: IAddress | None) -> None:
        self._factory = factory
        self._peer = peer
        self._octets = b""

    def connectionMade(self) -> None:
        self._late = self._factory.reactor.callLater(_WAIT, self._refuse, "no header in time")

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        try:
            header = parse(self._octets)
        except ValueError as error:
            self._refuse(str(error))
            return
        if header is None:
            return
        self._late.cancel()
        peer = self._peer
        if header.address:
            kind = twisted_address.IPv6Address if ":" in header.address else twisted_address.IPv4Address
            peer = kind("TCP", header.address, header.port)
        inner = self._factory.inner.buildProtocol(peer)
        if inner is None:
            self.transport.abortConnection()
            return
        self.transport.protocol = inner
        inner.makeConnection(self.transport)
        if rest := self._octets[header.length :]:
            inner.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._late.active():
            self._late.cancel()

    def _refuse(self, why: str) -> None:
        if self._late.active():
            self._late.cancel()
        self.log.warn("PROXY from {peer}: {why}", peer=str(getattr(self._peer, "host", "")), why=why)
        self.transport.abortConnection()
