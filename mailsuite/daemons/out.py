"""mailsuite-out: transfer mail to other hosts."""

from __future__ import annotations

import random
from ipaddress import ip_address

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.services import Part
from mailsuite.daemons.wiring import Wiring
from mailsuite.model.job import Lane
from mailsuite.mta.relay import Relay
from mailsuite.mta.route import Router
from mailsuite.mta.signing import Signing
from mailsuite.net.smtp_client import TransferClient
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
    client = TransferClient(wiring.reactor, hostname, sources=sources)
    wiring.daemon.add(Part(lambda: None, client.close), Stage.BASE)
    signing = Signing(wiring.directory, hostname, settings.dns.ttl, wiring.cpu.run, wiring.clock)
    relay = Relay(router, client, wiring.sleep, signing.sign)
    wiring.work(wiring.worker(Lane.REMOTE, relay.attempt), Lane.REMOTE)


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "out", add)
