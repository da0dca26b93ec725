"""The DNS service: UDP on raw sockets, TCP, authoritative answers, and forwarding for clients of ours.

RFC 1035 section 4.2, RFC 7766, RFC 5358 (no recursion for strangers).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IListeningPort, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsuite.dns import wire
from mailsuite.dns.answer import Answerer, Foreign, join
from mailsuite.dns.blocklist import Blocklist, blocked_response
from mailsuite.dns.compile import EMPTY, Table
from mailsuite.dns.limit import RateLimit, Turn, network_of, slipped
from mailsuite.dns.sections import cut
from mailsuite.net.dns_batch import LENGTH, LENGTH_STRIDE, MOST, QUERY, RESPONSE, Batch
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.net.dns_stream import DnsStreamFactory
from mailsuite.net.dns_transfer import ZoneTransfers

LOOPBACK = ("127.0.0.0/8", "::1/128")
_BATCHES = 4
"""So many are answered before the reactor looks at anything else."""
_RECEIVE_BUFFER = 4 << 20
_BACKLOG = 512
_PORT_TRIES = 20
_REMEMBERED = 4096

Listen = socket.socket | tuple[str, int]
"""A bound socket (a datagram or a listening stream one), or an address and port for both."""


class _Client(NamedTuple):
    """``recursion``: may it ask for names that are not ours? ``network``: with whom it shares a rate; "": no limit."""

    host: str
    recursion: bool
    network: str


@implementer(IReadDescriptor)
class _Datagrams:
    """One socket: reads queries in batches and answers them."""

    def __init__(
        self,
        sock: socket.socket,
        answerer: Answerer,
        respond: Callable[[bytes, _Client], bytes | Deferred[bytes] | None],
        learn: Callable[[str], _Client],
        limit: RateLimit | None,
    ) -> None:
        self._socket = sock
        self._batch = Batch(sock)
        self._answerer = answerer
        self._respond = respond
        self._learn = learn
        self._limit = limit
        self._clients: dict[int | bytes, _Client] = {}

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "dns"

    def doRead(self) -> None:
        for _ in range(_BATCHES):
            count = self._batch.receive()
            if count > 0:
                self._answer(count)
            if 0 <= count < MOST:
                return

    def _answer(self, count: int) -> None:
        batch, clients, ready = self._batch, self._clients, self._answerer.ready
        queries, responses, lengths = batch.queries, batch.responses, batch.lengths
        first = 0
        for i in range(count):
            client = clients.get(batch.client(i)) or self._remember(i)
            at = i * QUERY
            end = at + lengths[i * LENGTH_STRIDE + LENGTH]
            response = ready[client.recursion].get(bytes(queries[at + 2 : end]))
            if response is not None and not (client.network and self._limit):
                start = i * RESPONSE
                responses[start : start + 2] = queries[at : at + 2]
                responses[start + 2 : start + 2 + len(response)] = response
                batch.reply(i, len(response) + 2)
                continue
            found = self._slowly(i, bytes(queries[at:end]), response, client)
            if found is None:
                batch.flush(first, i)
                first = i + 1
            else:
                start = i * RESPONSE
                responses[start : start + len(found)] = found
                batch.reply(i, len(found))
        batch.flush(first, count)

    def _slowly(self, index: int, data: bytes, response: bytes | None, client: _Client) -> bytes | None:
        """The response to send at once, if there is one; ``response`` is one that was ready."""
        found = self._respond(data, client) if response is None else data[:2] + response
        if found is None:
            return None
        if not isinstance(found, bytes):
            found.addCallback(self._send, self._batch.address(index), self._batch.way_back(index))
            return None
        if client.network and self._limit is not None:
            turn = self._limit.turn(client.network)
            if turn is not Turn.SEND:
                return slipped(found) if turn is Turn.SLIP else None
        return found if len(found) <= RESPONSE else None

    def _remember(self, index: int) -> _Client:
        if len(self._clients) >= _REMEMBERED:
            self._clients.clear()
        client = self._clients[self._batch.client(index)] = self._learn(self._batch.host(index))
        return client

    def _send(self, response: bytes, address: Any, way: list[tuple[int, int, bytes]]) -> None:
        # The buffer is full, or the client's address or port cannot be: a datagram may be lost.
        with suppress(OSError):
            self._socket.sendmsg([response], way, 0, address)

    def connectionLost(self, reason: Failure) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()


class DnsServer(Service):
    """Serves ``table`` (see :meth:`reload`) at all of ``listen``.

    Names that are not in it go to the ``forwarder`` for clients in ``networks``, unless ``blocklist`` (which may be
    swapped) has them; others are told REFUSED. ``rate``: responses a second over UDP to one network of others;
    ``client_rate``: questions a second that are forwarded for one client; 0: no limit. ``nxdomain``: what is blocked
    does not exist, else its addresses are 0.0.0.0 and ::. ``transfers`` gives zones to secondaries. Listening failures
    raise OSError from :meth:`privilegedStartService`.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        listen: Sequence[Listen],
        *,
        table: Table = EMPTY,
        forwarder: Forwarder | None = None,
        networks: Sequence[str] = LOOPBACK,
        rate: int = 0,
        client_rate: int = 0,
        nxdomain: bool = False,
    ) -> None:
        self._reactor = reactor
        self._listen = listen
        self._answerer = Answerer(table)
        self._forwarder = forwarder
        self._networks = [ip_network(network) for network in networks]
        self._known: dict[str, _Client] = {}
        self._rate = RateLimit(rate, reactor.seconds, str) if rate else None
        self._client_rate = RateLimit(client_rate, reactor.seconds, str) if client_rate else None
        self._nxdomain = nxdomain
        self.blocklist: Blocklist | None = None
        self.transfers: ZoneTransfers | None = None
        self._failures = 0
        self._datagrams: list[_Datagrams] = []
        self._ports: list[IListeningPort] = []
        self._streams = DnsStreamFactory(reactor, self._respond_stream)
        self.addresses: list[tuple[str, int]] = []
        """Where UDP is served, after the start; TCP is at the same ports unless sockets were given."""

    def reload(self, table: Table) -> None:
        """Serve another table from the next query on."""
        self._answerer.table = table

    def privilegedStartService(self) -> None:
        """Bind. Raises OSError when an address cannot be had."""
        for where in self._listen:
            sockets = (where,) if isinstance(where, socket.socket) else _bind(*where)
            for sock in sockets:
                sock.setblocking(False)
                if sock.type == socket.SOCK_DGRAM:
                    self._datagrams.append(_Datagrams(sock, self._answerer, self._respond, self._client, self._rate))
                    self.addresses.append(sock.getsockname()[:2])
                else:
                    self._ports.append(self._reactor.adoptStreamPort(sock.fileno(), sock.family, self._streams))
                    sock.close()

    def startService(self) -> None:
        """Answer."""
        if not self._datagrams and not self._ports:
            self.privilegedStartService()
        super().startService()
        for datagrams in self._datagrams:
            self._reactor.addReader(datagrams)

    def stopService(self) -> Deferred[Any]:
        """Close everything."""
        super().stopService()
        for datagrams in self._datagrams:
            self._reactor.removeReader(datagrams)
            datagrams.close()
        stopped = [d for d in (port.stopListening() for port in self._ports) if d is not None]
        self._datagrams, self._ports = [], []
        return gatherResults([*stopped, self._streams.close()])

    def _client(self, host: str) -> _Client:
        """What is to be known of a client."""
        client = self._known.get(host)
        if client is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            ours = _inside(host, self._networks)
            recursion = ours and self._forwarder is not None
            client = self._known[host] = _Client(host, recursion, "" if ours else network_of(host))
        return client

    def _respond(self, data: bytes, client: _Client) -> bytes | Deferred[bytes] | None:
        """The response to a datagram. Our own fault is SERVFAIL; nothing may stop the reading of the socket."""
        try:
            response = self._answerer.answer(data, client.recursion)
            if isinstance(response, Foreign):
                return self._forward(response, client.host)
            if response is not None:
                signed = response if self.transfers is None else self.transfers.signed(data, response, client.host)
                if signed is not response:
                    return signed
                self._answerer.keep(data, response, client.recursion)
            return response
        except Exception:
            return self._failed(data)

    def _respond_stream(self, message: bytes, host: str) -> bytes | Deferred[bytes] | Deferred[list[bytes]] | None:
        try:
            if self.transfers is not None and self.transfers.wants(message, host):
                giving = Deferred.fromCoroutine(self.transfers.give(message, host))
                return giving.addErrback(self._transfer_failed, message)
            response = self._answerer.answer_stream(message, self._client(host).recursion)
            if isinstance(response, Foreign):
                return self._forward(response, host)
            if self.transfers is not None and response is not None:
                response = self.transfers.signed(message, response, host)
        except Exception:
            return self._failed(message)
        return response

    def _transfer_failed(self, failure: Failure, message: bytes) -> list[bytes]:
        self.log.failure("a transfer failed", failure)
        query = wire.parse_query(message)
        return [] if query is None else [wire.error_response(query, wire.SERVFAIL)]

    def _failed(self, data: bytes) -> bytes | None:
        self._failures += 1
        if self._failures == 1:
            # One query that trips us may come a thousand times a second.
            self.log.failure("answering a query failed; further failures are only counted", query=data.hex())
        query = wire.parse_query(data)
        return None if query is None else wire.error_response(query, wire.SERVFAIL)

    def _forward(self, foreign: Foreign, host: str) -> bytes | Deferred[bytes] | None:
        if self.blocklist is not None and self.blocklist.blocks(foreign.name):
            return blocked_response(foreign.query, self._nxdomain)
        if self._client_rate is not None and self._client_rate.turn(host) is not Turn.SEND:
            return wire.error_response(foreign.query, wire.REFUSED, recursion=True)
        if self._forwarder is not None and not foreign.found:
            known = self._forwarder.at_once(foreign.query, foreign.name, foreign.limit)
            if known is not None:
                return known
        return Deferred.fromCoroutine(self._ask(foreign)).addErrback(self._forward_failed, foreign)

    def _forward_failed(self, failure: Failure, foreign: Foreign) -> bytes:
        self.log.failure("forwarding {name} failed", failure, name=wire.decode_name(foreign.name))
        return wire.error_response(foreign.query, wire.SERVFAIL, recursion=True)

    async def _ask(self, foreign: Foreign) -> bytes:
        assert self._forwarder is not None
        if not foreign.found:
            return await self._forwarder.resolve(foreign.query, foreign.name, foreign.limit)
        # An alias of ours leads to a foreign name: the client gets both parts as one answer.
        plain = foreign.query._replace(edns=False)
        rest = await self._forwarder.resolve(plain, foreign.name, wire.STREAM_SIZE)
        return cut(join(foreign.found, rest), foreign.limit)


def _inside(host: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _bind(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A datagram and a stream socket at the same port, which is a free one for port 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in range(_PORT_TRIES):
        datagram, stream = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
        try:
            for sock in (datagram, stream):
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            datagram.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            datagram.bind((host, port))
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stream.bind((host, datagram.getsockname()[1]))
            stream.listen(_BACKLOG)
        except OSError as error:
            datagram.close()
            stream.close()
            if port or attempt == _PORT_TRIES - 1:
                raise OSError(error.errno, f"DNS cannot listen on {host} port {port}: {error.strerror}") from error
        else:
            return datagram, stream
    raise AssertionError("unreachable")
