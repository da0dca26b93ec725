"""Addresses, ports and networks in settings, and their readers (as in setting_values)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from mailsuite.runtime.setting_values import domain_name, text

Network = IPv4Network | IPv6Network

_SOCKET_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}\Z")


class ServerAddress(NamedTuple):
    """An IP, or a name where one may stand, and a port: what a socket connects to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a daemon listens: an IP and a port, or the name of a socket that systemd hands over."""

    host: str = ""
    port: int = 0
    inherited: str = ""

    def __str__(self) -> str:
        return f"inherited:{self.inherited}" if self.inherited else str(ServerAddress(self.host, self.port))


def ip(value: object) -> str:
    """An IPv4 or IPv6 address in its shortest form."""
    try:
        return str(ip_address(text(value)))
    except ValueError:
        raise ValueError("must be an IP address") from None


def ipv4(value: object) -> str:
    """An IPv4 address, or nothing."""
    return _of_family(value, 4)


def ipv6(value: object) -> str:
    """An IPv6 address in its shortest form, or nothing."""
    return _of_family(value, 6)


def _of_family(value: object, version: int) -> str:
    if value == "":
        return ""
    address = ip(value)
    if ip_address(address).version != version:
        raise ValueError(f"must be an IPv{version} address")
    return address


def network(value: object) -> Network:
    """A network such as 192.0.2.0/24."""
    try:
        return ip_network(text(value))
    except ValueError as error:
        raise ValueError(f"must be a network such as 192.0.2.0/24 or 2001:db8::/32: {error}") from None


def reverse_network(value: object) -> Network:
    """A network whose reverse names make a zone: 198.51.100.0/24, 2001:db8:1::/48."""
    found = network(value)
    bits = 8 if found.version == 4 else 4
    if not found.prefixlen or found.prefixlen % bits or found.prefixlen == found.max_prefixlen:
        raise ValueError(f"its prefix must be a multiple of {bits}: the reverse zones end there")
    return found


def _port(digits: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 65536:
        raise ValueError("needs a port from 1 to 65535 after its last colon")
    return int(digits)


def _split(value: object) -> tuple[str, int]:
    host, _, digits = text(value).rpartition(":")
    port = _port(digits)
    if host.startswith("[") and host.endswith("]"):
        return ip(host[1:-1]), port
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets before its port, such as [::1]:25")
    return host, port


def listen(value: object) -> Listen:
    """``127.0.0.1:2525``, ``[::]:25``, or ``inherited:NAME`` for a socket of systemd."""
    name = text(value)
    if name.startswith("inherited:"):
        name = name.removeprefix("inherited:")
        if not _SOCKET_NAME.match(name):
            raise ValueError('"inherited:" needs the FileDescriptorName of a socket unit after it')
        return Listen(inherited=name)
    host, port = _split(name)
    try:
        return Listen(ip(host), port)
    except ValueError:
        raise ValueError("must be an IP address and a port, or inherited:NAME") from None


def name_server(value: object) -> ServerAddress:
    """``192.0.2.53``, ``192.0.2.53:5353`` or ``[2001:db8::1]:53``; the port is 53 when none is given."""
    try:
        return ServerAddress(ip(value), 53)
    except ValueError:
        host, port = _split(value)
        return ServerAddress(ip(host), port)


class Secondary(NamedTuple):
    """A server that copies our zones, and the name of the key that it shares with us; "" is none."""

    server: ServerAddress
    key: str


def secondary(value: object) -> Secondary:
    """``192.0.2.54``, or ``192.0.2.54:5353 KEY`` with the name of a key."""
    at, _, key = text(value).strip().partition(" ")
    return Secondary(name_server(at), domain_name(key) if key else "")


def probe(value: object) -> ServerAddress:
    """``host:port``; the host is a name or an IP (IPv6 in brackets)."""
    host, port = _split(value)
    try:
        return ServerAddress(ip(host), port)
    except ValueError:
        return ServerAddress(domain_name(host), port)


def target(value: object) -> str:
    """The same, of a route."""
    return str(probe(value))
