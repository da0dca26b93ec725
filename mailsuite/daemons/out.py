"""mailsuite-out: transfer mail to other hosts."""

from __future__ import annotations

import random
from ipaddress import ip_address

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.services import Every, Loop, Part
from mailsuite.daemons.wiring import Wiring
from mailsuite.model.job import Lane
from mailsuite.model.tls_policy import TlsLevel
from mailsuite.mta.dane import Dane
from mailsuite.mta.relay import Relay
from mailsuite.mta.route import Router
from mailsuite.mta.signing import Signing
from mailsuite.mta.sts_policies import StsPolicies
from mailsuite.mta.tls_policies import TlsPolicies
from mailsuite.net.https_fetch import HttpsFetcher
from mailsuite.net.smtp_client import TransferClient
from mailsuite.net.tls_client import ClientTls
from mailsuite.runtime.daemon import Stage

__all__ = ["Options", "add", "makeService"]


def add(wiring: Wiring) -> None:
    """Work on the remote lane."""
    settings = wiring.settings
    hostname = settings.server.hostname
    sources = list(filter(None, (settings.delivery.source_ipv4, settings.delivery.source_ipv6)))
    listening = [
        listen.host for listen in settings.mx.listen if listen.host and not ip_address(listen.host).is_unspecified
    ]
    router = Router(
        wiring.resolver,
        settings.route,
        [hostname],
        [*settings.dns.addresses, *sources, *listening],
        random.SystemRandom().shuffle,
    )
    handshakes = ClientTls(settings.delivery.ca_file).creator
    client = TransferClient(wiring.reactor, hostname, sources=sources, handshakes=handshakes)
    wiring.daemon.add(Part(lambda: None, client.close), Stage.BASE)
    signing = Signing(wiring.directory, hostname, settings.dns.ttl, wiring.cpu.run, wiring.clock)
    relay = Relay(router, client, signing.sign, _policies(wiring).of, wiring.schedules[Lane.REMOTE].enter)
    wiring.work(wiring.worker(Lane.REMOTE, relay.attempt), Lane.REMOTE)


def _policies(wiring: Wiring) -> TlsPolicies:
    """What links must be, and the refreshing of what that takes."""
    settings = wiring.settings
    delivery = settings.delivery
    fetcher = HttpsFetcher(wiring.reactor, wiring.resolver, delivery.ca_file)
    sts = StsPolicies(wiring.resolver, wiring.sts_cache, fetcher, wiring.clock)
    wiring.daemon.add(Loop(Every(wiring.reactor, 3600, sts.refresh, "fetching MTA-STS policies again")), Stage.WORK)
    own = {domain: TlsLevel(level) for domain, level in settings.tls_policy.items()}
    return TlsPolicies(Dane(wiring.resolver), sts, settings.route, own, TlsLevel(delivery.tls))


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "out", add)
