"""The sections of the settings file, one frozen struct each, with the values they have when a key is left out.

Times are integer milliseconds, sizes octets.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from msgspec import Struct

from mailsuite.model.address import Address
from mailsuite.runtime import setting_values as read
from mailsuite.runtime.network_values import (
    Listen,
    Network,
    Secondary,
    ServerAddress,
    ip,
    ipv4,
    ipv6,
    listen,
    name_server,
    network,
    probe,
    reverse_network,
    secondary,
)

Count = Annotated[int, read.whole(1)]
Time = Annotated[int, read.duration]
Listens = Annotated[tuple[Listen, ...], read.many(listen)]
Networks = Annotated[tuple[Network, ...], read.many(network)]
Name = Annotated[str, read.text]

_SECOND = 1000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

_LOOPBACK = (network("127.0.0.0/8"), network("::1/128"))


class Server(Struct, frozen=True, kw_only=True):
    """This machine. ``hostname`` is its full name, which MX records and greetings bear."""

    hostname: Annotated[str, read.host_name]
    data: Annotated[Path, read.absolute_path] = Path("/var/lib/mailsuite")
    postmaster: Annotated[Address | None, read.address] = None


class Store(Struct, frozen=True, kw_only=True):
    """Where mail is kept; an empty ``url`` is SQLite in the data directory."""

    url: Annotated[str, read.store_url] = ""


class Redis(Struct, frozen=True, kw_only=True):
    """The schedule's server; an empty ``url`` is a private one in the data directory."""

    url: Annotated[str, read.redis_url] = ""

    def __repr__(self) -> str:
        return "Redis(url=...)"  # it may hold a password


class Log(Struct, frozen=True, kw_only=True):
    """How events are written, and from which level on."""

    format: Annotated[str, read.one_of("text", "json", "journal")] = "journal"
    level: Annotated[str, read.one_of("debug", "info", "warn", "error", "critical")] = "info"


class Mx(Struct, frozen=True, kw_only=True):
    """Port 25.

    ``max_sessions`` counts the connections at one time, ``max_sessions_per_network`` those from one /24 or /64, and so
    do the rates a minute and ``unknown_recipients`` (in ten minutes). ``exempt`` networks are not judged at all,
    ``proxy_from`` are the balancers that say who the client is. ``probes`` are asked whether port 25 is open to others,
    ``probe_listen`` is where others may ask us.
    """

    listen: Listens = (Listen(inherited="smtp"),)
    max_size: Annotated[int, read.size(64 * 2**10, "RFC 5321 section 4.5.3.1.7")] = 35_000_000
    max_recipients: Annotated[int, read.whole(100, " (RFC 5321 section 4.5.3.1.8)")] = 1000
    max_sessions: Count = 1000
    max_sessions_per_network: Count = 50
    connections_per_minute: Count = 120
    messages_per_minute: Count = 600
    unknown_recipients: Count = 20
    require_ptr: Annotated[bool, read.yes_no] = False
    exempt: Networks = _LOOPBACK
    proxy_from: Networks = ()
    bare_newline: Annotated[str, read.one_of("reject", "normalise")] = "reject"
    probes: Annotated[tuple[ServerAddress, ...], read.many(probe)] = ()
    probe_listen: Listens = ()


class Msa(Struct, frozen=True, kw_only=True):
    """Submission: ``listen`` with STARTTLS (587), ``listen_tls`` with TLS from the first octet (465).

    The rates are an account's, by mail programs and webmail together.
    """

    listen: Listens = (Listen(inherited="submission"),)
    listen_tls: Listens = (Listen(inherited="submissions"),)
    messages_per_hour: Count = 300
    messages_per_day: Count = 1500
    recipients_per_hour: Count = 1000
    recipients_per_day: Count = 5000
    proxy_from: Networks = ()


class Mda(Struct, frozen=True, kw_only=True):
    """Filing. ``subaddress`` divides an address from its detail; empty: none has one."""

    subaddress: Annotated[str, read.separator] = "+"


class Tls(Struct, frozen=True, kw_only=True):
    """PEM files of the chain and its key: both or none. ``more`` are pairs for other kinds of key or other names."""

    certificate: Annotated[Path | None, read.readable_file] = None
    key: Annotated[Path | None, read.readable_file] = None
    more: Annotated[tuple[tuple[Path, Path], ...], read.many(read.file_pair)] = ()

    @property
    def pairs(self) -> tuple[tuple[Path, Path], ...]:
        """All pairs, the main one first; none when there is no main one."""
        if self.certificate is None or self.key is None:
            return ()
        return ((self.certificate, self.key), *self.more)


class Delivery(Struct, frozen=True, kw_only=True):
    """Attempts and retries. The last step of ``retry`` is repeated; ``retry_limit`` 0 is no limit but ``expire``.

    ``delay_notice`` is the age at which the originator is told that a message still waits, 0: never.
    ``source_ipv4`` and ``source_ipv6`` are the addresses to connect from; empty: as the system chooses.
    ``tls`` is the level of links to domains that ask for nothing; ``ca_file`` None: the roots of the system.
    """

    retry: Annotated[tuple[int, ...], read.many(read.duration, least=1)] = (
        _MINUTE,
        5 * _MINUTE,
        15 * _MINUTE,
        30 * _MINUTE,
        _HOUR,
        2 * _HOUR,
        4 * _HOUR,
    )
    retry_limit: Annotated[int, read.whole(0)] = 0
    expire: Time = 5 * _DAY
    expire_notices: Time = _DAY
    delay_notice: Annotated[int, read.duration_or_never] = 4 * _HOUR
    concurrency: Count = 50
    destination_concurrency: Count = 20
    source_ipv4: Annotated[str, ipv4] = ""
    source_ipv6: Annotated[str, ipv6] = ""
    tls: Annotated[str, read.one_of("opportunistic", "encrypt", "verify")] = "opportunistic"
    ca_file: Annotated[Path | None, read.readable_file] = None


class Dns(Struct, frozen=True, kw_only=True):
    """The DNS service, and whom the suite itself asks.

    ``addresses`` are the A and AAAA of the mail host, whose literals are local. ``clients`` may ask for outside
    names, which ``upstreams`` look up. ``resolver`` None is this service. ``reverse`` are networks whose reverse names
    are ours, ``zones`` a directory of zone files, ``caa`` who may issue certificates, ``mta_sts`` the mode of our own
    policies.
    ``secondaries`` may transfer our zones, each signed by its key of ``transfer_keys`` when it has one. Rates of 0
    are no limits; ``responses_per_second`` holds for each network that is not of ``clients``.
    """

    listen: Listens = (Listen(inherited="dns"),)
    addresses: Annotated[tuple[str, ...], read.many(ip)] = ()
    nameservers: Annotated[tuple[str, ...], read.many(read.host_name)] = ()
    upstreams: Annotated[tuple[ServerAddress, ...], read.many(name_server)] = ()
    clients: Networks = _LOOPBACK
    resolver: Annotated[ServerAddress | None, name_server] = None
    ttl: Time = _HOUR
    reverse: Annotated[tuple[Network, ...], read.many(reverse_network)] = ()
    zones: Annotated[Path | None, read.absolute_path] = None
    caa: Annotated[tuple[str, ...], read.many(read.domain_name)] = ()
    mta_sts: Annotated[str, read.one_of("off", "testing", "enforce")] = "testing"
    secondaries: Annotated[tuple[Secondary, ...], read.many(secondary)] = ()
    transfer_keys: Annotated[Path | None, read.readable_file] = None
    responses_per_second: Annotated[int, read.whole(0)] = 200
    client_queries_per_second: Annotated[int, read.whole(0)] = 500
    blocklists: Annotated[tuple[Path, ...], read.many(read.absolute_path)] = ()
    allowed: Annotated[tuple[str, ...], read.many(read.domain_name)] = ()
    blocked: Annotated[str, read.one_of("zero", "nxdomain")] = "zero"

    @property
    def asked(self) -> ServerAddress:
        """The server that the suite's own look-ups ask: ``resolver``, else this service by a local address."""
        if self.resolver is not None:
            return self.resolver
        own = next((at for at in self.listen if not at.inherited), Listen("127.0.0.1", 53))
        wildcard = ip_address(own.host).is_unspecified
        return ServerAddress(("::1" if ":" in own.host else "127.0.0.1") if wildcard else own.host, own.port)


class Web(Struct, frozen=True, kw_only=True):
    """The webmail. A session ends ``session_idle`` after its last use and ``session_max`` after its login.

    ``proxies`` are believed when they say in X-Forwarded-For who the client is.
    """

    listen: Listens = (Listen(inherited="http"),)
    public_url: Annotated[str, read.web_origin] = ""
    title: Name = ""
    proxies: Networks = _LOOPBACK
    session_idle: Time = 7 * _DAY
    session_max: Time = 30 * _DAY
