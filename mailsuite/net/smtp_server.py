"""The listener's side of SMTP: settings, the count of sessions, shutdown (RFC 5321 sections 3.8 and 4.5.3.2)."""

from __future__ import annotations

import ipaddress
import secrets
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall

from mailsuite.interfaces.reception import Client, IReception, Visit
from mailsuite.interfaces.trace import ITrace
from mailsuite.model.status import Status
from mailsuite.net.smtp_protocol import ServerConfig, SmtpProtocol
from mailsuite.runtime.clock import Clock, now

__all__ = ["ServerConfig", "SmtpFactory", "client_address", "client_network"]

_SWEEP = 5.0


def client_address(address: IAddress | None) -> str:
    """The IP of a peer, without a scope; an IPv4-mapped one as IPv4."""
    return _plain(str(getattr(address, "host", "")).partition("%")[0])


@lru_cache(1024)
def _plain(host: str) -> str:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(getattr(ip, "ipv4_mapped", None) or ip)


@lru_cache(1024)
def client_network(address: str) -> str:
    """The /24 or /64 that a client is counted under, "" for one that is not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if ip.is_loopback:
        return ""
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 64), strict=False))


class SmtpFactory(ServerFactory):
    """Serves SMTP for one role.

    ``reactor`` tells the time; ``tls`` is what STARTTLS needs (None: not offered, and none with implicit TLS).
    ``trace`` gets a trace of each transaction, ``clock`` (ms since 1970) dates it.
    """

    noisy = False

    def __init__(
        self,
        reactor: Any,
        reception: IReception,
        config: ServerConfig,
        tls: IOpenSSLServerConnectionCreator | None = None,
        failure_id: Callable[[], str] = lambda: secrets.token_hex(4),
        trace: ITrace | None = None,
        clock: Clock = now,
    ) -> None:
        self.reception = reception
        self.config = config
        self.tls = tls
        self.failure_id = failure_id
        self.trace = trace
        self.clock = clock
        self.now: Callable[[], float] = reactor.seconds
        self._protocols: set[SmtpProtocol] = set()
        self._networks: Counter[str] = Counter()
        self._draining = False
        self._empty: Deferred[None] | None = None
        self._reactor = reactor
        self._sweep = LoopingCall(self._check_times)
        self._sweep.clock = reactor

    @property
    def sessions(self) -> int:
        """Sessions that are open, or gone with work still under way."""
        return len(self._protocols)

    def buildProtocol(self, addr: IAddress | None) -> SmtpProtocol:
        """A protocol for a client."""
        return SmtpProtocol(self, Client(client_address(addr), getattr(addr, "port", 0), visit=Visit(self.now)))

    async def drain(self, seconds: float) -> None:
        """Send the clients away: idle ones now, others after their transaction; the rest is cut off in the end.

        Call it once the port is closed.
        """
        self._draining = True
        for protocol in list(self._protocols):
            protocol.shut_down()
        if not self._protocols:
            return
        self._empty = Deferred()
        late = self._reactor.callLater(seconds, self._cut_off)
        await self._empty
        if late.active():
            late.cancel()

    def _cut_off(self) -> None:
        for protocol in list(self._protocols):
            protocol.abort()
        # One turn later the connections are gone; work that hangs is not waited for.
        self._reactor.callLater(0, self._over)

    def joined(self, protocol: SmtpProtocol) -> None:
        """A connection was made."""
        self._protocols.add(protocol)
        self._networks[client_network(protocol.session.client.address)] += 1
        if not self._sweep.running:
            self._sweep.start(_SWEEP, now=False)

    def left(self, protocol: SmtpProtocol) -> None:
        """A session is over, and its work too."""
        self._protocols.discard(protocol)
        network = client_network(protocol.session.client.address)
        self._networks[network] -= 1
        if not self._networks[network]:
            del self._networks[network]
        if not self._protocols:
            self._sweep.stop()
            self._over()

    def full(self, client: Client) -> Status | None:
        """The refusal of a connection that is one too many, or comes as we go."""
        config = self.config
        if self._draining:
            return Status(421, "4.3.2", f"{config.hostname} is shutting down")
        network = client_network(client.address)
        if len(self._protocols) > config.connections or (
            network and self._networks[network] > config.connections_per_network
        ):
            return Status(421, "4.7.0", f"{config.hostname} has too many connections, try again later")
        return None

    def turn(self) -> Deferred[None]:
        """Fires in the reactor's next turn."""
        turn: Deferred[None] = Deferred()
        self._reactor.callLater(0, turn.callback, None)
        return turn

    def _over(self) -> None:
        if self._empty is not None and not self._empty.called:
            self._empty.callback(None)

    def _check_times(self) -> None:
        now = self.now()
        for protocol in list(self._protocols):
            protocol.check_time(now)
