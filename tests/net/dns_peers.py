"""Clients and upstream servers for tests of the DNS service, on loopback."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdata
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import Int16StringReceiver

from mailsuite.testing.ports import free_port

reactor: Any = _reactor

Script = Callable[[dns.message.Message], bytes | None]
"""From a query to a reply; None: silence."""


def answer(query: dns.message.Message, *records: str, rcode: str = "NOERROR", flags: int = 0) -> dns.message.Message:
    """A response with records ``name TTL type data`` in the answer; an SOA goes to the authority section."""
    response = dns.message.make_response(query, recursion_available=True)
    for record in records:
        owner, ttl, kind, data = record.split(maxsplit=3)
        value = dns.rdata.from_text("IN", kind, data)
        section = response.authority if kind == "SOA" else response.answer
        rrset = response.find_rrset(section, dns.name.from_text(owner), value.rdclass, value.rdtype, create=True)
        rrset.add(value, int(ttl))
    response.flags |= flags
    response.set_rcode(dns.rcode.from_text(rcode))
    return response


class ScriptedUpstream:
    """A DNS server that says what its scripts say; ``asked`` has the queries, ``sources`` where they came from."""

    def __init__(self, udp: Script, tcp: Script | None = None) -> None:
        self.udp = udp
        self.tcp = tcp or udp
        self.asked: list[tuple[str, dns.message.Message]] = []
        self.sources: list[tuple[str, int]] = []
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.transport: Any = None
        """Sends datagrams, once a query has come."""
        self._ports: list[Any] = []

    def start(self) -> ScriptedUpstream:
        """Listen."""
        outer = self

        class Datagrams(DatagramProtocol):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                query = dns.message.from_wire(datagram)
                outer.asked.append(("udp", query))
                outer.sources.append(addr)
                outer.transport = self.transport
                reply = outer.udp(query)
                if reply is not None:
                    outer.transport.write(reply, addr)

        class Stream(Int16StringReceiver):
            MAX_LENGTH = 65535

            def stringReceived(self, string: bytes) -> None:
                query = dns.message.from_wire(string)
                outer.asked.append(("tcp", query))
                reply = outer.tcp(query)
                if reply is not None:
                    self.sendString(reply)

        self._ports = [
            reactor.listenUDP(self.port, Datagrams(), interface="127.0.0.1"),
            reactor.listenTCP(self.port, Factory.forProtocol(Stream), interface="127.0.0.1"),
        ]
        return self

    def stop(self) -> Deferred[Any]:
        """Listen no more."""
        return gatherResults([d for d in (port.stopListening() for port in self._ports) if d is not None])


def query_udp(message: dns.message.Message, port: int, timeout: float = 10.0) -> Deferred[dns.message.Message]:
    """Ask over UDP from a thread."""
    return deferToThread(dns.query.udp, message, "127.0.0.1", timeout=timeout, port=port)


def query_tcp(message: dns.message.Message, port: int) -> Deferred[dns.message.Message]:
    """Ask over TCP from a thread."""
    return deferToThread(dns.query.tcp, message, "127.0.0.1", timeout=10, port=port)


def ask(name: str, kind: str, port: int, **options: Any) -> Deferred[dns.message.Message]:
    """Ask over UDP by name and type."""
    return query_udp(dns.message.make_query(name, kind, **options), port)


async def dig(port: int, *arguments: str) -> str:
    """The output of ``dig @127.0.0.1 -p port`` with the arguments."""
    command = ["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+time=5", *arguments]
    done = await deferToThread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip()


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Blocking work of a test client."""
    return await deferToThread(work, *arguments)


def receive_message(connection: socket.socket) -> bytes:
    """One message of a TCP connection; b"" when it was closed."""
    data = b""
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
        more = connection.recv(2 + int.from_bytes(data[:2], "big") - len(data) if len(data) >= 2 else 2 - len(data))
        if not more:
            return b""
        data += more
    return data[2:]


def framed(messages: Sequence[bytes]) -> bytes:
    """As they go over TCP."""
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)
