"""Our look-ups as Twisted knows them, so that a reactor, its endpoints and agents resolve through us.

Installed by ``reactor.installNameResolver``. RFC 6761 section 6.3 (localhost), hosts(5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Literal

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.logger import Logger
from twisted.names import dns as names
from twisted.names.common import ResolverBase
from twisted.names.error import DNSServerError
from twisted.names.hosts import searchFileForAll
from twisted.python.filepath import FilePath
from zope.interface import implementer

from mailsuite.dns import wire
from mailsuite.dns.cache import Asked
from mailsuite.interfaces.resolver import INameResolver
from mailsuite.model.errors import MailError
from mailsuite.net.dns_client import StubResolver

_LOCALHOST = ("127.0.0.1", "::1")


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Look-ups end by themselves, soon."""


@implementer(IHostnameResolver)
class ReactorResolver(ResolverBase):
    """All ``lookup…`` methods of twisted.names, and host names to addresses: hosts file first, then A and AAAA.

    IPv4 addresses come first: a host without IPv6 then loses no time.
    """

    log = Logger()

    def __init__(self, stub: StubResolver, hosts: str = "/etc/hosts") -> None:
        super().__init__()
        self._stub = stub
        self._hosts = FilePath(hosts)

    def _lookup(self, name: bytes, cls: int, type: int, timeout: object) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._records(name, type))

    async def _records(self, name: bytes, type: int) -> tuple[list[Any], list[Any], list[Any]]:
        """Answer, authority and additional records. Raises the errors of twisted.names."""
        try:
            reply = await self._stub.query(Asked(wire.encode_name(name.decode("latin-1")).lower(), type))
        except (MailError, ValueError) as error:
            raise DNSServerError(str(error)) from error
        message = names.Message()
        message.fromStr(reply)
        if message.rCode != names.OK:
            raise self.exceptionForCode(message.rCode)(message)
        return message.answers, message.authority, message.additional

    def getHostByName(self, name: str | bytes, timeout: object = None, effort: int = 10) -> Deferred[str]:
        """The first address of a host. Fails with DNSLookupError."""
        return Deferred.fromCoroutine(self._first(name if isinstance(name, str) else name.decode("latin-1")))

    async def _first(self, name: str) -> str:
        for address in await self.addresses(name, ("A", "AAAA")):
            return address
        raise DNSLookupError(name)

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> IHostResolution:
        """See IHostnameResolver."""
        resolution = _Resolution(hostName)
        kind: Literal["TCP", "UDP"] = "UDP" if transportSemantics == "UDP" else "TCP"
        wanted = (IPv4Address, IPv6Address) if addressTypes is None else addressTypes
        types = [type for type, made in (("A", IPv4Address), ("AAAA", IPv6Address)) if made in wanted]

        async def resolve() -> None:
            try:
                for address in await self.addresses(hostName, types):
                    made = IPv6Address if ":" in address else IPv4Address
                    resolutionReceiver.addressResolved(made(kind, address, portNumber))
            except Exception:
                self.log.failure("resolving {name} failed", name=hostName)
            resolutionReceiver.resolutionComplete()

        resolutionReceiver.resolutionBegan(resolution)
        Deferred.fromCoroutine(resolve())
        return resolution

    async def addresses(self, host: str, types: Iterable[str]) -> list[str]:
        """The addresses of a host by the types "A" and "AAAA"; none when there are none or nobody can tell."""
        host = host.rstrip(".").lower()
        given = [host] if _is_address(host) else searchFileForAll(self._hosts, host.encode())
        if not given and (host == "localhost" or host.endswith(".localhost")):
            given = list(_LOCALHOST)
        if given:
            return [address for kind in types for address in given if (":" in address) == (kind == "AAAA")]
        resolver: INameResolver = self._stub
        asked = [Deferred.fromCoroutine(resolver.lookup(host, kind)) for kind in types]
        found: list[str] = []
        for answer in asked:
            try:
                found += (await answer).data
            except MailError:
                continue
        return found


def _is_address(text: str) -> bool:
    for family in (AF_INET, AF_INET6):
        try:
            inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False
