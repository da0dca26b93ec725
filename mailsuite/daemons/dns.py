"""mailsuite-dns: answer for the hosted domains, forward the rest for clients of ours."""

from __future__ import annotations

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.wiring import Wiring
from mailsuite.dns.records import MailHost
from mailsuite.dns.tlsa import tlsa_data
from mailsuite.net.dns_authority import DnsAuthority
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.net.dns_server import DnsServer, Listen
from mailsuite.runtime.daemon import Stage
from mailsuite.runtime.settings import Settings
from mailsuite.runtime.sockets import handed_sockets

__all__ = ["Options", "add", "makeService"]


def add(wiring: Wiring) -> None:
    """Listen on ``dns.listen`` and follow the directory."""
    settings = wiring.settings
    listen: list[Listen] = []
    for where in settings.dns.listen:
        if where.inherited:
            listen.extend(handed_sockets(where))
        else:
            listen.append((where.host, where.port))
    server = DnsServer(
        wiring.reactor,
        listen,
        forwarder=Forwarder(wiring.reactor, settings.dns.upstreams) if settings.dns.upstreams else None,
        networks=[str(network) for network in settings.dns.clients],
    )
    authority = DnsAuthority(
        wiring.reactor,
        wiring.cpu,
        wiring.zones,
        server.reload,
        mail_host(settings),
        settings.dns.reverse,
        settings.dns.zones,
    )
    wiring.daemon.add(authority, Stage.WORK)
    wiring.daemon.add(server, Stage.DOOR)
    wiring.daemon.before_ready(authority.refresh)


def mail_host(settings: Settings) -> MailHost:
    """What the zones of hosted domains say of this host."""
    dns, certificate = settings.dns, settings.tls.certificate
    return MailHost(
        settings.server.hostname,
        dns.addresses,
        dns.nameservers,
        dns.ttl // 1000,
        tlsa_data(certificate.read_bytes()) if certificate else "",
        dns.caa,
        "" if dns.mta_sts == "off" else dns.mta_sts,
    )


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "dns", add)
