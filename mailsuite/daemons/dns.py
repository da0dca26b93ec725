"""mailsuite-dns: answer for the hosted domains, forward the rest for clients of ours."""

from __future__ import annotations

from twisted.application.service import IService
from twisted.python.usage import UsageError

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.wiring import Wiring
from mailsuite.dns.blocklist import Blocklist
from mailsuite.dns.records import MailHost
from mailsuite.dns.tlsa import tlsa_data
from mailsuite.dns.transfer import Secondary, TransferKey
from mailsuite.net.dns_authority import DnsAuthority
from mailsuite.net.dns_blocklist import BlocklistFiles
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.net.dns_pace import keep_for_good
from mailsuite.net.dns_server import DnsServer, Listen
from mailsuite.net.dns_transfer import ZoneTransfers
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
        rate=settings.dns.responses_per_second,
        client_rate=settings.dns.client_queries_per_second,
        nxdomain=settings.dns.blocked == "nxdomain",
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
    if copies := secondaries(settings):
        transfers = ZoneTransfers(wiring.reactor, wiring.cpu, authority.zone, copies, wiring.random)
        server.transfers = transfers
        authority.changed = transfers.serve
        wiring.daemon.add(transfers, Stage.WORK)
    if settings.dns.blocklists:

        def block(blocklist: Blocklist) -> None:
            server.blocklist = blocklist

        lists = BlocklistFiles(wiring.reactor, wiring.cpu, block, settings.dns.blocklists, settings.dns.allowed)
        wiring.daemon.add(lists, Stage.WORK)
    wiring.daemon.add(authority, Stage.WORK)
    wiring.daemon.add(server, Stage.DOOR)

    async def first() -> None:
        await authority.refresh()
        keep_for_good()

    wiring.daemon.before_ready(first)


def secondaries(settings: Settings) -> list[Secondary]:
    """Who copies our zones. Raises UsageError that names the line, or the key that is not there or of no use."""
    path = settings.dns.transfer_keys
    keys: dict[str, TransferKey] = {}
    for number, line in enumerate(path.read_text().splitlines() if path else (), 1):
        if line.strip() and not line.startswith("#"):
            try:
                key = TransferKey.parse(line)
            except ValueError as error:
                raise UsageError(f"{path}:{number}: {error}") from None
            keys[key.name] = key
    wanted = {secondary.key for secondary in settings.dns.secondaries if secondary.key}
    if missing := sorted(wanted - keys.keys()):
        raise UsageError(f"dns.secondaries: the key {missing[0]} is not in dns.transfer_keys")
    if spare := sorted(keys.keys() - wanted):
        # Who wrote it down wants transfers to be signed; without a secondary it signs nothing.
        raise UsageError(f'{path}: the key {spare[0]} is of no secondary: name it in dns.secondaries, "ADDRESS KEY"')
    return [Secondary(server, keys.get(key)) for server, key in settings.dns.secondaries]


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
