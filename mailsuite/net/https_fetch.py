"""HttpsFetcher: MTA-STS policies from the web servers of their domains.

RFC 8461 section 3.3: the certificate must be for the policy host, redirects are not followed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import TLSVersion, optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from mailsuite.interfaces.policy_fetcher import IPolicyFetcher
from mailsuite.interfaces.resolver import INameResolver
from mailsuite.model.errors import MailError, PolicyUnavailable
from mailsuite.mta.mta_sts import MAX_SIZE
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
        fetching = Deferred.fromCoroutine(self._fetch(f"mta-sts.{domain}"))
        try:
            return await fetching.addTimeout(self._patience, self._reactor)
        except TimedOut:
            raise PolicyUnavailable(f"mta-sts.{domain}: not within {self._patience:g} s") from None

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
                fault = f"{address}: {_in_words(error)}"
        raise PolicyUnavailable(f"{host}: {fault}")

    async def _fetch_from(self, host: str, address: str) -> str:
        agent = Agent.usingEndpointFactory(self._reactor, _Endpoints(self._reactor, address, self._trust))
        url = f"https://{host}{_PATH}" if self._port == 443 else f"https://{host}:{self._port}{_PATH}"
        response = await agent.request(b"GET", url.encode("ascii"), Headers({b"User-Agent": [b"mailsuite"]}))
        body = _Body()
        # Taken in any case, for that is what ends the connection.
        response.deliverBody(body)
        fault = _head_fault(response)
        if fault:
            body.stop(fault)
        octets = await body.whole
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            raise PolicyUnavailable(f"{host}: the policy is not UTF-8") from None


def _head_fault(response: IResponse) -> str:
    if response.code != 200:
        return f"the answer is {response.code}, not 200"
    kinds = response.headers.getRawHeaders("Content-Type") or [""]
    kind = kinds[-1].partition(";")[0].strip().lower()
    return "" if kind == "text/plain" else f"the answer is {kind or 'of no type'}, not text/plain"


class _Body(Protocol):
    """``whole`` fires with the body, or fails with PolicyUnavailable."""

    transport: Any

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self.transport.abortConnection())
        self._parts: list[bytes] = []
        self._size = 0

    def stop(self, fault: str) -> None:
        """Take no more."""
        if not self.whole.called:
            self.whole.errback(PolicyUnavailable(fault))
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Keep it, up to the limit."""
        self._size += len(data)
        if self._size > MAX_SIZE:
            self.stop(f"the policy is longer than {MAX_SIZE} octets")
        else:
            self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body is complete, or will never be."""
        if self.whole.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(b"".join(self._parts))
        else:
            self.whole.errback(PolicyUnavailable("the answer broke off"))


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Connects to one address, whatever the name, and has the name proved."""

    def __init__(self, reactor: Any, address: str, trust: Any) -> None:
        self._reactor = reactor
        self._address = address
        self._trust = trust

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See IAgentEndpointFactory."""
        kind = TCP6ClientEndpoint if ":" in self._address else TCP4ClientEndpoint
        endpoint = kind(self._reactor, self._address, uri.port, timeout=_CONNECT)
        options = optionsForClientTLS(
            uri.host.decode("ascii"),
            trustRoot=self._trust,
            extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2},
        )
        wrapped: IStreamClientEndpoint = wrapClientTLS(options, endpoint)
        return wrapped


def _in_words(error: ResponseFailed) -> str:
    """Why there was no answer."""
    cause = error.reasons[0].value if error.reasons else error
    if isinstance(cause, VerificationError):
        return "the certificate is not for this name"
    if isinstance(cause, SSL.Error):
        return f"TLS failed: {', '.join(detail[-1] for detail in cause.args[0]) if cause.args else cause}"
    return str(cause) or type(cause).__name__
