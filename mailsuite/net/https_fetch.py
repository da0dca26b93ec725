"""HttpsFetcher: MTA-STS policies from the web servers of their domains.

RFC 8461 section 3.3: the certificate must be for the policy host, redirects are not followed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import TLSVersion, optionsForClientTLS
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from mailsuite.dns.mta_sts import MAX_SIZE
from mailsuite.interfaces.policy_fetcher import IPolicyFetcher
from mailsuite.interfaces.resolver import INameResolver
from mailsuite.model.errors import MailError, PolicyUnavailable
from mailsuite.net.tls_client import roots

PATIENCE = 60.0
"""Seconds for a whole fetch."""

_CONNECT = 10.0
_PATH = "/.well-known/mta-sts.txt"


@implementer(IPolicyFetcher)
class HttpsFetcher:
    """Fetches over IPv6 and IPv4, as our resolver finds them.

    ``ca_file`` as in tls_client.roots; ``patience``: seconds for a whole fetch.
    """

    def __init__(
        self,
        reactor: Any,
        resolver: INameResolver,
        ca_file: Path | None = None,
        port: int = 443,
        patience: float = PATIENCE,
    ) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._trust = roots(ca_file)
        self._port = port
        self._patience = patience

    async def fetch(self, domain: str) -> str:
        """See IPolicyFetcher."""
        host = f"mta-sts.{domain}"
        late = PolicyUnavailable(f"{host}: not within {self._patience:g} s")
        fetching = Deferred.fromCoroutine(self._fetch(host))
        return await fetching.addTimeout(self._patience, self._reactor, lambda *_: Failure(late))

    async def _fetch(self, host: str) -> str:
        try:
            addresses = [
                address for kind in ("AAAA", "A") for address in (await self._resolver.lookup(host, kind)).data
            ]
        except MailError as error:
            raise PolicyUnavailable(error.status.text) from error
        fault = "it has no address"
        for address in addresses:
            try:
                return await self._fetch_from(host, address)
            except (ConnectError, ConnectionLost) as error:
                fault = f"{address}: {error}"
            except ResponseFailed as error:
                if any(reason.check(CancelledError) for reason in error.reasons):
                    raise
                fault = f"{address}: {_in_words(error)}"
        raise PolicyUnavailable(f"{host}: {fault}")

    async def _fetch_from(self, host: str, address: str) -> str:
        link = _Link(self._reactor, address, self._trust)
        agent = Agent.usingEndpointFactory(self._reactor, link)
        url = f"https://{host}{_PATH}" if self._port == 443 else f"https://{host}:{self._port}{_PATH}"
        try:
            response = await agent.request(b"GET", url.encode("ascii"), Headers({b"User-Agent": [b"mailsuite"]}))
            fault = _head_fault(response)
            if fault:
                raise PolicyUnavailable(f"{host}: {fault}")
            body = _Body()
            response.deliverBody(body)
            octets = await body.whole
            if octets is None:
                raise PolicyUnavailable(f"{host}: the policy is longer than {MAX_SIZE} octets, or broke off")
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            raise PolicyUnavailable(f"{host}: the policy is not UTF-8") from None
        finally:
            await link.cut()


def _head_fault(response: IResponse) -> str:
    if response.code != 200:
        return f"the answer is {response.code}, not 200"
    kinds = response.headers.getRawHeaders("Content-Type") or [""]
    kind = kinds[-1].partition(";")[0].strip().lower()
    return "" if kind == "text/plain" else f"the answer is {kind or 'of no type'}, not text/plain"


class _Body(Protocol):
    """``whole`` fires with the body, or with None as soon as it is too long or incomplete."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes | None] = Deferred()
        self._parts: list[bytes] = []
        self._room = MAX_SIZE

    def dataReceived(self, data: bytes) -> None:
        """Keep it, up to the limit."""
        self._room -= len(data)
        if self._room >= 0:
            self._parts.append(data)
        elif not self.whole.called:
            self.whole.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body is complete, or will never be."""
        if not self.whole.called:
            complete = reason.check(ResponseDone, PotentialDataLoss)
            self.whole.callback(b"".join(self._parts) if complete else None)


class _Wire(ProtocolWrapper):
    """The TCP connection below TLS."""

    factory: _Wires

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell those who wait for it."""
        super().connectionLost(reason)
        self.factory.gone.callback(None)


class _Wires(WrappingFactory):
    """Makes one."""

    protocol = _Wire
    noisy = False

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self.gone: Deferred[None] = Deferred()


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _Link:
    """One connection to one address, whatever the name in the URL, which the server is to prove."""

    def __init__(self, reactor: Any, address: str, trust: Any) -> None:
        self._reactor = reactor
        self._address = address
        self._trust = trust
        self._port = 0
        self._wire: Any = None

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See IAgentEndpointFactory."""
        self._port = uri.port
        options = optionsForClientTLS(
            uri.host.decode("ascii"),
            trustRoot=self._trust,
            extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2},
        )
        secured: IStreamClientEndpoint = wrapClientTLS(options, self)
        return secured

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """See IStreamClientEndpoint."""
        kind = TCP6ClientEndpoint if ":" in self._address else TCP4ClientEndpoint
        endpoint = kind(self._reactor, self._address, self._port, timeout=_CONNECT)
        connecting: Deferred[Any] = endpoint.connect(_Wires(factory))
        return connecting.addCallback(self._connected)

    def _connected(self, wire: _Wire) -> Any:
        self._wire = wire
        return wire.wrappedProtocol

    async def cut(self) -> None:
        """End the connection, whatever the server has still to say."""
        if self._wire is not None:
            if not self._wire.factory.gone.called:
                self._wire.abortConnection()
            await self._wire.factory.gone


def _in_words(error: ResponseFailed) -> str:
    """Why there was no answer."""
    cause = error.reasons[0].value if error.reasons else error
    if isinstance(cause, VerificationError):
        return "the certificate is not for this name"
    if isinstance(cause, SSL.Error):
        return f"TLS failed: {', '.join(detail[-1] for detail in cause.args[0]) if cause.args else cause}"
    return str(cause) or type(cause).__name__
